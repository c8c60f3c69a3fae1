//! What goes into the ledger and what comes out: the whole surface between the core and its shell.
//!
//! ```text
//! loop {
//!     wait for a request, a frame or the time of the last Output::Timeout
//!     ledger.handle_input(now, …)            // any number: they become one group
//!     loop {
//!         match ledger.poll_output() {       // the first call after inputs syncs the disk, once for the group
//!             Output::Timeout(at) => break,
//!             …
//! ```
//!
//! The calls read, write and sync the disk: they run on a thread of their own, never in a task that others wait on.

use model::{NodeName, Time};
use wire::heartbeat::Epoch;
use wire::replication::{Outcome, Position, Problem, Stream};

use crate::disk::DiskError;
use crate::journal::Gap;
use crate::record::{Entry, Record, Transaction};

/// Everything the core is made from.
#[derive(Clone, Debug)]
pub struct Setup {
    /// This node
    pub node: NodeName,
    /// The other one; `None`: a single box
    pub peer: Option<NodeName>,
    /// Random 64 bits of this start of the store: identity of a journal made fresh, and of the sessions on the link
    pub seed: u64,
    /// Largest segment before the next one is begun, octets; [`crate::SEGMENT_BYTES_MAX`] unless a test says less
    pub segment_bytes_max: u64,
}

/// Inputs. Any number, then drain outputs until [`Output::Timeout`].
#[derive(Debug)]
pub enum Input<'a> {
    /// Time has passed
    Timeout,
    /// A valid transaction: of a local client, or one asked for by [`Output::Review`]. Answered by [`Output::Finished`]
    /// (unless the peer's client had asked for it). Its `epoch` is set by the ledger.
    Submit(Transaction),
    /// A transaction of [`Output::Review`] is not valid
    Refuse {
        /// Its name
        id: String,
        /// What is wrong with it
        problems: Vec<Problem>,
    },
    /// An entry for this node's register. Answered by [`Output::Finished`]
    Record(Entry),
    /// Who serves, as the HA agent says; before any serves the coordinator writes settings, in epoch 0
    Role {
        /// The epoch in force, as far as this node knows
        epoch: Epoch,
        /// This node writes settings
        writer: bool,
    },
    /// A connection to the peer's store is there: frames go both ways
    LinkUp,
    /// It is gone
    LinkDown,
    /// A frame from the peer
    Frame(&'a [u8]),
    /// Planned switchover: take no new transactions, bring all to the peer. Answered by [`Output::Flushed`]
    Flush,
    /// The switchover does not take place: transactions are welcome again (a new [`Input::Role`] says so too)
    Thaw,
}

/// A request of a local client, by the name it was given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Request {
    /// [`Input::Submit`]
    Transaction(String),
    /// [`Input::Record`]
    Entry(String),
}

/// Outputs.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Send this frame to the peer
    Send(Vec<u8>),
    /// The record is durable on this disk: the view takes it. In the order of each stream, each once per start (at open
    /// the visitor has had the others). A parked record comes this way too.
    Stored(Box<Record>),
    /// The records of a stream after this sequence are no longer in it (they are parked): the view drops them
    Withdrawn {
        /// Which stream
        stream: Stream,
        /// Last sequence that stays
        after: u64,
    },
    /// What became of a request; once for each name, however often it was submitted meanwhile
    Finished {
        /// Which
        request: Request,
        /// What became of it
        outcome: Outcome,
    },
    /// A client of the peer wants this: check it against the settings in force, then [`Input::Submit`] or
    /// [`Input::Refuse`]
    Review(Box<Transaction>),
    /// All that was here when [`Input::Flush`] came is on both disks, or the time for it is over
    Flushed {
        /// Records that are not on both disks; 0: everything is
        unacknowledged: u64,
    },
    /// Something for the log, the status and the bus
    Event(Event),
    /// The peer speaks a version that this build does not: close the connection
    CloseLink,
    /// Durability is no longer certain: end the process at once, answer nobody. Recovery at the next start finds out.
    Stop(DiskError),
    /// Nothing more now; call `handle_input(…, Input::Timeout)` at this time at the latest
    Timeout(Time),
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Both nodes have said hello
    PeerConnected {
        /// Its position in the settings
        settings: Position,
    },
    /// The connection ended
    PeerDisconnected,
    /// Everything that either node has is on both disks: the state hashes are equal
    Agreed,
    /// This node is not the writer in force: the peer knows a higher epoch
    Fenced {
        /// That epoch
        epoch: Epoch,
    },
    /// An append of an older epoch came and was refused
    AppendRefused {
        /// Its epoch
        epoch: Epoch,
    },
    /// Records that contradict the other node's were parked in "made while apart"
    Parked {
        /// Stream they stood in
        stream: Stream,
        /// Sequence of the first
        first: u64,
        /// Sequence of the last
        last: u64,
    },
    /// A gap that corruption had left is filled again from the peer
    Repaired(Gap),
    /// A frame could not be read or made no sense
    BadFrame {
        /// Why, for people
        reason: String,
    },
}

/// A mistake of the shell.
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
    /// The ledger has said [`Output::Stop`]
    #[error("the ledger has stopped: its disk failed")]
    Stopped,
}

/// State for people and for the bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// This node writes settings now
    pub writer: bool,
    /// Transactions are refused for a planned switchover
    pub frozen: bool,
    /// Highest epoch known
    pub epoch: Epoch,
    /// End of the settings on this disk; its sequence is the revision
    pub settings: Position,
    /// Hash over settings and registers: equal on both nodes when they agree
    pub state_hash: [u8; 32],
    /// The peer has said hello
    pub peer_connected: bool,
    /// Records on this disk that the peer has not acknowledged
    pub unprotected: u64,
    /// Register entries on this disk, of all nodes
    pub entries: u64,
    /// Records "made while apart" on this disk, of all nodes
    pub parked: u64,
    /// What corruption took and the peer has not yet given back
    pub missing: Vec<Gap>,
}
