//! The end of a lab: everything is found by name, so that it works after a crash too.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use super::description::processes;
use super::files::{Files, NodeFiles};
use super::node::LOOK;
use super::supervisor::Processes;
use super::topology::{Side, Topology};
use super::{arguments, network};
use crate::progress::{Step, say};
use crate::{Workspace, packages, vm, wait};

/// How long the nodes may take to end orderly (the supervisor's limit and a little).
const END_LIMIT: Duration = Duration::from_secs(10);
/// How long processes may take to be gone after SIGKILL.
const KILL_LIMIT: Duration = Duration::from_secs(5);

/// Ends everything of the lab `name` and removes it: processes in its namespaces (also those that tests and people
/// started there), namespaces, state. Nothing running is no failure.
///
/// # Errors
/// A process cannot be ended, or a namespace or folder not be removed.
pub fn down(name: &str) -> anyhow::Result<()> {
    let workspace = Workspace::find()?;
    remove(&workspace, &Topology::new(name, false)?)
}

/// `lab down`.
pub(super) fn run(wish: &arguments::Down) -> anyhow::Result<()> {
    down(&wish.name)?;
    say(format!("✓ nothing of lab {} is left", wish.name));
    Ok(())
}

/// As [`down`]. Machines of the same name use the same namespaces, and end with them.
pub(crate) fn remove(workspace: &Workspace, topology: &Topology) -> anyhow::Result<()> {
    vm::end_machines(workspace, topology)?;
    let files = Files::new(workspace, topology);
    // Without `ip` nothing can have been made.
    let namespaces =
        if packages::is_installed(&packages::IPROUTE2) { network::existing(topology)? } else { Vec::new() };
    // Nodes started by `lab node` may be in namespaces of somebody else, which stay.
    let nodes: Vec<NodeFiles> = Side::BOTH.map(|side| files.node(side)).into();
    let nodes: Vec<NodeFiles> = nodes.into_iter().filter(NodeFiles::is_running).collect();
    if !namespaces.is_empty() || !nodes.is_empty() {
        network::require_root()?;
        let step = Step::start(format!("ending lab {}", topology.name));
        end_nodes(&nodes);
        kill_rest(&namespaces)?;
        for namespace in &namespaces {
            network::delete(namespace)?;
        }
        step.done();
    }
    for side in Side::BOTH {
        files.node(side).socket_folder().map_or(Ok(()), remove_folder)?;
    }
    remove_folder(files.folder())
}

/// Asks the supervisors to end, and waits; what does not end in time is killed with its group.
fn end_nodes(nodes: &[NodeFiles]) {
    let signal = |node: &NodeFiles, send: fn(&Processes) -> nix::Result<()>| {
        // The lock says that the ids are still those of the node. It may have ended just now.
        let processes = processes(node).filter(|_| node.is_running());
        let _ = processes.as_ref().map(send);
    };
    for node in nodes {
        signal(node, |processes| kill(Pid::from_raw(processes.supervisor), Signal::SIGTERM));
    }
    wait::poll(END_LIMIT, LOOK, || (!nodes.iter().any(NodeFiles::is_running)).then_some(()));
    for node in nodes {
        signal(node, |processes| killpg(Pid::from_raw(processes.group), Signal::SIGKILL));
    }
}

/// Kills what is left in the namespaces: phones, and nodes whose supervisor is gone.
pub(super) fn kill_rest(namespaces: &[String]) -> anyhow::Result<()> {
    let deadline = Instant::now() + KILL_LIMIT;
    loop {
        let mut left = Vec::new();
        for namespace in namespaces {
            left.extend(network::processes(namespace)?);
        }
        if left.is_empty() {
            return Ok(());
        }
        if Instant::now() >= deadline {
            bail!("processes {left:?} cannot be killed");
        }
        for pid in left {
            // It may have ended just now.
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        std::thread::sleep(LOOK / 10);
    }
}

/// Removes a folder, if it is there.
pub(crate) fn remove_folder(folder: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", folder.display()))
        }
        _ => Ok(()),
    }
}
