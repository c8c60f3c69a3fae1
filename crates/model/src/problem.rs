//! What is wrong with a configuration, said so that a person can put it right.

use std::fmt;

/// One thing wrong with a configuration. A configuration with a problem is refused whole.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Line in the text, from 1; 0 when it belongs to none
    pub line: u32,
    /// Dotted path as TOML writes it, e.g. `account.101.password`
    pub path: String,
    /// What is wrong and what to do
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.path.as_str()) {
            (0, "") => write!(formatter, "{}", self.message),
            (0, path) => write!(formatter, "{path}: {}", self.message),
            (line, "") => write!(formatter, "line {line}: {}", self.message),
            (line, path) => write!(formatter, "line {line}, {path}: {}", self.message),
        }
    }
}

/// A problem before it is known where it stands in the text.
#[derive(Debug)]
pub(crate) struct Finding {
    /// Dotted path of the value that is wrong
    pub(crate) path: String,
    /// What is wrong and what to do
    pub(crate) message: String,
    /// Dotted path of what the message says is not there: not reported when the text has it, but unreadably
    pub(crate) absent: Option<String>,
}

impl Finding {
    pub(crate) fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Finding { path: path.into(), message: message.into(), absent: None }
    }

    pub(crate) fn absent(
        path: impl Into<String>,
        absent: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Finding { path: path.into(), message: message.into(), absent: Some(absent.into()) }
    }
}
