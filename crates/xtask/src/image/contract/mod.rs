//! Holds a root file system against `image/contract`, the list of what every root must hold.
//!
//! ```text
//!   image/contract/*.toml ──► data ──┐
//!   FILE (squashfs) ──► listing ─────┼─► users, files, units, release, kernel ──► Report {checked, failed}
//!          └─ the few files we read ─┘                                             ▲
//!   a running node (any shell) ──────► running ────────────────────────────────────┘
//! ```
//!
//! Nothing here needs root: owners, modes and devices are read from the listing of the squashfs, and only what is read
//! is unpacked.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use serde::Serialize;

use crate::failure::failure;
use crate::progress::{Step, result, say};
use crate::{Workspace, packages};

mod analyze;
mod data;
mod files;
mod kernel;
mod listing;
pub(super) mod pattern;
mod release;
mod root;
mod running;
#[cfg(test)]
mod tests;
mod unit_file;
mod units;
mod users;

pub(crate) use analyze::analyze;
pub(crate) use unit_file::UnitFile;

use data::Contract;
use root::Root;

/// Where the contract stands in a workspace.
const FOLDER: &str = "image/contract";

/// `cargo xtask image contract`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The squashfs
    file: PathBuf,
    /// One JSON object as the last line
    #[arg(long)]
    json: bool,
}

/// Something that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// File of the contract that has the rule, e.g. `units`
    pub rule: &'static str,
    /// Where: a path, a user, a unit, an option
    pub place: String,
    /// What is wrong
    pub what: String,
    /// What to do
    pub to_do: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}: {}\n    to do: {}", self.rule, self.place, self.what, self.to_do)
    }
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Rules looked at
    pub checked: u64,
    /// Rules that do not hold
    pub failed: Vec<Violation>,
}

impl Report {
    /// Counts a rule; when it does not hold, `violation` says how.
    fn hold(&mut self, holds: bool, violation: impl FnOnce() -> Violation) {
        self.checked += 1;
        if !holds {
            self.failed.push(violation());
        }
    }

    /// Fails with every violation named.
    ///
    /// # Errors
    /// Something does not hold.
    pub fn into_result(self) -> anyhow::Result<()> {
        if self.failed.is_empty() {
            return Ok(());
        }
        let lines: Vec<String> = self.failed.iter().map(|violation| format!("  {violation}")).collect();
        Err(failure(
            format!(
                "{} of {} rules of image/contract do not hold:\n{}",
                self.failed.len(),
                self.checked,
                lines.join("\n")
            ),
            "put right what is named above, or argue for another rule in image/contract",
        ))
    }
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    packages::ensure(packages::CONTRACT)?;
    let step = Step::start(format!("holding {} against image/contract", arguments.file.display()));
    let report = check(&Workspace::find()?, &arguments.file)?;
    for violation in &report.failed {
        say(format!("  {violation}"));
    }
    let sound = report.failed.is_empty();
    if sound {
        step.done()
    } else {
        step.failed()
    };
    if arguments.json {
        result(serde_json::to_string(&report).context("writing the report as JSON")?);
    } else if sound {
        result(format!("all {} rules hold", report.checked));
    }
    if sound {
        return Ok(());
    }
    Err(failure(
        format!("{} of {} rules do not hold", report.failed.len(), report.checked),
        "put right what is listed above, or argue for another rule in image/contract",
    ))
}

/// Holds the squashfs `file` against the contract of the house.
///
/// # Errors
/// The file or the contract cannot be read.
pub fn check(workspace: &Workspace, file: &Path) -> anyhow::Result<Report> {
    let contract = Contract::load(&folder(workspace))?;
    let root = Root::open(file)?;
    let mut report = Report::default();
    files::check(&contract.files, &root, &mut report);
    users::check(&contract.users, &root, &mut report);
    release::check(&contract.release, &root, &mut report);
    kernel::check(&contract.kernel, &root, &mut report);
    units::check(&contract, &root, &mut report)?;
    Ok(report)
}

/// Holds a running node against `image/contract/running.toml`; `shell` runs a command line in a shell of root in the
/// node and returns what it wrote.
///
/// # Errors
/// The node cannot be asked, or the contract not be read.
pub fn check_running(shell: &mut dyn FnMut(&str) -> anyhow::Result<String>) -> anyhow::Result<Report> {
    let contract = Contract::load(&folder(&Workspace::find()?))?;
    let mut report = Report::default();
    running::check(&contract, shell, &mut report)?;
    Ok(report)
}

/// The exposure that a daemon may have at most, as the contract in the workspace at `root` says.
///
/// # Errors
/// The contract cannot be read.
pub(crate) fn exposure_max(root: &Path) -> anyhow::Result<f64> {
    Ok(Contract::load(&root.join(FOLDER))?.units.exposure_max)
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.root.join(FOLDER)
}
