//! Via: the way back of responses (RFC 3261 sections 18.2 and 20.42, RFC 3581).

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use crate::error::SyntaxError;
use crate::host::Host;
use crate::params::Params;
use crate::text;

/// Start of every branch made by an element of RFC 3261.
pub const BRANCH_COOKIE: &str = "z9hG4bK";

/// One Via value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Via {
    /// Transport as written (`UDP`, `TCP`, `TLS`, `WSS` or any other token)
    pub transport: String,
    /// Host of `sent-by`
    pub host: Host,
    /// Port of `sent-by`, if written
    pub port: Option<u16>,
    /// Parameters
    pub params: Params,
}

impl Via {
    /// A Via of our own, with `rport` asked for (RFC 3581).
    #[must_use]
    pub fn new(transport: &str, sent_by: SocketAddr, branch: &str) -> Self {
        Via {
            transport: transport.to_owned(),
            host: sent_by.ip().into(),
            port: Some(sent_by.port()),
            params: Params::new().with("branch", Some(branch)).with("rport", None),
        }
    }

    /// The branch, which names the transaction.
    #[must_use]
    pub fn branch(&self) -> Option<&str> {
        self.params.value("branch")
    }

    /// The branch when it is unique by RFC 3261: the cookie and something behind it (RFC 4475 section 3.2.1).
    #[must_use]
    pub fn unique_branch(&self) -> Option<&str> {
        let branch = self.branch()?;
        let cookie = branch.get(..BRANCH_COOKIE.len())?;
        (cookie.eq_ignore_ascii_case(BRANCH_COOKIE) && branch.len() > BRANCH_COOKIE.len()).then_some(branch)
    }

    /// The address that the request came from (`received`). IPv6 is read with and without brackets (RFC 5118
    /// section 4.5).
    #[must_use]
    pub fn received(&self) -> Option<IpAddr> {
        let received = self.params.value("received")?;
        received.trim_start_matches('[').trim_end_matches(']').parse().ok()
    }

    /// Whether the sender asked for `rport`, with or without a value.
    #[must_use]
    pub fn wants_rport(&self) -> bool {
        self.params.has("rport")
    }

    /// `rport` as a server filled it in.
    #[must_use]
    pub fn rport(&self) -> Option<u16> {
        self.params.value("rport").and_then(text::number)
    }

    /// Notes where the request came from, as the server transport must (RFC 3261 section 18.2.1, RFC 3581
    /// section 4).
    pub fn note_source(&mut self, source: SocketAddr) {
        let address = source.ip().to_canonical();
        if self.host.address() != Some(address) || self.wants_rport() {
            self.params.set("received", Some(&address.to_string()));
        } else {
            self.params.remove("received");
        }
        if self.wants_rport() {
            self.params.set("rport", Some(&source.port().to_string()));
        }
    }

    /// Where a response goes when there is no connection to send it over (RFC 3261 section 18.2.2, RFC 3581
    /// section 4):
    /// `maddr`, else `received` (with `rport`), else `sent-by`. `None` when that is a name to resolve.
    #[must_use]
    pub fn response_address(&self) -> Option<SocketAddr> {
        let default_port = if self.transport.eq_ignore_ascii_case("TLS") { 5061 } else { 5060 };
        let port = self.port.unwrap_or(default_port);
        if let Some(maddr) = self.params.value("maddr") {
            let host: Host = maddr.parse().ok()?;
            return Some((host.address()?, port).into());
        }
        match self.received() {
            Some(received) => Some((received, self.rport().unwrap_or(port)).into()),
            None => Some((self.host.address()?, port).into()),
        }
    }
}

impl FromStr for Via {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        let (sent, params) = text.split_at(text.find(';').unwrap_or(text.len()));
        let mut parts = sent.splitn(3, '/').map(text::trim);
        let (Some(protocol), Some(version), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(SyntaxError::expected("protocol, version and transport"));
        };
        if !protocol.eq_ignore_ascii_case("SIP") || version != "2.0" {
            return Err(SyntaxError::expected("SIP/2.0"));
        }
        let (transport, sent_by) =
            rest.split_once([' ', '\t']).ok_or(SyntaxError::expected("a transport and a host"))?;
        if !text::is_token(transport) {
            return Err(SyntaxError::expected("a transport"));
        }
        let (host, port) = Host::parse_with_port(text::trim(sent_by))?;
        Ok(Via { transport: transport.to_owned(), host, port, params: Params::parse_header(params)? })
    }
}

impl fmt::Display for Via {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SIP/2.0/{} {}", self.transport, self.host)?;
        if let Some(port) = self.port {
            write!(formatter, ":{port}")?;
        }
        write!(formatter, "{}", self.params)
    }
}
