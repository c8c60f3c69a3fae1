//! Heartbeats between the high-availability agents, one datagram each, sealed by the shell.
//!
//! One message is everything a node says about itself: who it is, whether it serves and under which epoch, what it
//! sees, what its voter has promised, and which message of the other side it answers. A heartbeat of a candidate is
//! the *request* for a vote; a heartbeat whose [`Heartbeat::promise`] names the candidate and whose
//! [`Heartbeat::echo`] answers a request sent since the claim is the *grant* (DESIGN section 6).

use minicbor::{Decode, Encode};

/// Longest encoded heartbeat in bytes; a longer datagram is not one.
pub const HEARTBEAT_BYTES_MAX: usize = 1_024;

/// A lease number: it only grows; the higher counter wins, then the node name.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Epoch {
    /// Counter, reserved on disk before it is used
    #[n(0)]
    pub counter: u64,
    /// Node that holds it
    #[n(1)]
    pub node: String,
}

/// One start of an agent: 128 random bits, so that a message of an earlier start is known as such.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Incarnation(#[cbor(n(0), with = "minicbor::bytes")] [u8; 16]);

impl Incarnation {
    /// The incarnation as a number.
    #[must_use]
    pub const fn get(self) -> u128 {
        u128::from_be_bytes(self.0)
    }
}

impl From<u128> for Incarnation {
    fn from(bits: u128) -> Self {
        Incarnation(bits.to_be_bytes())
    }
}

/// What a node does, as it tells the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Activity {
    /// After boot: hears, does not claim (row H25)
    #[n(0)]
    Initialising,
    /// Ready, does not serve
    #[n(1)]
    Standby,
    /// Asks for the votes of [`Heartbeat::epoch`]; serves nothing yet
    #[n(2)]
    Claiming,
    /// Has the votes, its addresses are being added
    #[n(3)]
    Taking,
    /// Serves
    #[n(4)]
    Active,
    /// Serves, and hands over in a moment
    #[n(5)]
    Yielding,
}

impl Activity {
    /// Holds a lease: the other node must not.
    #[must_use]
    pub const fn serves(self) -> bool {
        matches!(self, Activity::Taking | Activity::Active | Activity::Yielding)
    }
}

/// The last message heard from the receiver of this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Echo {
    /// Its incarnation
    #[n(0)]
    pub incarnation: Incarnation,
    /// Its sequence number
    #[n(1)]
    pub sequence: u64,
}

/// Planned switchover: the sender has closed its gate and removed its addresses, both confirmed by its kernel.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ReleaseNotice {
    /// The node that may take at once; the sender's voter grants nobody else for D
    #[n(0)]
    pub successor: String,
    /// The epoch that ended
    #[n(1)]
    pub epoch: Epoch,
    /// The sender could have served on: the move counts for damping
    #[n(2)]
    pub discretionary: bool,
}

/// A heartbeat.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Heartbeat {
    /// Version of this message, [`crate::VERSION`]
    #[n(0)]
    pub version: u16,
    /// Sender
    #[n(1)]
    pub node: String,
    /// Start of the sender
    #[n(2)]
    pub incarnation: Incarnation,
    /// Grows by one with each message of the incarnation; the same message goes over every path
    #[n(3)]
    pub sequence: u64,
    /// What the sender does
    #[n(4)]
    pub activity: Activity,
    /// Epoch that the sender claims or holds; otherwise the highest it knows
    #[n(5)]
    pub epoch: Epoch,
    /// Resource addresses may be on an interface of the sender (true until its kernel has denied it)
    #[n(6)]
    pub holds: bool,
    /// Counter that the sender has reserved on disk for its next epoch
    #[n(7)]
    pub reserved: u64,
    /// Health, higher is better; 0 = cannot serve
    #[n(8)]
    pub score: u32,
    /// Ping targets that the sender saw in the last round, over all interfaces (row H20)
    #[n(9)]
    pub targets_seen: u32,
    /// Every required interface of the sender has carrier
    #[n(10)]
    pub required_up: bool,
    /// Every required interface of the sender sees a target, a station or the peer
    #[n(11)]
    pub required_sighted: bool,
    /// Epoch that the sender's voter has promised to the receiver of this message
    #[n(12)]
    pub promise: Option<Epoch>,
    /// Last message heard from the receiver of this one
    #[n(13)]
    pub echo: Option<Echo>,
    /// The sender has let go in favour of the receiver
    #[n(14)]
    pub release: Option<ReleaseNotice>,
    /// Number of an operator's wish on the sender to take over (row H33); each is served once
    #[n(15)]
    pub switch_wish: Option<u64>,
    /// Milliseconds left of the sender's lease when it sent this
    #[n(16)]
    pub lease_remaining_ms: u64,
    /// The sender's agent is about to stop: it is no successor
    #[n(17)]
    pub stopping: bool,
}

#[cfg(test)]
mod tests {
    use super::{Activity, Echo, Epoch, HEARTBEAT_BYTES_MAX, Heartbeat, ReleaseNotice};

    fn largest() -> Heartbeat {
        let node = "n".repeat(32);
        let epoch = Epoch { counter: u64::MAX, node: node.clone() };
        Heartbeat {
            version: crate::VERSION,
            node: node.clone(),
            incarnation: u128::MAX.into(),
            sequence: u64::MAX,
            activity: Activity::Yielding,
            epoch: epoch.clone(),
            holds: true,
            reserved: u64::MAX,
            score: u32::MAX,
            targets_seen: u32::MAX,
            required_up: true,
            required_sighted: true,
            promise: Some(epoch.clone()),
            echo: Some(Echo { incarnation: u128::MAX.into(), sequence: u64::MAX }),
            release: Some(ReleaseNotice { successor: node, epoch, discretionary: true }),
            switch_wish: Some(u64::MAX),
            lease_remaining_ms: u64::MAX,
            stopping: true,
        }
    }

    /// The largest heartbeat comes back as it was and fits its limit.
    #[test]
    fn survives_its_encoding() {
        let heartbeat = largest();
        let bytes = minicbor::to_vec(&heartbeat).expect("encoding into memory cannot fail");
        assert!(bytes.len() <= HEARTBEAT_BYTES_MAX, "{} bytes", bytes.len());
        let decoded: Heartbeat = minicbor::decode(&bytes).expect("own encoding");
        assert_eq!(decoded, heartbeat);
        assert_eq!(decoded.incarnation.get(), u128::MAX);
    }

    /// The next version may add fields: this one reads past them.
    #[test]
    fn reads_past_fields_of_the_next_version() {
        #[derive(minicbor::Encode)]
        struct Next {
            #[n(0)]
            counter: u64,
            #[n(1)]
            node: &'static str,
            #[n(9)]
            added_later: u32,
        }
        let bytes = minicbor::to_vec(Next { counter: 7, node: "a", added_later: 1 }).expect("in memory");
        let epoch: Epoch = minicbor::decode(&bytes).expect("fields that are not known are skipped");
        assert_eq!(epoch, Epoch { counter: 7, node: "a".to_owned() });
    }

    /// The higher counter wins, then the node name.
    #[test]
    fn epochs_are_ordered() {
        let epoch = |counter, node: &str| Epoch { counter, node: node.to_owned() };
        assert!(epoch(2, "a") > epoch(1, "b"));
        assert!(epoch(2, "b") > epoch(2, "a"));
    }
}
