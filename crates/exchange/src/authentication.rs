//! Who sends a request: digest of an account (RFC 7616, RFC 8760).
//!
//! Challenges are answered without a transaction (RFC 3261 section 26.3.2.4): a stranger's INVITE costs no memory and
//! is answered once, not seven times. An unknown account gets the same answer as a wrong password, after the same work.

use model::{Account, AccountName, DigestChoice, Private};
use sip::digest::{Algorithm, Challenge, Credentials, NonceKey, Verdict, Verifier};
use sip::{Method, Response, Uri, name};

use crate::incoming::Incoming;
use crate::routing::Directory;

/// Outcome of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Authenticated {
    /// The sender knows the password of this account
    Account(AccountName),
    /// No credentials yet, or the nonce is old
    Challenge { stale: bool },
    /// Wrong password, unknown account, forged nonce
    Failed,
}

/// Checks digests.
#[derive(Debug)]
pub(crate) struct Authenticator {
    key: NonceKey,
}

impl Authenticator {
    pub(crate) fn new(nonce_key: [u8; 32]) -> Self {
        Authenticator { key: NonceKey::new(nonce_key) }
    }

    /// Who sent the request.
    pub(crate) fn check(&self, directory: &Directory, incoming: &Incoming, now_unix_s: u64) -> Authenticated {
        let config = directory.config();
        let offered = incoming.request.headers.credentials(name::AUTHORIZATION).unwrap_or_default();
        let Some(credentials) = offered.iter().find(|credentials| credentials.realm == config.system.domain)
        else {
            return Authenticated::Challenge { stale: false };
        };
        let account = AccountName::new(credentials.username.as_str());
        let known = config.accounts.get(&account);
        let nobody = Private::new(String::new());
        let password = known.map_or(&nobody, |account| &account.password);
        let verifier = Verifier {
            key: &self.key,
            realm: &config.system.domain,
            nonce_lifetime_s: config.sip.nonce_life.as_secs(),
            now_unix_s,
        };
        let verdict = verifier.verify(credentials, incoming.method().as_str(), password);
        let acceptable = known.is_some_and(|account| accepts(account, credentials.algorithm))
            && covers_target(credentials, incoming);
        match verdict {
            Verdict::Accepted if acceptable => Authenticated::Account(account),
            Verdict::Stale if acceptable => Authenticated::Challenge { stale: true },
            _ => Authenticated::Failed,
        }
    }

    /// Adds the challenges for whoever claims to send the request.
    pub(crate) fn challenge(
        &self,
        directory: &Directory,
        response: &mut Response,
        claimed: Option<&str>,
        stale: bool,
        now_unix_s: u64,
    ) {
        let config = directory.config();
        let account = claimed.and_then(|claimed| config.accounts.get(&AccountName::new(claimed)));
        let nonce = self.key.issue(now_unix_s);
        for algorithm in algorithms(account.map(|account| account.digest).unwrap_or_default()) {
            let challenge = Challenge::new(&config.system.domain, &nonce, *algorithm, stale);
            response.headers.push(name::WWW_AUTHENTICATE, challenge);
        }
    }
}

/// The challenges of a choice, the one we prefer first (RFC 8760 section 2.3).
const fn algorithms(choice: DigestChoice) -> &'static [Algorithm] {
    match choice {
        DigestChoice::Md5 => &[Algorithm::Md5],
        DigestChoice::Sha256 => &[Algorithm::Sha256],
        DigestChoice::Both => &[Algorithm::Sha256, Algorithm::Md5],
    }
}

fn accepts(account: &Account, algorithm: Algorithm) -> bool {
    algorithms(account.digest).contains(&algorithm)
}

/// Credentials made for one called number must not place a call to another one (RFC 7616 section 3.4.6). Hosts are not
/// compared: phones write name and address of the exchange as they like. Some (sipp among them) name the exchange only,
/// without a number; their credentials cover what the nonce covers.
fn covers_target(credentials: &Credentials, incoming: &Incoming) -> bool {
    let covers = |uri: &Uri| uri.user().is_none() || uri.user() == incoming.request.uri.user();
    incoming.method() != &Method::INVITE || credentials.uri.parse::<Uri>().is_ok_and(|uri| covers(&uri))
}
