//! Which tests belong to which tier: by the package they stand in, the name of their target, and `#[ignore]`.
//!
//! | tier | tests |
//! | --- | --- |
//! | core | unit tests of every package, `tests/` of the cores and of what needs nothing from outside, doc tests |
//! | sim | everything in `sim` |
//! | process | `tests/` of the daemons and of L2; target `process` of the package `tests` |
//! | netns | those of them marked `#[ignore = "netns tier: …"]`; target `netns` of the package `tests` |
//! | vm | target `vm` of the package `tests`, on the lab's image, which is built first |
//!
//! All are built once, as one workspace, and then run as programs: `cargo test --package X` for each tier would build
//! what they share again and again with other features.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use cargo_metadata::{Message, TargetKind};

use super::Tier;
use crate::{Workspace, process, workspace};

/// Packages whose `tests/` start processes or speak to the kernel.
const PROCESS_PACKAGES: &[&str] =
    &["daemon", "netio", "clusterd", "stored", "pbxd", "hostd", "screen", "tandemctl"];
/// The package of what is above the packages' own tests.
const ABOVE: &str = "tests";
/// The package of the simulation.
const SIMULATION: &str = "sim";

/// A program of tests, as cargo has built it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Program {
    /// Package that it belongs to
    package: String,
    /// Folder of the package, where its tests expect to run
    folder: PathBuf,
    /// Name of the target
    target: String,
    /// It stands in `tests/`
    integration: bool,
    /// The program itself
    path: PathBuf,
}

impl Program {
    /// Its name for people.
    pub(super) fn name(&self) -> String {
        let kind = if self.integration { "tests" } else { "unit tests" };
        format!("{} {} ({kind})", self.package, self.target)
    }

    /// The command that runs it.
    pub(super) fn command(&self, harness: &[&str]) -> Command {
        let mut command = Command::new(&self.path);
        command.current_dir(&self.folder).env("CARGO_MANIFEST_DIR", &self.folder).args(harness);
        command
    }

    /// The words for its test harness in a tier; `None`: it has nothing there.
    pub(super) fn harness(&self, tier: Tier) -> Option<&'static [&'static str]> {
        let above = self.package == ABOVE && self.integration;
        let process = PROCESS_PACKAGES.contains(&self.package.as_str()) && self.integration;
        let own = match () {
            () if above && self.target == "netns" => Tier::Netns,
            () if above && self.target == "vm" => Tier::Vm,
            () if above || process => Tier::Process,
            () if self.package == SIMULATION => Tier::Sim,
            () => Tier::Core,
        };
        match tier {
            Tier::Netns | Tier::Vm if own == tier => Some(&["--include-ignored", "--test-threads=1"]),
            Tier::Netns if own == Tier::Process => Some(&["--ignored", "--test-threads=1"]),
            tier if tier == own => Some(&[]),
            _ => None,
        }
    }
}

/// Builds every program and every test of the workspace.
pub(super) fn build(workspace: &Workspace) -> anyhow::Result<Vec<Program>> {
    let mut command = workspace.cargo();
    command.args(["test", "--workspace", "--lib", "--bins", "--tests", "--no-run"]);
    command.arg("--message-format=json-render-diagnostics");
    let described = process::line(&command);
    let output =
        command.stderr(Stdio::inherit()).output().with_context(|| format!("starting `{described}`"))?;
    if !output.status.success() {
        bail!("`{described}` failed: {}", output.status);
    }
    let members = workspace::members(&workspace.root)?;
    let mut programs = Vec::new();
    for message in Message::parse_stream(output.stdout.as_slice()) {
        let Message::CompilerArtifact(artifact) = message.context("reading cargo's messages")? else {
            continue;
        };
        let package = members.packages.iter().find(|package| package.id == artifact.package_id);
        let (Some(package), Some(path), true) = (package, artifact.executable, artifact.profile.test) else {
            continue;
        };
        let folder = package.manifest_path.parent().context("a manifest stands in a folder")?;
        programs.push(Program {
            package: package.name.to_string(),
            folder: folder.as_std_path().to_owned(),
            target: artifact.target.name,
            integration: artifact.target.kind.contains(&TargetKind::Test),
            path: path.into_std_path_buf(),
        });
    }
    programs.sort_by_key(Program::name);
    Ok(programs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(package: &str, target: &str, integration: bool) -> Program {
        Program {
            package: package.to_owned(),
            folder: PathBuf::new(),
            target: target.to_owned(),
            integration,
            path: PathBuf::new(),
        }
    }

    /// DESIGN 9: no test is forgotten or run twice; only those of the process tier may keep some for netns.
    #[test]
    fn every_test_has_a_tier() {
        let places = [
            (program("exchange", "exchange", false), Tier::Core, false),
            (program("exchange", "call", true), Tier::Core, false),
            (program("stored", "stored", false), Tier::Core, false),
            (program("xtask", "offences", true), Tier::Core, false),
            (program("sim", "sim", false), Tier::Sim, false),
            (program("sim", "membership", true), Tier::Sim, false),
            (program("stored", "pair", true), Tier::Process, true),
            (program("tests", "process", true), Tier::Process, true),
            (program("tests", "netns", true), Tier::Netns, true),
            (program("tests", "vm", true), Tier::Vm, false),
        ];
        for (program, own, in_netns) in places {
            let tiers: Vec<Tier> =
                Tier::ALL.into_iter().filter(|tier| program.harness(*tier).is_some()).collect();
            assert!(tiers.contains(&own), "{} in {tiers:?}", program.name());
            assert_eq!(tiers.contains(&Tier::Netns), in_netns, "{}", program.name());
            assert!(tiers.iter().all(|tier| *tier == own || *tier == Tier::Netns), "{}", program.name());
        }
    }
}
