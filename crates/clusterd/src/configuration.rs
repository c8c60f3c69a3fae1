//! From revisions of the configuration to plans.
//!
//! A revision that leaves `[cluster]` as it is changes nothing here. One that this node can have no part in (another
//! pair, an unknown peer) is told and leaves the plan before in force: a mistake must not end the service.

use std::sync::Arc;

use daemon::NodeIdentity;
use daemon::configuration::Snapshot;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::heartbeat::{Command, Commands};
use crate::plan::Plan;
use crate::sight;

/// Makes plans, also across reconnections to the bus.
pub struct Planner {
    identity: NodeIdentity,
    commands: Commands,
    plan: Option<Arc<Plan>>,
    /// Ping groups and stations under this plan
    sight: JoinSet<()>,
}

impl Planner {
    /// No plan yet.
    #[must_use]
    pub fn new(identity: NodeIdentity, commands: Commands) -> Self {
        Planner { identity, commands, plan: None, sight: JoinSet::new() }
    }

    /// Adopts every revision until its source is gone.
    pub async fn follow(&mut self, mut snapshots: watch::Receiver<Option<Snapshot>>) {
        loop {
            let snapshot = snapshots.borrow_and_update().clone();
            if let Some(snapshot) = snapshot {
                self.adopt(&snapshot).await;
            }
            if snapshots.changed().await.is_err() {
                return;
            }
        }
    }

    async fn adopt(&mut self, snapshot: &Snapshot) {
        let plan = match Plan::new(&self.identity, &snapshot.config.cluster) {
            Ok(plan) => Arc::new(plan),
            Err(failure) => {
                log::error!(revision = snapshot.revision, failure:%; "this revision is not adopted");
                return;
            }
        };
        if self.plan.as_ref() == Some(&plan) {
            return;
        }
        log::info!(revision = snapshot.revision, links = plan.paths.len(); "another plan of the pair is in force");
        if self.commands.send(Command::Plan(Arc::clone(&plan))).await.is_err() {
            return;
        }
        self.sight = sight::start(&plan, &self.commands);
        self.plan = Some(plan);
    }
}
