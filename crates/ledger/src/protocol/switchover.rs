//! Change of the writer, and the flush that comes before a planned one.

use std::collections::BTreeMap;
use std::time::Duration;

use model::Time;
use wire::replication::Stream;

use super::requests::Held;
use super::{Ledger, Role};
use crate::disk::{Disk, DiskError};
use crate::io::{Event, Output};

/// Longest time for bringing everything to the peer before a planned switchover.
pub const FLUSH_WAIT: Duration = Duration::from_secs(2);

/// A flush under way.
#[derive(Debug)]
pub(super) struct Flush {
    /// Ends that the peer must have
    targets: BTreeMap<Stream, u64>,
    /// The answer comes by then
    pub(super) until: Time,
}

impl<D: Disk> Ledger<D> {
    /// The HA agent says who serves.
    pub(super) fn take_role(&mut self, role: Role) -> Result<(), DiskError> {
        if role == self.role {
            return Ok(());
        }
        let (was_writer, is_later) = (self.is_writer(), role.epoch > self.epoch);
        if is_later {
            self.epoch = role.epoch.clone();
        }
        self.role = role;
        // Only now: the later epoch may be this node's own.
        if was_writer && is_later && !self.is_writer() {
            self.event(Event::Fenced { epoch: self.epoch.clone() });
        }
        self.thaw();
        if !self.is_writer() {
            self.submit_held_again()?;
        }
        self.greet_again();
        Ok(())
    }

    /// No new transactions; everything that is here goes to the peer.
    pub(super) fn begin_flush(&mut self) -> Result<(), DiskError> {
        self.frozen = true;
        self.submit_held_again()?;
        let targets = self.journal.ends().map(|(stream, end)| (stream.clone(), end.sequence)).collect();
        let wait = if self.setup.peer.is_some() { FLUSH_WAIT } else { Duration::ZERO };
        self.flush = Some(Flush { targets, until: self.now + wait });
        Ok(())
    }

    /// Transactions are welcome again.
    pub(super) fn thaw(&mut self) {
        self.frozen = false;
        self.flush = None;
    }

    /// Answers a flush that is complete, or late.
    pub(super) fn check_flush(&mut self) {
        let Some(flush) = &self.flush else { return };
        let lacking = |(stream, end): (&Stream, &u64)| {
            let cursor = self.link.cursors.get(stream).filter(|_| self.link.is_greeted());
            end.saturating_sub(cursor.map_or(0, |cursor| cursor.acknowledged))
        };
        let unacknowledged = flush.targets.iter().map(lacking).sum();
        if unacknowledged == 0 || flush.until <= self.now {
            self.flush = None;
            self.outputs.push_back(Output::Flushed { unacknowledged });
        }
    }

    /// Transactions that were held as long as this node was to write them are refused or forwarded.
    fn submit_held_again(&mut self) -> Result<(), DiskError> {
        let held = std::mem::take(&mut self.requests.held);
        for request in held {
            match request {
                Held::Transaction(transaction) => self.submit(transaction)?,
                Held::Entry(_) => self.requests.held.push_back(request),
            }
        }
        Ok(())
    }
}
