//! Who writes settings: the node that serves; before any has served, the coordinator; a single box itself. And the
//! handshake of a planned switchover: freeze, flush, flushed.

use std::time::Duration;

use daemon::bus::cluster::ClusterProxy;
use daemon::role::{Role, RoleState};

use daemon::{NodeIdentity, role};
use futures_util::StreamExt;
use ledger::Epoch;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::handle::{Command, CoreHandle, Gone};

/// A planned switchover that has not taken place by then does not: transactions are welcome again.
const FREEZE_MAX: Duration = Duration::from_secs(15);
/// A peer that has not everything by then: the agent hears so and decides.
const FLUSH_MAX: Duration = Duration::from_secs(10);
/// Freezes that wait; the agent asks for one at a time.
const FREEZES_MAX: usize = 4;

/// This node writes settings.
fn writes(identity: &NodeIdentity, state: &RoleState, epoch_known: u64) -> bool {
    let nobody_has_served = state.epoch == 0 && epoch_known == 0 && state.active_node.is_empty();
    // Who yields is the writer until the other one is: it has been asked to freeze, and may go back to serving.
    let holds = matches!(state.role, Role::Active | Role::Yielding);
    identity.peer.is_none() || holds || (identity.coordinator && nobody_has_served)
}

/// The epoch to write in. A single box has nobody to yield to: it goes on in the epoch of its journal even when the
/// agent is late, or has begun anew.
fn epoch_of(identity: &NodeIdentity, state: &RoleState, known: &Epoch) -> Epoch {
    let told = Epoch { counter: state.epoch, node: state.active_node.clone() };
    if identity.peer.is_none() { told.max(known.clone()) } else { told }
}

/// Tells the ledger who writes, as the agent says it, until the store ends.
///
/// # Errors
/// [`Gone`].
pub async fn follow(
    identity: NodeIdentity,
    core: CoreHandle,
    connection: zbus::Connection,
) -> Result<(), Gone> {
    let mut states = role::watch(&connection);
    loop {
        let state = states.borrow_and_update().clone();
        let known = core.status().await?.ledger.epoch;
        let writer = writes(&identity, &state, known.counter);
        log::info!(epoch = state.epoch, active = state.active_node.as_str(), writer = writer; "role of this store");
        core.tell(Command::Role { epoch: epoch_of(&identity, &state, &known), writer }).await?;
        if states.changed().await.is_err() {
            // The bus has gone; the daemon ends with it.
            return Ok(());
        }
    }
}

/// Answers the agent's `freeze` until the store ends.
///
/// # Errors
/// The bus cannot be used.
pub async fn serve_freezes(core: CoreHandle, connection: zbus::Connection) -> zbus::Result<()> {
    let agent = ClusterProxy::new(&connection).await?;
    let mut signals = agent.receive_freeze().await?;
    let (sender, mut freezes) = mpsc::channel::<()>(FREEZES_MAX);
    // The stream is drained by a task that waits for nothing: one that is not polled blocks its connection.
    tokio::spawn(async move {
        while signals.next().await.is_some() {
            let _already_freezing = sender.try_send(());
        }
    });
    let mut states = role::watch(&connection);
    while freezes.recv().await.is_some() {
        if flush(&core, &agent).await.is_err() {
            return Ok(());
        }
        if !hands_over(&mut states).await {
            log::warn!("the planned switchover did not take place; settings are taken again");
            let _gone = core.tell(Command::Thaw).await;
        }
    }
    Ok(())
}

/// Whether the service leaves this node after a freeze, as the agent says.
async fn hands_over(states: &mut watch::Receiver<RoleState>) -> bool {
    let mut yields = false;
    let over = states.wait_for(|state| match state.role {
        Role::Yielding => {
            yields = true;
            false
        }
        // Its yielding may not have come to our ears yet.
        Role::Active => yields,
        _ => true,
    });
    timeout(FREEZE_MAX, over).await.is_ok_and(|over| over.is_ok_and(|state| state.role != Role::Active))
}

async fn flush(core: &CoreHandle, agent: &ClusterProxy<'_>) -> Result<(), Gone> {
    log::info!("planned switchover: no new transactions, everything goes to the peer");
    match timeout(FLUSH_MAX, core.flush()).await {
        Ok(Ok(0)) => log::info!("planned switchover: everything is on both disks"),
        Ok(Ok(left)) => log::warn!(records = left; "planned switchover: the peer does not have everything"),
        Ok(Err(gone)) => return Err(gone),
        Err(_) => log::warn!("planned switchover: the peer did not take everything in time"),
    }
    if let Err(error) = agent.flushed().await {
        log::warn!(error:% = error; "the agent could not be told that the store has flushed");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(coordinator: bool, paired: bool) -> NodeIdentity {
        let peer = paired.then(|| daemon::Peer { name: "b".parse().expect("a name"), addresses: Vec::new() });
        NodeIdentity {
            name: "a".parse().expect("a name"),
            serial_number: "TD-A".to_owned(),
            coordinator,
            data: "/nowhere".into(),
            run: "/nowhere".into(),
            listen: [127, 0, 0, 1].into(),
            peer,
            credentials: None,
            ports: daemon::Ports { cluster: 0, store: 0, pbx: 0 },
        }
    }

    fn state(role: Role, epoch: u64, active_node: &str) -> RoleState {
        RoleState { role, epoch, active_node: active_node.to_owned(), agent_present: true }
    }

    /// H10, H11: the serving node writes; before any has served, the coordinator; a single box always.
    #[test]
    fn one_node_writes() {
        let (coordinator, secondary) = (identity(true, true), identity(false, true));
        let nobody = state(Role::Initialising, 0, "");
        assert!(writes(&coordinator, &nobody, 0) && !writes(&secondary, &nobody, 0));
        assert!(!writes(&coordinator, &nobody, 3), "the journal knows that somebody has served");
        let other_serves = state(Role::Standby, 1, "b");
        assert!(!writes(&coordinator, &other_serves, 0) && !writes(&secondary, &other_serves, 0));
        let serves = state(Role::Active, 2, "a");
        assert!(writes(&coordinator, &state(Role::Yielding, 2, "a"), 2), "until the other one serves");
        assert!(writes(&coordinator, &serves, 2) && writes(&secondary, &serves, 2));
        assert!(writes(&identity(false, false), &RoleState::default(), 9));
    }

    /// H11: a single box takes settings before its agent has spoken, whatever epoch its journal knows; a paired node
    /// does not raise itself over an epoch that it has heard of.
    #[test]
    fn single_box_is_never_fenced_by_its_past() {
        let past = Epoch { counter: 7, node: "a".to_owned() };
        let silent = RoleState::default();
        assert_eq!(epoch_of(&identity(true, false), &silent, &past), past);
        assert_eq!(epoch_of(&identity(true, false), &state(Role::Active, 8, "a"), &past).counter, 8);
        assert!(epoch_of(&identity(true, true), &silent, &past) < past);
    }
}
