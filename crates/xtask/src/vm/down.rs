//! The end of the machines: everything is found by name, so that it works after a crash too.

use super::files::Files;
use super::machine;
use crate::Workspace;
use crate::lab::down::remove_folder;
use crate::lab::{self, Side, Topology};
use crate::progress::Step;

/// Ends all machines of the pair `name` and removes what they have written, with whatever runs in its namespaces.
/// Nothing running is no failure.
///
/// # Errors
/// A process cannot be ended, or a namespace or folder not be removed.
pub fn down(name: &str) -> anyhow::Result<()> {
    remove(&Workspace::find()?, &Topology::new(name, false)?)
}

/// As [`down`]. The networks are those of the lab of the same name, and go with it.
pub(super) fn remove(workspace: &Workspace, topology: &Topology) -> anyhow::Result<()> {
    lab::down::remove(workspace, topology)
}

/// Ends the machines and removes their files; their namespaces stay.
pub(crate) fn end_machines(workspace: &Workspace, topology: &Topology) -> anyhow::Result<()> {
    let files = Files::new(workspace, topology);
    let machines = Side::BOTH.map(|side| files.machine(side));
    if machines.iter().any(|machine| machine::pid(machine).is_some()) {
        let step = Step::start(format!("ending machines {}", topology.name));
        machines.iter().try_for_each(machine::power_off)?;
        step.done();
    }
    remove_folder(files.sockets())?;
    remove_folder(files.folder())
}
