//! Ten real power cuts: QEMU is killed at a random moment, while settings are written and calls run.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use tests::extension::Extension;
use xtask::lab::Side;
use xtask::progress::say;

use crate::bench::{Bench, GAP_MAX, STEP, on_pair, wait_for};

/// How often the power is cut.
const CUTS: usize = 10;
/// Environment: the seed of an earlier run, to cut at its moments again.
const SEED: &str = "TANDEM_SEED";
/// When the power goes, milliseconds after the first change was acknowledged and the calls have started.
const MOMENT_MS: std::ops::Range<u64> = 0..5_000;
/// The active box is cut this often, of [`ODDS`]; else the standby.
const ODDS_OF_THE_ACTIVE: u32 = 7;
/// See [`ODDS_OF_THE_ACTIVE`].
const ODDS: u32 = 10;
/// Calls that have ended before the writers start, each time.
const CALLS_BEFORE: usize = 3;
/// Calls under way at the cut: ten new ones a second, for longer than the latest moment.
const CALLS_DURING: usize = 70;
/// The writers let others ask the node in between.
const BETWEEN_WRITES: Duration = Duration::from_millis(150);

/// A change that a node said is in force.
#[derive(Clone, Debug)]
struct Acknowledged {
    transaction: String,
    /// The answer said that it is on both disks
    protected: bool,
}

/// H3, H5, H11, H21, design promise 3, issue 3: each time the box boots again and both agree; every transaction that
/// was acknowledged is in the audit list, every call record that was seen is still there, on both boxes.
#[test]
fn nothing_acknowledged_is_lost_in_ten_power_cuts() -> Result<()> {
    on_pair("power-cuts", |bench| {
        let seed = match std::env::var(SEED) {
            Ok(seed) => seed.parse().with_context(|| format!("read {SEED}"))?,
            Err(_) => SystemTime::now().duration_since(UNIX_EPOCH).context("read the clock")?.as_secs(),
        };
        say(format!("seed {seed}: the same moments again with {SEED}={seed}"));
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let mut history = History::default();
        for cut in 1..=CUTS {
            let plan = Plan {
                cut,
                active: bench.pair.await_settled()?,
                active_dies: dice.random_ratio(ODDS_OF_THE_ACTIVE, ODDS),
                moment: Duration::from_millis(dice.random_range(MOMENT_MS)),
            };
            perform(bench, &plan, &mut history).with_context(|| format!("cut {cut}, seed {seed}"))?;
        }
        bench.pair.await_settled()?;
        for side in Side::BOTH {
            history.check(bench, side, |_| true)?;
        }
        say(format!(
            "{} transactions and {} call records, on both boxes",
            history.settings.len(),
            history.records.len()
        ));
        bench.no_unit_has_failed()
    })
}

/// One cut.
struct Plan {
    cut: usize,
    active: Side,
    active_dies: bool,
    /// After the first change was acknowledged and the calls have started
    moment: Duration,
}

/// What must not be lost.
#[derive(Default)]
struct History {
    settings: Vec<Acknowledged>,
    records: BTreeSet<String>,
}

fn perform(bench: &Bench, plan: &Plan, history: &mut History) -> Result<()> {
    let Plan { cut, active, .. } = *plan;
    let (victim, survivor) = (plan.victim(), plan.victim().other());
    // Each time anew: on a slow machine all ten cuts take longer than a registration lasts.
    let extension =
        Extension::register(&bench.surroundings, &bench.folder.join(format!("cut-{cut}")), "105", 5_080)?;
    extension.calls(bench.folder.join(format!("before-{cut}")), CALLS_BEFORE)?.finish(STEP)?;
    // Records leave the telephone daemon when calls end; those that are listed are stored.
    wait_for("records of the calls before the cut", STEP, || {
        history.records.extend(records(bench, active).ok()?);
        (history.records.len() >= cut * CALLS_BEFORE).then_some(())
    })?;
    wait_for("equal state before the cut", STEP, || bench.pair.status().is_settled().then_some(()))?;

    let probe = bench.probe()?;
    let (stop, acknowledged) = (AtomicBool::new(false), Mutex::new(Vec::new()));
    let gap = std::thread::scope(|scope| -> Result<_> {
        for side in Side::BOTH {
            let (stop, acknowledged) = (&stop, &acknowledged);
            scope.spawn(move || write(bench, side, cut, stop, acknowledged));
        }
        // However it goes on, the writers end.
        let outcome = cut_in_the_middle(bench, &extension, plan, &acknowledged);
        stop.store(true, Ordering::Relaxed);
        outcome
    })
    .and_then(|fault| plan.active_dies.then(|| bench.gap(&probe, fault, survivor)).transpose())?;
    let acknowledged = acknowledged.into_inner().unwrap_or_else(PoisonError::into_inner);
    say(format!(
        "cut {cut:2}: node {victim} ({}) died after {:4} ms; {:2} transactions acknowledged, {} of them protected{}",
        if plan.active_dies { "active" } else { "standby" },
        plan.moment.as_millis(),
        acknowledged.len(),
        acknowledged.iter().filter(|change| change.protected).count(),
        gap.map_or_else(String::new, |gap| format!("; gap {} ms", gap.as_millis())),
    ));
    // An answer `protected: false` promises this node's disk only: nothing, when the node that gave it is the one to die.
    history.settings.extend(acknowledged.into_iter().filter(|change| change.protected || !plan.active_dies));
    // With one box gone: what was said to be on both disks is on this one.
    history.check(bench, survivor, |change| change.protected)?;
    bench.pair.power_on(victim)?;
    ensure!(
        bench.pair.await_settled()? == if plan.active_dies { survivor } else { active },
        "the returning box must not take over"
    );
    ensure!(gap.is_none_or(|gap| gap <= GAP_MAX), "silence of {gap:?}");
    Ok(())
}

