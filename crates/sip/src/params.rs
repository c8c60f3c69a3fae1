//! Parameters of URIs and header values, in order and as they stood on the wire.

use std::fmt;

use crate::error::SyntaxError;
use crate::limits::PARAMS_MAX;
use crate::text;

/// `;name=value` pairs. Names compare without regard to case; values keep their quotes and escapes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Params(Vec<(String, Option<String>)>);

impl Params {
    /// No parameters.
    #[must_use]
    pub const fn new() -> Self {
        Params(Vec::new())
    }

    /// Whether the parameter stands there, with or without a value.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The value as it stands on the wire; `None` when the parameter is absent or has no value.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.find(name)?.1.as_deref()
    }

    /// The value without quotes.
    #[must_use]
    pub fn unquoted(&self, name: &str) -> Option<String> {
        self.value(name).map(text::unquote)
    }

    /// Sets (in place) or appends a parameter; `None` means one without a value.
    pub fn set(&mut self, name: &str, value: Option<&str>) {
        let value = value.map(str::to_owned);
        match self.0.iter_mut().find(|(own, _)| own.eq_ignore_ascii_case(name)) {
            Some(entry) => entry.1 = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// The same parameters with one more (or another value).
    #[must_use]
    pub fn with(mut self, name: &str, value: Option<&str>) -> Self {
        self.set(name, value);
        self
    }

    /// Removes a parameter.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(own, _)| !own.eq_ignore_ascii_case(name));
    }

    /// Name and value of all parameters in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_deref()))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn find(&self, name: &str) -> Option<&(String, Option<String>)> {
        self.0.iter().find(|(own, _)| own.eq_ignore_ascii_case(name))
    }

    /// Reads the parameters of a header value: `text` is empty or starts with `;`. White space may stand
    /// around `;` and `=`.
    pub(crate) fn parse_header(text: &str) -> Result<Self, SyntaxError> {
        let text = text::trim(text);
        if text.is_empty() {
            return Ok(Params::new());
        }
        let Some(rest) = text.strip_prefix(';') else {
            return Err(SyntaxError::expected("a semicolon before parameters"));
        };
        Params::collect(text::split_outside_quotes(rest, b';')?, |name, value| {
            text::is_token(name) && value.is_none_or(is_header_value)
        })
    }

    /// Reads the parameters of a URI: `text` is what follows the first `;`. No white space, no quotes.
    pub(crate) fn parse_uri(text: &str) -> Result<Self, SyntaxError> {
        Params::collect(text.split(';'), |name, value| {
            !name.is_empty()
                && text::is_escaped_text(name, is_uri_param_byte)
                && value
                    .is_none_or(|value| !value.is_empty() && text::is_escaped_text(value, is_uri_param_byte))
        })
    }

    fn collect<'a>(
        pieces: impl IntoIterator<Item = &'a str>,
        valid: impl Fn(&str, Option<&str>) -> bool,
    ) -> Result<Self, SyntaxError> {
        let mut params = Vec::new();
        for piece in pieces {
            let (name, value) = match piece.split_once('=') {
                Some((name, value)) => (text::trim(name), Some(text::trim(value))),
                None => (piece, None),
            };
            if !valid(name, value) {
                return Err(SyntaxError::expected("a parameter"));
            }
            if params.len() == PARAMS_MAX {
                return Err(SyntaxError::expected("fewer parameters"));
            }
            params.push((name.to_owned(), value.map(str::to_owned)));
        }
        Ok(Params(params))
    }
}

/// By the grammar a token, a host or a quoted string; in the wild also URIs and the like, so only what would break the
/// structure of the header is refused.
fn is_header_value(value: &str) -> bool {
    if value.starts_with('"') {
        return text::quoted_end(value) == Some(value.len());
    }
    !value.is_empty()
        && value
            .bytes()
            .all(|byte| byte > b' ' && byte != 0x7f && !matches!(byte, b'"' | b'<' | b'>' | b',' | b';'))
}

/// `paramchar` of RFC 3261 without the escapes.
const fn is_uri_param_byte(byte: u8) -> bool {
    is_unreserved(byte) || matches!(byte, b'[' | b']' | b'/' | b':' | b'&' | b'+' | b'$')
}

/// `unreserved` of RFC 3261 section 25.1.
pub(crate) const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')')
}

impl fmt::Display for Params {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.0 {
            write!(formatter, ";{name}")?;
            if let Some(value) = value {
                write!(formatter, "={value}")?;
            }
        }
        Ok(())
    }
}
