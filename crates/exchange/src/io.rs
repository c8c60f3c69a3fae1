//! What goes into the exchange and what comes out: the whole surface between the core and its shell.

use std::net::SocketAddr;
use std::sync::Arc;

use model::{Config, Private, Time};
use wire::registration::RegistrationUpdate;

use crate::LocalAddress;

/// Transport of a signalling flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// One datagram, one message
    Udp,
    /// A byte stream that the shell has cut into messages (`sip::framing`)
    Tcp,
}

/// A path to one peer: what a response or a call to a registered phone goes back over (RFC 3261 section 18, RFC 5626).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flow {
    /// Transport of the path
    pub transport: Transport,
    /// Our address that the message came to; always the resource address in a pair
    pub local: SocketAddr,
    /// The peer's address and port as the socket saw them
    pub remote: SocketAddr,
    /// Number of the connection, unique within the life of the process; 0 for UDP
    pub connection: u64,
}

/// Where to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Destination {
    /// Over this flow; when its connection is gone the shell reports [`Input::SendFailed`]
    Flow(Flow),
    /// To this address: the shell reuses a connection to it or opens one
    Address {
        /// Transport to use
        transport: Transport,
        /// Our address to send from
        local: SocketAddr,
        /// Address and port of the peer
        remote: SocketAddr,
    },
}

/// One relayed media session: the two sides of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MediaSession(pub u64);

/// A side of a media session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The calling leg
    Caller,
    /// The called leg
    Callee,
}

/// What the exchange wants of the media relay. Ports are allocated by the exchange from the configured range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaCommand {
    /// Bind both sides: RTP on the (even) port given, RTCP on the next one
    Open {
        /// The session
        session: MediaSession,
        /// Our address that the calling leg sends to
        local: std::net::IpAddr,
        /// Our address that the called leg sends to; differs from `local` when the legs are in two networks
        callee_local: std::net::IpAddr,
        /// RTP port that the calling leg sends to
        caller_port: u16,
        /// RTP port that the called leg sends to
        callee_port: u16,
    },
    /// What the SDP of a side says; again after each offer/answer
    Describe {
        /// The session
        session: MediaSession,
        /// Whose SDP
        side: Side,
        /// Where its SDP wants RTP; `None` on hold with 0.0.0.0 or port 0
        rtp: Option<SocketAddr>,
        /// Where its SDP wants RTCP (`a=rtcp` of RFC 3605, else RTP port + 1)
        rtcp: Option<SocketAddr>,
    },
    /// Unbind; the ports return to the pool when the shell answers [`Input::MediaClosed`]
    Close {
        /// The session
        session: MediaSession,
    },
}

/// Inputs of the exchange. One input, then drain outputs until [`Output::Timeout`].
#[derive(Debug)]
pub enum Input<'a> {
    /// Time has passed: the instant given by the last [`Output::Timeout`] has come (or any other)
    Timeout,
    /// A new revision of the configuration; applied by difference, calls go on
    Configure(Arc<Config>),
    /// One whole message (datagram, or framed from a stream)
    Message {
        /// Where it came from
        flow: Flow,
        /// Its octets
        bytes: &'a [u8],
    },
    /// A connection ended
    FlowClosed {
        /// Which
        flow: Flow,
    },
    /// A message could not be sent (connection refused, flow gone, ICMP unreachable)
    SendFailed {
        /// Where it should have gone
        destination: Destination,
    },
    /// Binding the ports of a session failed: none of them is bound now, and no [`MediaCommand::Close`] follows
    MediaFailed {
        /// Which
        session: MediaSession,
    },
    /// The ports of a session are free again
    MediaClosed {
        /// Which
        session: MediaSession,
    },
    /// A registration that the peer node has accepted
    Replica(RegistrationUpdate),
    /// The peer node (re)connected: answer with every registration as [`Output::Replicate`]
    ReplicaWanted,
    /// Whether this node serves. It does not until told so: messages are dropped and no timer of replicated state
    /// acts. When it ends, registrations stay and calls end here without a word on the wire (the address has gone).
    Serving(bool),
    /// The addresses that the shell receives SIP on have changed
    LocalAddresses(Vec<LocalAddress>),
}

/// Outputs of the exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send this message
    Send {
        /// Where to
        destination: Destination,
        /// The octets
        bytes: Vec<u8>,
    },
    /// Close a connection: its peer broke the framing or the limits
    CloseFlow {
        /// Which
        flow: Flow,
    },
    /// Do this with media
    Media(MediaCommand),
    /// A call has ended (or failed): store its record
    Record(Box<CallRecord>),
    /// Tell the peer node about a registration
    Replicate(RegistrationUpdate),
    /// Nothing more now; call `handle_input(…, Input::Timeout)` at this time at the latest
    Timeout(Time),
}

/// A mistake of the shell. Bad messages of the world are counted, answered or dropped, never an error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// Time ran backwards
    #[error("input at {now} after one at {last}: the shell's clock ran backwards")]
    TimeRanBackwards {
        /// Time of this input
        now: Time,
        /// Time of the input before
        last: Time,
    },
}

/// Who stood at an end of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointType {
    /// A phone of ours
    Extension,
    /// A trunk
    Trunk,
    /// Nobody: the number does not exist, or the call ended before routing
    Unknown,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallStatus {
    /// It was answered
    Answered,
    /// It rang and nobody answered in time
    NoAnswer,
    /// The called party was busy
    Busy,
    /// The caller gave up before an answer
    Cancelled,
    /// Number unknown, party unreachable, or refused; `sip_status` says which
    Failed,
}

/// One call record (fields of the export in row H21 and reports); times are the core's, the shell makes them UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallRecord {
    /// Unique among all nodes and time
    pub unique_id: String,
    /// Kind of the calling end
    pub source_type: EndpointType,
    /// Kind of the called end
    pub destination_type: EndpointType,
    /// How it ended
    pub status: CallStatus,
    /// Final SIP status code sent to the caller, 0 when cancelled before one
    pub sip_status: u16,
    /// INVITE received
    pub start: Time,
    /// First provisional response with ringing or media
    pub channel_up: Option<Time>,
    /// 200 OK
    pub answer: Option<Time>,
    /// End
    pub end: Time,
    /// Account (extension calls) or number that answered
    pub answered_by: Option<Private<String>>,
    /// Calling number
    pub caller: Private<String>,
    /// Calling name
    pub caller_name: Private<String>,
    /// The caller asked not to be shown (RFC 3323)
    pub anonymous: bool,
    /// Dialled number
    pub called: Private<String>,
    /// Trunk, if one was used
    pub gateway_name: Option<String>,
    /// Account code, empty until accounts carry one
    pub account_code: Option<String>,
    /// Account or trunk that called
    pub source_peer_name: Option<String>,
    /// Where its INVITE came from
    pub source_address: SocketAddr,
}
