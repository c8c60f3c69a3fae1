//! `cargo xtask check`: everything that must hold before a change goes in.
//!
//! Each rule is a function from the root of a workspace to its findings, so that tests can plant an offence in a copy
//! and see it found. All steps run, also after one has failed: one round shows everything.

mod buildroot;
mod dependencies;
mod layers;
mod licences;
mod metadata;
mod purity;
mod source;
mod spdx;
mod style;
mod units;

use std::fmt;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::failure::failure;
use crate::progress::{Step, say};
use crate::{Workspace, process};

/// `cargo xtask check …`
#[derive(Debug, Args)]
pub struct Arguments {
    /// Only this step; again for several
    #[arg(long, value_enum, value_name = "STEP")]
    pub only: Vec<Kind>,
    /// Checkout of Buildroot 2026.05.x; without one its step is left out
    #[arg(long, value_name = "DIR", env = "TANDEM_BUILDROOT")]
    pub buildroot: Option<PathBuf>,
    /// Another workspace than the one this program was built from
    #[arg(long, value_name = "FOLDER")]
    pub root: Option<PathBuf>,
}

/// A step of the check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// rustfmt has nothing to change
    Format,
    /// Dependencies between our crates point down only
    Layers,
    /// Vocabulary and cores name no runtime, socket, file, thread, clock, process or randomness of the system
    Purity,
    /// Every dependency is used and pinned
    Dependencies,
    /// Every crate that we bring has a licence that we may ship
    Licences,
    /// Files of a readable length, a README in each room, no path of a person's machine
    Style,
    /// systemd has nothing to say about the units of the overlays, and each is closed enough
    Units,
    /// The external tree of Buildroot loads, and nothing of it is dropped (only with a checkout)
    Buildroot,
    /// clippy has nothing to say
    Clippy,
}

impl Kind {
    /// All steps; what takes long comes last.
    pub const ALL: [Kind; 9] = [
        Kind::Format,
        Kind::Layers,
        Kind::Purity,
        Kind::Dependencies,
        Kind::Licences,
        Kind::Style,
        Kind::Units,
        Kind::Buildroot,
        Kind::Clippy,
    ];

    const fn title(self) -> &'static str {
        match self {
            Kind::Format => "format",
            Kind::Layers => "layers",
            Kind::Purity => "purity of vocabulary and cores",
            Kind::Dependencies => "dependencies",
            Kind::Licences => "licences",
            Kind::Style => "style",
            Kind::Units => "units",
            Kind::Buildroot => "external tree of Buildroot",
            Kind::Clippy => "clippy",
        }
    }

    const fn remedy(self) -> &'static str {
        match self {
            Kind::Format => "cargo fmt --all",
            Kind::Layers => {
                "move the code down, or turn the dependency round (crates/xtask/src/check/layers.rs has the layers)"
            }
            Kind::Purity => {
                "hand it in as an input, or let the shell do it on an output (crates/xtask/README.md)"
            }
            Kind::Dependencies => "edit the Cargo.toml named above",
            Kind::Licences => {
                "choose another crate, or argue for the licence in crates/xtask/src/check/licences.rs"
            }
            Kind::Style => "edit the file named above",
            Kind::Units => "edit the unit named above (overlays/README.md)",
            Kind::Buildroot => "edit the file named above; a checkout is named by --buildroot DIR",
            Kind::Clippy => "cargo clippy --workspace --all-targets",
        }
    }
}

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Where: a path from the root, with a line where there is one
    pub place: String,
    /// What is wrong
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.place, self.what)
    }
}

/// Runs the check.
///
/// # Errors
/// A step failed; the failure says how to put it right.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut workspace = Workspace::find()?;
    if let Some(root) = &arguments.root {
        workspace.root.clone_from(root);
    }
    let wanted = |kind: Kind| {
        // By default everything that this machine can check.
        let possible = kind != Kind::Buildroot || arguments.buildroot.is_some();
        if arguments.only.is_empty() { possible } else { arguments.only.contains(&kind) }
    };
    let chosen = Kind::ALL.into_iter().filter(|kind| wanted(*kind));
    let mut failed = Vec::new();
    for kind in chosen {
        let step = Step::start(kind.title());
        match perform(kind, &workspace, arguments.buildroot.as_deref()) {
            Ok(findings) if findings.is_empty() => drop(step.done()),
            Ok(findings) => {
                findings.iter().for_each(|finding| say(format!("  {finding}")));
                step.failed();
                failed.push(kind);
            }
            Err(error) => {
                say(format!("  {error:#}"));
                step.failed();
                failed.push(kind);
            }
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    let titles: Vec<&str> = failed.iter().map(|kind| kind.title()).collect();
    let remedies: Vec<&str> = failed.iter().map(|kind| kind.remedy()).collect();
    Err(failure(format!("the check found offences: {}", titles.join(", ")), remedies.join("; ")))
}

fn perform(kind: Kind, workspace: &Workspace, checkout: Option<&Path>) -> anyhow::Result<Vec<Finding>> {
    match kind {
        Kind::Buildroot => match checkout {
            Some(folder) => buildroot::findings(workspace, folder),
            None => Err(failure("no checkout of Buildroot is named", Kind::Buildroot.remedy())),
        },
        Kind::Format => {
            process::run(workspace.cargo().args(["fmt", "--all", "--check"])).map(|()| Vec::new())
        }
        Kind::Clippy => {
            let mut clippy = workspace.cargo();
            clippy.args(["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]);
            process::run(&mut clippy).map(|()| Vec::new())
        }
        rule => findings(rule, &workspace.root),
    }
}

/// What a rule finds in the workspace at `root`; nothing for steps that are commands of other programs.
///
/// # Errors
/// The workspace cannot be read.
pub fn findings(rule: Kind, root: &Path) -> anyhow::Result<Vec<Finding>> {
    let mut findings = match rule {
        Kind::Layers => layers::findings(root),
        Kind::Purity => purity::findings(root),
        Kind::Dependencies => dependencies::findings(root),
        Kind::Licences => licences::findings(root),
        Kind::Style => style::findings(root),
        Kind::Units => units::findings(root),
        Kind::Format | Kind::Buildroot | Kind::Clippy => Ok(Vec::new()),
    }?;
    findings.sort();
    findings.dedup();
    Ok(findings)
}
