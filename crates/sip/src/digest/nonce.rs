//! Nonces without memory: the time they were made and a keyed hash of it, so that each node of a pair accepts
//! the other's.

use hmac::{Hmac, KeyInit, Mac};
use model::Private;
use sha2::Sha256;

/// How far in the future a nonce may lie: the clocks of two nodes differ (seconds).
pub const NONCE_FUTURE_MAX_S: u64 = 60;
/// Octets of the keyed hash in a nonce.
const MAC_BYTES: usize = 16;
/// Octets of the time in a nonce.
const TIME_BYTES: usize = 8;

/// The key of the nonces, shared by both nodes.
#[derive(Clone, Debug)]
pub struct NonceKey(Private<[u8; 32]>);

/// What a nonce is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NonceState {
    /// Ours and in time
    Fresh,
    /// Ours and too old: challenge again with `stale=true`, the phone repeats without asking its user
    Stale,
    /// Not made under this key, or from the future
    Foreign,
}

impl NonceKey {
    /// A key from 32 random octets.
    #[must_use]
    pub const fn new(key: [u8; 32]) -> Self {
        NonceKey(Private::new(key))
    }

    /// A nonce made at `now_unix_s` (seconds since 1970).
    #[must_use]
    pub fn issue(&self, now_unix_s: u64) -> String {
        let time = now_unix_s.to_be_bytes();
        let mut octets = time.to_vec();
        octets.extend_from_slice(&self.mac(time).finalize().into_bytes()[..MAC_BYTES]);
        hex::encode(octets)
    }

    /// What `nonce` is worth at `now_unix_s` when nonces live for `lifetime_s`.
    #[must_use]
    pub fn check(&self, nonce: &str, now_unix_s: u64, lifetime_s: u64) -> NonceState {
        let mut octets = [0; TIME_BYTES + MAC_BYTES];
        if hex::decode_to_slice(nonce, &mut octets).is_err() {
            return NonceState::Foreign;
        }
        let (time, mac) = octets.split_at(TIME_BYTES);
        let time: [u8; TIME_BYTES] = time.try_into().expect("split at its length");
        if self.mac(time).verify_truncated_left(mac).is_err() {
            return NonceState::Foreign;
        }
        let issued_unix_s = u64::from_be_bytes(time);
        if issued_unix_s > now_unix_s.saturating_add(NONCE_FUTURE_MAX_S) {
            NonceState::Foreign
        } else if now_unix_s.saturating_sub(issued_unix_s) > lifetime_s {
            NonceState::Stale
        } else {
            NonceState::Fresh
        }
    }

    fn mac(&self, time: [u8; TIME_BYTES]) -> Hmac<Sha256> {
        let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(self.0.reveal())
            .expect("HMAC takes a key of any length");
        mac.chain_update(b"tandem sip nonce").chain_update(time)
    }
}
