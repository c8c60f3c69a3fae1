//! Hosts of URIs and Via values.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::error::SyntaxError;
use crate::text;

/// A host: a name or an address. Names keep their spelling and compare without regard to case.
#[derive(Clone, Debug, Eq)]
pub enum Host {
    /// A domain name
    Name(String),
    /// An address; IPv6 stands in brackets on the wire
    Address(IpAddr),
}

impl Host {
    /// The address, if the host is one.
    #[must_use]
    pub const fn address(&self) -> Option<IpAddr> {
        match self {
            Host::Address(address) => Some(*address),
            Host::Name(_) => None,
        }
    }

    /// Reads `host [":" port]`; white space may stand around the colon as in Via.
    pub(crate) fn parse_with_port(text: &str) -> Result<(Host, Option<u16>), SyntaxError> {
        let host_end = match text.strip_prefix('[') {
            Some(rest) => rest.find(']').ok_or(SyntaxError::expected("a closing bracket"))? + 2,
            None => text.find(':').unwrap_or(text.len()),
        };
        let host = text::trim(&text[..host_end]).parse()?;
        let rest = text::trim(&text[host_end..]);
        let port = match rest.strip_prefix(':') {
            None if rest.is_empty() => None,
            None => return Err(SyntaxError::expected("a port after the host")),
            Some(port) => Some(text::number(text::trim(port)).ok_or(SyntaxError::expected("a port"))?),
        };
        Ok((host, port))
    }
}

impl From<IpAddr> for Host {
    fn from(address: IpAddr) -> Self {
        Host::Address(address)
    }
}

impl PartialEq for Host {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Host::Name(own), Host::Name(other)) => own.eq_ignore_ascii_case(other),
            (Host::Address(own), Host::Address(other)) => own == other,
            _ => false,
        }
    }
}

impl std::hash::Hash for Host {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        match self {
            Host::Name(name) => name.to_ascii_lowercase().hash(state),
            Host::Address(address) => address.hash(state),
        }
    }
}

impl FromStr for Host {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        if let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            return parse_ipv6(inner).map(|address| Host::Address(address.into()));
        }
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Ok(Host::Address(address.into()));
        }
        let label_is_valid = |label: &str| {
            label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        let name = text.strip_suffix('.').unwrap_or(text);
        let all_numeric = name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        if all_numeric || !name.split('.').all(|label| !label.is_empty() && label_is_valid(label)) {
            return Err(SyntaxError::expected("a host"));
        }
        Ok(Host::Name(text.to_owned()))
    }
}

/// Three colons before an embedded IPv4 address mean two: a slip of the grammar of RFC 3261 (RFC 5118 section
/// 4.10).
fn parse_ipv6(text: &str) -> Result<Ipv6Addr, SyntaxError> {
    let embeds_ipv4 = |rest: &str| rest.parse::<Ipv4Addr>().is_ok();
    let parsed = match text.split_once(":::") {
        Some((start, rest)) if embeds_ipv4(rest) => format!("{start}::{rest}").parse(),
        _ => text.parse(),
    };
    parsed.map_err(|_| SyntaxError::expected("an IPv6 address"))
}

impl fmt::Display for Host {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Name(name) => formatter.write_str(name),
            Host::Address(IpAddr::V4(address)) => address.fmt(formatter),
            Host::Address(IpAddr::V6(address)) => write!(formatter, "[{address}]"),
        }
    }
}
