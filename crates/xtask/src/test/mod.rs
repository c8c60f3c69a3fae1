//! `cargo xtask test`: every test of this machine, tier by tier, each against a budget of time (DESIGN section 9).
//!
//! All tiers run, also after one has failed: one round shows everything.

mod plan;
mod table;

use std::collections::BTreeSet;
use std::time::Instant;

use clap::{Args, ValueEnum};

use crate::failure::failure;
use crate::packages::Package;
use crate::progress::{Step, result, say};
use crate::{Workspace, image, packages, process, python};
use plan::Program;
use table::{Outcome, Table};

/// What the tiers need of Debian: the tests themselves, the image that machines boot, the machines.
const PACKAGES: [&[Package]; 3] = [packages::TESTS, packages::IMAGE, packages::MACHINES];

/// `cargo xtask test …`
#[derive(Debug, Args)]
pub struct Arguments {
    /// Only this tier; again for several
    #[arg(long, value_enum, value_name = "TIER")]
    pub tier: Vec<Tier>,
    /// Print what each tier runs, and run nothing
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
    /// Two nodes as virtual machines that boot the lab's image, real power cuts; needs root
    Vm,
}

impl Tier {
    /// All tiers, in the order in which they run.
    pub const ALL: [Tier; 7] =
        [Tier::Install, Tier::Build, Tier::Core, Tier::Sim, Tier::Process, Tier::Netns, Tier::Vm];

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
            Tier::Vm => "vm",
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
    let mut run = Run { workspace: &workspace, programs: None };
    let mut table = Table::default();
    for tier in chosen {
        if arguments.list {
            run.list(tier)?;
        } else {
            let started = Instant::now();
            let passed = run.perform(tier);
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

struct Run<'a> {
    workspace: &'a Workspace,
    /// The programs of tests, once they are built
    programs: Option<Vec<Program>>,
}

impl Run<'_> {
    /// Prints what a tier runs.
    fn list(&mut self, tier: Tier) -> anyhow::Result<()> {
        result(format!("{}:", tier.as_str()));
        if tier == Tier::Install {
            let names: BTreeSet<&str> =
                PACKAGES.iter().copied().flatten().map(|package| package.name).collect();
            let names: Vec<&str> = names.into_iter().collect();
            result(format!("  packages {}, and target/python", names.join(" ")));
        }
        if tier == Tier::Vm {
            result("  cargo xtask image --rootfs lab");
        }
        for program in self.programs()? {
            if let Some(harness) = program.harness(tier) {
                result(format!("  {} {}", program.name(), harness.join(" ")));
            }
        }
        Ok(())
    }

    /// Runs a tier; whether everything in it passed.
    fn perform(&mut self, tier: Tier) -> bool {
        let step = Step::start(format!("tier {}", tier.as_str()));
        let failures: Vec<anyhow::Error> = self.outcomes(tier).into_iter().filter_map(Result::err).collect();
        for failure in &failures {
            say(format!("✗ {failure:#}"));
        }
        if failures.is_empty() {
            step.done()
        } else {
            step.failed()
        };
        failures.is_empty()
    }

    /// The outcome of each part of a tier: one that fails does not keep the next from running.
    fn outcomes(&mut self, tier: Tier) -> Vec<anyhow::Result<()>> {
        match tier {
            Tier::Install => {
                let environment = || python::environment(&self.workspace.target).map(drop);
                PACKAGES.iter().map(|packages| packages::ensure(packages)).chain([environment()]).collect()
            }
            Tier::Build => vec![self.workspace.build_programs(), self.programs().map(drop)],
            Tier::Core => {
                let mut documentation = self.workspace.cargo();
                documentation.args(["test", "--workspace", "--doc"]);
                let mut outcomes = self.tests(tier);
                outcomes.push(process::run(&mut documentation));
                outcomes
            }
            Tier::Sim | Tier::Process | Tier::Netns => self.tests(tier),
            Tier::Vm => match image::build(self.workspace, &image::Build::default()) {
                Ok(_) => self.tests(tier),
                Err(error) => vec![Err(error.context("building the image that the machines boot"))],
            },
        }
    }

    /// The outcome of each program of tests that a tier has.
    fn tests(&mut self, tier: Tier) -> Vec<anyhow::Result<()>> {
        match self.programs() {
            Ok(programs) => run_all(programs, tier),
            Err(error) => vec![Err(error)],
        }
    }

    fn programs(&mut self) -> anyhow::Result<&[Program]> {
        match &mut self.programs {
            Some(programs) => Ok(programs),
            unbuilt => Ok(unbuilt.insert(plan::build(self.workspace)?)),
        }
    }
}

fn run_all(programs: &[Program], tier: Tier) -> Vec<anyhow::Result<()>> {
    let own = programs.iter().filter_map(|program| Some((program, program.harness(tier)?)));
    own.map(|(program, harness)| {
        say(format!("… {}", program.name()));
        process::run(&mut program.command(harness))
    })
    .collect()
}
