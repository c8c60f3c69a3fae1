//! What a record says: transactions, register entries and their envelope, in numbered CBOR.
//!
//! A field that is added is optional and takes a new number; a number is never used twice. What changes hands and what is
//! hashed are the encoded octets ([`Record::octets`]), never a second encoding, so that fields of a newer build
//! survive on an older one.

use minicbor::{Decode, Encode};
use model::Private;
use sha2::{Digest, Sha256};
use wire::heartbeat::Epoch;
use wire::replication::{Position, RECORD_HASH_BYTES, Stream};

/// Largest record, octets: one replication frame holds it with room to spare.
pub const RECORD_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What happened to an object (row U13).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Action {
    /// It is new
    #[n(0)]
    Create,
    /// It is different
    #[n(1)]
    Change,
    /// It is gone
    #[n(2)]
    Delete,
}

/// One object touched by a transaction: a row of the audit log (rows U8 to U15).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Row {
    /// What happened to it
    #[n(0)]
    pub action: Action,
    /// Kind of object, e.g. `account` (row U14)
    #[n(1)]
    pub object_type: String,
    /// Which one, e.g. `101`
    #[n(2)]
    pub object_key: String,
    /// For people (row U15)
    #[n(3)]
    pub description: String,
    /// The object before, in text form
    #[cbor(n(4), with = "private_option", has_nil)]
    pub before: Option<Private<String>>,
    /// The object after, in text form
    #[cbor(n(5), with = "private_option", has_nil)]
    pub after: Option<Private<String>>,
}

/// One change of the settings: all of it or nothing. The same record is audit log, undo list and replication.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Transaction {
    /// Named by the client; repeating it returns the first outcome (row U8)
    #[n(0)]
    pub id: String,
    /// Epoch of the writer that took it; set by the ledger
    #[n(1)]
    pub epoch: Epoch,
    /// Who (row U11)
    #[n(2)]
    pub author: String,
    /// From which address, or `local` (row U12)
    #[n(3)]
    pub source_address: String,
    /// When, milliseconds since 1970 UTC (rows U9, U10)
    #[n(4)]
    pub time_unix_ms: u64,
    /// What for, for people
    #[n(5)]
    pub description: String,
    /// Objects touched
    #[n(6)]
    pub rows: Vec<Row>,
}

/// One entry of a register: a call record, an event.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Entry {
    /// Named by the client; repeating it returns the first outcome
    #[n(0)]
    pub id: String,
    /// What it is, e.g. `call`
    #[n(1)]
    pub kind: String,
    /// When, milliseconds since 1970 UTC: decides the month it is kept under
    #[n(2)]
    pub time_unix_ms: u64,
    /// Its fields, as the owner of the kind writes them (JSON for calls)
    #[cbor(n(3), with = "private")]
    pub body: Private<String>,
}

/// A record that lost against the writer's: kept whole, with where it had stood.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ParkedRecord {
    /// The record's octets as they stood in the stream; [`Record::decode`] reads them
    #[cbor(n(0), with = "minicbor::bytes")]
    pub octets: Vec<u8>,
}

/// What a record is about.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Body {
    /// Settings
    #[n(0)]
    Transaction(#[n(0)] Transaction),
    /// Registers
    #[n(1)]
    Entry(#[n(0)] Entry),
    /// "Made while apart"
    #[n(2)]
    Parked(#[n(0)] ParkedRecord),
}

/// The fields of a record, as encoded.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Fields {
    /// Stream it belongs to
    #[n(0)]
    pub stream: Stream,
    /// Its number in the stream, from 1, without gaps
    #[n(1)]
    pub sequence: u64,
    /// Epoch in which it was written
    #[n(2)]
    pub epoch: Epoch,
    /// Node that wrote it
    #[n(3)]
    pub node: String,
    /// When, milliseconds since 1970 UTC
    #[n(4)]
    pub time_unix_ms: u64,
    /// Hash of the record before it in the stream (zeros for the first): a record vouches for all before it
    #[cbor(n(5), with = "minicbor::bytes")]
    pub previous: [u8; RECORD_HASH_BYTES],
    /// What it says
    #[n(6)]
    pub body: Body,
}

/// A record: its fields, its octets and their hash, which always belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    fields: Fields,
    octets: Vec<u8>,
    hash: [u8; RECORD_HASH_BYTES],
}

