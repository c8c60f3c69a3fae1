//! What a lab does right now, as its nodes say through `tandemctl`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::description::processes;
use super::files::{Files, NodeFiles};
use super::node::tandemctl;
use super::topology::{Side, Topology};
use super::{arguments, network};
use crate::failure::failure;
use crate::progress::result;
use crate::{Workspace, process};

/// A daemon that takes longer does not answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(3);

/// A lab.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Name of the lab
    pub name: String,
    /// There is anything of it
    pub running: bool,
    /// The node that serves; absent when none does, or (which must not be) both do
    pub active: Option<Side>,
    /// Each node
    pub nodes: BTreeMap<Side, NodeStatus>,
}

/// A node.
#[derive(Clone, Debug, Default, Serialize)]
pub struct NodeStatus {
    /// `initialising`, `standby`, `taking`, `active`, `yielding`; `down` when its agent does not answer
    pub role: String,
    /// Counter of its epoch
    pub epoch: u64,
    /// Revision of the configuration in its store; 0: none
    pub revision: u64,
    /// Hash over its settings and registers; empty when its store does not answer
    pub state_hash: String,
    /// Its store is connected to the other's
    pub store_connected: bool,
    /// Call records in its store
    pub call_records: u64,
    /// Revision that its telephone daemon runs; 0: none
    pub revision_run: u64,
    /// Its telephone daemon is connected to the other's
    pub pbx_connected: bool,
    /// Bindings that its telephone daemon knows
    pub registrations: u64,
    /// Calls in progress here
    pub calls: u64,
    /// Its telephone daemon answers phones
    pub serving: bool,
    /// Processes that died too often and stay dead
    pub failed: Vec<String>,
    /// How often processes had to be started again
    pub restarts: u32,
}

#[derive(Default, Deserialize)]
struct Agent {
    role: String,
    epoch: u64,
}

#[derive(Default, Deserialize)]
struct Store {
    revision: u64,
    state_hash: String,
    peer_connected: bool,
    call_records: u64,
}

#[derive(Default, Deserialize)]
struct Telephone {
    revision: u64,
    registrations: u64,
    calls: u64,
    peer_connected: bool,
    serving: bool,
}

impl Status {
    /// The node that serves answers phones, the other is ready to, both run the same configuration and agree on all
    /// that is stored.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.active.is_some_and(|active| settled(&self.nodes[&active], &self.nodes[&active.other()]))
    }
}

/// `one` serves phones, `other` is ready to, both run the same configuration and agree on all that is stored.
pub(crate) fn settled(one: &NodeStatus, other: &NodeStatus) -> bool {
    one.role == "active"
        && other.role == "standby"
        && one.serving
        && one.revision > 0
        && one.state_hash == other.state_hash
        && [one, other]
            .iter()
            .all(|node| node.store_connected && node.pbx_connected && node.revision == node.revision_run)
        && one.revision == other.revision
}

/// The one that serves; none when nobody does or, which must not be, both do.
pub(crate) fn active<'a>(nodes: impl Iterator<Item = (Side, &'a NodeStatus)>) -> Option<Side> {
    let mut active = nodes.filter(|(_, node)| node.role == "active").map(|(side, _)| side);
    active.next().filter(|_| active.next().is_none())
}

impl NodeStatus {
    /// A node whose agent does not answer.
    pub(crate) fn down() -> NodeStatus {
        NodeStatus { role: "down".to_owned(), ..NodeStatus::default() }
    }

    /// What `tandemctl ha|store|pbx status --json` have answered; what cannot be read counts as no answer.
    pub(crate) fn from_answers(agent: &str, store: &str, telephone: &str) -> NodeStatus {
        let agent: Agent = serde_json::from_str(agent)
            .unwrap_or_else(|_| Agent { role: "down".to_owned(), ..Agent::default() });
        let store: Store = serde_json::from_str(store).unwrap_or_default();
        let telephone: Telephone = serde_json::from_str(telephone).unwrap_or_default();
        NodeStatus {
            role: agent.role,
            epoch: agent.epoch,
            revision: store.revision,
            state_hash: store.state_hash,
            store_connected: store.peer_connected,
            call_records: store.call_records,
            revision_run: telephone.revision,
            pbx_connected: telephone.peer_connected,
            registrations: telephone.registrations,
            calls: telephone.calls,
            serving: telephone.serving,
            failed: Vec::new(),
            restarts: 0,
        }
    }
}

/// Asks both nodes of a lab.
pub(super) fn ask(workspace: &Workspace, topology: &Topology, files: &Files) -> anyhow::Result<Status> {
    let nodes_run = Side::BOTH.iter().any(|side| files.node(*side).is_running());
    let running = nodes_run || !network::existing(topology)?.is_empty();
    // Both at once: a node that does not answer costs time.
    let nodes = std::thread::scope(|scope| {
        let asked = Side::BOTH.map(|side| {
            let files = files.node(side);
            (side, scope.spawn(move || ask_node(workspace, &files)))
        });
        asked
            .into_iter()
            .map(|(side, answer)| (side, answer.join().unwrap_or_default()))
            .collect::<BTreeMap<_, _>>()
    });
    let active = active(nodes.iter().map(|(side, node)| (*side, node)));
    Ok(Status { name: topology.name.clone(), running, active, nodes })
}

fn ask_node(workspace: &Workspace, files: &NodeFiles) -> NodeStatus {
    let Some(processes) = processes(files) else { return NodeStatus::down() };
    let answer = |group| answer(workspace, files, group);
    let failed = processes.processes.iter().filter(|(_, process)| process.failed);
    NodeStatus {
        failed: failed.map(|(name, _)| name.clone()).collect(),
        restarts: processes.processes.values().map(|process| process.restarts).sum(),
        ..NodeStatus::from_answers(&answer("ha"), &answer("store"), &answer("pbx"))
    }
}

/// The answer of one daemon; empty when there is none.
fn answer(workspace: &Workspace, files: &NodeFiles, group: &str) -> String {
    let mut command = tandemctl(workspace, files);
    process::output(command.args([group, "status", "--json"]), ANSWER_LIMIT).unwrap_or_default()
}

/// `lab status`.
pub(super) fn run(wish: &arguments::Status) -> anyhow::Result<()> {
    let workspace = Workspace::find()?;
    let topology = Topology::new(&wish.name, false)?;
    let status = ask(&workspace, &topology, &Files::new(&workspace, &topology))?;
    if wish.json {
        result(serde_json::to_string(&status)?);
    } else {
        result(people(&status));
    }
    if !status.running {
        return Err(failure(format!("no lab {} runs", wish.name), "cargo xtask lab up pair"));
    }
    Ok(())
}

fn people(status: &Status) -> String {
    let active = status.active.map_or("no node".to_owned(), |side| format!("node {side}"));
    let mut text = format!("lab {}: {active} serves", status.name);
    for (side, node) in &status.nodes {
        text.push_str(&format!(
            "\n  {side}  {:<13} revision {} (runs {})  {} registration(s)  {} call(s)  {} record(s)  {} restart(s)",
            node.role, node.revision, node.revision_run, node.registrations, node.calls, node.call_records, node.restarts
        ));
        if !node.failed.is_empty() {
            text.push_str(&format!("  FAILED: {}", node.failed.join(", ")));
        }
    }
    text
}
