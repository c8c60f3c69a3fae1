//! What goes into the relay and what comes out.

use std::net::SocketAddr;

use model::Time;

use crate::Policy;

/// Sessions at the same time. A session takes four ports, so the whole port space holds no more.
pub const SESSIONS_MAX: usize = 16_384;

/// Longest packet that is relayed, in bytes: what fits an Ethernet frame, with room for larger RTCP compounds.
pub const PACKET_BYTES_MAX: usize = 2_048;

/// The place of a session in the relay's table; the shell assigns it, below [`SESSIONS_MAX`], and uses it again after
/// [`Input::Close`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Slot(pub u32);

/// A side of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The calling leg
    Caller,
    /// The called leg
    Callee,
}

impl Side {
    /// Both sides.
    pub const BOTH: [Side; 2] = [Side::Caller, Side::Callee];

    /// The side that packets of this side go to.
    #[must_use]
    pub const fn other(self) -> Side {
        match self {
            Side::Caller => Side::Callee,
            Side::Callee => Side::Caller,
        }
    }
}

/// A channel of a side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Media packets (RFC 3550); also RTCP where the phones multiplex both (RFC 5761)
    Rtp,
    /// Control packets on the port of their own (RFC 3550 section 6, RFC 3605)
    Rtcp,
}

impl Channel {
    /// Both channels.
    pub const BOTH: [Channel; 2] = [Channel::Rtp, Channel::Rtcp];
}

/// Inputs of the relay.
#[derive(Debug)]
pub enum Input<'a> {
    /// Where packets may go; applies to what is described or learned from now on
    Configure(Policy),
    /// A call has ports now
    Open {
        /// Its place in the table
        slot: Slot,
    },
    /// What the SDP of a side says; again after each offer/answer
    Describe {
        /// The session
        slot: Slot,
        /// Whose SDP
        side: Side,
        /// Where the side wants RTP; `None`: send it nothing (hold by 0.0.0.0 or port 0)
        rtp: Option<SocketAddr>,
        /// Where the side wants RTCP
        rtcp: Option<SocketAddr>,
    },
    /// A packet came in
    Packet {
        /// The session whose socket it came to
        slot: Slot,
        /// The side whose socket it came to
        side: Side,
        /// The channel whose socket it came to
        channel: Channel,
        /// Who sent it, as the socket saw it
        source: SocketAddr,
        /// Its octets; longer ones than [`PACKET_BYTES_MAX`] are dropped
        bytes: &'a [u8],
    },
    /// The call is over
    Close {
        /// The session
        slot: Slot,
    },
}

/// Outputs of the relay. A packet leads to at most one [`Output::Learned`] and one [`Output::Forward`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send the octets of the packet just handed in from this socket to this address
    Forward {
        /// The session
        slot: Slot,
        /// The side whose socket sends
        side: Side,
        /// The channel whose socket sends
        channel: Channel,
        /// Where to
        destination: SocketAddr,
    },
    /// A side sends from this address now, and is sent to there
    Learned {
        /// The session
        slot: Slot,
        /// Which side
        side: Side,
        /// Which channel
        channel: Channel,
        /// Its address
        source: SocketAddr,
    },
    /// Nothing more now; the relay acts on packets only, so the time is [`Time::MAX`]
    Timeout(Time),
}

/// A mistake of the shell. Bad packets of the world are counted, never an error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// The slot is beyond the table
    #[error("slot {slot} is beyond the {SESSIONS_MAX} sessions that the relay holds")]
    SlotTooLarge {
        /// What was given
        slot: u32,
    },
    /// The slot is in use
    #[error("slot {slot} opened while its session is open")]
    SlotInUse {
        /// What was given
        slot: u32,
    },
    /// No session stands there
    #[error("slot {slot} has no open session")]
    NoSession {
        /// What was given
        slot: u32,
    },
    /// Time ran backwards
    #[error("input at {now} after one at {last}: the shell's clock ran backwards")]
    TimeRanBackwards {
        /// Time of this input
        now: Time,
        /// Time of the input before
        last: Time,
    },
}
