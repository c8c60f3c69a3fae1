//! What can be wrong with a header value.

/// A header (or start line) that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The header is needed and is not there
    #[error("header {name} is missing")]
    Missing {
        /// Long name of the header
        name: &'static str,
    },
    /// The header may stand once and stands several times
    #[error("header {name} stands more than once")]
    Repeated {
        /// Long name of the header
        name: &'static str,
    },
    /// The value does not follow the grammar
    #[error("cannot read header {name}")]
    Malformed {
        /// Long name of the header
        name: &'static str,
        /// What is wrong with the value
        #[source]
        source: SyntaxError,
    },
}

impl HeaderError {
    /// Long name of the header that is missing, repeated or malformed.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            HeaderError::Missing { name }
            | HeaderError::Repeated { name }
            | HeaderError::Malformed { name, .. } => name,
        }
    }
}

/// Text that does not follow the grammar of RFC 3261 section 25. It never contains the text itself, which may
/// be personal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}")]
pub struct SyntaxError {
    /// What should have stood there
    pub expected: &'static str,
}

impl SyntaxError {
    /// An error that names what was expected.
    #[must_use]
    pub const fn expected(expected: &'static str) -> Self {
        SyntaxError { expected }
    }

    /// The same error, told as one of the named header.
    #[must_use]
    pub const fn in_header(self, name: &'static str) -> HeaderError {
        HeaderError::Malformed { name, source: self }
    }
}
