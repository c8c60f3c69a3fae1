//! `cargo xtask demo`: the main job, end to end, on real input. Two nodes, two phones, a call with a tone each way, a
//! power cut, the takeover, a second call, one timeline.
//!
//! ```text
//!   run ──► site (lab::Pair) ──► story: register, call, power cut, takeover, call, power on ──► report, judgement
//!    └────► boot: the first answer at the resource address
//! ```

pub mod call;
pub mod site;
pub mod story;
pub mod timeline;

mod boot;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::failure::failure;
use crate::lab::{self, Options, Pair};
use crate::progress::{self, Step};
use crate::{Workspace, packages};

use boot::FirstAnswer;
use site::Site;
use story::Shown;
use timeline::Timeline;

/// Name of the demonstration's pair.
const NAME: &str = "demo";

/// Options of `demo`.
#[derive(Args, Debug)]
pub struct Verb {
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
    packages::ensure(packages::DEMO)?;
    let workspace = Workspace::find()?;
    let step = Step::start("building");
    workspace.build_programs()?;
    step.done();
    let (site, boot) = bring_up()?;
    timeline.note(format!("first SIP answer {:.1} s after power-on", boot.as_secs_f64()));

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
    let report =
        Report { rootfs, boot_s: tenths(boot.as_secs_f64()), shown, wall_s: tenths(timeline.seconds()) };
    if verb.json {
        progress::result(serde_json::to_string(&report)?);
    } else {
        progress::result(people(&report, &timeline, &ways));
    }
    judge(&faults, &folder)
}

/// The settled pair, and the time from power-on to its first answer.
fn bring_up() -> Result<(Box<dyn Site>, Duration)> {
    // An older pair of this name would answer in its place.
    lab::down(NAME)?;
    let answer = FirstAnswer::await_from(NAME)?;
    let power_on = Instant::now();
    let site = Box::new(Pair::up(&Options { name: NAME.to_owned(), build: false, ..Options::default() })?);
    Ok((site, answer.since(power_on)?))
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
