//! How the rest of the daemon talks to the task that owns the ledger: commands through a bounded channel, answers
//! through one-shot channels, the configuration in force through a watch.

use std::sync::Arc;

use ledger::{Entry, Epoch, Outcome, Problem, Transaction};
use tokio::sync::{mpsc, oneshot, watch};

use crate::view::{Objects, View};

/// Commands that wait for the owner of the ledger; more make their senders wait.
pub const COMMANDS_MAX: usize = 1024;
/// Frames to the peer that wait for the network; a peer that leaves more unread is disconnected and catches up anew.
pub const FRAMES_MAX: usize = 1024;

/// The configuration in force, object by object.
#[derive(Clone, Debug, Default)]
pub struct InForce {
    /// Its revision; 0: none yet
    pub revision: u64,
    /// Its objects
    pub objects: Arc<Objects>,
}

/// What became of a submitted transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Submission {
    /// The ledger has answered
    Finished(Outcome),
    /// Another revision came in between: look again
    Stale,
}

/// State of the owner of the ledger.
#[derive(Clone, Debug)]
pub struct CoreStatus {
    /// The ledger's own
    pub ledger: ledger::Status,
    /// Call records in the view
    pub call_records: u64,
    /// Corruption found, for people
    pub quarantined: Vec<String>,
}

/// The owner of the ledger has ended: its disk failed, or the daemon is stopping. Nothing is known about the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store is stopping; repeat the request under the same name when it is back")]
pub struct Gone;

/// A wish for the owner of the ledger.
#[derive(Debug)]
pub enum Command {
    /// Store a transaction of a client here
    Submit {
        /// The transaction
        transaction: Transaction,
        /// Revision it was checked against; `None`: it is repeated, its first outcome is wanted
        base: Option<u64>,
        /// Who waits
        answer: oneshot::Sender<Submission>,
    },
    /// Store the peer's transaction, which was checked against revision `base`
    Approve {
        /// The transaction
        transaction: Transaction,
        /// Revision it was checked against
        base: u64,
        /// Who waits: true when it went to the ledger, false when another revision came in between
        answer: oneshot::Sender<bool>,
    },
    /// Refuse the peer's transaction
    Refuse {
        /// Its name
        id: String,
        /// What is wrong
        problems: Vec<Problem>,
    },
    /// Store a register entry
    Record {
        /// The entry
        entry: Entry,
        /// Who waits
        answer: oneshot::Sender<Outcome>,
    },
    /// Who serves
    Role {
        /// Epoch in force
        epoch: Epoch,
        /// This node writes settings
        writer: bool,
    },
    /// The peer is connected
    LinkUp {
        /// Number of the connection
        link: u64,
        /// Where frames to it go
        frames: mpsc::Sender<Vec<u8>>,
    },
    /// It no longer is
    LinkDown {
        /// Number of the connection
        link: u64,
    },
    /// The peer says something
    Frame {
        /// Number of the connection
        link: u64,
        /// What
        octets: Vec<u8>,
    },
    /// Bring everything to the peer; answered with the number of records that are not there
    Flush {
        /// Who waits
        answer: oneshot::Sender<u64>,
    },
    /// Take transactions again
    Thaw,
    /// Say how things are
    Status {
        /// Who waits
        answer: oneshot::Sender<CoreStatus>,
    },
    /// Make the view anew; answered with the number of records read, or why not
    Rebuild {
        /// Who waits
        answer: oneshot::Sender<Result<u64, String>>,
    },
}

/// The way to the owner of the ledger. Cheap to clone.
#[derive(Clone, Debug)]
pub struct CoreHandle {
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) in_force: watch::Receiver<InForce>,
    pub(crate) view: View,
}

impl CoreHandle {
    /// The view, for queries.
    #[must_use]
    pub fn view(&self) -> &View {
        &self.view
    }

    /// The configuration in force, now.
    #[must_use]
    pub fn in_force(&self) -> InForce {
        self.in_force.borrow().clone()
    }

    /// The configuration in force, from now on.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<InForce> {
        self.in_force.clone()
    }

    /// Stores a transaction; see [`Command::Submit`].
    ///
    /// # Errors
    /// [`Gone`].
    pub async fn submit(&self, transaction: Transaction, base: Option<u64>) -> Result<Submission, Gone> {
        self.ask(|answer| Command::Submit { transaction, base, answer }).await
    }

    /// Stores the peer's transaction; see [`Command::Approve`].
    ///
    /// # Errors
    /// [`Gone`].
    pub async fn approve(&self, transaction: Transaction, base: u64) -> Result<bool, Gone> {
        self.ask(|answer| Command::Approve { transaction, base, answer }).await
    }

    /// Stores a register entry.
    ///
    /// # Errors
    /// [`Gone`].
    pub async fn record(&self, entry: Entry) -> Result<Outcome, Gone> {
        self.ask(|answer| Command::Record { entry, answer }).await
    }

    /// Brings everything to the peer and takes no transactions meanwhile; returns how many records are not there.
    ///
    /// # Errors
    /// [`Gone`].
    pub async fn flush(&self) -> Result<u64, Gone> {
        self.ask(|answer| Command::Flush { answer }).await
    }

    /// How things are.
    ///
    /// # Errors
    /// [`Gone`].
    pub async fn status(&self) -> Result<CoreStatus, Gone> {
        self.ask(|answer| Command::Status { answer }).await
    }

    /// Makes the view anew; returns the number of records read, or why it could not.
    ///
    /// # Errors
    /// [`Gone`].
    pub async fn rebuild(&self) -> Result<Result<u64, String>, Gone> {
        self.ask(|answer| Command::Rebuild { answer }).await
    }

    /// Tells something that is not answered.
    ///
    /// # Errors
    /// [`Gone`].
    pub async fn tell(&self, command: Command) -> Result<(), Gone> {
        self.commands.send(command).await.map_err(|_| Gone)
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, Gone> {
        let (answer, answered) = oneshot::channel();
        self.tell(command(answer)).await?;
        answered.await.map_err(|_| Gone)
    }
}
