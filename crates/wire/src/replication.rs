//! Replication of the ledger between the stores of a pair.
//!
//! Records travel as the octets that stand in the sender's journal, so that a field this build does not know survives
//! the copy and the hash of a record is the same on both nodes. Everything is named by stream and sequence: a message
//! that comes twice, late or not at all costs time, never data.

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use crate::heartbeat::Epoch;

/// Octets of a record's hash: the first half of a SHA-256.
pub const RECORD_HASH_BYTES: usize = 16;

/// One gapless sequence of records with one author at a time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub enum Stream {
    /// Settings of the pair: written by the one writer
    #[n(0)]
    Settings,
    /// Call records and events that arose on a node
    #[n(1)]
    Register {
        /// The node
        #[n(0)]
        node: String,
        /// Identity of the journal it wrote them to: a node with a fresh disk begins a fresh register
        #[n(1)]
        journal: u64,
    },
    /// Settings "made while apart": tails that the writer never had, kept by the node that made them
    #[n(2)]
    Parked {
        /// The node
        #[n(0)]
        node: String,
        /// Identity of the journal
        #[n(1)]
        journal: u64,
    },
}

/// A place in a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct Position {
    /// Sequence of the last record, from 1; 0: before the first
    #[n(0)]
    pub sequence: u64,
    /// Its hash, which covers all before it (each record names the hash of its predecessor); zeros before the first
    #[cbor(n(1), with = "minicbor::bytes")]
    pub hash: [u8; RECORD_HASH_BYTES],
}

/// First message on a connection, from both sides, and again until the other's has come.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Hello {
    /// [`crate::VERSION`] of the sender
    #[n(0)]
    pub version: u16,
    /// The sender
    #[n(1)]
    pub node: String,
    /// Number of this conversation, never used before by the sender; all that answers it names it
    #[n(2)]
    pub session: u64,
    /// Highest epoch the sender knows
    #[n(3)]
    pub epoch: Epoch,
    /// The sender writes settings, in that epoch
    #[n(4)]
    pub writer: bool,
    /// Places in the sender's settings, last first, at growing distance: where both agree is found without asking
    #[n(5)]
    pub settings: Vec<Position>,
    /// Ends of all other streams that the sender has
    #[n(6)]
    pub streams: Vec<(Stream, Position)>,
}

/// Records of one stream that follow each other.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Append {
    /// Which stream
    #[n(0)]
    pub stream: Stream,
    /// Highest epoch the sender knows: a settings append of an older epoch than the receiver's is refused
    #[n(1)]
    pub epoch: Epoch,
    /// The sender writes settings in that epoch
    #[n(2)]
    pub writer: bool,
    /// Sequence of the first record
    #[n(3)]
    pub first: u64,
    /// Records as they stand in the journal
    #[n(4)]
    pub records: Vec<ByteVec>,
}

/// What the sender of this message has of a stream on its disk, synced.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Acknowledge {
    /// Which stream
    #[n(0)]
    pub stream: Stream,
    /// Up to here
    #[n(1)]
    pub position: Position,
}

/// Wish for records: to fill a gap that corruption left, or to replace a tail that contradicts the other node's.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Fetch {
    /// Which stream
    #[n(0)]
    pub stream: Stream,
    /// Places the asker has, last first: the answer begins after the first of them that the other one has too
    #[n(1)]
    pub after: Vec<Position>,
    /// Last sequence wanted
    #[n(2)]
    pub last: u64,
}

/// A transaction that the sender may not write itself.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Forward {
    /// Its name, given by the client
    #[n(0)]
    pub id: String,
    /// The transaction as it would stand in the journal
    #[n(1)]
    pub transaction: ByteVec,
}

/// What became of a transaction or entry.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Outcome {
    /// It is stored
    #[n(0)]
    Committed {
        /// Sequence in its stream; for settings this is the revision
        #[n(0)]
        sequence: u64,
        /// It is on both disks
        #[n(1)]
        protected: bool,
    },
    /// It is not stored
    #[n(1)]
    Refused {
        /// Why
        #[n(0)]
        refusal: Refusal,
        /// In detail: what is wrong with it, if it was examined
        #[n(1)]
        problems: Vec<Problem>,
    },
}

