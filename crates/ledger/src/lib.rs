//! The replicated journal: the truth about settings, audit and registers of a pair (DESIGN section 5, item 1).
//!
//! Two layers, both without a file, a socket or a clock:
//! [`Journal`] makes records durable through a [`Disk`] and recovers them; [`Ledger`] is the protocol between the two
//! nodes: one writer, commit order, catch-up, parking of what a split left behind.

mod disk;
mod io;
mod journal;
mod protocol;
mod record;

pub use disk::{Attempt, Disk, DiskError, Segment};
pub use io::{Event, Input, InputError, Output, Request, Setup, Status};
pub use journal::{AppendError, Corruption, Cut, Gap, Journal, OpenError, Recovery, SEGMENT_BYTES_MAX};
pub use protocol::{FLUSH_WAIT, Ledger, PEER_WAIT};
pub use record::{
    Action, Body, Entry, Fields, ParkedRecord, RECORD_BYTES_MAX, Record, RecordError, Row, Transaction,
};
pub use wire::heartbeat::Epoch;
pub use wire::replication::{Outcome, Position, Problem, Refusal, Stream};
