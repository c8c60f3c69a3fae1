//! Sealed datagrams between the nodes of a pair: what heartbeats travel in.
//!
//! A [`Keyring`] takes secrets exported from the nodes' TLS sessions ([`crate::tls::TlsLink::export_key`]) and outlives
//! those sessions: heartbeats go on under the last key while TCP is broken. Each secret gives one
//! `ChaCha20-Poly1305` key per *sender* (RFC 8439), so the two nodes never share a nonce; the nonce is the sender's
//! counter, which also feeds a replay window at the receiver.
//!
//! ```text
//!  0      1                9                17
//!  +------+----------------+----------------+---------------------+--------+
//!  | kind | key identifier | counter        | ciphertext ...      | tag 16 |
//!  +------+----------------+----------------+---------------------+--------+
//!   authenticated, in the clear               encrypted
//! ```
//!
//! Changing keys loses no datagram: a new key opens at once, but the dialling side ([`Turn::WhenHeard`]) seals with it
//! only after the peer has, and so is known to have it. Pure: no socket, clock or randomness.

use std::collections::VecDeque;
use std::fmt;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf;

/// Largest plain text in bytes: the datagram stays below the smallest IPv6 MTU (1280) with its headers.
pub const PLAIN_BYTES_MAX: usize = 1100;
/// Bytes that sealing adds.
pub const OVERHEAD_BYTES: usize = HEADER_BYTES + TAG_BYTES;
/// Keys that open: the current one, those before it (a peer that has not yet turned) and those not yet turned to.
const KEYS_MAX: usize = 4;
/// Counters behind the highest that are still told apart; paths of different delay reorder a few.
const REPLAY_WINDOW: u64 = 128;
/// First byte of every sealed datagram: another layout gets another number.
const KIND: u8 = 1;
const KEY_IDENTIFIER_BYTES: usize = 8;
const COUNTER_BYTES: usize = 8;
const HEADER_BYTES: usize = 1 + KEY_IDENTIFIER_BYTES + COUNTER_BYTES;
const TAG_BYTES: usize = 16;

/// When this side begins to seal with a new key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Now: the peer is known to have it (the accepting side, whose handshake ends last)
    Now,
    /// When a datagram under it has come in (the dialling side); now, if there is no older key
    WhenHeard,
}

/// Why a datagram was not opened. Each is a counted event, never a reason to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Not one of ours: too short, too long or another layout
    #[error("no sealed datagram")]
    Malformed,
    /// Sealed under a key that is not (or no longer) here
    #[error("sealed under an unknown key")]
    UnknownKey,
    /// The tag does not fit
    #[error("forged or damaged")]
    Forged,
    /// Seen before, or too old to tell
    #[error("replayed")]
    Replayed,
}

/// A datagram was not sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// No TLS session with the peer has ever been made
    #[error("no key has been agreed with the peer yet")]
    NoKey,
    /// Longer than [`PLAIN_BYTES_MAX`]
    #[error("{bytes} bytes are more than the {PLAIN_BYTES_MAX} that one datagram carries")]
    TooLong {
        /// Length given
        bytes: usize,
    },
}

/// The keys shared with one peer, newest last.
pub struct Keyring {
    own_name: String,
    peer_name: String,
    keys: VecDeque<SharedKey>,
    /// Identifier of the key that seals
    sealing: Option<[u8; KEY_IDENTIFIER_BYTES]>,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Keyring").field("keys", &self.keys.len()).finish_non_exhaustive()
    }
}

struct SharedKey {
    identifier: [u8; KEY_IDENTIFIER_BYTES],
    seal: LessSafeKey,
    open: LessSafeKey,
    counter_next: u64,
    window: ReplayWindow,
}

impl Keyring {
    /// An empty ring between two nodes; the names keep the directions apart.
    #[must_use]
    pub fn new(own_name: &str, peer_name: &str) -> Self {
        Keyring {
            own_name: own_name.to_owned(),
            peer_name: peer_name.to_owned(),
            keys: VecDeque::new(),
            sealing: None,
        }
    }

