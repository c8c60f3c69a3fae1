//! URIs: `sip:`, `sips:`, `tel:`, and every other scheme as text.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::error::SyntaxError;
use crate::host::Host;
use crate::params::{Params, is_unreserved};
use crate::text;

/// A URI as it stands in a request line or a header.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Uri {
    /// `sip:` or `sips:`
    Sip(SipUri),
    /// `tel:` (RFC 3966)
    Tel(TelUri),
    /// Another scheme, or (in a refused request only) text that is no URI
    Other(String),
}

/// A `sip:` or `sips:` URI. User, password, parameters and headers keep their escapes as they came.
///
/// `==` compares the written form; [`SipUri::is_equivalent`] compares by RFC 3261 section 19.1.4.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SipUri {
    /// `sips:` rather than `sip:`
    pub secure: bool,
    /// User part as on the wire, without the password; see [`SipUri::user`]
    pub raw_user: Option<String>,
    /// Password as on the wire
    pub raw_password: Option<String>,
    /// Host
    pub host: Host,
    /// Port, if written
    pub port: Option<u16>,
    /// URI parameters (`transport`, `lr`, `maddr`, …)
    pub params: Params,
    /// What follows `?`, as on the wire
    pub raw_headers: Option<String>,
}

/// A `tel:` URI.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TelUri {
    /// The number as written, with its visual separators
    pub number: String,
    /// Parameters (`phone-context`, `isub`, `ext`, …)
    pub params: Params,
}

impl Uri {
    /// `sip:user@host[:port]`; the user is escaped where needed, an empty one is left out.
    #[must_use]
    pub fn sip(user: &str, host: impl Into<Host>, port: Option<u16>) -> Uri {
        let raw_user = (!user.is_empty()).then(|| escape_user(user));
        Uri::Sip(SipUri { raw_user, ..SipUri::host(host, port) })
    }

    /// `sip:host[:port]`.
    #[must_use]
    pub fn sip_host(host: impl Into<Host>, port: Option<u16>) -> Uri {
        Uri::Sip(SipUri::host(host, port))
    }

    /// The SIP URI, if it is one.
    #[must_use]
    pub const fn as_sip(&self) -> Option<&SipUri> {
        match self {
            Uri::Sip(uri) => Some(uri),
            _ => None,
        }
    }

    /// The user to route by: unescaped user part, or the digits of a `tel:` number without visual separators.
    #[must_use]
    pub fn user(&self) -> Option<String> {
        match self {
            Uri::Sip(uri) => uri.user(),
            Uri::Tel(uri) => Some(uri.digits()),
            Uri::Other(_) => None,
        }
    }

    /// Host of a SIP URI.
    #[must_use]
    pub fn host(&self) -> Option<&Host> {
        self.as_sip().map(|uri| &uri.host)
    }

    /// Scheme in lower case.
    #[must_use]
    pub fn scheme(&self) -> String {
        match self {
            Uri::Sip(uri) if uri.secure => "sips".to_owned(),
            Uri::Sip(_) => "sip".to_owned(),
            Uri::Tel(_) => "tel".to_owned(),
            Uri::Other(text) => text.split(':').next().unwrap_or_default().to_ascii_lowercase(),
        }
    }
}

impl SipUri {
    /// `sip:host[:port]`.
    #[must_use]
    pub fn host(host: impl Into<Host>, port: Option<u16>) -> SipUri {
        SipUri {
            secure: false,
            raw_user: None,
            raw_password: None,
            host: host.into(),
            port,
            params: Params::new(),
            raw_headers: None,
        }
    }

    /// The unescaped user part: what routing and registrations compare. Password and user parameters are not
    /// in it.
    #[must_use]
    pub fn user(&self) -> Option<String> {
        self.raw_user.as_deref().map(text::percent_decode)
    }

    /// The `transport` parameter.
    #[must_use]
    pub fn transport(&self) -> Option<&str> {
        self.params.value("transport")
    }

    /// Whether there is such a parameter. Unlike in [`Params`], escapes in its name count as what they mean
    /// (RFC 4475 section 3.1.1.3).
    #[must_use]
    pub fn has_param(&self, name: &str) -> bool {
        self.params.iter().any(|(own, _)| text::percent_decode(own).eq_ignore_ascii_case(name))
    }

    /// Whether the next hop is a loose router (RFC 3261 section 16.12).
    #[must_use]
    pub fn is_loose_router(&self) -> bool {
        self.has_param("lr")
    }

    /// Where the URI points: `maddr` if given, else host; the written port, else 5060 (5061 for `sips` and
    /// `transport=tls`).
    #[must_use]
    pub fn target(&self) -> (Host, u16) {
        let host =
            self.params.value("maddr").and_then(|maddr| maddr.parse().ok()).unwrap_or(self.host.clone());
        let tls =
            self.secure || self.transport().is_some_and(|transport| transport.eq_ignore_ascii_case("tls"));
        (host, self.port.unwrap_or(if tls { 5061 } else { 5060 }))
    }

    /// Address of [`SipUri::target`] when it needs no name resolution.
    #[must_use]
    pub fn target_address(&self) -> Option<std::net::SocketAddr> {
        let (host, port) = self.target();
        host.address().map(|address: IpAddr| (address, port).into())
    }
}