/// Octets are no record.
#[derive(Debug, thiserror::Error)]
#[error("reading a record of {bytes} octets (a newer version may have written it)")]
pub struct RecordError {
    /// How many octets
    pub bytes: usize,
    /// Why
    #[source]
    pub cause: minicbor::decode::Error,
}

impl Record {
    /// Encodes fields into a record.
    #[must_use]
    pub fn encode(fields: Fields) -> Record {
        let octets = minicbor::to_vec(&fields).expect("a vector takes every octet and no field refuses");
        let hash = hash_of(&octets);
        Record { fields, octets, hash }
    }

    /// Reads a record and keeps its octets as they are.
    ///
    /// # Errors
    /// The octets are no record that this build understands.
    pub fn decode(octets: Vec<u8>) -> Result<Record, RecordError> {
        match minicbor::decode::<Fields>(&octets) {
            Ok(fields) => Ok(Record { fields, hash: hash_of(&octets), octets }),
            Err(cause) => Err(RecordError { bytes: octets.len(), cause }),
        }
    }

    /// What it says.
    #[must_use]
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// Its octets, the same on every node.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Its sequence and hash.
    #[must_use]
    pub fn position(&self) -> Position {
        Position { sequence: self.fields.sequence, hash: self.hash }
    }

    /// The place it follows.
    #[must_use]
    pub fn predecessor(&self) -> Position {
        Position { sequence: self.fields.sequence.saturating_sub(1), hash: self.fields.previous }
    }

    /// The transaction, if it is one.
    #[must_use]
    pub fn transaction(&self) -> Option<&Transaction> {
        match &self.fields.body {
            Body::Transaction(transaction) => Some(transaction),
            Body::Entry(_) | Body::Parked(_) => None,
        }
    }

    /// The register entry, if it is one.
    #[must_use]
    pub fn entry(&self) -> Option<&Entry> {
        match &self.fields.body {
            Body::Entry(entry) => Some(entry),
            Body::Transaction(_) | Body::Parked(_) => None,
        }
    }
}

pub(crate) fn hash_of(octets: &[u8]) -> [u8; RECORD_HASH_BYTES] {
    let digest = Sha256::digest(octets);
    let mut hash = [0; RECORD_HASH_BYTES];
    hash.copy_from_slice(&digest[..RECORD_HASH_BYTES]);
    hash
}

/// `Private<String>` as a text.
mod private {
    use minicbor::decode::{Decoder, Error as DecodeError};
    use minicbor::encode::{Encoder, Error as EncodeError, Write};
    use model::Private;

    pub fn encode<C, W: Write>(
        value: &Private<String>,
        encoder: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        encoder.str(value.reveal())?.ok()
    }

    pub fn decode<C>(decoder: &mut Decoder<'_>, _: &mut C) -> Result<Private<String>, DecodeError> {
        Ok(Private::new(decoder.str()?.to_owned()))
    }
}

/// `Option<Private<String>>` as a text or null.
mod private_option {
    use minicbor::data::Type;
    use minicbor::decode::{Decoder, Error as DecodeError};
    use minicbor::encode::{Encoder, Error as EncodeError, Write};
    use model::Private;

    pub fn encode<C, W: Write>(
        value: &Option<Private<String>>,
        encoder: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        match value {
            Some(text) => encoder.str(text.reveal())?.ok(),
            None => encoder.null()?.ok(),
        }
    }

    pub fn decode<C>(decoder: &mut Decoder<'_>, _: &mut C) -> Result<Option<Private<String>>, DecodeError> {
        if decoder.datatype()? == Type::Null {
            decoder.null()?;
            return Ok(None);
        }
        Ok(Some(Private::new(decoder.str()?.to_owned())))
    }

    pub fn nil() -> Option<Option<Private<String>>> {
        Some(None)
    }

    pub fn is_nil(value: &Option<Private<String>>) -> bool {
        value.is_none()
    }
}