    /// Adds a secret exported from a TLS session with the peer. The oldest key goes when there are too many.
    pub fn install(&mut self, secret: &[u8; 32], turn: Turn) {
        let key = SharedKey::derive(secret, &self.own_name, &self.peer_name);
        if self.keys.iter().any(|known| known.identifier == key.identifier) {
            // Installing a secret twice must not restart its counter: that would repeat nonces.
            return;
        }
        if self.sealing.is_none() || turn == Turn::Now {
            self.sealing = Some(key.identifier);
        }
        self.keys.push_back(key);
        if self.keys.len() > KEYS_MAX {
            let sealing = self.sealing;
            let oldest_unused = self.keys.iter().position(|key| Some(key.identifier) != sealing);
            self.keys.remove(oldest_unused.unwrap_or(0));
        }
    }

    /// A key is there: datagrams can be sealed.
    #[must_use]
    pub fn has_key(&self) -> bool {
        self.sealing.is_some()
    }

    /// Seals `plain`, into `datagram` (cleared first).
    ///
    /// # Errors
    /// [`SealError`]; `datagram` is then empty.
    pub fn seal(&mut self, plain: &[u8], datagram: &mut Vec<u8>) -> Result<(), SealError> {
        datagram.clear();
        if plain.len() > PLAIN_BYTES_MAX {
            return Err(SealError::TooLong { bytes: plain.len() });
        }
        let sealing = self.sealing.ok_or(SealError::NoKey)?;
        let key = self.keys.iter_mut().find(|key| key.identifier == sealing).ok_or(SealError::NoKey)?;
        let counter = key.counter_next;
        key.counter_next = counter.checked_add(1).ok_or(SealError::NoKey)?;
        datagram.push(KIND);
        datagram.extend_from_slice(&key.identifier);
        datagram.extend_from_slice(&counter.to_be_bytes());
        datagram.extend_from_slice(plain);
        let (header, body) = datagram.split_at_mut(HEADER_BYTES);
        let tag = key
            .seal
            .seal_in_place_separate_tag(nonce(counter), Aad::from(&*header), body)
            .map_err(|_| SealError::TooLong { bytes: plain.len() })?;
        datagram.extend_from_slice(tag.as_ref());
        Ok(())
    }

    /// Opens a datagram of the peer in place and returns the plain text.
    ///
    /// # Errors
    /// [`OpenError`]: drop the datagram and count it.
    pub fn open<'d>(&mut self, datagram: &'d mut [u8]) -> Result<&'d [u8], OpenError> {
        let length_fits = (OVERHEAD_BYTES..=PLAIN_BYTES_MAX + OVERHEAD_BYTES).contains(&datagram.len());
        if !length_fits || datagram[0] != KIND {
            return Err(OpenError::Malformed);
        }
        let (header, body) = datagram.split_at_mut(HEADER_BYTES);
        let (identifier, counter) = header[1..].split_at(KEY_IDENTIFIER_BYTES);
        let counter = u64::from_be_bytes(counter.try_into().map_err(|_| OpenError::Malformed)?);
        let position =
            self.keys.iter().position(|key| key.identifier == *identifier).ok_or(OpenError::UnknownKey)?;
        let key = &mut self.keys[position];
        if !key.window.is_new(counter) {
            return Err(OpenError::Replayed);
        }
        let plain = key
            .open
            .open_in_place(nonce(counter), Aad::from(&*header), body)
            .map_err(|_| OpenError::Forged)?;
        // Only an authentic counter may move the window.
        key.window.mark(counter);
        self.turn_to(position);
        Ok(plain)
    }

    /// The peer has the key at `position`: seal with it from now on, if it is newer than the one in use.
    fn turn_to(&mut self, position: usize) {
        let in_use = self.keys.iter().position(|key| Some(key.identifier) == self.sealing);
        if in_use.is_none_or(|in_use| position > in_use) {
            self.sealing = Some(self.keys[position].identifier);
        }
    }
}

