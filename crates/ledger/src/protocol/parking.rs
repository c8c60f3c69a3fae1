//! "Made while apart": a tail that contradicts the other node's is kept, visible on both, and never discarded.

use wire::replication::Stream;

use super::Ledger;
use crate::disk::{Disk, DiskError};
use crate::io::{Event, Output};
use crate::journal::AppendError;
use crate::record::{Body, Fields, ParkedRecord, Record};

impl<D: Disk> Ledger<D> {
    /// Moves all records of a stream from `first` on to this node's parked stream: copied and synced there, then taken out
    /// here. A power cut in between leaves them in both, and the next conversation parks none twice. False: there is no
    /// room for the copy, nothing was changed.
    pub(super) fn park_from(&mut self, stream: &Stream, first: u64) -> Result<bool, DiskError> {
        let Some(stays) = self.journal.position(stream, first - 1)? else { return Ok(false) };
        let last = self.journal.end(stream).sequence;
        for sequence in first..=last {
            if let Some(record) = self.journal.read(stream, sequence)?
                && !self.park(&record)?
            {
                return Ok(false);
            }
        }
        self.commit_parked()?;
        self.journal.withdraw(stream, stays)?;
        self.outputs.push_back(Output::Withdrawn { stream: stream.clone(), after: stays.sequence });
        self.event(Event::Parked { stream: stream.clone(), first, last });
        self.finish_withdrawn(stream, stays.sequence);
        let cursor = self.link.cursors.entry(stream.clone()).or_default();
        cursor.restart(cursor.acknowledged.min(stays.sequence));
        cursor.blocked = true; // until the peer's records stand in their place
        Ok(true)
    }

    fn park(&mut self, record: &Record) -> Result<bool, DiskError> {
        let position = record.position();
        if self.parked.contains(&position.hash) {
            return Ok(true);
        }
        let end = self.journal.end(&self.own_parked);
        let parked = Record::encode(Fields {
            stream: self.own_parked.clone(),
            sequence: end.sequence + 1,
            epoch: self.epoch.clone(),
            node: self.setup.node.as_str().to_owned(),
            time_unix_ms: record.fields().time_unix_ms,
            previous: end.hash,
            body: Body::Parked(ParkedRecord { octets: record.octets().to_vec() }),
        });
        match self.journal.append(parked) {
            Ok(()) => {
                self.parked.insert(position.hash);
                Ok(true)
            }
            Err(AppendError::Fatal(error)) => Err(error),
            Err(AppendError::Full(_) | AppendError::DoesNotFollow { .. } | AppendError::TooLarge { .. }) => {
                Ok(false)
            }
        }
    }

    fn commit_parked(&mut self) -> Result<(), DiskError> {
        for record in self.journal.sync()? {
            self.outputs.push_back(Output::Stored(Box::new(record)));
        }
        self.durable_here();
        Ok(())
    }
}
