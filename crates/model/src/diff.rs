//! What changed between two configurations, object by object: the rows of a transaction (rows U1, U2, U13 to U15).

use std::collections::BTreeMap;
use std::fmt;

use crate::Config;
use crate::objects::{ObjectKey, ObjectType};
use crate::text::SECRET_KEYS;

/// What happened to an object (row U13).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// It was not there before
    Create,
    /// It has other values
    Change,
    /// It is no longer there
    Delete,
}

impl Action {
    /// The word in rows and columns.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Action::Create => "create",
            Action::Change => "change",
            Action::Delete => "delete",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// One object that differs. `before` and `after` hold secrets: [`crate::redact`] them before showing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What happened
    pub action: Action,
    /// Kind of the object
    pub object_type: ObjectType,
    /// Its key within the kind
    pub object_key: String,
    /// For people, without secrets, e.g. `account 101: digest "md5" → "both", password changed`
    pub description: String,
    /// Canonical text before; absent when created
    pub before: Option<String>,
    /// Canonical text after; absent when deleted
    pub after: Option<String>,
}

/// What turns `old` (nothing before the first configuration) into `new`, in canonical order.
#[must_use]
pub fn diff(old: Option<&Config>, new: &Config) -> Vec<Change> {
    diff_objects(&old.map(Config::objects).unwrap_or_default(), &new.objects())
}

/// As [`diff`], of two sets of objects in canonical text ([`Config::objects`]).
#[must_use]
pub fn diff_objects(old: &BTreeMap<ObjectKey, String>, new: &BTreeMap<ObjectKey, String>) -> Vec<Change> {
    let mut keys: Vec<&ObjectKey> = old.keys().chain(new.keys()).collect();
    keys.sort();
    keys.dedup();
    keys.into_iter().filter_map(|key| change(key, old.get(key), new.get(key))).collect()
}

fn change(key: &ObjectKey, before: Option<&String>, after: Option<&String>) -> Option<Change> {
    let (action, description) = match (before, after) {
        (None, Some(_)) => (Action::Create, format!("{key} created")),
        (Some(_), None) => (Action::Delete, format!("{key} deleted")),
        (Some(before), Some(after)) if before != after => {
            (Action::Change, format!("{key}: {}", values_changed(before, after)))
        }
        _ => return None,
    };
    Some(Change {
        action,
        object_type: key.object_type,
        object_key: key.key.clone(),
        description,
        before: before.cloned(),
        after: after.cloned(),
    })
}

/// The values that differ between two canonical texts of one object.
fn values_changed(before: &str, after: &str) -> String {
    let before = values(before);
    let after = values(after);
    let mut keys: Vec<&str> = before.keys().chain(after.keys()).copied().collect();
    keys.sort_unstable();
    keys.dedup();
    let changed: Vec<String> = keys
        .into_iter()
        .filter_map(|key| match (before.get(key), after.get(key)) {
            (before, after) if before == after => None,
            _ if SECRET_KEYS.contains(&key) => Some(format!("{key} changed")),
            (Some(before), Some(after)) => Some(format!("{key} {before} → {after}")),
            (None, after) => Some(format!("{key} set to {}", after.unwrap_or(&""))),
            (before, None) => Some(format!("{key} {} removed", before.unwrap_or(&""))),
        })
        .collect();
    changed.join(", ")
}

fn values(fragment: &str) -> BTreeMap<&str, &str> {
    fragment.lines().filter_map(|line| line.split_once(" = ")).collect()
}
