//! `org.tandem.Cluster1` on the bus: status, planned switchover, and the signals for store and telephone daemon.
//!
//! The bus is never on the takeover path. When it goes away, the pair goes on under its last configuration, and this
//! duty comes back when the bus does.

use std::time::Duration;

use daemon::NodeIdentity;
use daemon::bus::cluster::{ClusterStatus, NAME, PATH};
use daemon::bus::store;
use membership::Event;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, oneshot, watch};
use tokio::time::timeout;
use zbus::fdo;
use zbus::object_server::SignalEmitter;

use crate::addresses::Held;
use crate::configuration::Planner;
use crate::events::{Events, role_name};
use crate::heartbeat::{Command, Commands, Notice, Report, Standing};
use crate::status;

/// How long a planned switchover may take before its caller is told that it did not happen.
const SWITCH_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the heartbeat thread may take to answer; it answers in microseconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// Pause before the bus is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Everything that the bus shows.
#[derive(Clone)]
pub struct View {
    /// This node
    pub identity: NodeIdentity,
    /// To the heartbeat thread
    pub commands: Commands,
    /// Who serves
    pub standing: watch::Receiver<Standing>,
    /// What happens
    pub notices: broadcast::Sender<Notice>,
    /// What has happened
    pub events: watch::Receiver<Events>,
    /// Addresses held now
    pub held: watch::Receiver<Held>,
}

impl View {
    /// State of the heartbeat thread; `None` when it does not answer.
    pub async fn report(&self) -> Option<Report> {
        let (answer, report) = oneshot::channel();
        let ask = async {
            self.commands.send(Command::Status(answer)).await.ok()?;
            report.await.ok()
        };
        timeout(ANSWER_TIMEOUT, ask).await.ok().flatten()
    }
}

/// Serves the bus for as long as it is polled.
pub async fn serve(view: View, mut planner: Planner) {
    loop {
        match daemon::bus::connect().await {
            Ok(connection) => {
                if let Err(failure) = serve_once(&connection, &view, &mut planner).await {
                    log::error!(failure:%; "the bus has failed");
                }
            }
            Err(failure) => log::error!(failure:%; "the bus is not there"),
        }
        tokio::time::sleep(RETRY).await;
    }
}

async fn serve_once(connection: &zbus::Connection, view: &View, planner: &mut Planner) -> zbus::Result<()> {
    let notices = view.notices.subscribe();
    daemon::bus::serve(connection, PATH, ClusterService { view: view.clone() }, NAME).await?;
    daemon::readiness::ready("watching over the pair");
    let snapshots = daemon::configuration::watch(connection);
    tokio::select! {
        () = planner.follow(snapshots) => Ok(()),
        outcome = signal_changes(connection, view, notices) => outcome,
    }
}

/// Sends signals until the bus fails.
async fn signal_changes(
    connection: &zbus::Connection,
    view: &View,
    mut notices: broadcast::Receiver<Notice>,
) -> zbus::Result<()> {
    let emitter = SignalEmitter::new(connection, PATH)?;
    let bus = fdo::DBusProxy::new(connection).await?;
    let mut standing = view.standing.clone();
    standing.mark_changed();
    loop {
        tokio::select! {
            changed = standing.changed() => {
                if changed.is_err() {
                    return Ok(());
                }
                let now = standing.borrow_and_update().clone();
                let active = now.active_node.map(|node| node.to_string()).unwrap_or_default();
                let role = role_name(now.role).to_owned();
                ClusterService::role_changed(&emitter, role, now.epoch.counter, active).await?;
            }
            notice = notices.recv() => match notice {
                Ok(Notice::Freeze) => {
                    ClusterService::freeze(&emitter).await?;
                    if !bus.name_has_owner(store::NAME.try_into()?).await? {
                        log::warn!("no store on the bus: nothing to flush before the switchover");
                        // The heartbeat thread ends only with the process.
                        let _ = view.commands.send(Command::Flushed).await;
                    }
                }
                Ok(Notice::Event(_)) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return Ok(()),
            },
        }
    }
}

/// The object at [`PATH`].
struct ClusterService {
    view: View,
}

#[zbus::interface(name = "org.tandem.Cluster1")]
impl ClusterService {
    /// The whole state.
    async fn status(&self) -> fdo::Result<ClusterStatus> {
        let report = self.view.report().await.ok_or_else(no_answer)?;
        let held = self.view.held.borrow().clone();
        let events = self.view.events.borrow().clone();
        Ok(status::compose(&self.view.identity, &report, &held, events))
    }

    /// Planned switchover: returns when the other node serves, or says why not.
    async fn switch(&self) -> fdo::Result<()> {
        let mut notices = self.view.notices.subscribe();
        let mut standing = self.view.standing.clone();
        let before = standing.borrow_and_update().active_node.clone();
        log::info!("a planned switchover is asked for");
        self.view.commands.send(Command::Switch).await.map_err(|_| no_answer())?;
        let outcome = async {
            loop {
                tokio::select! {
                    changed = standing.changed() => {
                        changed.map_err(|_| no_answer())?;
                        let now = standing.borrow_and_update().active_node.clone();
                        if now.is_some() && now != before {
                            return Ok(());
                        }
                    }
                    notice = notices.recv() => match notice {
                        Ok(Notice::Event(Event::SwitchRefused { reason })) => {
                            return Err(fdo::Error::Failed(format!("no switchover: {reason}")));
                        }
                        Ok(_) | Err(RecvError::Lagged(_)) => {}
                        Err(RecvError::Closed) => return Err(no_answer()),
                    },
                }
            }
        };
        let seconds = SWITCH_TIMEOUT.as_secs();
        let late = || Err(fdo::Error::TimedOut(format!("the other node does not serve after {seconds} s")));
        timeout(SWITCH_TIMEOUT, outcome).await.unwrap_or_else(|_| late())
    }

    /// The store has flushed its replication.
    async fn flushed(&self) -> fdo::Result<()> {
        self.view.commands.send(Command::Flushed).await.map_err(|_| no_answer())
    }

    /// Role, epoch or serving node changed.
    #[zbus(signal)]
    async fn role_changed(
        emitter: &SignalEmitter<'_>,
        role: String,
        epoch: u64,
        active_node: String,
    ) -> zbus::Result<()>;

    /// Before a planned switchover: take no new transactions, flush, then call `Flushed`.
    #[zbus(signal)]
    async fn freeze(emitter: &SignalEmitter<'_>) -> zbus::Result<()>;
}

fn no_answer() -> fdo::Error {
    fdo::Error::Failed("the heartbeat thread does not answer".to_owned())
}