impl SharedKey {
    fn derive(secret: &[u8; 32], own_name: &str, peer_name: &str) -> Self {
        let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, b"tandem sealed datagram 1").extract(secret);
        let mut identifier = [0; KEY_IDENTIFIER_BYTES];
        expand(&extracted, &[b"identifier"], &mut identifier);
        SharedKey {
            identifier,
            seal: directed_key(&extracted, own_name),
            open: directed_key(&extracted, peer_name),
            counter_next: 0,
            window: ReplayWindow::default(),
        }
    }
}

/// The key that `sender` seals with.
fn directed_key(extracted: &hkdf::Prk, sender: &str) -> LessSafeKey {
    let mut bytes = [0; 32];
    expand(extracted, &[b"sender ", sender.as_bytes()], &mut bytes);
    let key = UnboundKey::new(&CHACHA20_POLY1305, &bytes).expect("ChaCha20-Poly1305 takes 32 bytes");
    LessSafeKey::new(key)
}

/// HKDF-Expand (RFC 5869 section 2.3).
fn expand(extracted: &hkdf::Prk, info: &[&[u8]], output: &mut [u8]) {
    struct Length(usize);
    impl hkdf::KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    extracted
        .expand(info, Length(output.len()))
        .and_then(|material| material.fill(output))
        .expect("the lengths here are far below 255 hashes");
}

fn nonce(counter: u64) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    bytes[NONCE_LEN - COUNTER_BYTES..].copy_from_slice(&counter.to_be_bytes());
    Nonce::assume_unique_for_key(bytes)
}

/// Which of the last [`REPLAY_WINDOW`] counters have come in (the scheme of RFC 4303 appendix A2).
#[derive(Default)]
struct ReplayWindow {
    /// One above the highest counter seen; 0 = none
    end: u64,
    /// Bit n: counter `end - 1 - n` has been seen
    seen: u128,
}

impl ReplayWindow {
    fn is_new(&self, counter: u64) -> bool {
        if counter >= self.end {
            return true;
        }
        let age = self.end - 1 - counter;
        age < REPLAY_WINDOW && self.seen >> age & 1 == 0
    }