impl TelUri {
    /// The number without visual separators (RFC 3966 section 5.1.1), a leading `+` kept.
    #[must_use]
    pub fn digits(&self) -> String {
        self.number.chars().filter(|character| !matches!(character, '-' | '.' | '(' | ')')).collect()
    }
}

/// Escapes what may not stand in the user part.
pub(crate) fn escape_user(user: &str) -> String {
    text::percent_encode(user, |byte| {
        is_unreserved(byte) || matches!(byte, b'&' | b'=' | b'+' | b'$' | b',' | b';' | b'?' | b'/')
    })
}

/// `user` without escapes; `#` is not in the grammar, but phones send it when it is dialled.
const fn is_user_byte(byte: u8) -> bool {
    is_unreserved(byte) || matches!(byte, b'&' | b'=' | b'+' | b'$' | b',' | b';' | b'?' | b'/' | b'#')
}

const fn is_header_byte(byte: u8) -> bool {
    is_unreserved(byte) || matches!(byte, b'[' | b']' | b'/' | b'?' | b':' | b'+' | b'$' | b'=' | b'&')
}

impl FromStr for Uri {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        let (scheme, rest) = text.split_once(':').ok_or(SyntaxError::expected("a URI scheme"))?;
        let scheme_is_valid = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
        if !scheme_is_valid {
            return Err(SyntaxError::expected("a URI scheme"));
        }
        if scheme.eq_ignore_ascii_case("sip") || scheme.eq_ignore_ascii_case("sips") {
            return SipUri::parse_rest(scheme.len() == 4, rest).map(Uri::Sip);
        }
        if scheme.eq_ignore_ascii_case("tel") {
            return TelUri::parse_rest(rest).map(Uri::Tel);
        }
        if rest.is_empty()
            || rest.bytes().any(|byte| byte <= b' ' || byte == 0x7f || matches!(byte, b'<' | b'>' | b'"'))
        {
            return Err(SyntaxError::expected("a URI"));
        }
        Ok(Uri::Other(text.to_owned()))
    }
}

impl SipUri {
    fn parse_rest(secure: bool, rest: &str) -> Result<SipUri, SyntaxError> {
        let (user, rest) = match rest.split_once('@') {
            Some((user, rest)) => (Some(user), rest),
            None => (None, rest),
        };
        let (raw_user, raw_password) = match user.map(|user| user.split_once(':').ok_or(user)) {
            None => (None, None),
            Some(Ok((user, password))) => (Some(user), Some(password)),
            Some(Err(user)) => (Some(user), None),
        };
        if raw_user.is_some_and(|user| user.is_empty() || !text::is_escaped_text(user, is_user_byte))
            || raw_password.is_some_and(|password| !text::is_escaped_text(password, is_user_byte))
        {
            return Err(SyntaxError::expected("a user part"));
        }
        let (rest, raw_headers) = match rest.split_once('?') {
            Some((rest, headers)) => (rest, Some(headers)),
            None => (rest, None),
        };
        if raw_headers
            .is_some_and(|headers| headers.is_empty() || !text::is_escaped_text(headers, is_header_byte))
        {
            return Err(SyntaxError::expected("URI headers"));
        }
        let (host_port, params) = match rest.split_once(';') {
            Some((host_port, params)) => (host_port, Params::parse_uri(params)?),
            None => (rest, Params::new()),
        };
        if host_port.contains([' ', '\t']) {
            return Err(SyntaxError::expected("a host"));
        }
        let (host, port) = Host::parse_with_port(host_port)?;
        Ok(SipUri {
            secure,
            raw_user: raw_user.map(str::to_owned),
            raw_password: raw_password.map(str::to_owned),
            host,
            port,
            params,
            raw_headers: raw_headers.map(str::to_owned),
        })
    }
}

impl TelUri {
    fn parse_rest(rest: &str) -> Result<TelUri, SyntaxError> {
        let (number, params) = match rest.split_once(';') {
            Some((number, params)) => (number, Params::parse_uri(params)?),
            None => (rest, Params::new()),
        };
        let digits = number.strip_prefix('+').unwrap_or(number);
        let valid =
            |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b'*' | b'#' | b'-' | b'.' | b'(' | b')');
        if !digits.bytes().all(valid)
            || !digits.bytes().any(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'*' | b'#'))
        {
            return Err(SyntaxError::expected("a telephone number"));
        }
        Ok(TelUri { number: number.to_owned(), params })
    }
}

impl From<SipUri> for Uri {
    fn from(uri: SipUri) -> Self {
        Uri::Sip(uri)
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Uri::Sip(uri) => uri.fmt(formatter),
            Uri::Tel(uri) => write!(formatter, "tel:{}{}", uri.number, uri.params),
            Uri::Other(text) => formatter.write_str(text),
        }
    }
}

impl fmt::Display for SipUri {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.secure { "sips:" } else { "sip:" })?;
        if let Some(user) = &self.raw_user {
            formatter.write_str(user)?;
            if let Some(password) = &self.raw_password {
                write!(formatter, ":{password}")?;
            }
            formatter.write_str("@")?;
        }
        write!(formatter, "{}", self.host)?;
        if let Some(port) = self.port {
            write!(formatter, ":{port}")?;
        }
        write!(formatter, "{}", self.params)?;
        if let Some(headers) = &self.raw_headers {
            write!(formatter, "?{headers}")?;
        }
        Ok(())
    }
}
