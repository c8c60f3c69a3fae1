//! The few text forms that all headers share: tokens, quoted strings, splitting outside quotes, escapes.

use std::borrow::Cow;

use crate::error::SyntaxError;

/// Whether a byte may stand in a `token` (RFC 3261 section 25.1).
pub(crate) const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~')
}

/// Whether the text is a `token`.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

/// Trims linear white space; line ends are gone since unfolding.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// Octets as text: UTF-8, else Latin-1, which old gateways send in names.
pub(crate) fn utf8_or_latin1(octets: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(octets) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(octets.iter().map(|octet| char::from(*octet)).collect()),
    }
}

/// Splits at `separator` where it stands outside quoted strings and angle brackets; pieces are trimmed.
///
/// # Errors
///
/// A quote or an angle bracket that is not closed.
pub(crate) fn split_outside_quotes(text: &str, separator: u8) -> Result<Vec<&str>, SyntaxError> {
    let mut pieces = Vec::new();
    let (mut start, mut quoted, mut escaped, mut bracketed) = (0, false, false, false);
    for (at, byte) in text.bytes().enumerate() {
        if quoted {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => quoted = false,
                _ => {}
            }
        } else if bracketed {
            bracketed = byte != b'>';
        } else if byte == b'"' {
            quoted = true;
        } else if byte == b'<' {
            bracketed = true;
        } else if byte == separator {
            pieces.push(trim(&text[start..at]));
            start = at + 1;
        }
    }
    if quoted {
        return Err(SyntaxError::expected("a closing quote"));
    }
    if bracketed {
        return Err(SyntaxError::expected("a closing angle bracket"));
    }
    pieces.push(trim(&text[start..]));
    Ok(pieces)
}

/// The end (index after the closing quote) of the quoted string that `text` starts with.
pub(crate) fn quoted_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// The content of a quoted string (quotes and escapes removed), or the text itself when it is not quoted.
pub(crate) fn unquote(text: &str) -> String {
    let Some(inner) = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return text.to_owned();
    };
    let mut plain = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        if character == '\\' {
            plain.extend(characters.next());
        } else {
            plain.push(character);
        }
    }
    plain
}

/// The text as a quoted string. Line ends cannot stand in a header and become spaces.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\r' | '\n' => quoted.push(' '),
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

/// Decodes `%HH` escapes. Octets that are not UTF-8 afterwards become U+FFFD.
pub(crate) fn percent_decode(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        if let Some(octet) = escaped_octet(&bytes[at..]) {
            plain.push(octet);
            at += 3;
        } else {
            plain.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// The octet that `bytes` starts with in the form `%HH`.
pub(crate) fn escaped_octet(bytes: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = bytes else { return None };
    let digit = |byte: u8| (byte as char).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(*high)? * 16 + digit(*low)?)
}

/// Encodes every octet for which `allowed` is false as `%HH`.
pub(crate) fn percent_encode(text: &str, allowed: impl Fn(u8) -> bool) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if allowed(byte) {
            encoded.push(byte as char);
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// Whether every `%` starts an escape and every byte is an escape or `allowed`.
pub(crate) fn is_escaped_text(text: &str, allowed: impl Fn(u8) -> bool) -> bool {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'%' {
            if escaped_octet(&bytes[at..]).is_none() {
                return false;
            }
            at += 3;
        } else if allowed(bytes[at]) {
            at += 1;
        } else {
            return false;
        }
    }
    true
}

/// A decimal number that fills the whole text; larger than the type means `None`.
pub(crate) fn number<N: std::str::FromStr>(text: &str) -> Option<N> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// A number of seconds. Decimal digits beyond the type mean "very long" (RFC 4475 section 3.1.2.4), so they
/// saturate.
pub(crate) fn seconds(text: &str) -> Option<u32> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(u32::MAX))
}
