//! What Authorization and Proxy-Authorization say, how it is made and how it is checked.

use std::fmt;
use std::str::FromStr;

use model::Private;

use super::challenge::Challenge;
use super::hash::{Algorithm, constant_time_eq};
use super::nonce::{NonceKey, NonceState};
use super::pairs::Pairs;
use crate::error::SyntaxError;
use crate::text;

/// Digest credentials (RFC 7616 section 3.4).
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// User name
    pub username: String,
    /// Realm
    pub realm: String,
    /// Nonce of the challenge answered
    pub nonce: String,
    /// Digest-URI
    pub uri: String,
    /// Hash
    pub algorithm: Algorithm,
    /// The proof, hexadecimal digits
    pub response: String,
    /// `qop=auth` with its nonce count (8 hexadecimal digits) and client nonce
    pub qop_auth: Option<ClientNonce>,
    /// Opaque of the challenge
    pub opaque: Option<String>,
}

/// What `qop=auth` adds to credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientNonce {
    /// `nc`: how often the nonce was used, 8 hexadecimal digits
    pub count: String,
    /// `cnonce`
    pub nonce: String,
}

/// Outcome of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The user knows the password and the nonce is fresh
    Accepted,
    /// The user knows the password, the nonce is too old: challenge with `stale=true`
    Stale,
    /// Challenge anew (nonce not ours) or refuse: wrong password, realm, algorithm
    Rejected,
}

/// What credentials are checked against.
#[derive(Clone, Copy, Debug)]
pub struct Verifier<'a> {
    /// Key of the nonces
    pub key: &'a NonceKey,
    /// Our realm
    pub realm: &'a str,
    /// Seconds a nonce lives
    pub nonce_lifetime_s: u64,
    /// Now, seconds since 1970
    pub now_unix_s: u64,
}

impl Verifier<'_> {
    /// Checks credentials for a request of `method` against a password. A nonce may be used any number of
    /// times within its life: `nc` is not remembered, since the two nodes of a pair would have to remember it
    /// together.
    #[must_use]
    pub fn verify(&self, credentials: &Credentials, method: &str, password: &Private<String>) -> Verdict {
        let proof = credentials.proof(method, password);
        let known = constant_time_eq(proof.as_bytes(), credentials.response.to_ascii_lowercase().as_bytes());
        if !known || credentials.realm != self.realm {
            return Verdict::Rejected;
        }
        match self.key.check(&credentials.nonce, self.now_unix_s, self.nonce_lifetime_s) {
            NonceState::Fresh => Verdict::Accepted,
            NonceState::Stale => Verdict::Stale,
            NonceState::Foreign => Verdict::Rejected,
        }
    }
}

impl Credentials {
    /// Answers a challenge as a client: `uri` is the digest-URI (the Request-URI), `client_nonce` random
    /// text.
    #[must_use]
    pub fn answer(
        challenge: &Challenge,
        username: &str,
        password: &Private<String>,
        method: &str,
        uri: &str,
        client_nonce: &str,
    ) -> Self {
        let qop_auth = challenge
            .qop_auth
            .then(|| ClientNonce { count: "00000001".to_owned(), nonce: client_nonce.to_owned() });
        let mut credentials = Credentials {
            username: username.to_owned(),
            realm: challenge.realm.clone(),
            nonce: challenge.nonce.clone(),
            uri: uri.to_owned(),
            algorithm: challenge.algorithm,
            response: String::new(),
            qop_auth,
            opaque: challenge.opaque.clone(),
        };
        credentials.response = credentials.proof(method, password);
        credentials
    }

    /// The response that a user with this password would send (RFC 7616 section 3.4.1, RFC 2617 section
    /// 3.2.2.1 without qop).
    fn proof(&self, method: &str, password: &Private<String>) -> String {
        let hash = |text: String| self.algorithm.hash(&text);
        let user = hash(format!("{}:{}:{}", self.username, self.realm, password.reveal()));
        let request = hash(format!("{method}:{}", self.uri));
        match &self.qop_auth {
            Some(ClientNonce { count, nonce }) => {
                hash(format!("{user}:{}:{count}:{nonce}:auth:{request}", self.nonce))
            }
            None => hash(format!("{user}:{}:{request}", self.nonce)),
        }
    }
}

impl FromStr for Credentials {
    type Err = SyntaxError;

    fn from_str(value: &str) -> Result<Self, SyntaxError> {
        let pairs = Pairs::parse(value)?;
        let qop_auth = match pairs.get("qop") {
            None => None,
            Some(qop) if qop.eq_ignore_ascii_case("auth") => Some(ClientNonce {
                count: pairs.need("nc", "a nonce count")?,
                nonce: pairs.need("cnonce", "a client nonce")?,
            }),
            Some(_) => return Err(SyntaxError::expected("qop=auth")),
        };
        Ok(Credentials {
            username: pairs.need("username", "a user name")?,
            realm: pairs.need("realm", "a realm")?,
            nonce: pairs.need("nonce", "a nonce")?,
            uri: pairs.need("uri", "a digest URI")?,
            algorithm: pairs.get("algorithm").unwrap_or("MD5").parse()?,
            response: pairs.need("response", "a response")?,
            qop_auth,
            opaque: pairs.get("opaque").map(str::to_owned),
        })
    }
}

impl fmt::Display for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "Digest username={}, realm={}, nonce={}, uri={}, response={}, algorithm={}",
            text::quote(&self.username),
            text::quote(&self.realm),
            text::quote(&self.nonce),
            text::quote(&self.uri),
            text::quote(&self.response),
            self.algorithm
        )?;
        if let Some(opaque) = &self.opaque {
            write!(formatter, ", opaque={}", text::quote(opaque))?;
        }
        if let Some(ClientNonce { count, nonce }) = &self.qop_auth {
            write!(formatter, ", qop=auth, nc={count}, cnonce={}", text::quote(nonce))?;
        }
        Ok(())
    }
}
