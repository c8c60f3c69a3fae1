//! What WWW-Authenticate and Proxy-Authenticate say.

use std::fmt;
use std::str::FromStr;

use super::hash::Algorithm;
use super::pairs::Pairs;
use crate::error::SyntaxError;
use crate::text;

/// A digest challenge (RFC 7616 section 3.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Realm
    pub realm: String,
    /// Nonce
    pub nonce: String,
    /// Hash
    pub algorithm: Algorithm,
    /// Whether `qop=auth` is offered
    pub qop_auth: bool,
    /// Opaque, to be sent back
    pub opaque: Option<String>,
    /// The nonce was too old, the password may be right
    pub stale: bool,
}

impl Challenge {
    /// A challenge with `qop=auth`.
    #[must_use]
    pub fn new(realm: &str, nonce: &str, algorithm: Algorithm, stale: bool) -> Self {
        Challenge {
            realm: realm.to_owned(),
            nonce: nonce.to_owned(),
            algorithm,
            qop_auth: true,
            opaque: None,
            stale,
        }
    }
}

impl FromStr for Challenge {
    type Err = SyntaxError;

    fn from_str(value: &str) -> Result<Self, SyntaxError> {
        let pairs = Pairs::parse(value)?;
        let qop = pairs.get("qop").unwrap_or_default();
        Ok(Challenge {
            realm: pairs.need("realm", "a realm")?,
            nonce: pairs.need("nonce", "a nonce")?,
            algorithm: pairs.get("algorithm").unwrap_or("MD5").parse()?,
            qop_auth: qop.split(',').any(|option| text::trim(option).eq_ignore_ascii_case("auth")),
            opaque: pairs.get("opaque").map(str::to_owned),
            stale: pairs.get("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
        })
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Digest realm={}, nonce={}", text::quote(&self.realm), text::quote(&self.nonce))?;
        if let Some(opaque) = &self.opaque {
            write!(formatter, ", opaque={}", text::quote(opaque))?;
        }
        if self.stale {
            formatter.write_str(", stale=true")?;
        }
        write!(formatter, ", algorithm={}", self.algorithm)?;
        if self.qop_auth {
            formatter.write_str(", qop=\"auth\"")?;
        }
        Ok(())
    }
}
