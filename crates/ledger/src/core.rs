//! The protocol core.

use model::Time;

use crate::disk::Disk;
use crate::io::{Input, InputError, Output, Setup, Status};
use crate::journal::{Journal, OpenError, Recovery};
use crate::record::Record;

/// The protocol between the two nodes, over a journal.
#[derive(Debug)]
pub struct Ledger<D> {
    journal: Journal<D>,
    setup: Setup,
}

impl<D: Disk> Ledger<D> {
    /// Opens the journal on `disk` and hands every record in it to `visit`.
    ///
    /// # Errors
    /// As for [`Journal::open`].
    pub fn open(
        disk: D,
        setup: Setup,
        visit: &mut dyn FnMut(&Record),
    ) -> Result<(Ledger<D>, Recovery), OpenError> {
        let (journal, recovery) =
            Journal::open(disk, &setup.node, setup.seed, setup.segment_bytes_max, visit)?;
        Ok((Ledger { journal, setup }, recovery))
    }

    /// One input.
    ///
    /// # Errors
    /// The shell made a mistake.
    pub fn handle_input(&mut self, _now: Time, _input: Input<'_>) -> Result<(), InputError> {
        Ok(())
    }

    /// The next output; call until [`Output::Timeout`].
    pub fn poll_output(&mut self) -> Output {
        Output::Timeout(Time::MAX)
    }

    /// The journal, to read from.
    #[must_use]
    pub fn journal(&self) -> &Journal<D> {
        &self.journal
    }

    /// State for people and for the bus.
    #[must_use]
    pub fn status(&self) -> Status {
        let _ = &self.setup;
        Status {
            writer: false,
            frozen: false,
            epoch: crate::Epoch::default(),
            settings: self.journal.end(&crate::Stream::Settings),
            state_hash: self.journal.state_hash(),
            peer_connected: false,
            unprotected: 0,
            entries: 0,
            parked: 0,
            missing: self.journal.missing(),
        }
    }
}
