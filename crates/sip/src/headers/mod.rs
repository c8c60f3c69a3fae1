//! The header map: order kept, one entry per value, unknown headers verbatim.

pub mod name;
mod typed;
mod values;

use std::borrow::Cow;

pub use values::{CSeq, ContentType, Event, RAck, Reason, Refresher, RetryAfter, SessionExpires, Warning};

use crate::text;

/// One header value with its long name.
#[derive(Clone, PartialEq, Eq)]
pub struct Header {
    name: Cow<'static, str>,
    value: String,
}

impl Header {
    /// Long name in its usual spelling, or an unknown name as it came.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value, unfolded and trimmed.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }
}

/// Headers in order. Names compare without regard to case and in long or compact form; a comma list is
/// several entries.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<Header>);

#[expect(clippy::needless_pass_by_value, reason = "numbers, texts and typed values are handed over alike")]
impl Headers {
    /// No headers.
    #[must_use]
    pub const fn new() -> Self {
        Headers(Vec::new())
    }

    /// The first value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// All values in order.
    pub fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        let name = name::known(name).unwrap_or(name);
        self.0.iter().filter(move |header| header.name.eq_ignore_ascii_case(name)).map(Header::value)
    }

    /// Whether there is such a header.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Number of values.
    #[must_use]
    pub fn count(&self, name: &str) -> usize {
        self.all(name).count()
    }

    /// Appends a value. Line ends in it become spaces, so that no value can start a header of its own.
    pub fn push(&mut self, name: &str, value: impl ToString) {
        self.0.push(Header { name: long_name(name), value: one_line(value.to_string()) });
    }

    /// Appends a value under a name that is already the long one.
    pub(crate) fn push_long(&mut self, name: Cow<'static, str>, value: &str) {
        self.0.push(Header { name, value: one_line(value.to_owned()) });
    }

    /// Puts a value before all others of its name (Via, Route, Record-Route), or first of all when there is
    /// none.
    pub fn push_front(&mut self, name: &str, value: impl ToString) {
        let name = long_name(name);
        let at = self.0.iter().position(|header| header.name.eq_ignore_ascii_case(&name)).unwrap_or(0);
        self.0.insert(at, Header { name, value: one_line(value.to_string()) });
    }

    /// Replaces all values by one, at the place of the first, else at the end.
    pub fn set(&mut self, name: &str, value: impl ToString) {
        let name = long_name(name);
        let value = one_line(value.to_string());
        let Some(at) = self.0.iter().position(|header| header.name.eq_ignore_ascii_case(&name)) else {
            self.0.push(Header { name, value });
            return;
        };
        self.0[at].value = value;
        let mut index = 0;
        self.0.retain(|header| {
            index += 1;
            index - 1 <= at || !header.name.eq_ignore_ascii_case(&name)
        });
    }

    /// Replaces the first value only (the top Via).
    pub fn set_first(&mut self, name: &str, value: impl ToString) {
        let name = long_name(name);
        let value = one_line(value.to_string());
        match self.0.iter_mut().find(|header| header.name.eq_ignore_ascii_case(&name)) {
            Some(header) => header.value = value,
            None => self.0.push(Header { name, value }),
        }
    }

    /// Removes all values.
    pub fn remove(&mut self, name: &str) {
        let name = long_name(name);
        self.0.retain(|header| !header.name.eq_ignore_ascii_case(&name));
    }

    /// Removes and returns the first value.
    pub fn remove_first(&mut self, name: &str) -> Option<String> {
        let name = long_name(name);
        let at = self.0.iter().position(|header| header.name.eq_ignore_ascii_case(&name))?;
        Some(self.0.remove(at).value)
    }

    /// All headers in order.
    pub fn iter(&self) -> impl Iterator<Item = &Header> {
        self.0.iter()
    }

    /// Number of header values.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Appends every value that `other` has under `name`.
    pub fn copy_from(&mut self, other: &Headers, name: &str) {
        for value in other.all(name) {
            self.push(name, value);
        }
    }
}

pub(crate) fn long_name(name: &str) -> Cow<'static, str> {
    match name::known(name) {
        Some(known) => Cow::Borrowed(known),
        None => Cow::Owned(name.to_owned()),
    }
}

fn one_line(value: String) -> String {
    let value = if value.contains(['\r', '\n']) { value.replace(['\r', '\n'], " ") } else { value };
    match text::trim(&value) {
        trimmed if trimmed.len() == value.len() => value,
        trimmed => trimmed.to_owned(),
    }
}
