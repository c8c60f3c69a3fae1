//! The end of the machines: everything is found by name, so that it works after a crash too.

use super::files::Files;
use super::machine;
use crate::lab::down::{kill_rest, remove_folder};
use crate::lab::{Side, Topology, network};
use crate::progress::Step;
use crate::{Workspace, packages};

/// Ends all machines of the pair `name` and removes what they have written, with whatever runs in its namespaces.
/// Nothing running is no failure.
///
/// # Errors
/// A process cannot be ended, or a namespace or folder not be removed.
pub fn down(name: &str) -> anyhow::Result<()> {
    let workspace = Workspace::find()?;
    let topology = Topology::new(name, false)?;
    remove(&topology, &Files::new(&workspace, &topology))
}

/// As [`down`].
pub(super) fn remove(topology: &Topology, files: &Files) -> anyhow::Result<()> {
    let running = Side::BOTH.iter().any(|side| machine::pid(&files.machine(*side)).is_some());
    let namespaces =
        if packages::is_installed(&packages::IPROUTE2) { network::existing(topology)? } else { Vec::new() };
    if running || !namespaces.is_empty() {
        let step = Step::start(format!("ending machines {}", topology.name));
        for side in Side::BOTH {
            machine::power_off(&files.machine(side))?;
        }
        kill_rest(&namespaces)?;
        for namespace in &namespaces {
            network::delete(namespace)?;
        }
        step.done();
    }
    remove_folder(files.sockets())?;
    remove_folder(files.folder())
}
