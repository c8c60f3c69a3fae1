//! `cargo xtask demo`: the main job, end to end, on real input. Two nodes, two phones, a call with a tone each way, a
//! power cut, the takeover, a second call, one timeline.

mod call;
mod timeline;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;

use crate::failure::failure;
use crate::lab::{Description, Options, Pair, Side};
use crate::peers::baresip::{self, Baresip};
use crate::peers::probe::Probe;
use crate::progress;
use crate::{Workspace, packages};

use call::{CallReport, Party};
use timeline::Timeline;

/// How long a registration or the takeover may take on a busy machine.
const STEP_DEADLINE: Duration = Duration::from_secs(20);
/// Longest silence that the takeover may cause with the sample's dead threshold of 1 s.
const GAP_MAX: Duration = Duration::from_millis(1_500);
/// Name of the demonstration's lab.
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

/// What the demonstration has shown; the keys are a contract with scripts.
#[derive(Debug, Serialize)]
struct Report {
    /// Phones registered at the resource address
    registrations: usize,
    /// Before and after the power cut
    calls: Vec<CallReport>,
    takeover: Takeover,
    /// Daemons of the surviving node that are not running
    failed_units: Vec<String>,
    /// Seconds from the start of the command to its end
    wall_s: f64,
}

#[derive(Debug, Serialize)]
struct Takeover {
    /// What was done to the active node
    fault: &'static str,
    /// Node that died
    from: Side,
    /// Node that took over
    to: Side,
    /// Milliseconds from the last answer before the cut to the first after it
    gap_ms: u64,
}

/// Runs the demonstration.
///
/// # Errors
/// A step failed, or what it shows is not good: a call without audio, a takeover that took too long.
pub fn run(verb: &Verb) -> Result<()> {
    let mut timeline = Timeline::start();
    packages::ensure(packages::DEMO)?;
    let pair = Pair::up(&Options { name: NAME.to_owned(), ..Options::default() })?;
    let folder = Workspace::find()?.target.join("demo");
    let report = show(&pair, &folder, &mut timeline)?;
    let lab = pair.description()?;
    if verb.once {
        pair.down()?;
        timeline.note("everything stopped, nothing left behind");
    } else {
        pair.leave();
    }
    let report = Report { wall_s: (timeline.seconds() * 10.0).round() / 10.0, ..report };
    if verb.json {
        progress::result(serde_json::to_string(&report)?);
    } else {
        progress::result(people(&report, &timeline, (!verb.once).then_some(&lab)));
    }
    judge(&report, &folder)
}

/// Everything between a settled pair and the report.
fn show(pair: &Pair, folder: &Path, timeline: &mut Timeline) -> Result<Report> {
    let lab = pair.description()?;
    let active = pair.await_settled()?;
    timeline.note(format!(
        "node {active} serves {}, node {} stands by",
        lab.resource_address,
        active.other()
    ));
    let _ = fs::remove_dir_all(folder);
    let mut caller = phone(&lab, folder, 0, 440, false)?;
    let mut called = phone(&lab, folder, 1, 620, true)?;
    timeline.note(format!(
        "phones {} and {} are registered at {}",
        caller.number, called.number, lab.resource_address
    ));

    let first = call::make(&mut caller, &mut called)?;
    note_call(timeline, "call 1", &first);

    let exchange = SocketAddr::new(lab.resource_address, lab.sip_port);
    let probe = Probe::start(&lab.namespaces.phones, lab.phones_address, exchange)?;
    probe.wait_for_answer(Instant::now(), STEP_DEADLINE)?;
    let fault = Instant::now();
    pair.cut_power(active)?;
    timeline.note(format!("power cut of node {active}: every process killed, its links down"));
    pair.await_role(active.other(), "active")?;
    probe.wait_for_answer(Instant::now(), STEP_DEADLINE)?;
    let gap = probe.gap_around(fault).context("nobody has answered the probe before the power cut")?;
    drop(probe);
    timeline.note(format!("node {} serves; callers saw {} ms of silence", active.other(), gap.as_millis()));

    let second = call::make(&mut caller, &mut called)?;
    note_call(timeline, "call 2", &second);

    pair.power_on(active)?;
    timeline.note(format!("node {active} has power again"));
    pair.await_settled()?;
    timeline.note(format!("node {active} stands by and holds the same state (equal hash)"));
    let survivor = pair.status()?.nodes.remove(&active.other()).unwrap_or_default();
    Ok(Report {
        registrations: 2,
        calls: vec![first, second],
        takeover: Takeover {
            fault: "power cut: SIGKILL to every process, links down",
            from: active,
            to: active.other(),
            gap_ms: u64::try_from(gap.as_millis()).unwrap_or(u64::MAX),
        },
        failed_units: survivor.failed,
        wall_s: 0.0,
    })
}

