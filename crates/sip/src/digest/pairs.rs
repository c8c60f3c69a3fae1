//! `Digest name=value, name="value"`: the form of challenges and credentials alike.

use crate::error::SyntaxError;
use crate::limits::CREDENTIALS_BYTES_MAX;
use crate::text;

/// The fields of a Digest value, unquoted.
#[derive(Debug)]
pub(crate) struct Pairs(Vec<(String, String)>);

impl Pairs {
    /// Reads what follows the word `Digest`.
    pub(crate) fn parse(value: &str) -> Result<Self, SyntaxError> {
        if value.len() > CREDENTIALS_BYTES_MAX {
            return Err(SyntaxError::expected("shorter credentials"));
        }
        let (scheme, rest) = value.split_once([' ', '\t']).ok_or(SyntaxError::expected("Digest"))?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return Err(SyntaxError::expected("Digest"));
        }
        let mut pairs: Vec<(String, String)> = Vec::new();
        for piece in text::split_outside_quotes(rest, b',')?.into_iter().filter(|piece| !piece.is_empty()) {
            let (name, value) = piece.split_once('=').ok_or(SyntaxError::expected("name=value"))?;
            let (name, value) = (text::trim(name), text::trim(value));
            if !text::is_token(name) || pairs.iter().any(|(own, _)| own.eq_ignore_ascii_case(name)) {
                return Err(SyntaxError::expected("distinct names"));
            }
            pairs.push((name.to_owned(), text::unquote(value)));
        }
        Ok(Pairs(pairs))
    }

    /// A field by name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// A field that must be there.
    pub(crate) fn need(&self, name: &str, expected: &'static str) -> Result<String, SyntaxError> {
        self.get(name).map(str::to_owned).ok_or(SyntaxError::expected(expected))
    }
}