/// Cuts the power while changes are acknowledged and calls run; when that was.
fn cut_in_the_middle(
    bench: &Bench,
    extension: &Extension,
    plan: &Plan,
    acknowledged: &Mutex<Vec<Acknowledged>>,
) -> Result<Instant> {
    wait_for("a first change is acknowledged", STEP, || {
        (!acknowledged.lock().ok()?.is_empty()).then_some(())
    })?;
    let folder = bench.folder.join(format!("during-{}", plan.cut));
    let _under_way = extension.calls(folder, CALLS_DURING)?;
    let started = Instant::now();
    xtask::peers::wait_for(plan.moment, || (started.elapsed() >= plan.moment).then_some(()));
    let fault = Instant::now();
    bench.pair.power_off(plan.victim())?;
    Ok(fault)
}

impl Plan {
    fn victim(&self) -> Side {
        if self.active_dies { self.active } else { self.active.other() }
    }
}

impl History {
    /// Every record, and every change of which `promised` holds, is on a node.
    fn check(&self, bench: &Bench, side: Side, promised: impl Fn(&Acknowledged) -> bool) -> Result<()> {
        let rows = bench.ask(side, &["audit", "list"])?;
        let rows = rows.as_array().context("the audit list is a list")?;
        let kept: BTreeSet<&str> = rows.iter().filter_map(|row| row["transaction_id"].as_str()).collect();
        let lost: Vec<_> = self
            .settings
            .iter()
            .filter(|change| promised(change) && !kept.contains(change.transaction.as_str()))
            .collect();
        ensure!(lost.is_empty(), "node {side} has lost acknowledged transactions: {lost:?}");
        let kept = records(bench, side)?;
        let lost: Vec<_> = self.records.difference(&kept).collect();
        ensure!(lost.is_empty(), "node {side} has lost call records: {lost:?}");
        Ok(())
    }
}

/// Changes a name again and again through the `tandemctl` of one node, and keeps what was acknowledged, until told to
/// stop.
fn write(bench: &Bench, side: Side, cut: usize, stop: &AtomicBool, acknowledged: &Mutex<Vec<Acknowledged>>) {
    for number in 1.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let transaction = format!("cut-{cut}-{side}-{number}");
        // Both writers at once, and a node without power: a refusal or no answer acknowledges nothing.
        if let Ok(protected) = rename_first_phone(bench, side, &transaction)
            && let Ok(mut acknowledged) = acknowledged.lock()
        {
            acknowledged.push(Acknowledged { transaction, protected });
        }
        std::thread::sleep(BETWEEN_WRITES);
    }
}

/// Gives extension 101 (side a) or 102 (side b) the name of this transaction; whether it is on both disks.
fn rename_first_phone(bench: &Bench, side: Side, transaction: &str) -> Result<bool> {
    let section = if side == Side::A { "[extension.101]" } else { "[extension.102]" };
    let section = section.replace('[', r"\[").replace(']', r"\]");
    let command = format!(
        "tandemctl config export | sed '/^{section}/,/^name/ s/^name .*/name = \"{transaction}\"/' | \
         tandemctl config apply - --author tests --description {transaction} --transaction {transaction} --json"
    );
    let outcome: Value =
        serde_json::from_str(&bench.pair.shell(side, &command)?).context("read the outcome")?;
    ensure!(outcome["applied"] == true, "not applied: {outcome}");
    outcome["protected"].as_bool().context("the outcome does not say whether it is protected")
}

/// Unique names of the call records that a node has.
fn records(bench: &Bench, side: Side) -> Result<BTreeSet<String>> {
    let listed = bench.ask(side, &["records", "list"])?;
    let listed = listed.as_array().context("the records are a list")?;
    listed
        .iter()
        .map(|record| Ok(record["unique_id"].as_str().context("a record without unique_id")?.to_owned()))
        .collect()
}
