//! The protocol between the two stores, as one state machine for both roles.
//!
//! Commit order: append here, sync here (once for all that came together), append and sync at the peer, its
//! acknowledgement, then the answer to the client. The wait for the peer is bounded, and there is none while it is away.

mod greeting;
mod link;
mod parking;
mod receiving;
mod requests;
mod sending;
mod submitting;
mod switchover;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use model::Time;
use wire::heartbeat::Epoch;
use wire::replication::{Message, RECORD_HASH_BYTES, Stream};

use crate::disk::{Disk, DiskError};
use crate::io::{Event, Input, InputError, Output, Setup, Status};
use crate::journal::{AppendError, Journal, OpenError, Recovery};
use crate::record::{Body, Record};
use link::Link;
use requests::Requests;
pub use switchover::FLUSH_WAIT;
use switchover::Flush;

/// Longest wait for the peer's acknowledgement before the answer says `protected: false`.
pub const PEER_WAIT: Duration = Duration::from_millis(500);
/// Quiet time after which the ends of the streams are noted behind their last records.
const MARK_AFTER: Duration = Duration::from_secs(1);

/// Who writes settings, as this node knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Role {
    epoch: Epoch,
    writer: bool,
}

/// The protocol between the two nodes, over a journal.
#[derive(Debug)]
pub struct Ledger<D> {
    journal: Journal<D>,
    setup: Setup,
    now: Time,
    /// What this node's call records and events are
    own_register: Stream,
    /// What this node made while apart
    own_parked: Stream,
    role: Role,
    /// Highest epoch known: from the role, the peer and the settings themselves
    epoch: Epoch,
    requests: Requests,
    link: Link,
    /// Hashes of the records that this node has parked: a repetition after a power cut parks none twice
    parked: BTreeSet<[u8; RECORD_HASH_BYTES]>,
    /// Transactions are refused
    frozen: bool,
    flush: Option<Flush>,
    /// Streams that must first grow to a sequence (the peer has more of them), until when at the latest
    awaited: BTreeMap<Stream, (u64, Time)>,
    mark_at: Option<Time>,
    outputs: VecDeque<Output>,
    stopped: bool,
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
        let mut requests = Requests::default();
        let mut parked = BTreeMap::new();
        let mut epoch = Epoch::default();
        let (journal, recovery) =
            Journal::open(disk, &setup.node, setup.seed, setup.segment_bytes_max, &mut |record| {
                visit(record);
                requests.remember(record);
                let fields = record.fields();
                if fields.stream == Stream::Settings && fields.epoch > epoch {
                    epoch = fields.epoch.clone();
                }
                if let Body::Parked(original) = &fields.body {
                    parked.insert(crate::record::hash_of(&original.octets), fields.stream.clone());
                }
            })?;
        let (node, identity) = (setup.node.as_str().to_owned(), journal.identity());
        let own_parked = Stream::Parked { node: node.clone(), journal: identity };
        let parked = parked.into_iter().filter(|(_, stream)| *stream == own_parked).map(|(hash, _)| hash);
        let ledger = Ledger {
            now: Time::ZERO,
            own_register: Stream::Register { node, journal: identity },
            parked: parked.collect(),
            own_parked,
            role: Role::default(),
            epoch,
            requests,
            link: Link::new(setup.seed),
            frozen: false,
            flush: None,
            awaited: BTreeMap::new(),
            mark_at: None,
            outputs: VecDeque::new(),
            stopped: false,
            journal,
            setup,
        };
        Ok((ledger, recovery))
    }

    /// One input. Hand in all that waits, then call [`Ledger::poll_output`] until [`Output::Timeout`].
    ///
    /// # Errors
    /// The shell made a mistake.
    pub fn handle_input(&mut self, now: Time, input: Input<'_>) -> Result<(), InputError> {
        if self.stopped {
            return Err(InputError::Stopped);
        }
        if now < self.now {
            return Err(InputError::TimeRanBackwards { now, last: self.now });
        }
        self.now = now;
        let done = match input {
            Input::Timeout => self.time_passed(),
            Input::Submit(transaction) => self.submit(transaction),
            Input::Refuse { id, problems } => {
                self.refuse(&id, problems);
                Ok(())
            }
            Input::Record(entry) => self.record(entry),
            Input::Role { epoch, writer } => self.take_role(Role { epoch, writer }),
            Input::LinkUp => {
                self.link_up();
                Ok(())
            }
            Input::LinkDown => {
                self.link_down();
                Ok(())
            }
            Input::Frame(octets) => self.frame(octets),
            Input::Flush => self.begin_flush(),
            Input::Thaw => {
                self.thaw();
                Ok(())
            }
        };
        self.stop_on_error(done);
        Ok(())
    }

    /// The next output; call until [`Output::Timeout`]. The first call after inputs syncs the disk.
    pub fn poll_output(&mut self) -> Output {
        loop {
            if let Some(output) = self.outputs.pop_front() {
                return output;
            }
            if self.stopped {
                return Output::Timeout(Time::MAX);
            }
            let worked = self.commit().and_then(|()| self.link_timeout()).and_then(|()| self.pump());
            self.stop_on_error(worked);
            if self.outputs.is_empty() && !self.journal.is_dirty() {
                return Output::Timeout(self.next_timeout());
            }
        }
    }

    /// The journal, to read from.
    #[must_use]
    pub fn journal(&self) -> &Journal<D> {
        &self.journal
    }

    /// State for people and for the bus.
    #[must_use]
    pub fn status(&self) -> Status {
        let count = |wanted: &dyn Fn(&Stream) -> bool| {
            self.journal.ends().filter(|(s, _)| wanted(s)).map(|(s, _)| self.journal.count(s)).sum()
        };
        Status {
            writer: self.is_writer(),
            frozen: self.frozen,
            epoch: self.epoch.clone(),
            settings: self.journal.end(&Stream::Settings),
            state_hash: self.journal.state_hash(),
            peer_connected: self.link.is_greeted(),
            unprotected: self.unprotected(),
            entries: count(&|stream| matches!(stream, Stream::Register { .. })),
            parked: count(&|stream| matches!(stream, Stream::Parked { .. })),
            missing: self.journal.missing(),
        }
    }

    /// This node writes settings: it was told so, and nobody is known who was told so later.
    fn is_writer(&self) -> bool {
        self.role.writer && self.role.epoch >= self.epoch
    }

    /// Syncs what was appended; all that waits for it goes on.
    fn commit(&mut self) -> Result<(), DiskError> {
        if self.journal.is_dirty() {
            let records = self.journal.sync()?;
            self.mark_at = Some(self.now + MARK_AFTER);
            for record in records {
                self.outputs.push_back(Output::Stored(Box::new(record)));
            }
            self.durable_here();
        }
        self.send_acknowledgements();
        self.release_held()?;
        self.check_flush();
        Ok(())
    }

    fn time_passed(&mut self) -> Result<(), DiskError> {
        if self.mark_at.is_some_and(|at| at <= self.now) && !self.journal.is_dirty() {
            self.mark_at = None;
            match self.journal.mark() {
                // A mark can wait for room; what it vouches for is durable without it.
                Ok(()) | Err(AppendError::Full(_)) => {}
                Err(AppendError::Fatal(error)) => return Err(error),
                Err(AppendError::DoesNotFollow { .. } | AppendError::TooLarge { .. }) => {
                    debug_assert!(false, "a mark is small and in no stream");
                }
            }
        }
        self.requests_timeout();
        Ok(())
    }

    fn next_timeout(&self) -> Time {
        let times = [
            self.mark_at,
            self.requests.next_timeout(),
            self.link.next_timeout(!self.journal.missing().is_empty()),
            self.flush.as_ref().map(|flush| flush.until),
            self.awaited.values().map(|(_, until)| *until).min(),
        ];
        times.into_iter().flatten().min().unwrap_or(Time::MAX)
    }

    /// A higher epoch than any known fences the writer of an older one.
    fn learn_epoch(&mut self, epoch: &Epoch) {
        if *epoch <= self.epoch {
            return;
        }
        let was_writer = self.is_writer();
        self.epoch = epoch.clone();
        if was_writer && !self.is_writer() {
            self.event(Event::Fenced { epoch: epoch.clone() });
        }
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    fn send(&mut self, message: Message) {
        if let Some(frame) = self.link.frame(message) {
            self.outputs.push_back(Output::Send(frame.encode()));
        }
    }

    fn stop_on_error(&mut self, done: Result<(), DiskError>) {
        if let Err(error) = done {
            self.stopped = true;
            // Nothing that is still to be said is certain any more.
            self.outputs.clear();
            self.outputs.push_back(Output::Stop(error));
        }
    }
}
