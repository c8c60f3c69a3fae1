//! `"Name" <uri>;params`: the form of From, To, Contact, Route and their kin.

use std::fmt;
use std::str::FromStr;

use crate::error::SyntaxError;
use crate::params::Params;
use crate::text;
use crate::uri::Uri;

/// A URI with a name before it and header parameters after it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct NameAddr {
    /// Display name without quotes and escapes
    pub display: Option<String>,
    /// The URI
    pub uri: Uri,
    /// Header parameters (`tag`, `expires`, `q`, …), not those of the URI
    pub params: Params,
}

impl NameAddr {
    /// A URI without name and parameters.
    #[must_use]
    pub fn new(uri: impl Into<Uri>) -> Self {
        NameAddr { display: None, uri: uri.into(), params: Params::new() }
    }

    /// The same with a display name; an empty one means none.
    #[must_use]
    pub fn with_display(mut self, display: &str) -> Self {
        self.display = (!display.is_empty()).then(|| display.to_owned());
        self
    }

    /// The same with a tag.
    #[must_use]
    pub fn with_tag(mut self, tag: &str) -> Self {
        self.params.set("tag", Some(tag));
        self
    }

    /// The tag of From and To.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.params.value("tag")
    }

    /// The `expires` parameter of a contact, in seconds; `None` when absent or no number.
    #[must_use]
    pub fn expires_s(&self) -> Option<u32> {
        self.params.value("expires").and_then(text::seconds)
    }

    /// The `q` parameter of a contact in thousandths, 1000 when absent or unreadable.
    #[must_use]
    pub fn q_thousandths(&self) -> u16 {
        let Some(q) = self.params.value("q") else { return 1000 };
        let (whole, fraction) = q.split_once('.').unwrap_or((q, ""));
        let digits = format!("{fraction:0<3}");
        match (whole, text::number::<u16>(digits.get(..3).unwrap_or_default())) {
            ("0" | "", Some(thousandths)) => thousandths,
            _ => 1000,
        }
    }
}

impl FromStr for NameAddr {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        let text = text::trim(text);
        if text.starts_with('"') {
            let end = text::quoted_end(text).ok_or(SyntaxError::expected("a closing quote"))?;
            let display = text::unquote(&text[..end]);
            return NameAddr::bracketed(Some(display), text::trim(&text[end..]));
        }
        if let Some(at) = text.find('<') {
            let display = text::trim(&text[..at]);
            let valid = |byte: u8| byte >= b' ' && !matches!(byte, b'"' | b'>' | b',' | b';' | 0x7f);
            if !display.bytes().all(valid) {
                return Err(SyntaxError::expected("a display name in quotes"));
            }
            let display = (!display.is_empty()).then(|| display.to_owned());
            return NameAddr::bracketed(display, &text[at..]);
        }
        // Without brackets, parameters belong to the header, and a comma or question mark is not allowed
        // (section 20)
        let uri_end = text.find([';', ' ', '\t']).unwrap_or(text.len());
        if text[..uri_end].contains([',', '?']) {
            return Err(SyntaxError::expected("angle brackets around a URI with a comma or question mark"));
        }
        let uri = text[..uri_end].parse()?;
        Ok(NameAddr { display: None, uri, params: Params::parse_header(&text[uri_end..])? })
    }
}

impl NameAddr {
    fn bracketed(display: Option<String>, text: &str) -> Result<Self, SyntaxError> {
        let rest = text.strip_prefix('<').ok_or(SyntaxError::expected("an opening angle bracket"))?;
        let (uri, params) = rest.split_once('>').ok_or(SyntaxError::expected("a closing angle bracket"))?;
        Ok(NameAddr { display, uri: uri.parse()?, params: Params::parse_header(params)? })
    }
}

impl fmt::Display for NameAddr {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(display) = &self.display {
            write!(formatter, "{} ", text::quote(display))?;
        }
        write!(formatter, "<{}>{}", self.uri, self.params)
    }
}

/// The Contact values of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contacts {
    /// `Contact: *`: remove all registrations (RFC 3261 section 10.2.2)
    All,
    /// The listed ones, perhaps none
    List(Vec<NameAddr>),
}
