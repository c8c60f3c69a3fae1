//! `cargo xtask demo`: the main job, end to end, on real input. Two nodes, two phones, a call with a tone each way, a
//! power cut, the takeover, a second call, one timeline.
//!
//! ```text
//!   run ──► site: lab::Pair, or with --rootfs image and vm::Pair ──► story ──► report, judgement
//!                                       register, call, power cut, takeover, call, power on
//! ```

pub mod call;
pub mod site;
pub mod story;
pub mod timeline;

mod boot;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;

use crate::failure::failure;
use crate::image::Rootfs;
use crate::lab::network;
use crate::progress::{self, Step};
use crate::{Workspace, packages, vm};

use site::{Processes, Site};
use story::Shown;
use timeline::Timeline;

/// Name of the demonstration's pair.
const NAME: &str = "demo";

/// Options of `demo`.
#[derive(Args, Debug)]
pub struct Verb {
    /// Processes in network namespaces; so it is without --rootfs
    #[arg(long, conflicts_with = "rootfs")]
    lab: bool,
    /// Virtual machines that boot this root file system
    #[arg(long, value_enum)]
    rootfs: Option<Rootfs>,
    /// Stop everything at the end
    #[arg(long)]
    once: bool,
    /// End with one JSON object on the last line
    #[arg(long)]
    json: bool,
}

/// The whole demonstration; the keys are a contract with scripts.
#[derive(Debug, Serialize)]
struct Report {
    /// Root file system of the nodes: `lab`, `buildroot`, or `none` for processes in namespaces
    rootfs: &'static str,
    /// Seconds from power-on to the first SIP answer at the resource address
    boot_s: f64,
    #[serde(flatten)]
    shown: Shown,
    /// Seconds from the start of the command to its end
    wall_s: f64,
}

/// Runs the demonstration.
///
/// # Errors
/// A step failed, or what it shows is not good: a call without audio, a takeover that took too long, a failed unit.
pub fn run(verb: &Verb) -> Result<()> {
    let mut timeline = Timeline::start();
    // The phones stand in a namespace, whatever the nodes are.
    network::require_root()?;
    packages::ensure(packages::DEMO)?;
    let workspace = Workspace::find()?;
    let step = Step::start("building the programs");
    workspace.build_programs()?;
    step.done();
    timeline.note("the programs are built");
    let site = match verb.rootfs {
        Some(rootfs) if !verb.lab => boot(&workspace, rootfs, &mut timeline)?,
        _ => Box::new(Processes::up(NAME)?),
    };
    let boot_s = tenths(site.boot_s()?);
    timeline.note(format!("first SIP answer {boot_s} s after power-on"));

    let folder = workspace.target.join(NAME);
    let shown = story::tell(&*site, &folder, &mut timeline)?;
    let (rootfs, faults) = (site.rootfs(), shown.faults(site.gap_max()));
    let mut ways = Vec::new();
    if verb.once {
        site.down()?;
        timeline.note("everything stopped, nothing left behind");
    } else {
        ways = site.ways_to_look(shown.takeover.to)?;
        site.leave();
    }
    let report = Report { rootfs, boot_s, shown, wall_s: tenths(timeline.seconds()) };
    if verb.json {
        progress::result(serde_json::to_string(&report)?);
    } else {
        progress::result(people(&report, &timeline, &ways));
    }
    judge(&faults, &folder)
}

/// The settled pair of machines that boot this root file system.
fn boot(workspace: &Workspace, rootfs: Rootfs, timeline: &mut Timeline) -> Result<Box<dyn Site>> {
    let options = vm::Options { name: NAME.to_owned(), rootfs, ..vm::Options::default() };
    packages::ensure(packages::MACHINES)?;
    let image = vm::image(workspace, &options)?;
    let size =
        fs::metadata(&image.root).with_context(|| format!("looking at {}", image.root.display()))?.len();
    timeline.note(format!("the image is ready: {} root of {} MiB", image.rootfs, size / (1_024 * 1_024)));
    Ok(Box::new(vm::Pair::up(&vm::Options { build: false, ..options })?))
}

/// The timeline once more and, when the pair goes on running, how to look at it.
fn people(report: &Report, timeline: &Timeline, ways: &[(&str, String)]) -> String {
    let shown = &report.shown;
    let good = shown.calls.iter().filter(|call| call.good()).count();
    let mut text = format!(
        "\n{}\n{} phones, {good} of {} calls with audio both ways, takeover in {} ms, {} failed units\n",
        timeline.text(),
        shown.registrations,
        shown.calls.len(),
        shown.takeover.gap_ms,
        shown.failed_units.len()
    );
    if !ways.is_empty() {
        text.push_str("\nThe pair is still running. Look at it:\n");
        for (purpose, command) in ways {
            text.push_str(&format!("  {purpose:<18} {command}\n"));
        }
    }
    text
}

/// An error for whatever was not good.
fn judge(faults: &[String], folder: &Path) -> Result<()> {
    if faults.is_empty() {
        return Ok(());
    }
    let remedy = format!("look at the phones' logs and recordings in {}", folder.display());
    Err(failure(faults.join("; "), remedy))
}

fn tenths(seconds: f64) -> f64 {
    (seconds * 10.0).round() / 10.0
}
