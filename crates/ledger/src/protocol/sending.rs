//! What goes to the peer: records it lacks, within a window; acknowledgements; answers to wishes.

use minicbor::bytes::ByteVec;
use wire::replication::{Acknowledge, Append, Fetch, Message, Position, Stream};

use super::Ledger;
use crate::disk::{Disk, DiskError};
use crate::io::Event;

/// Records in one append: no more are begun after this many octets.
const CHUNK_BYTES: usize = 256 * 1024;
/// Records in one append, at most.
const CHUNK_RECORDS_MAX: usize = 1_000;
/// Octets of one stream under way without an acknowledgement; the next chunk waits.
const WINDOW_BYTES: usize = 1024 * 1024;

impl<D: Disk> Ledger<D> {
    /// Sends what the peer lacks, as far as the windows allow. Everything in the journal is synced at this point.
    pub(super) fn pump(&mut self) -> Result<(), DiskError> {
        if !self.link.is_greeted() || self.journal.is_dirty() {
            return Ok(());
        }
        let ends: Vec<(Stream, u64)> =
            self.journal.ends().map(|(stream, end)| (stream.clone(), end.sequence)).collect();
        for (stream, end) in ends {
            loop {
                let cursor = self.link.cursors.entry(stream.clone()).or_default();
                if cursor.blocked || cursor.sent >= end || cursor.bytes_under_way() >= WINDOW_BYTES {
                    break;
                }
                let first = cursor.sent + 1;
                let records = self.chunk(&stream, first, end)?;
                let Some(last) = (records.len() as u64).checked_sub(1).map(|more| first + more) else {
                    break; // a gap of our own: what follows it waits until the peer or the operator fills it
                };
                let bytes = records.iter().map(|record| record.len()).sum();
                if let Some(cursor) = self.link.cursors.get_mut(&stream) {
                    cursor.sent(last, bytes, self.now);
                }
                self.send_records(stream.clone(), first, records);
            }
        }
        self.check_agreement();
        Ok(())
    }

    /// The peer has records on its disk.
    pub(super) fn acknowledge_came(&mut self, acknowledge: &Acknowledge) -> Result<(), DiskError> {
        let Acknowledge { stream, position } = acknowledge;
        let here = self.journal.position(stream, position.sequence)?;
        if here != Some(*position) {
            return Ok(()); // withdrawn meanwhile
        }
        let now = self.now;
        if let Some(cursor) = self.link.cursors.get_mut(stream) {
            cursor.acknowledge(position.sequence, now);
        }
        self.durable_at_peer(stream, position.sequence);
        self.check_flush();
        Ok(())
    }

    /// The peer lacks records: a part of them at once, or all from a common place on through the window.
    pub(super) fn fetch_came(&mut self, fetch: &Fetch) -> Result<(), DiskError> {
        let Fetch { stream, after, last } = fetch;
        let common = self.common(stream, after)?;
        let end = self.journal.end(stream).sequence;
        if *last >= end {
            let cursor = self.link.cursors.entry(stream.clone()).or_default();
            cursor.restart(common.sequence);
            return Ok(());
        }
        let records = self.chunk(stream, common.sequence + 1, *last)?;
        if !records.is_empty() {
            self.send_records(stream.clone(), common.sequence + 1, records);
        }
        Ok(())
    }

    /// Everything received is synced: say so.
    pub(super) fn send_acknowledgements(&mut self) {
        for (stream, position) in std::mem::take(&mut self.link.to_acknowledge) {
            self.send(Message::Acknowledge(Acknowledge { stream, position }));
        }
    }

    /// The peer has this record on its disk, as far as it has said since this node's start.
    pub(super) fn is_acknowledged(&self, stream: &Stream, sequence: u64) -> bool {
        self.came_from_peer(stream)
            || self.link.cursors.get(stream).is_some_and(|cursor| cursor.acknowledged >= sequence)
    }

    /// Records that the peer has not acknowledged since this node's start.
    pub(super) fn unprotected(&self) -> u64 {
        let ends = self.journal.ends().filter(|(stream, _)| !self.came_from_peer(stream));
        ends.map(|(stream, end)| {
            let acknowledged = self.link.cursors.get(stream).map_or(0, |cursor| cursor.acknowledged);
            end.sequence.saturating_sub(acknowledged)
        })
        .sum()
    }

    fn came_from_peer(&self, stream: &Stream) -> bool {
        match (stream, &self.setup.peer) {
            (Stream::Register { node, .. } | Stream::Parked { node, .. }, Some(peer)) => {
                node == peer.as_str()
            }
            _ => false,
        }
    }

    fn check_agreement(&mut self) {
        let ends = self.journal.ends();
        let sent = ends.into_iter().all(|(stream, end)| {
            self.link.cursors.get(stream).is_some_and(|c| !c.blocked && c.acknowledged >= end.sequence)
        });
        let announced = &self.link.announced;
        let received = announced.iter().all(|(stream, end)| self.journal.end(stream).sequence >= *end);
        let agreed =
            sent && received && self.journal.missing().is_empty() && self.link.to_acknowledge.is_empty();
        if agreed && !self.link.agreed {
            self.link.agreed = true;
            self.event(Event::Agreed);
        }
    }

    fn send_records(&mut self, stream: Stream, first: u64, records: Vec<ByteVec>) {
        let (epoch, writer) = (self.epoch.clone(), self.is_writer());
        self.send(Message::Append(Append { stream, epoch, writer, first, records }));
    }

    fn chunk(&self, stream: &Stream, first: u64, last: u64) -> Result<Vec<ByteVec>, DiskError> {
        let (mut records, mut bytes) = (Vec::new(), 0);
        for sequence in first..=last {
            let Some(record) = self.journal.read(stream, sequence)? else { break };
            bytes += record.octets().len();
            records.push(ByteVec::from(record.octets().to_vec()));
            if bytes >= CHUNK_BYTES || records.len() >= CHUNK_RECORDS_MAX {
                break;
            }
        }
        Ok(records)
    }

    /// What was received of a stream up to `position` is to be acknowledged after the next sync.
    pub(super) fn acknowledge_later(&mut self, stream: &Stream, position: Position) {
        self.link.to_acknowledge.insert(stream.clone(), position);
        let whole = self.journal.end(stream) == position;
        let cursor = self.link.cursors.entry(stream.clone()).or_default();
        cursor.acknowledge(position.sequence, self.now);
        cursor.blocked &= !whole;
    }
}
