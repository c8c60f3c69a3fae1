//! What the machines do right now: their power as QEMU says, their role as they say themselves.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::files::{Files, MachineFiles};
use super::machine::{self, State};
use super::qemu::Network;
use super::shell::Shell;
use crate::lab::status::{active, settled};
use crate::lab::{Namespace, NodeStatus, Side, Topology};

/// A node that takes longer does not answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(15);
/// Stands between the answers.
const BETWEEN: &str = "=====";

/// A pair.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Name of the pair
    pub name: String,
    /// The node that serves; absent when none does, or (which must not be) both do
    pub active: Option<Side>,
    /// Each node
    pub nodes: BTreeMap<Side, MachineStatus>,
    /// Namespace of the phones; none without root
    pub phones: Option<String>,
}

/// A node as a machine.
#[derive(Clone, Debug, Serialize)]
pub struct MachineStatus {
    /// Power
    pub state: State,
    /// What its daemons say; role `down` while they do not answer. `failed` are its failed units
    #[serde(flatten)]
    pub node: NodeStatus,
    /// Socket of the first serial port: kernel, then the text screen
    pub console: PathBuf,
    /// Socket of the second serial port: a root shell
    pub shell: PathBuf,
    /// Socket of QEMU's monitor
    pub qmp: PathBuf,
    /// Serial number
    pub serial: String,
    /// Process of QEMU
    pub pid: Option<i32>,
}

impl Status {
    /// The node that serves answers phones, the other is ready to, both run the same configuration and agree on all
    /// that is stored.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.active
            .is_some_and(|active| settled(&self.nodes[&active].node, &self.nodes[&active.other()].node))
    }
}

/// Asks both machines at once: one that does not answer costs time.
pub(super) fn ask(topology: &Topology, files: &Files, network: Network) -> Status {
    let nodes: BTreeMap<Side, MachineStatus> = std::thread::scope(|scope| {
        let asked =
            Side::BOTH.map(|side| (side, scope.spawn(move || ask_machine(side, &files.machine(side)))));
        asked.into_iter().filter_map(|(side, answer)| Some((side, answer.join().ok()?))).collect()
    });
    Status {
        name: topology.name.clone(),
        active: active(nodes.iter().map(|(side, machine)| (*side, &machine.node))),
        nodes,
        phones: (network == Network::Taps).then(|| topology.namespace(Namespace::Phones)),
    }
}

fn ask_machine(side: Side, files: &MachineFiles) -> MachineStatus {
    let state = machine::state(files);
    MachineStatus {
        state,
        node: if state == State::Running { ask_node(files) } else { NodeStatus::down() },
        console: files.console(),
        shell: files.shell(),
        qmp: files.qmp(),
        serial: side.serial_number().to_owned(),
        pid: machine::pid(files).map(nix::unistd::Pid::as_raw),
    }
}

/// All questions in one command: each way to a node costs time.
fn ask_node(files: &MachineFiles) -> NodeStatus {
    let question = |group| format!("tandemctl {group} status --json 2>/dev/null; echo {BETWEEN}");
    let daemons: Vec<String> = ["ha", "store", "pbx"].map(question).into();
    let command = format!("{}; systemctl --failed --plain --no-legend --no-pager", daemons.join("; "));
    Shell::new(&files.debug())
        .run(&command, ANSWER_LIMIT)
        .map_or_else(|_| NodeStatus::down(), |outcome| read(&outcome.text))
}

fn read(text: &str) -> NodeStatus {
    let mut answers = text.split(BETWEEN).map(str::trim);
    let mut next = || answers.next().unwrap_or_default();
    let node = NodeStatus::from_answers(next(), next(), next());
    let failed =
        next().lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect();
    NodeStatus { failed, ..node }
}

/// For people.
pub(super) fn people(status: &Status) -> String {
    let active = status.active.map_or("no node".to_owned(), |side| format!("node {side}"));
    let mut text = format!("machines {}: {active} serves", status.name);
    for (side, machine) in &status.nodes {
        let node = &machine.node;
        text.push_str(&format!(
            "\n  {side}  {:<8} {:<13} revision {} (runs {})  {} registration(s)  {} call(s)  {} record(s)",
            machine.state.as_str(),
            node.role,
            node.revision,
            node.revision_run,
            node.registrations,
            node.calls,
            node.call_records
        ));
        if !node.failed.is_empty() {
            text.push_str(&format!("  FAILED: {}", node.failed.join(", ")));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Issue 3, contract: `vm status --json` has these keys for each node.
    #[test]
    fn keys_of_a_node_stay() {
        let status = MachineStatus {
            state: State::Frozen,
            node: NodeStatus::down(),
            console: "/c".into(),
            shell: "/s".into(),
            qmp: "/q".into(),
            serial: "TD-A".to_owned(),
            pid: None,
        };
        let json = serde_json::to_value(status).expect("JSON");
        for (key, value) in
            [("state", "frozen"), ("role", "down"), ("console", "/c"), ("qmp", "/q"), ("serial", "TD-A")]
        {
            assert_eq!(json[key], value, "{key}");
        }
    }

    /// What a node prints becomes its state; a daemon that says nothing does not shift the others.
    #[test]
    fn answers_are_told_apart() {
        let text = "{\"role\":\"standby\",\"epoch\":3}\n=====\n=====\n{\"serving\":true,\"revision\":2,\
                    \"registrations\":0,\"calls\":0,\"peer_connected\":true}\n=====\n\
                    pbxd.service loaded failed failed Telephone exchange\n";
        let node = read(text);
        assert_eq!((node.role.as_str(), node.epoch, node.revision), ("standby", 3, 0));
        assert_eq!((node.serving, node.revision_run), (true, 2));
        assert_eq!(node.failed, ["pbxd.service"]);
        assert_eq!(read("").role, "down");
    }
}
