//! The machines as data: `qemu/node.toml` and `qemu/pair.toml`.

use std::path::Path;

use anyhow::Context;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::Workspace;
use crate::lab::Side;

/// What every node gets.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Node {
    /// Chipset
    pub(super) machine: String,
    pub(super) processors: u32,
    pub(super) memory_mib: u32,
    /// Size of the data disk
    pub(super) data_mib: u64,
    /// A graphics card
    pub(super) video: bool,
}

/// What tells one node from the other.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Identity {
    pub(super) serial_number: String,
    pub(super) uuid: String,
    /// Hardware address of the interface towards phones
    pub(super) lan0: String,
    /// Hardware address of the interface towards the other node
    pub(super) sync0: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Identities {
    a: Identity,
    b: Identity,
}

/// Both files.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) node: Node,
    identities: Identities,
}

impl Plan {
    /// Reads both files.
    pub(super) fn load(workspace: &Workspace) -> anyhow::Result<Plan> {
        let folder = workspace.root.join("qemu");
        Ok(Plan { node: read(&folder.join("node.toml"))?, identities: read(&folder.join("pair.toml"))? })
    }

    /// What tells this node from the other.
    pub(super) fn identity(&self, side: Side) -> &Identity {
        match side {
            Side::A => &self.identities.a,
            Side::B => &self.identities.b,
        }
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("reading {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// H13, H28: the machines bear the serial numbers that the sample configuration names, and no address twice.
    #[test]
    fn identities_fit_the_sample() {
        let plan = Plan::load(&Workspace::find().expect("workspace")).expect("plan");
        let mut addresses = Vec::new();
        for side in Side::BOTH {
            let identity = plan.identity(side);
            assert_eq!(identity.serial_number, side.serial_number());
            addresses.extend([&identity.lan0, &identity.sync0]);
        }
        addresses.sort();
        addresses.dedup();
        assert_eq!(addresses.len(), 4);
    }
}
