//! What this node is in the pair right now, as the high-availability agent says on the bus.
//!
//! Good for status lines, for who writes settings, and for timers of replicated state. Never for the permission to
//! serve: that is the resource address itself (DESIGN section 4).

use tokio::sync::watch;
use zbus::Connection;

use crate::bus::cluster::{self, ClusterProxy};
use crate::bus::follow::{Presence, follow};

/// Role of this node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// The agent has not said anything yet
    #[default]
    Unknown,
    /// After boot: takes nothing
    Initialising,
    /// Ready, does not serve
    Standby,
    /// Takes the service over
    Taking,
    /// Serves
    Active,
    /// Hands the service over
    Yielding,
}

impl Role {
    /// The role that the agent calls `text`.
    #[must_use]
    pub fn from_text(text: &str) -> Role {
        match text {
            "initialising" => Role::Initialising,
            "standby" => Role::Standby,
            "taking" => Role::Taking,
            "active" => Role::Active,
            "yielding" => Role::Yielding,
            _ => Role::Unknown,
        }
    }
}

/// What the agent last said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleState {
    /// Role of this node
    pub role: Role,
    /// Counter of the epoch in force
    pub epoch: u64,
    /// Node that serves as far as this one knows; empty when none
    pub active_node: String,
    /// The agent is on the bus; while it restarts, its last word stands above
    pub agent_present: bool,
}

impl RoleState {
    /// This node serves.
    #[must_use]
    pub fn serves(&self) -> bool {
        self.role == Role::Active
    }
}

/// Follows the role of this node. Ends when the receiver is dropped or the bus is gone.
#[must_use]
pub fn watch(connection: &Connection) -> watch::Receiver<RoleState> {
    let (sender, receiver) = watch::channel(RoleState::default());
    let connection = connection.clone();
    tokio::spawn(async move {
        if let Err(error) = keep_current(&connection, &sender).await {
            log::error!(error:% = error; "the role can no longer be followed");
        }
    });
    receiver
}

async fn keep_current(connection: &Connection, sender: &watch::Sender<RoleState>) -> zbus::Result<()> {
    let agent = ClusterProxy::new(connection).await?;
    follow(agent.inner().clone(), "RoleChanged", |presence| fetch(&agent, sender, presence)).await
}

async fn fetch(
    agent: &ClusterProxy<'_>,
    sender: &watch::Sender<RoleState>,
    presence: Presence,
) -> zbus::Result<bool> {
    if sender.is_closed() {
        return Ok(false);
    }
    if presence == Presence::Absent {
        log::warn!(service = cluster::NAME; "the high-availability agent has left the bus");
        sender.send_modify(|state| state.agent_present = false);
        return Ok(true);
    }
    let status = agent.status().await?;
    let state = RoleState {
        role: Role::from_text(&status.role),
        epoch: status.epoch,
        active_node: status.active_node,
        agent_present: true,
    };
    sender.send_if_modified(|known| {
        let changed = *known != state;
        *known = state;
        changed
    });
    Ok(true)
}
