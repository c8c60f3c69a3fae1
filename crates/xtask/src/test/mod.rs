//! `cargo xtask test`: every test of this machine, tier by tier, each against a budget of time (DESIGN section 9).
//!
//! All tiers run, also after one has failed: one round shows everything.

mod plan;
mod table;

use std::time::Instant;

use clap::{Args, ValueEnum};

use crate::failure::failure;
use crate::progress::{Step, result, say};
use crate::{Workspace, packages, process, python};
use table::{Outcome, Table};

/// `cargo xtask test …`
#[derive(Debug, Args)]
pub struct Arguments {
    /// Only this tier; again for several
    #[arg(long, value_enum, value_name = "TIER")]
    pub tier: Vec<Tier>,
    /// Print the commands and run nothing
    #[arg(long)]
    pub list: bool,
}

/// A tier, from the quickest and smallest to the slowest and largest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Tier {
    /// What tests need from outside: Debian packages, a Python environment
    Install,
    /// All programs and tests
    Build,
    /// Tests without a process, an address or a clock of their own
    Core,
    /// Seeded simulation of pairs, disks and links
    Sim,
    /// Real daemons on loopback
    Process,
    /// Two nodes in network namespaces, real peers, real faults; needs root
    Netns,
}

impl Tier {
    /// All tiers, in the order in which they run.
    pub const ALL: [Tier; 6] =
        [Tier::Install, Tier::Build, Tier::Core, Tier::Sim, Tier::Process, Tier::Netns];

    /// Its name, as `--tier` takes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Tier::Install => "install",
            Tier::Build => "build",
            Tier::Core => "core",
            Tier::Sim => "sim",
            Tier::Process => "process",
            Tier::Netns => "netns",
        }
    }
}

/// Runs the tiers and prints the table.
///
/// # Errors
/// A tier failed or took longer than its budget; the failure says how to run it alone.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let workspace = Workspace::find()?;
    let chosen =
        Tier::ALL.into_iter().filter(|tier| arguments.tier.is_empty() || arguments.tier.contains(tier));
    let mut table = Table::default();
    for tier in chosen {
        if arguments.list {
            list(tier, &workspace)?;
        } else {
            let started = Instant::now();
            let passed = perform(tier, &workspace)?;
            table.add(Outcome { tier, passed, seconds: started.elapsed().as_secs_f64() });
        }
    }
    if arguments.list {
        return Ok(());
    }
    result(table.render());
    match table.first_offence() {
        None => Ok(()),
        Some((tier, what)) => {
            let remedy = format!("see its output above, then: cargo xtask test --tier {}", tier.as_str());
            Err(failure(what, remedy))
        }
    }
}

fn list(tier: Tier, workspace: &Workspace) -> anyhow::Result<()> {
    result(format!("{}:", tier.as_str()));
    for words in plan::commands(tier, workspace)? {
        result(format!("  cargo {}", words.join(" ")));
    }
    if tier == Tier::Install {
        let names: Vec<&str> = packages::TESTS.iter().map(|package| package.name).collect();
        result(format!("  packages {}, and target/python", names.join(" ")));
    }
    Ok(())
}

/// Runs a tier; whether everything in it passed.
fn perform(tier: Tier, workspace: &Workspace) -> anyhow::Result<bool> {
    let step = Step::start(format!("tier {}", tier.as_str()));
    let mut passed = true;
    let mut note = |outcome: anyhow::Result<()>| {
        if let Err(error) = outcome {
            say(format!("✗ {error:#}"));
            passed = false;
        }
    };
    if tier == Tier::Install {
        note(packages::ensure(packages::TESTS));
        note(python::environment(&workspace.target).map(drop));
    }
    for words in plan::commands(tier, workspace)? {
        note(process::run(workspace.cargo().args(words)));
    }
    if passed {
        step.done()
    } else {
        step.failed()
    };
    Ok(passed)
}