    fn mark(&mut self, counter: u64) {
        if counter >= self.end {
            let advance = counter - self.end + 1;
            let shifted = u32::try_from(advance).ok().and_then(|advance| self.seen.checked_shl(advance));
            self.seen = shifted.unwrap_or(0) | 1;
            self.end = counter.saturating_add(1);
        } else {
            self.seen |= 1 << (self.end - 1 - counter);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Keyring, Keyring) {
        (Keyring::new("a", "b"), Keyring::new("b", "a"))
    }

    fn sealed(ring: &mut Keyring, plain: &[u8]) -> Vec<u8> {
        let mut datagram = Vec::new();
        ring.seal(plain, &mut datagram).unwrap();
        datagram
    }

    /// DESIGN section 5: datagrams are sealed under a key exported from TLS; both directions, nothing in the clear.
    #[test]
    fn peers_open_each_others_datagrams() {
        let (mut a, mut b) = pair();
        assert_eq!(a.seal(b"x", &mut Vec::new()), Err(SealError::NoKey));
        a.install(&[7; 32], Turn::WhenHeard);
        b.install(&[7; 32], Turn::Now);
        let mut datagram = sealed(&mut a, b"heartbeat");
        assert!(!datagram.windows(4).any(|part| part == b"hear"));
        assert_eq!(datagram.len(), b"heartbeat".len() + OVERHEAD_BYTES);
        assert_eq!(b.open(&mut datagram).unwrap(), b"heartbeat");
        assert_eq!(a.open(&mut sealed(&mut b, b"answer")).unwrap(), b"answer");
    }

    /// A datagram thrown back at its sender, damaged at any byte, or of strangers is dropped.
    #[test]
    fn forgeries_are_dropped() {
        let (mut a, mut b) = pair();
        a.install(&[7; 32], Turn::Now);
        b.install(&[7; 32], Turn::Now);
        let good = sealed(&mut a, b"heartbeat");
        assert_eq!(a.open(&mut good.clone()), Err(OpenError::Forged), "reflected");
        for position in 0..good.len() {
            let mut damaged = good.clone();
            damaged[position] ^= 0x20;
            assert!(b.open(&mut damaged).is_err(), "byte {position}");
        }
        assert_eq!(b.open(&mut good[..OVERHEAD_BYTES - 1].to_vec()), Err(OpenError::Malformed));
        assert_eq!(b.open(&mut good.clone()).unwrap(), b"heartbeat", "forgeries did not move the window");
        let (mut stranger, _) = pair();
        stranger.install(&[8; 32], Turn::Now);
        assert_eq!(b.open(&mut sealed(&mut stranger, b"x")), Err(OpenError::UnknownKey));
    }

    /// Each datagram opens once; late ones within the window open, older ones do not.
    #[test]
    fn replays_are_dropped() {
        let (mut a, mut b) = pair();
        a.install(&[7; 32], Turn::Now);
        b.install(&[7; 32], Turn::Now);
        let datagrams: Vec<_> = (0..300).map(|_| sealed(&mut a, b"x")).collect();
        let mut open = |index: usize| b.open(&mut datagrams[index].clone()).map(<[u8]>::len);
        assert_eq!(open(1), Ok(1));
        assert_eq!(open(0), Ok(1), "reordered");
        assert_eq!(open(0), Err(OpenError::Replayed));
        assert_eq!(open(299), Ok(1));
        assert_eq!(open(1), Err(OpenError::Replayed), "left of the window");
        assert_eq!(open(299 - 127), Ok(1), "at the left edge");
        assert_eq!(open(299 - 127), Err(OpenError::Replayed));
        assert_eq!(open(299 - 128), Err(OpenError::Replayed), "too old to tell");
    }

    /// Rotation loses nothing in either order of arrival, and a peer that restarted comes back under a new key.
    #[test]
    fn keys_rotate_without_loss() {
        let (mut a, mut b) = pair();
        a.install(&[1; 32], Turn::WhenHeard);
        b.install(&[1; 32], Turn::Now);
        a.install(&[2; 32], Turn::WhenHeard);
        assert_eq!(b.open(&mut sealed(&mut a, b"old")).unwrap(), b"old", "b does not have the new key yet");
        let late = sealed(&mut b, b"late");
        b.install(&[2; 32], Turn::Now);
        assert_eq!(a.open(&mut sealed(&mut b, b"new")).unwrap(), b"new");
        assert_eq!(a.open(&mut late.clone()).unwrap(), b"late", "the key before still opens");
        let mut fresh = Keyring::new("b", "a");
        fresh.install(&[2; 32], Turn::Now);
        assert_eq!(fresh.open(&mut sealed(&mut a, b"turned")).unwrap(), b"turned");
        for secret in 3..20 {
            a.install(&[secret; 32], Turn::WhenHeard);
        }
        assert_eq!(a.keys.len(), KEYS_MAX);
        assert_eq!(
            b.open(&mut sealed(&mut a, b"in use")).unwrap(),
            b"in use",
            "the key in use is never pushed out"
        );
    }

    /// Installing a secret twice goes on counting: no nonce is used twice.
    #[test]
    fn nonces_are_never_repeated() {
        let (mut a, _) = pair();
        a.install(&[1; 32], Turn::Now);
        let first = sealed(&mut a, b"x");
        a.install(&[1; 32], Turn::Now);
        assert_ne!(first[..HEADER_BYTES], sealed(&mut a, b"x")[..HEADER_BYTES]);
    }
}
