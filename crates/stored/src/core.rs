//! The one owner of the ledger, on a thread of its own: its calls write and sync the disk, and nobody else may wait for
//! that. Requests that arrive while a sync is under way become the next group and share its sync.

mod open;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use ledger::{
    Disk, DiskError, Event, Input, Ledger, Outcome, Output, Problem, Record, Request, Stream, Transaction,
};
use model::Time;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use crate::clock;
use crate::handle::{Command, CoreStatus, InForce, Submission};
use crate::view::{CALL, View, ViewError};

pub use open::{OpenFailed, Opened, Setup, open};

/// Most commands that share one sync.
const GROUP_MAX: usize = 256;
/// The owner wakes at least this often and says that it is alive, but not more often.
const WAKE: Duration = Duration::from_secs(1);
/// Transactions of the peer that wait for their review.
pub const REVIEWS_MAX: usize = 64;

/// The store cannot go on: what is durable is no longer certain, or cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum CoreError {
    /// The disk failed
    #[error("the journal's disk has failed; the store ends so that it acknowledges nothing it may not have")]
    Disk(#[source] DiskError),
    /// The view failed, and again when it was made anew
    #[error("the view can be neither written nor made anew")]
    View(#[source] ViewError),
}

/// The owner.
pub struct Core<D> {
    ledger: Ledger<D>,
    view: View,
    commands: mpsc::Receiver<Command>,
    in_force: watch::Sender<InForce>,
    reviews: mpsc::Sender<Transaction>,
    runtime: Handle,
    /// Time of the last input: the core's time never runs backwards
    last: Time,
    waiting: BTreeMap<Request, Vec<Waiting>>,
    flushing: Vec<oneshot::Sender<u64>>,
    rebuilding: Vec<oneshot::Sender<Result<u64, String>>>,
    link: Option<(u64, mpsc::Sender<Vec<u8>>)>,
    /// Inputs that came up while outputs were taken
    deferred: VecDeque<Deferred>,
    /// Requests that are answered when their records are in the view and in force
    finished: Vec<(Request, Outcome)>,
    settings_changed: bool,
    call_records: u64,
    /// Corruption found at start
    quarantined: Vec<String>,
}

/// Who waits for a request.
enum Waiting {
    Transaction(oneshot::Sender<Submission>),
    Entry(oneshot::Sender<Outcome>),
}

enum Deferred {
    LinkDown,
    Refuse { id: String, problems: Vec<Problem> },
}

/// Whether more commands may join the group.
#[derive(PartialEq, Eq)]
enum Group {
    Open,
    Closed,
}

impl<D: Disk> Core<D> {
    /// Works until all handles are gone.
    ///
    /// # Errors
    /// [`CoreError`]: the process must end.
    pub fn run(mut self) -> Result<(), CoreError> {
        let (mut due, mut said_alive) = (Time::ZERO, Time::ZERO);
        loop {
            match self.next(due) {
                Some(Some(command)) => self.take_group(command),
                Some(None) => return Ok(()),
                None => self.input(Input::Timeout),
            }
            due = self.drain()?;
            if self.last.since(said_alive) >= WAKE {
                said_alive = self.last;
                daemon::readiness::alive();
            }
        }
    }

    /// The next command, `Some(None)` when there will be none, `None` when `due` has come.
    fn next(&mut self, due: Time) -> Option<Option<Command>> {
        let patience = due.since(clock::now()).min(WAKE);
        let runtime = self.runtime.clone();
        runtime.block_on(async { timeout(patience, self.commands.recv()).await.ok() })
    }

    /// Takes `first` and all that wait behind it, up to a transaction: the next one must see what this one changed.
    fn take_group(&mut self, first: Command) {
        let mut command = first;
        for _ in 0..GROUP_MAX {
            if self.take(command) == Group::Closed {
                return;
            }
            match self.commands.try_recv() {
                Ok(next) => command = next,
                Err(_) => return,
            }
        }
    }

    fn take(&mut self, command: Command) -> Group {
        match command {
            Command::Submit { transaction, base, answer } => {
                if base.is_some_and(|base| base != self.revision()) {
                    let _gone = answer.send(Submission::Stale);
                    return Group::Open;
                }
                self.wait_for(Request::Transaction(transaction.id.clone()), Waiting::Transaction(answer));
                self.input(Input::Submit(transaction));
                return Group::Closed;
            }
            Command::Approve { transaction, base, answer } => {
                let current = base == self.revision();
                if current {
                    self.input(Input::Submit(transaction));
                }
                let _gone = answer.send(current);
                return Group::Closed;
            }
            Command::Refuse { id, problems } => self.input(Input::Refuse { id, problems }),
            Command::Record { entry, answer } => {
                self.wait_for(Request::Entry(entry.id.clone()), Waiting::Entry(answer));
                self.input(Input::Record(entry));
            }
            Command::Role { epoch, writer } => {
                self.input(Input::Role { epoch, writer });
                // A change of role ends a flush, but whoever waits for it still wants everything to be at the peer.
                if !self.flushing.is_empty() {
                    self.input(Input::Flush);
                }
            }
            Command::LinkUp { link, frames } => {
                if self.link.replace((link, frames)).is_some() {
                    self.input(Input::LinkDown);
                }
                self.input(Input::LinkUp);
            }
            Command::LinkDown { link } if self.is_current(link) => {
                self.link = None;
                self.input(Input::LinkDown);
            }
            Command::Frame { link, octets } if self.is_current(link) => self.input(Input::Frame(&octets)),
            Command::LinkDown { .. } | Command::Frame { .. } => {}
            Command::Flush { answer } => {
                self.flushing.push(answer);
                self.input(Input::Flush);
            }
            Command::Thaw => self.input(Input::Thaw),
            Command::Status { answer } => {
                let _gone = answer.send(self.status());
            }
            Command::Rebuild { answer } => self.rebuilding.push(answer),
        }
        Group::Open
    }

    fn input(&mut self, input: Input<'_>) {
        self.last = self.last.max(clock::now());
        if let Err(error) = self.ledger.handle_input(self.last, input) {
            log::error!(error:% = error; "the ledger refused an input");
        }
    }

    /// Takes outputs until there are none, brings what was stored into force, then answers. Returns when the ledger
    /// wants its next turn.
    fn drain(&mut self) -> Result<Time, CoreError> {
        let due = loop {
            match self.ledger.poll_output() {
                Output::Timeout(due) => match self.deferred.pop_front() {
                    None => break due,
                    Some(Deferred::LinkDown) => self.input(Input::LinkDown),
                    Some(Deferred::Refuse { id, problems }) => self.input(Input::Refuse { id, problems }),
                },
                Output::Send(frame) => self.send(frame),
                Output::Stored(record) => self.stored(&record)?,
                Output::Withdrawn { stream, after } => self.withdrawn(&stream, after)?,
                Output::Finished { request, outcome } => self.finished.push((request, outcome)),
                Output::Review(transaction) => self.review(*transaction),
                Output::Flushed { unacknowledged } => {
                    for answer in self.flushing.drain(..) {
                        let _gone = answer.send(unacknowledged);
                    }
                }
                Output::Event(event) => tell(&event),
                Output::CloseLink => self.close_link(),
                Output::Stop(error) => return Err(CoreError::Disk(error)),
            }
        };
        // Not before everything stored so far has been taken: it would be taken twice.
        for answer in std::mem::take(&mut self.rebuilding) {
            let rebuilt = self.rebuild().map_err(|error| format!("{:#}", anyhow::Error::new(error)));
            let _gone = answer.send(rebuilt);
        }
        self.bring_into_force()?;
        for (request, outcome) in std::mem::take(&mut self.finished) {
            for waiting in self.waiting.remove(&request).unwrap_or_default() {
                let _gone = match waiting {
                    Waiting::Transaction(answer) => {
                        answer.send(Submission::Finished(outcome.clone())).map_err(drop)
                    }
                    Waiting::Entry(answer) => answer.send(outcome.clone()).map_err(drop),
                };
            }
        }
        Ok(due)
    }

    fn send(&mut self, frame: Vec<u8>) {
        let Some((_, frames)) = &self.link else { return };
        if frames.try_send(frame).is_err() {
            log::warn!("the peer's store does not take its frames; the connection is made anew");
            self.close_link();
        }
    }

    fn close_link(&mut self) {
        if self.link.take().is_some() {
            self.deferred.push_back(Deferred::LinkDown);
        }
    }

    fn stored(&mut self, record: &Record) -> Result<(), CoreError> {
        self.settings_changed |= record.transaction().is_some();
        self.call_records += u64::from(record.entry().is_some_and(|entry| entry.kind == CALL));
        match self.view.take(record) {
            Ok(()) => Ok(()),
            Err(error) => self.recover_view(&error),
        }
    }

    fn withdrawn(&mut self, stream: &Stream, after: u64) -> Result<(), CoreError> {
        self.settings_changed |= *stream == Stream::Settings;
        match self.view.withdraw(stream, after) {
            Ok(()) => {
                self.call_records = self.view.call_count();
                Ok(())
            }
            Err(error) => self.recover_view(&error),
        }
    }

    /// A view that failed is made anew once; the journal has everything.
    fn recover_view(&mut self, error: &ViewError) -> Result<(), CoreError> {
        log::error!(error:% = error; "the view failed and is made anew from the journal");
        self.rebuild().map(drop)
    }

    fn rebuild(&mut self) -> Result<u64, CoreError> {
        let mut failure = self.view.clear().err();
        let mut take = |record: &Record| {
            if failure.is_none() {
                failure = self.view.take(record).err();
            }
        };
        let count = self.ledger.journal().for_each(&mut take).map_err(CoreError::Disk)?;
        if let Some(failure) = failure {
            return Err(CoreError::View(failure));
        }
        self.call_records = self.view.call_count();
        self.settings_changed = true;
        log::info!(records = count; "the view was made anew from the journal");
        Ok(count)
    }

    fn bring_into_force(&mut self) -> Result<(), CoreError> {
        if !std::mem::take(&mut self.settings_changed) {
            return Ok(());
        }
        let in_force = read_in_force(&self.view).map_err(CoreError::View)?;
        log::info!(revision = in_force.revision; "settings stored");
        self.in_force.send_replace(in_force);
        Ok(())
    }

    fn review(&mut self, transaction: Transaction) {
        if let Err(error) = self.reviews.try_send(transaction) {
            let transaction = error.into_inner();
            let message = "too many transactions wait for their check; repeat it in a moment".to_owned();
            let problems = vec![Problem { path: String::new(), line: 0, message }];
            self.deferred.push_back(Deferred::Refuse { id: transaction.id, problems });
        }
    }

    fn wait_for(&mut self, request: Request, waiting: Waiting) {
        self.waiting.entry(request).or_default().push(waiting);
    }

    fn is_current(&self, link: u64) -> bool {
        self.link.as_ref().is_some_and(|(current, _)| *current == link)
    }

    fn revision(&self) -> u64 {
        self.in_force.borrow().revision
    }

    fn status(&self) -> CoreStatus {
        let ledger = self.ledger.status();
        let missing = ledger.missing.iter().map(|gap| {
            let (stream, first, last) = (name_of(&gap.stream), gap.first, gap.last);
            format!(
                "{stream}: records {first} to {last} are missing; they are fetched when the peer has them"
            )
        });
        let quarantined = self.quarantined.iter().cloned().chain(missing).collect();
        CoreStatus { call_records: self.call_records, quarantined, ledger }
    }
}

/// The configuration in force, as the view has it.
fn read_in_force(view: &View) -> Result<InForce, ViewError> {
    Ok(InForce { revision: view.revision()?, objects: Arc::new(view.objects()?) })
}

fn name_of(stream: &Stream) -> String {
    match stream {
        Stream::Settings => "settings".to_owned(),
        Stream::Register { node, .. } => format!("register of node {node}"),
        Stream::Parked { node, .. } => format!("settings made while apart on node {node}"),
    }
}

fn tell(event: &Event) {
    match event {
        Event::PeerConnected { settings } => {
            log::info!(peer_revision = settings.sequence; "the peer's store is connected");
        }
        Event::PeerDisconnected => log::warn!("the peer's store is gone; what is stored now is unprotected"),
        Event::Agreed => log::info!("both stores hold the same"),
        Event::Fenced { epoch } => {
            log::warn!(epoch = epoch.counter, holder = epoch.node.as_str(); "another node writes settings now");
        }
        Event::AppendRefused { epoch } => {
            log::warn!(epoch = epoch.counter, writer = epoch.node.as_str(); "settings of an old epoch refused");
        }
        Event::Parked { stream, first, last } => {
            let stream = name_of(stream);
            log::warn!(stream = stream.as_str(), first = first, last = last; "kept as made while apart");
        }
        Event::Repaired(gap) => {
            let stream = name_of(&gap.stream);
            log::info!(stream = stream.as_str(), first = gap.first, last = gap.last; "fetched again from the peer");
        }
        Event::BadFrame { reason } => {
            log::warn!(reason = reason.as_str(); "unreadable frame of the peer's store");
        }
    }
}
