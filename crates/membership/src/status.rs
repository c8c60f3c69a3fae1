//! The answer to "how is the pair?", for the bus, the console and the command line (rows H28 to H30).

use std::time::Duration;

use model::{HaMode, NodeName};
use wire::heartbeat::{Activity, Epoch};

use crate::io::Role;

/// State of the pair as this node sees it at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// This node
    pub node: NodeName,
    /// Its role
    pub role: Role,
    /// Why it has this role, in a few words for people
    pub reason: &'static str,
    /// Node that serves as far as this one knows
    pub active_node: Option<NodeName>,
    /// Epoch in force as far as this node knows; counter 0: none yet
    pub epoch: Epoch,
    /// What is left of this node's lease; zero when it has none
    pub lease_remaining: Duration,
    /// `available` or `safe`
    pub mode: HaMode,
    /// Health of this node
    pub score: u32,
    /// The other node; `None` on a single box
    pub peer: Option<PeerStatus>,
    /// Heartbeat paths, in the order of [`crate::Setup::links`]
    pub links: Vec<LinkStatus>,
    /// Times that the peer was late or lost since the start (rows H23, H24)
    pub warnings: u64,
    /// Heartbeats refused since the start: another node's name, another version, an earlier start of the peer
    pub heartbeats_refused: u64,
    /// Time in which automatic hand-overs are damped; zero when they are not
    pub hold_down: Duration,
}

/// The other node as last heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerStatus {
    /// Its name
    pub node: NodeName,
    /// What it said it does; `None`: never heard, or silent for D
    pub activity: Option<Activity>,
    /// Time since it was last heard on any path; `None`: never
    pub silent: Option<Duration>,
    /// Health it reported
    pub score: u32,
    /// Ping targets that it sees
    pub targets_seen: u32,
    /// Every required interface of it has carrier
    pub required_up: bool,
}

/// A heartbeat path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkStatus {
    /// Name of the interface
    pub name: String,
    /// Carrier present
    pub up: bool,
    /// Time since the peer was last heard here; `None`: never
    pub silent: Option<Duration>,
    /// Time from a heartbeat of ours to the first answer to it here, which includes the peer's wait for its next
    /// heartbeat; `None`: not measured yet
    pub answer: Option<Duration>,
}
