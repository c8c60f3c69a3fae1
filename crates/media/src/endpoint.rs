//! Where one side of a call is on one channel: what its SDP says, what its packets say, and whom to believe.
//!
//! The rules, in this order:
//!
//! 1. Only RTP, RTCP and keep-alives teach a source; the rest passes from the source or the described address only.
//! 2. The first source is learned, whatever the SDP says: a phone behind address translation cannot know better.
//! 3. A source nearer to the SDP takes over at once: the described address and port before its host, its host before
//!    any other.
//! 4. Within [`RELEARN_WINDOW_MS`] of an offer or answer another source, no farther from the SDP, may take over when the
//!    learned one has been silent for [`RELEARN_SILENCE_MS_MIN`]: the phone has moved.
//! 5. At any time another port of the learned host may take over after [`SAME_HOST_SILENCE_MS_MIN`] of silence: an
//!    address translation was renewed.
//! 6. Everyone else is a stranger, so nobody takes a stream that is alive ("RTP bleed").
//!
//! Packets go to the learned source, before that to the described address. A description that names another address
//! than the one before forgets the learned source; the first one and one that repeats it (a re-INVITE for hold) do not.

use std::net::SocketAddr;
use std::time::Duration;

use model::Time;

use crate::packet::Kind;
use crate::{Counters, DropReason, Policy};

/// After an offer or answer, how long another source may take over from a silent one, in milliseconds.
pub const RELEARN_WINDOW_MS: u64 = 5_000;

/// Silence that makes the learned source give way within [`RELEARN_WINDOW_MS`], in milliseconds: ten packets of 20 ms.
pub const RELEARN_SILENCE_MS_MIN: u64 = 200;

/// Silence that makes the learned source give way to another port of its own host, in milliseconds.
pub const SAME_HOST_SILENCE_MS_MIN: u64 = 2_000;

/// How near a source is to what the SDP says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Nearness {
    Elsewhere,
    SameHost,
    Described,
}

/// What became of a packet at its arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// From whom we expect it
    Admitted,
    /// From a source just learned
    Learned,
    /// Not taken
    Refused(DropReason),
}

/// One side on one channel.
#[derive(Clone, Debug, Default)]
pub(crate) struct Endpoint {
    /// Last address that an SDP named and the policy permitted
    described: Option<SocketAddr>,
    /// The side takes packets (not held)
    receives: bool,
    learned: Option<Learned>,
    /// End of the window of rule 4
    relearn_until: Time,
    /// What this side sends
    pub(crate) counters: Counters,
}

/// The source in force.
#[derive(Clone, Copy, Debug)]
struct Learned {
    source: SocketAddr,
    heard: Time,
}

impl Endpoint {
    /// Takes what an SDP says.
    pub(crate) fn describe(&mut self, now: Time, address: Option<SocketAddr>, policy: &Policy) {
        self.relearn_until = now + Duration::from_millis(RELEARN_WINDOW_MS);
        let Some(address) = address.map(canonical) else {
            self.receives = false;
            return;
        };
        self.receives = true;
        let permitted = Some(address).filter(|address| policy.permits(*address));
        if permitted.is_none() {
            self.counters.forbidden_destination += 1;
        }
        if self.described.is_some() && self.described != permitted {
            self.learned = None;
        }
        self.described = permitted;
    }

    /// Where to send to this side, if it takes packets and has said where.
    #[inline]
    pub(crate) fn destination(&self) -> Option<SocketAddr> {
        if !self.receives {
            return None;
        }
        self.learned.map(|learned| learned.source).or(self.described)
    }

    /// Decides about a packet of this side.
    #[inline]
    pub(crate) fn admit(&mut self, now: Time, source: SocketAddr, kind: Kind, policy: &Policy) -> Admission {
        if let Some(learned) = self.learned.as_mut().filter(|learned| learned.source == source) {
            self.counters.count_gap(learned.heard, now);
            learned.heard = now;
            return Admission::Admitted;
        }
        self.admit_other(now, source, kind, policy)
    }

    /// Decides about a packet that is not from the learned source: rare.
    fn admit_other(&mut self, now: Time, source: SocketAddr, kind: Kind, policy: &Policy) -> Admission {
        let source = canonical(source);
        if kind == Kind::Other {
            let is_described = self.learned.is_none() && self.described == Some(source);
            return if is_described { Admission::Admitted } else { Admission::Refused(DropReason::Stranger) };
        }
        if !policy.permits(source) {
            return Admission::Refused(DropReason::ForbiddenSource);
        }
        if !self.may_learn(now, source) {
            return Admission::Refused(DropReason::Stranger);
        }
        if let Some(before) = self.learned.replace(Learned { source, heard: now }) {
            self.counters.count_gap(before.heard, now);
        }
        self.counters.learned += 1;
        Admission::Learned
    }

    /// Rules 2 to 6 of the module.
    fn may_learn(&self, now: Time, source: SocketAddr) -> bool {
        let Some(learned) = self.learned else {
            return true;
        };
        let silence = now.since(learned.heard);
        let is_nearer = self.nearness(source) > self.nearness(learned.source);
        let has_moved = now < self.relearn_until
            && silence >= Duration::from_millis(RELEARN_SILENCE_MS_MIN)
            && self.nearness(source) >= self.nearness(learned.source);
        let is_renewed =
            source.ip() == learned.source.ip() && silence >= Duration::from_millis(SAME_HOST_SILENCE_MS_MIN);
        is_nearer || has_moved || is_renewed
    }

    fn nearness(&self, source: SocketAddr) -> Nearness {
        match self.described {
            Some(described) if described == source => Nearness::Described,
            Some(described) if described.ip() == source.ip() => Nearness::SameHost,
            _ => Nearness::Elsewhere,
        }
    }
}

/// An IPv4 address that came as a mapped IPv6 one is the same phone.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
