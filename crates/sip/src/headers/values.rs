//! Values of single headers as types.

use std::fmt;
use std::str::FromStr;

use crate::error::SyntaxError;
use crate::limits::CSEQ_MAX;
use crate::method::Method;
use crate::params::Params;
use crate::text;

/// CSeq (RFC 3261 section 20.16).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CSeq {
    /// Sequence number, at most [`CSEQ_MAX`]
    pub number: u32,
    /// Method of the request
    pub method: Method,
}

impl FromStr for CSeq {
    type Err = SyntaxError;

    fn from_str(value: &str) -> Result<Self, SyntaxError> {
        let (number, method) =
            value.split_once([' ', '\t']).ok_or(SyntaxError::expected("a number and a method"))?;
        let number = text::number(number)
            .filter(|number| *number <= CSEQ_MAX)
            .ok_or(SyntaxError::expected("a number below 2^31"))?;
        Ok(CSeq { number, method: text::trim(method).parse()? })
    }
}

impl fmt::Display for CSeq {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.number, self.method)
    }
}

/// RAck (RFC 3262 section 7.2): which reliable provisional response a PRACK acknowledges.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RAck {
    /// RSeq of the response
    pub rseq: u32,
    /// CSeq of the response
    pub cseq: CSeq,
}

impl FromStr for RAck {
    type Err = SyntaxError;

    fn from_str(value: &str) -> Result<Self, SyntaxError> {
        let (rseq, cseq) =
            value.split_once([' ', '\t']).ok_or(SyntaxError::expected("two numbers and a method"))?;
        let rseq = text::number(rseq).ok_or(SyntaxError::expected("a number"))?;
        Ok(RAck { rseq, cseq: text::trim(cseq).parse()? })
    }
}

impl fmt::Display for RAck {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.rseq, self.cseq)
    }
}

/// Content-Type (RFC 3261 section 20.15).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ContentType {
    /// `type/subtype` in lower case
    pub essence: String,
    /// Parameters (`boundary`, `charset`)
    pub params: Params,
}

impl ContentType {
    /// Whether the body is a session description.
    #[must_use]
    pub fn is_sdp(&self) -> bool {
        self.essence == "application/sdp"
    }
}

impl FromStr for ContentType {
    type Err = SyntaxError;

    fn from_str(value: &str) -> Result<Self, SyntaxError> {
        let (media, params) = value.split_at(value.find(';').unwrap_or(value.len()));
        let (kind, subtype) = media.split_once('/').ok_or(SyntaxError::expected("type and subtype"))?;
        let (kind, subtype) = (text::trim(kind), text::trim(subtype));
        if !text::is_token(kind) || !text::is_token(subtype) {
            return Err(SyntaxError::expected("type and subtype"));
        }
        let essence = format!("{kind}/{subtype}").to_ascii_lowercase();
        Ok(ContentType { essence, params: Params::parse_header(params)? })
    }
}

impl fmt::Display for ContentType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}", self.essence, self.params)
    }
}

/// Who refreshes a session (RFC 4028 section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refresher {
    /// The one that sent the request
    Uac,
    /// The one that answered it
    Uas,
}

/// Session-Expires (RFC 4028 section 4).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SessionExpires {
    /// Session interval in seconds
    pub interval_s: u32,
    /// Who refreshes, if said
    pub refresher: Option<Refresher>,
}

impl FromStr for SessionExpires {
    type Err = SyntaxError;

    fn from_str(value: &str) -> Result<Self, SyntaxError> {
        let (interval, params) = value.split_at(value.find(';').unwrap_or(value.len()));
        let interval_s = text::seconds(text::trim(interval)).ok_or(SyntaxError::expected("seconds"))?;
        let refresher = match Params::parse_header(params)?.value("refresher") {
            Some(who) if who.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
            Some(who) if who.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
            _ => None,
        };
        Ok(SessionExpires { interval_s, refresher })
    }
}

impl fmt::Display for SessionExpires {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.interval_s)?;
        match self.refresher {
            Some(Refresher::Uac) => formatter.write_str(";refresher=uac"),
            Some(Refresher::Uas) => formatter.write_str(";refresher=uas"),
            None => Ok(()),
        }
    }
}

/// Event (RFC 6665 section 8.2.1), and any other header that is a token with parameters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Event {
    /// Event package with its templates (`presence.winfo`)
    pub package: String,
    /// Parameters (`id`)
    pub params: Params,
}

impl FromStr for Event {
    type Err = SyntaxError;

    fn from_str(value: &str) -> Result<Self, SyntaxError> {
        let (package, params) = value.split_at(value.find(';').unwrap_or(value.len()));
        let package = text::trim(package);
        if !text::is_token(package) {
            return Err(SyntaxError::expected("an event package"));
        }
        Ok(Event { package: package.to_owned(), params: Params::parse_header(params)? })
    }
}

impl fmt::Display for Event {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}", self.package, self.params)
    }
}

/// Reason (RFC 3326): why a request was sent, mostly BYE and CANCEL.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reason {
    /// `SIP`, `Q.850`, …
    pub protocol: String,
    /// Cause in that protocol
    pub cause: Option<u16>,
    /// Text for people
    pub text: Option<String>,
}

impl FromStr for Reason {
    type Err = SyntaxError;

    fn from_str(value: &str) -> Result<Self, SyntaxError> {
        let Event { package: protocol, params } = value.parse()?;
        Ok(Reason {
            protocol,
            cause: params.value("cause").and_then(text::number),
            text: params.unquoted("text"),
        })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.protocol)?;
        if let Some(cause) = self.cause {
            write!(formatter, ";cause={cause}")?;
        }
        if let Some(text) = &self.text {
            write!(formatter, ";text={}", text::quote(text))?;
        }
        Ok(())
    }
}

/// Retry-After (RFC 3261 section 20.33); comment and duration are not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RetryAfter {
    /// Seconds to wait; a number beyond the type means the largest
    pub delay_s: u32,
}

impl FromStr for RetryAfter {
    type Err = SyntaxError;

    fn from_str(value: &str) -> Result<Self, SyntaxError> {
        let end = value.find([' ', '\t', '(', ';']).unwrap_or(value.len());
        text::seconds(&value[..end])
            .map(|delay_s| RetryAfter { delay_s })
            .ok_or(SyntaxError::expected("seconds"))
    }
}

impl fmt::Display for RetryAfter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.delay_s)
    }
}

/// Warning (RFC 3261 section 20.43).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Warning {
    /// Three digits
    pub code: u16,
    /// Who warns: a host or a pseudonym
    pub agent: String,
    /// Text for people
    pub text: String,
}

impl FromStr for Warning {
    type Err = SyntaxError;

    fn from_str(value: &str) -> Result<Self, SyntaxError> {
        let mut parts = value.splitn(3, ' ');
        let (Some(code), Some(agent), Some(quoted)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(SyntaxError::expected("code, agent and text"));
        };
        let code = text::number(code)
            .filter(|code| (100..1000).contains(code))
            .ok_or(SyntaxError::expected("three digits"))?;
        let quoted = text::trim(quoted);
        if !quoted.starts_with('"') || text::quoted_end(quoted) != Some(quoted.len()) {
            return Err(SyntaxError::expected("a quoted text"));
        }
        Ok(Warning { code, agent: agent.to_owned(), text: text::unquote(quoted) })
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:03} {} {}", self.code, self.agent, text::quote(&self.text))
    }
}
