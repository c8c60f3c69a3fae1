//! Who may serve, until when, in which epoch: the membership of two nodes, as a pure state machine.
//!
//! A node serves under a *lease*: promises of a majority of *votes* for an *epoch*, renewed by every heartbeat. The
//! README has the table of states and what each mode can lose; the law is section 6 of the design.
//!
//! **One input, then drain outputs until [`Output::Timeout`].**

mod claim;
mod counter;
mod damping;
mod error;
mod hearing;
mod io;
mod links;
mod node;
mod peer;
mod reconfigure;
mod speaking;
mod status;
mod switchover;
mod timers;
mod votes;

pub use error::{InputError, SetupError};
pub use io::{Event, Input, Link, LinkIndex, Output, Role, Setup};
pub use node::{Membership, SCORE_INITIAL};
pub use status::{LinkStatus, PeerStatus, Status};
pub use timers::{
    DRIFT_PPM_MAX, FLUSH_MS_MAX, GUARD_MS, HEARTBEATS_PER_LEASE, LEASE_MS_MIN, RELEASE_MS_MAX, STOP_MS_MAX,
    Timers, WISH_MS_MAX,
};
