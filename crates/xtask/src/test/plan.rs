//! Which tests belong to which tier: by the package they stand in, the name of their target, and `#[ignore]`.
//!
//! | tier | tests |
//! | --- | --- |
//! | core | unit tests of every package, `tests/` of the cores and of what needs nothing from outside, doc tests |
//! | sim | everything in `sim` |
//! | process | `tests/` of the daemons and of L2; target `process` of the package `tests` |
//! | netns | those of them marked `#[ignore = "netns tier: …"]`; target `netns` of the package `tests` |

use cargo_metadata::{Metadata, Package, TargetKind};

use super::Tier;
use crate::{Workspace, workspace};

/// Packages whose `tests/` start processes or speak to the kernel.
const PROCESS_PACKAGES: &[&str] = &["daemon", "netio", "clusterd", "stored", "pbxd", "tandemctl"];
/// The package of what is above the packages' own tests.
const ABOVE: &str = "tests";
/// The package of the simulation.
const SIMULATION: &str = "sim";

/// The words after `cargo` that a tier runs, command by command.
pub(super) fn commands(tier: Tier, workspace: &Workspace) -> anyhow::Result<Vec<Vec<String>>> {
    Ok(of(tier, &workspace::members(&workspace.root)?))
}

fn of(tier: Tier, members: &Metadata) -> Vec<Vec<String>> {
    let one_by_one = ["--test-threads=1"];
    match tier {
        Tier::Install => Vec::new(),
        Tier::Build => vec![words(&["build", "--workspace"]), words(&["test", "--workspace", "--no-run"])],
        Tier::Core => {
            let units = [
                "test",
                "--workspace",
                "--no-fail-fast",
                "--lib",
                "--bins",
                "--exclude",
                SIMULATION,
                "--exclude",
                ABOVE,
            ];
            let own = |package: &Package| {
                !process(package) && ![SIMULATION, ABOVE].contains(&package.name.as_str())
            };
            let mut commands = vec![words(&units)];
            commands.extend(integration(members, own, &[]));
            commands.push(words(&["test", "--workspace", "--no-fail-fast", "--doc"]));
            commands
        }
        Tier::Sim => vec![words(&["test", "--no-fail-fast", "--package", SIMULATION])],
        Tier::Process => {
            let above = target(members, "process", &[]);
            integration(members, process, &[]).into_iter().chain(above).collect()
        }
        Tier::Netns => {
            let ignored = integration(members, process, &[&["--ignored"], &one_by_one[..]].concat());
            let above = target(members, "netns", &[&["--include-ignored"], &one_by_one[..]].concat());
            ignored.into_iter().chain(above).collect()
        }
    }
}

fn process(package: &Package) -> bool {
    PROCESS_PACKAGES.contains(&package.name.as_str())
}

/// One command for the `tests/` of all packages that `fits` and that have any.
fn integration(members: &Metadata, fits: impl Fn(&Package) -> bool, harness: &[&str]) -> Option<Vec<String>> {
    let with_tests =
        members.workspace_packages().into_iter().filter(|package| fits(package) && has_tests(package));
    let selected: Vec<&str> = with_tests.flat_map(|package| ["--package", package.name.as_str()]).collect();
    if selected.is_empty() {
        return None;
    }
    Some(command(&[&["test", "--no-fail-fast"], &selected[..], &["--test", "*"]].concat(), harness))
}

/// The command for one target of the package above, if it is there.
fn target(members: &Metadata, name: &str, harness: &[&str]) -> Option<Vec<String>> {
    let package = members.workspace_packages().into_iter().find(|package| package.name.as_str() == ABOVE)?;
    package.targets.iter().find(|target| target.name == name && target.kind.contains(&TargetKind::Test))?;
    Some(command(&["test", "--no-fail-fast", "--package", ABOVE, "--test", name], harness))
}

fn has_tests(package: &Package) -> bool {
    package.targets.iter().any(|target| target.kind.contains(&TargetKind::Test))
}

fn command(cargo: &[&str], harness: &[&str]) -> Vec<String> {
    let separator: &[&str] = if harness.is_empty() { &[] } else { &["--"] };
    words(&[cargo, separator, harness].concat())
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DESIGN 9: no test is forgotten: every package's `tests/` run in exactly one of core, sim and process.
    #[test]
    fn every_test_has_a_tier() {
        let workspace = Workspace::find().expect("workspace");
        let members = workspace::members(&workspace.root).expect("members");
        let tiers = [Tier::Core, Tier::Sim, Tier::Process];
        for package in members.workspace_packages() {
            if !has_tests(package) || package.name.as_str() == ABOVE {
                continue;
            }
            let runs = |tier: &Tier| {
                let named = |words: &Vec<String>| {
                    words.windows(2).any(|pair| pair == ["--package", package.name.as_str()])
                };
                of(*tier, &members).iter().any(named)
            };
            assert_eq!(tiers.iter().filter(|tier| runs(tier)).count(), 1, "{}", package.name);
        }
    }
}
