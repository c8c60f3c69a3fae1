//! What `{:?}` shows: enough to find an error, without who calls whom (users, numbers, names, proofs,
//! bodies).

use std::fmt::{Debug, Formatter, Result};

use model::Private;

use crate::digest::Credentials;
use crate::headers::{Header, Headers};
use crate::message::{Request, Response};
use crate::name_addr::NameAddr;
use crate::uri::{SipUri, TelUri, Uri};

const HIDDEN: Private<()> = Private::new(());

impl Debug for Uri {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        match self {
            Uri::Sip(uri) => uri.fmt(formatter),
            Uri::Tel(uri) => uri.fmt(formatter),
            Uri::Other(_) => write!(formatter, "{}:{HIDDEN}", self.scheme()),
        }
    }
}

impl Debug for SipUri {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        formatter.write_str(if self.secure { "sips:" } else { "sip:" })?;
        if self.raw_user.is_some() {
            write!(formatter, "{HIDDEN}@")?;
        }
        write!(formatter, "{}", self.host)?;
        self.port.map_or(Ok(()), |port| write!(formatter, ":{port}"))
    }
}

impl Debug for TelUri {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        write!(formatter, "tel:{HIDDEN}")
    }
}

impl Debug for NameAddr {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        write!(formatter, "<{:?}>{}", self.uri, self.params)
    }
}

impl Debug for Header {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        formatter.write_str(self.name())
    }
}

impl Debug for Headers {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        formatter.debug_list().entries(self.iter()).finish()
    }
}

impl Debug for Request {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        formatter
            .debug_struct("Request")
            .field("method", &self.method.as_str())
            .field("uri", &self.uri)
            .field("headers", &self.headers)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

impl Debug for Response {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        formatter
            .debug_struct("Response")
            .field("code", &self.code())
            .field("headers", &self.headers)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

impl Debug for Credentials {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        formatter
            .debug_struct("Credentials")
            .field("realm", &self.realm)
            .field("algorithm", &self.algorithm)
            .field("qop_auth", &self.qop_auth.is_some())
            .finish_non_exhaustive()
    }
}
