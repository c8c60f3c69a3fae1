//! The caller's mistakes. What the world does wrong is counted, never an error.

use std::time::Duration;

use model::Time;

/// An input that the shell must not give.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// No such heartbeat path
    #[error("input for link {index}: there are {count} links, counted from 0")]
    UnknownLink {
        /// Link of this input
        index: usize,
        /// How many there are
        count: usize,
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

/// A setup from which no node can be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// A peer, and no path to it
    #[error("node {node} has a peer and no link to hear it on")]
    NoLink {
        /// This node
        node: String,
    },
    /// Both nodes have one name
    #[error("this node and its peer are both named {node}")]
    SameName {
        /// The name
        node: String,
    },
    /// The lease is too short to be renewed in time
    #[error("dead threshold {dead:?} is below {least:?}")]
    DeadTooShort {
        /// Given
        dead: Duration,
        /// Least possible
        least: Duration,
    },
    /// Another node of the pair than before
    #[error("the pair was {before} and is now {now}")]
    OtherNodes {
        /// Names before
        before: String,
        /// Names given
        now: String,
    },
}
