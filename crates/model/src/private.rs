//! Secrets and personal data have a type that does not print.

use std::fmt;

/// A secret or a piece of personal data (password, telephone number, name of a person).
///
/// `Debug` and `Display` show `‹hidden›`; the value is reached only by naming the wish: [`Private::reveal`].
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Private<T>(T);

impl<T> Private<T> {
    /// Wraps a value so that it no longer prints.
    #[must_use]
    pub const fn new(value: T) -> Self {
        Private(value)
    }

    /// The value itself: for comparing, routing and sending, never for a log.
    #[must_use]
    pub const fn reveal(&self) -> &T {
        &self.0
    }

    /// Unwraps the value.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> From<T> for Private<T> {
    fn from(value: T) -> Self {
        Private(value)
    }
}

impl<T> fmt::Debug for Private<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("‹hidden›")
    }
}

impl<T> fmt::Display for Private<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("‹hidden›")
    }
}
