//! The name of a node of the pair.

use std::fmt;
use std::str::FromStr;

/// Longest node name: it stands in file names, interface labels and log fields.
pub const NODE_NAME_BYTES_MAX: usize = 32;

/// The name of a node: 1 to 32 lower-case letters, digits and hyphens, e.g. `a`, `rack-2`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName(String);

/// A text that is no node name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no node name: use 1 to {NODE_NAME_BYTES_MAX} lower-case letters, digits and hyphens")]
pub struct NodeNameError {
    /// What was given.
    pub text: String,
}

impl NodeName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for NodeName {
    type Err = NodeNameError;
    fn from_str(text: &str) -> Result<Self, NodeNameError> {
        let length_fits = (1..=NODE_NAME_BYTES_MAX).contains(&text.len());
        let letters_fit = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if length_fits && letters_fit {
            Ok(NodeName(text.to_owned()))
        } else {
            Err(NodeNameError { text: text.to_owned() })
        }
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
