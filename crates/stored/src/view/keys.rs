//! Keys of the view: one letter for the table, then what orders it. All tables share one tree, so that a record and the
//! progress it makes are written at once.

use std::ops::Range;

use ledger::Stream;
use model::ObjectKey;

use super::object_of;
use crate::clock::Period;

/// Between the two parts of an object's key; no kind contains it.
const SEPARATOR: u8 = 0;

/// A table of the view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Table {
    /// time, sequence → key of the transaction
    Audit = b'a',
    /// time, stream, sequence → JSON
    Call = b'c',
    /// → version of the layout
    Layout = b'l',
    /// kind, key → canonical text
    Object = b'o',
    /// stream → progress
    Progress = b'p',
    /// sequence → record
    Settings = b's',
    /// name → key of the transaction
    TransactionName = b't',
    /// stream, sequence → record
    Parked = b'x',
}

impl Table {
    const fn letter(self) -> u8 {
        self as u8
    }

    /// A key of this table.
    pub(super) fn key(self, rest: &[u8]) -> Vec<u8> {
        [&[self.letter()], rest].concat()
    }

    /// First key after this table.
    pub(super) fn end(self) -> Vec<u8> {
        vec![self.letter() + 1]
    }

    /// Keys that begin with a time of this period.
    pub(super) fn range(self, period: Period) -> Range<Vec<u8>> {
        let until =
            if period == Period::ALL { self.end() } else { self.key(&period.until_unix_ms.to_be_bytes()) };
        self.key(&period.from_unix_ms.to_be_bytes())..until
    }
}

pub(super) fn audit(time_unix_ms: u64, sequence: u64) -> Vec<u8> {
    Table::Audit.key(&[time_unix_ms.to_be_bytes(), sequence.to_be_bytes()].concat())
}

pub(super) fn call(time_unix_ms: u64, stream: &Stream, sequence: u64) -> Vec<u8> {
    Table::Call.key(&[&time_unix_ms.to_be_bytes()[..], &stream_key(stream), &sequence.to_be_bytes()].concat())
}

pub(super) fn parked(stream: &Stream, sequence: u64) -> Vec<u8> {
    // A time of zero, so that all keys with a stream have one shape.
    Table::Parked.key(&[&[0; 8][..], &stream_key(stream), &sequence.to_be_bytes()].concat())
}

/// A key made by [`call`] or [`parked`] is of this stream.
pub(super) fn names_stream(key: &[u8], stream: &[u8]) -> bool {
    key.get(9..key.len().saturating_sub(8)) == Some(stream)
}

pub(super) fn object(object_type: &str, object_key: &str) -> Vec<u8> {
    Table::Object.key(&[object_type.as_bytes(), &[SEPARATOR], object_key.as_bytes()].concat())
}

pub(super) fn read_object(key: &[u8]) -> Option<ObjectKey> {
    let (object_type, object_key) =
        std::str::from_utf8(key.get(1..)?).ok()?.split_once(char::from(SEPARATOR))?;
    object_of(object_type, object_key)
}

pub(super) fn stream_key(stream: &Stream) -> Vec<u8> {
    minicbor::to_vec(stream).expect("a vector takes every octet")
}

/// The number that stands at `offset`.
pub(super) fn number_at(key: &[u8], offset: usize) -> Option<u64> {
    Some(u64::from_be_bytes(key.get(offset..offset + 8)?.try_into().ok()?))
}
