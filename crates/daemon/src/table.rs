//! Reads one table of a TOML text key by key and notes what is wrong instead of stopping at the first problem: for
//! `node.toml` and for `setup.toml`.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::str::FromStr;

use toml::{Table, Value};

/// A table, the keys read so far, and the list of problems that all readers of a text share.
#[derive(Debug)]
pub struct Reader<'a, 'p> {
    table: &'a Table,
    prefix: String,
    problems: &'p mut Vec<String>,
    read: BTreeSet<&'static str>,
}

impl<'a, 'p> Reader<'a, 'p> {
    /// Reads `table`, whose keys are called `prefix` + key in problems.
    pub fn new(table: &'a Table, prefix: impl Into<String>, problems: &'p mut Vec<String>) -> Self {
        Reader { table, prefix: prefix.into(), problems, read: BTreeSet::new() }
    }

    /// Notes a problem of a key.
    pub fn problem(&mut self, key: &str, what: impl Display) {
        self.problems.push(format!("{}{key}: {what}", self.prefix));
    }

    /// A mandatory text.
    pub fn text(&mut self, key: &'static str) -> Option<&'a str> {
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
    pub fn parsed<T: FromStr<Err: Display>>(&mut self, key: &'static str) -> Option<T> {
        let text = self.text(key)?;
        self.parse(key, text)
    }

    /// A text of a type with a text form, where there is one.
    pub fn optional<T: FromStr<Err: Display>>(&mut self, key: &'static str) -> Option<T> {
        self.read.insert(key);
        self.table.contains_key(key).then(|| self.parsed(key)).flatten()
    }

    /// A mandatory list of texts with at least one entry.
    pub fn parsed_list<T: FromStr<Err: Display>>(&mut self, key: &'static str) -> Option<Vec<T>> {
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

    /// `true` or `false`, where there is one.
    pub fn flag(&mut self, key: &'static str) -> Option<bool> {
        match self.take(key)? {
            Value::Boolean(flag) => Some(*flag),
            _ => {
                self.problem(key, "true or false is wanted");
                None
            }
        }
    }

    /// A port, 1 to 65535, where there is one.
    pub fn port(&mut self, key: &'static str) -> Option<u16> {
        let value = self.take(key)?;
        let port = value.as_integer().and_then(|number| u16::try_from(number).ok()).filter(|port| *port != 0);
        if port.is_none() {
            self.problem(key, "a port from 1 to 65535 is wanted");
        }
        port
    }

    /// An optional table.
    pub fn table(&mut self, key: &'static str) -> Option<&'a Table> {
        match self.take(key)? {
            Value::Table(table) => Some(table),
            _ => {
                self.problem(key, format!("a table [{key}] is wanted"));
                None
            }
        }
    }

    /// Notes every key that nobody asked for: a misspelt key must not pass for an absent one.
    pub fn end(self) {
        for key in self.table.keys().filter(|key| !self.read.contains(key.as_str())) {
            self.problems.push(format!("{}{key}: unknown key", self.prefix));
        }
    }

    fn take(&mut self, key: &'static str) -> Option<&'a Value> {
        self.read.insert(key);
        self.table.get(key)
    }

    fn parse<T: FromStr<Err: Display>>(&mut self, key: &str, text: &str) -> Option<T> {
        text.parse()
            .map_err(|error: T::Err| {
                // Own types say what they were given; those of the standard library do not.
                let error = error.to_string();
                let quoted = format!("{text:?}");
                self.problem(key, if error.contains(&quoted) { error } else { format!("{quoted}: {error}") });
            })
            .ok()
    }
}
