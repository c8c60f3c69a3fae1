//! The layer rule (DESIGN section 3): arrows point down only, nothing sideways between daemons or between cores.

use std::path::Path;

use cargo_metadata::{DependencyKind, Metadata, Package};

use super::{Finding, metadata};
use crate::workspace;

/// A layer of the house.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Layer {
    /// L0: words and their forms
    Vocabulary,
    /// L1: protocol logic as pure state machines
    Core,
    /// L2: input and output
    InputOutput,
    /// L3: daemons and the command line
    Daemon,
    /// Simulation of cores; nothing of it is shipped
    Simulation,
    /// Commands and tests of development; nothing of it is shipped
    Development,
}

/// Every crate of the house with its layer. A new crate enters here first.
const CRATES: &[(&str, Layer)] = &[
    ("model", Layer::Vocabulary),
    ("sip", Layer::Vocabulary),
    ("wire", Layer::Vocabulary),
    ("membership", Layer::Core),
    ("ledger", Layer::Core),
    ("exchange", Layer::Core),
    ("media", Layer::Core),
    ("daemon", Layer::InputOutput),
    ("netio", Layer::InputOutput),
    ("clusterd", Layer::Daemon),
    ("hostd", Layer::Daemon),
    ("screen", Layer::Daemon),
    ("stored", Layer::Daemon),
    ("pbxd", Layer::Daemon),
    ("tandemctl", Layer::Daemon),
    ("sim", Layer::Simulation),
    ("xtask", Layer::Development),
    ("tests", Layer::Development),
];

/// Crates of others that bring runtimes, sockets, files, threads, clocks or randomness of the system: not below L2.
const NOT_IN_CORES: &[&str] = &[
    "async-std",
    "chrono",
    "crossbeam",
    "getrandom",
    "jiff",
    "libc",
    "mio",
    "netlink-packet-route",
    "nix",
    "num_cpus",
    "rayon",
    "ring",
    "rtnetlink",
    "rustix",
    "rustls",
    "sd-notify",
    "sled",
    "smol",
    "socket2",
    "systemd-journal-logger",
    "tempfile",
    "time",
    "tokio",
    "tokio-rustls",
    "uuid",
    "zbus",
];

/// The layer of one of our crates.
pub(super) fn layer(name: &str) -> Option<Layer> {
    CRATES.iter().find(|(known, _)| *known == name).map(|(_, layer)| *layer)
}

/// Dependencies of the workspace at `root` that point up or sideways.
pub(super) fn findings(root: &Path) -> anyhow::Result<Vec<Finding>> {
    let members = workspace::members(root)?;
    Ok(members
        .workspace_packages()
        .into_iter()
        .flat_map(|package| of_package(package, &members, root))
        .collect())
}

fn of_package(package: &Package, members: &Metadata, root: &Path) -> Vec<Finding> {
    let place = metadata::manifest(package, root);
    let Some(own) = layer(&package.name) else {
        let what = format!("{} has no layer: give it one in crates/xtask/src/check/layers.rs", package.name);
        return vec![Finding { place, what }];
    };
    let ours = |name: &str| members.packages.iter().any(|member| member.name == name);
    let mut findings = Vec::new();
    for dependency in &package.dependencies {
        let name = dependency.name.as_str();
        let what = match layer(name).filter(|_| ours(name)) {
            Some(other) if !allowed(own, other) => format!(
                "{} ({}) depends on {name} ({}): dependencies point down only",
                package.name,
                own.name(),
                other.name()
            ),
            None if pure(own)
                && dependency.kind != DependencyKind::Development
                && NOT_IN_CORES.contains(&name) =>
            {
                format!("{} ({}) depends on {name}, which acts on the system", package.name, own.name())
            }
            _ => continue,
        };
        findings.push(Finding { place: place.clone(), what });
    }
    findings
}

/// Layers without input and output.
pub(super) fn pure(layer: Layer) -> bool {
    matches!(layer, Layer::Vocabulary | Layer::Core)
}

/// Words may be made of words, and the two crates of L2 may share; otherwise strictly down.
fn allowed(from: Layer, to: Layer) -> bool {
    match (from, to) {
        (Layer::Vocabulary, Layer::Vocabulary)
        | (Layer::InputOutput, Layer::InputOutput)
        | (Layer::Development, _) => true,
        (Layer::Simulation, to) => pure(to),
        (from, to) => to < from,
    }
}

impl Layer {
    const fn name(self) -> &'static str {
        match self {
            Layer::Vocabulary => "L0",
            Layer::Core => "L1",
            Layer::InputOutput => "L2",
            Layer::Daemon => "L3",
            Layer::Simulation => "simulation",
            Layer::Development => "development",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DESIGN 3: down only; nothing sideways between cores or daemons; the simulation sees L0 and L1.
    #[test]
    fn arrows_point_down() {
        let down = [
            ("wire", "model"),
            ("membership", "wire"),
            ("daemon", "model"),
            ("pbxd", "exchange"),
            ("sim", "ledger"),
            ("tests", "xtask"),
        ];
        let wrong = [
            ("model", "ledger"),
            ("exchange", "media"),
            ("membership", "daemon"),
            ("stored", "pbxd"),
            ("sim", "netio"),
            ("netio", "clusterd"),
            ("pbxd", "sim"),
            ("stored", "xtask"),
        ];
        let judge = |(from, to): (&str, &str)| allowed(layer(from).expect(from), layer(to).expect(to));
        assert!(down.into_iter().all(judge));
        assert!(!wrong.into_iter().any(judge));
    }
}
