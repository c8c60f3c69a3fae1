//! Heartbeats between the high-availability agents, one datagram each, sealed by the shell.

use minicbor::{Decode, Encode};

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