/// A registered phone for the account number `index` of the lab.
fn phone(lab: &Description, folder: &Path, index: usize, tone_hz: u32, answers: bool) -> Result<Party> {
    let account = lab.accounts.get(index).context("the lab has too few accounts")?;
    let settings = baresip::Settings {
        namespace: lab.namespaces.phones.clone(),
        address: lab.phones_address,
        user: account.user.clone(),
        password: account.password.clone(),
        domain: lab.domain.clone(),
        exchange: SocketAddr::new(lab.resource_address, lab.sip_port),
        transport: "udp",
        answers,
        tone_hz,
        registration_seconds: 600,
    };
    let folder: PathBuf = folder.join(&account.user);
    let mut phone = Baresip::start(&folder, &settings)?;
    phone.wait_event("REGISTER_OK", STEP_DEADLINE)?;
    Ok(Party { phone, number: account.user.clone(), tone_hz })
}

fn note_call(timeline: &mut Timeline, name: &str, call: &CallReport) {
    if call.answered {
        let way = |heard: &crate::peers::tone::Heard| match heard.level_db {
            Some(level) => format!("{} Hz for {} ms at {level:+.1} dB", heard.tone_hz, heard.heard_ms),
            None => format!("{} Hz NOT heard", heard.tone_hz),
        };
        timeline.note(format!(
            "{name}: answered after {} ms; called phone hears {}, caller hears {}",
            call.setup_ms,
            way(&call.heard_by_b),
            way(&call.heard_by_a)
        ));
    } else {
        timeline.note(format!("{name}: NOT answered"));
    }
}

/// The timeline once more and, when the pair goes on running, how to look at it.
fn people(report: &Report, timeline: &Timeline, running: Option<&Description>) -> String {
    let mut text = format!("\n{}", timeline.text());
    text.push_str(&format!(
        "\n{} phones, {} of {} calls with audio both ways, takeover in {} ms\n",
        report.registrations,
        report.calls.iter().filter(|call| call.good()).count(),
        report.calls.len(),
        report.takeover.gap_ms
    ));
    if let Some(lab) = running {
        let side = lab.node(report.takeover.to);
        text.push_str(&format!(
            "\nThe pair is still running. Look at it:\n  \
             state of the pair   {tandemctl} ha status\n  \
             call records        {tandemctl} records list\n  \
             move the service    {tandemctl} ha switch\n  \
             both nodes          cargo xtask lab status --name {NAME}\n  \
             stop everything     cargo xtask lab down --name {NAME}\n",
            tandemctl = side.tandemctl.join(" "),
        ));
    }
    text
}

/// An error for whatever was not good.
fn judge(report: &Report, folder: &Path) -> Result<()> {
    let mut bad = Vec::new();
    for (number, call) in (1..).zip(&report.calls) {
        if !call.good() {
            bad.push(format!("call {number} was not answered or not heard both ways"));
        }
    }
    if Duration::from_millis(report.takeover.gap_ms) > GAP_MAX {
        bad.push(format!(
            "the takeover took {} ms (at most {})",
            report.takeover.gap_ms,
            GAP_MAX.as_millis()
        ));
    }
    if !report.failed_units.is_empty() {
        bad.push(format!("daemons failed: {}", report.failed_units.join(", ")));
    }
    if bad.is_empty() {
        return Ok(());
    }
    Err(failure(bad.join("; "), format!("look at the phones' logs and recordings in {}", folder.display())))
}
