//! The configuration as a set of objects, each with its own text: what an audit row names, and what a change is made of.

use std::collections::BTreeMap;
use std::fmt;

use crate::text::{SECRET_KEYS, fragments, join_fragments};
use crate::{Config, Problem};

/// Kind of an object, in the order of the canonical text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectType {
    /// `[system]`
    System,
    /// `[cluster]`
    Cluster,
    /// `[cluster.node.NAME]`
    Node,
    /// `[cluster.interface.NAME]`
    Interface,
    /// `[network]`; only where something is set
    Network,
    /// `[sip]`
    Sip,
    /// `[media]`
    Media,
    /// `[account.NAME]`
    Account,
    /// `[extension.NUMBER]`
    Extension,
    /// `[trunk.NAME]`
    Trunk,
    /// `[route.PREFIX]`
    Route,
}

impl ObjectType {
    /// Every kind with its word in rows and columns (row U14).
    pub const WORDS: [(&'static str, ObjectType); 11] = [
        ("system", ObjectType::System),
        ("cluster", ObjectType::Cluster),
        ("node", ObjectType::Node),
        ("interface", ObjectType::Interface),
        ("network", ObjectType::Network),
        ("sip", ObjectType::Sip),
        ("media", ObjectType::Media),
        ("account", ObjectType::Account),
        ("extension", ObjectType::Extension),
        ("trunk", ObjectType::Trunk),
        ("route", ObjectType::Route),
    ];

    /// The word in rows and columns.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::WORDS.iter().find(|(_, object_type)| *object_type == self).map_or("", |(word, _)| word)
    }

    /// The kind of this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, object_type)| *object_type)
    }
}

impl fmt::Display for ObjectType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Names an object: its kind and its key within the kind (empty where there is only one).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// Kind
    pub object_type: ObjectType,
    /// Key, e.g. the name of an account
    pub key: String,
}

impl ObjectKey {
    /// Kind and key together.
    pub fn new(object_type: ObjectType, key: impl Into<String>) -> Self {
        ObjectKey { object_type, key: key.into() }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key.as_str() {
            "" => write!(formatter, "{}", self.object_type),
            key => write!(formatter, "{} {key}", self.object_type),
        }
    }
}

impl Config {
    /// Every object with its canonical text, secrets included.
    #[must_use]
    pub fn objects(&self) -> BTreeMap<ObjectKey, String> {
        fragments(self).into_iter().collect()
    }

    /// Puts a configuration together from the texts of its objects: the inverse of [`Config::objects`].
    ///
    /// # Errors
    ///
    /// The problems of the whole; lines count in the joined text.
    pub fn from_objects(objects: &BTreeMap<ObjectKey, String>) -> Result<Config, Vec<Problem>> {
        Config::parse(&text_of(objects))
    }
}

/// The canonical text of a configuration that is there as objects.
#[must_use]
pub fn text_of(objects: &BTreeMap<ObjectKey, String>) -> String {
    join_fragments(objects.values().cloned())
}

/// The text of an object with its secrets replaced by `‹hidden›`: for rows and listings.
#[must_use]
pub fn redact(fragment: &str) -> String {
    // Canonical text has one value a line, so a secret begins and ends on its own.
    let line = |line: &str| match line.split_once(" = ") {
        Some((key, _)) if SECRET_KEYS.contains(&key) => format!("{key} = \"‹hidden›\"\n"),
        _ => format!("{line}\n"),
    };
    fragment.lines().map(line).collect()
}
