//! What the tasks and threads around the core tell it.

use std::net::SocketAddr;

use daemon::bus::pbx::PbxStatus;
use exchange::{Destination, Flow, MediaSession};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use wire::registration::RegistrationUpdate;

/// Events waiting for the core; whoever brings more waits.
pub const EVENTS_MAX: usize = 4_096;

/// One event.
#[derive(Debug)]
pub enum Event {
    /// A peer has opened a TCP connection to a listener
    Accepted {
        /// The connection
        stream: TcpStream,
        /// The listener's address
        local: SocketAddr,
        /// The peer
        remote: SocketAddr,
    },
    /// A whole message came over a TCP connection
    Message {
        /// The connection
        flow: Flow,
        /// Its octets
        bytes: Vec<u8>,
    },
    /// A TCP connection has ended
    Closed {
        /// Which
        flow: Flow,
        /// What it had still to send
        unsent: Vec<Destination>,
    },
    /// The network says that a UDP datagram did not arrive
    Unreachable {
        /// Our address that it left from
        local: SocketAddr,
        /// Where it should have gone
        remote: SocketAddr,
    },
    /// The ports of a media session are bound no more
    MediaClosed(MediaSession),
    /// The ports of a media session could not be bound
    MediaFailed(MediaSession),
    /// The peer node's telephone daemon is connected
    PeerConnected,
    /// It is gone
    PeerLost,
    /// It has accepted a registration
    Replica(RegistrationUpdate),
    /// Somebody on the bus asks how we are
    Status(oneshot::Sender<PbxStatus>),
}