/// Why a transaction or entry was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Refusal {
    /// It is not valid: see the problems
    #[n(0)]
    Invalid,
    /// This node does not write settings and the node that does is not connected
    #[n(1)]
    WriterAway,
    /// The node asked is no longer (or not yet) the writer: repeat under the same name
    #[n(2)]
    NotWriter,
    /// A planned switchover is under way: repeat in a moment
    #[n(3)]
    Frozen,
    /// Too many are under way: repeat in a moment
    #[n(4)]
    Busy,
    /// Larger than a record may be
    #[n(5)]
    TooLarge,
    /// The disk is full
    #[n(6)]
    DiskFull,
    /// The writer did not answer in time; it may or may not be stored: repeat under the same name
    #[n(7)]
    Unknown,
    /// Another node became the writer before this was on both disks; it is kept under "made while apart"
    #[n(8)]
    Parked,
}

/// Something wrong with a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Problem {
    /// Dotted path, e.g. `account.101.password`
    #[n(0)]
    pub path: String,
    /// Line in the text, from 1; 0 when it belongs to none
    #[n(1)]
    pub line: u32,
    /// What is wrong and what to do
    #[n(2)]
    pub message: String,
}

/// Answer to a [`Forward`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Forwarded {
    /// Name of the transaction
    #[n(0)]
    pub id: String,
    /// What became of it
    #[n(1)]
    pub outcome: Outcome,
}

/// A message between two stores.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Message {
    /// Opening
    #[n(0)]
    Hello(#[n(0)] Hello),
    /// Records
    #[n(1)]
    Append(#[n(0)] Append),
    /// Records are on disk
    #[n(2)]
    Acknowledge(#[n(0)] Acknowledge),
    /// Records are wanted
    #[n(3)]
    Fetch(#[n(0)] Fetch),
    /// A transaction for the writer
    #[n(4)]
    Forward(#[n(0)] Forward),
    /// Outcome of a forwarded transaction
    #[n(5)]
    Forwarded(#[n(0)] Forwarded),
    /// An append was refused: the receiver knows this higher epoch
    #[n(6)]
    Fenced(#[n(0)] Epoch),
}

/// What a frame on the connection holds.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Frame {
    /// Session of the receiver as its [`Hello`] gave it (0 in a `Hello`): what answers an earlier one is dropped
    #[n(0)]
    pub session: u64,
    /// What is said
    #[n(1)]
    pub message: Message,
}

/// A frame could not be read.
#[derive(Debug, thiserror::Error)]
#[error("reading a replication frame of {bytes} octets")]
pub struct FrameError {
    /// Its length
    pub bytes: usize,
    /// Why
    #[source]
    pub cause: minicbor::decode::Error,
}

impl Frame {
    /// Octets of the frame.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        minicbor::to_vec(self).expect("a vector takes every octet and no field refuses to be encoded")
    }

    /// Reads a frame.
    ///
    /// # Errors
    /// The octets are no frame of this version or the one before.
    pub fn decode(octets: &[u8]) -> Result<Frame, FrameError> {
        minicbor::decode(octets).map_err(|cause| FrameError { bytes: octets.len(), cause })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DESIGN 5: what one node says the other reads; junk is an error, never a panic.
    #[test]
    fn frames_survive_the_way() {
        let stream = Stream::Register { node: "a".into(), journal: 7 };
        let position = Position { sequence: 3, hash: [9; RECORD_HASH_BYTES] };
        let epoch = Epoch { counter: 2, node: "a".into() };
        let messages = [
            Message::Hello(Hello {
                version: crate::VERSION,
                node: "a".into(),
                session: 1,
                epoch: epoch.clone(),
                writer: true,
                settings: vec![position],
                streams: vec![(stream.clone(), position)],
            }),
            Message::Append(Append {
                stream: stream.clone(),
                epoch: epoch.clone(),
                writer: true,
                first: 3,
                records: vec![ByteVec::from(vec![1, 2, 3])],
            }),
            Message::Acknowledge(Acknowledge { stream: stream.clone(), position }),
            Message::Fetch(Fetch { stream, after: vec![position], last: 9 }),
            Message::Forward(Forward { id: "t".into(), transaction: ByteVec::from(vec![4]) }),
            Message::Forwarded(Forwarded {
                id: "t".into(),
                outcome: Outcome::Refused {
                    refusal: Refusal::Invalid,
                    problems: vec![Problem { path: "sip.port".into(), line: 3, message: "no".into() }],
                },
            }),
            Message::Fenced(epoch),
        ];
        for message in messages {
            let frame = Frame { session: 5, message };
            let octets = frame.encode();
            assert_eq!(Frame::decode(&octets).unwrap(), frame);
            for length in 0..octets.len() {
                assert!(Frame::decode(&octets[..length]).is_err());
            }
        }
    }
}
