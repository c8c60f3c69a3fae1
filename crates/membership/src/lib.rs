//! Who may serve, until when, in which epoch.

mod io;
mod node;
mod status;

pub use io::{Event, Input, Link, LinkIndex, Output, Role, Setup};
pub use node::Membership;
pub use status::{LinkStatus, PeerStatus, Status};

use model::Time;

/// A caller's mistake.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// No such heartbeat path
    #[error("input for link {index}: there are {count}")]
    UnknownLink {
        /// Given
        index: usize,
        /// How many there are
        count: usize,
    },
    /// Time went backwards
    #[error("input at {now}, after one at {last}")]
    TimeWentBack {
        /// Given
        now: Time,
        /// Latest before
        last: Time,
    },
}

/// A [`Setup`] from which no node can be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// A peer, and no path to it
    #[error("node {node} has a peer and no link to hear it")]
    NoLink {
        /// This node
        node: String,
    },
    /// Both nodes have one name
    #[error("node and peer are both named {node}")]
    SameName {
        /// The name
        node: String,
    },
    /// The lease is too short to be renewed
    #[error("dead threshold {dead:?} is below {least:?}")]
    DeadTooShort {
        /// Given
        dead: std::time::Duration,
        /// Least possible
        least: std::time::Duration,
    },
}
