//! Reads one table of `node.toml` key by key and notes what is wrong instead of stopping at the first problem.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use toml::{Table, Value};

/// A table, the keys read so far, and the list of problems that all readers of a file share.
pub(super) struct Reader<'a, 'p> {
    table: &'a Table,
    prefix: &'static str,
    folder: &'a Path,
    problems: &'p mut Vec<String>,
    read: BTreeSet<&'static str>,
}

impl<'a, 'p> Reader<'a, 'p> {
    /// Reads `table`, whose keys are called `prefix` + key in problems; relative paths start at `folder`.
    pub(super) fn new(
        table: &'a Table,
        prefix: &'static str,
        folder: &'a Path,
        problems: &'p mut Vec<String>,
    ) -> Self {
        Reader { table, prefix, folder, problems, read: BTreeSet::new() }
    }

    /// Notes a problem of a key.
    pub(super) fn problem(&mut self, key: &str, what: impl Display) {
        self.problems.push(format!("{}{key}: {what}", self.prefix));
    }

    /// A mandatory text that is not empty.
    pub(super) fn text(&mut self, key: &'static str) -> Option<&'a str> {
        match self.take(key) {
            Some(Value::String(text)) if !text.trim().is_empty() => Some(text),
            Some(_) => {
                self.problem(key, "a text that is not empty is wanted");
                None
            }
            None => {
                self.problem(key, "missing");
                None
            }
        }
    }

    /// A mandatory text of a type with a text form.
    pub(super) fn parsed<T: FromStr<Err: Display>>(&mut self, key: &'static str) -> Option<T> {
        let text = self.text(key)?;
        self.parse(key, text)
    }

    /// A mandatory list of texts with at least one entry.
    pub(super) fn parsed_list<T: FromStr<Err: Display>>(&mut self, key: &'static str) -> Option<Vec<T>> {
        let Some(Value::Array(entries)) = self.take(key) else {
            self.problem(key, "a list of texts is wanted");
            return None;
        };
        if entries.is_empty() {
            self.problem(key, "at least one entry is wanted");
        }
        let mut list = Vec::with_capacity(entries.len());
        for entry in entries {
            match entry.as_str() {
                Some(text) => list.extend(self.parse::<T>(key, text)),
                None => self.problem(key, format!("{entry} is no text")),
            }
        }
        Some(list)
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, key: &'static str, default: bool) -> bool {
        match self.take(key) {
            None => default,
            Some(Value::Boolean(flag)) => *flag,
            Some(_) => {
                self.problem(key, "true or false is wanted");
                default
            }
        }
    }

    /// A port, 1 to 65535.
    pub(super) fn port(&mut self, key: &'static str, default: u16) -> u16 {
        let Some(value) = self.take(key) else { return default };
        let port = value.as_integer().and_then(|number| u16::try_from(number).ok()).filter(|port| *port != 0);
        port.unwrap_or_else(|| {
            self.problem(key, "a port from 1 to 65535 is wanted");
            default
        })
    }

    /// A mandatory path.
    pub(super) fn path(&mut self, key: &'static str) -> Option<PathBuf> {
        self.text(key).map(|text| self.folder.join(text))
    }

    /// The content of the file that a mandatory path names.
    pub(super) fn file(&mut self, key: &'static str) -> Option<String> {
        let path = self.path(key)?;
        match fs::read_to_string(&path) {
            Ok(content) => Some(content),
            Err(error) => {
                self.problem(key, format!("{}: {error}", path.display()));
                None
            }
        }
    }

    /// An optional table.
    pub(super) fn table(&mut self, key: &'static str) -> Option<&'a Table> {
        match self.take(key)? {
            Value::Table(table) => Some(table),
            _ => {
                self.problem(key, format!("a table [{key}] is wanted"));
                None
            }
        }
    }

    /// Notes every key that nobody asked for: a misspelt key must not pass for an absent one.
    pub(super) fn end(self) {
        for key in self.table.keys().filter(|key| !self.read.contains(key.as_str())) {
            self.problems.push(format!("{}{key}: unknown key", self.prefix));
        }
    }

    fn take(&mut self, key: &'static str) -> Option<&'a Value> {
        self.read.insert(key);
        self.table.get(key)
    }

    fn parse<T: FromStr<Err: Display>>(&mut self, key: &str, text: &str) -> Option<T> {
        text.parse().map_err(|error| self.problem(key, format!("{text:?}: {error}"))).ok()
    }
}
