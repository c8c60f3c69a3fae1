//! Twenty power cuts of the active node: all its processes get SIGKILL, its links go down.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::extension::Extension;
use xtask::lab::Side;
use xtask::peers::probe::Probe;

use crate::phones::{Bench, STEP};

/// How often the power is cut.
const CUTS: usize = 20;
/// Longest silence that a caller may see with a dead threshold of 1 s.
const GAP_MAX: Duration = Duration::from_millis(1_500);
/// Calls that have ended at least [`SETTLED`] before the cut, each time.
const CALLS_BEFORE: usize = 5;
/// Calls older than this must be on the survivor.
const SETTLED: Duration = Duration::from_secs(1);

/// H3, H5, H24, H21, H11: each time the standby answers in time, has the configuration and every record of a call that
/// ended a second before; the dead node comes back as standby and agrees.
#[test]
fn nothing_confirmed_is_lost_in_twenty_power_cuts() -> Result<()> {
    let bench = Bench::up("power-cuts")?;
    let extension = Extension::register(&bench.surroundings, &bench.folder, "105", 5_080)?;
    let probe = Probe::start(&bench.lab().namespaces.phones, bench.lab().phones_address, bench.exchange())?;
    let mut known = BTreeSet::new();
    let mut gaps = Vec::new();
    for cut in 1..=CUTS {
        let active = bench.pair.await_settled()?;
        let survivor = active.other();
        let name = format!("Phone 101 before cut {cut}");
        rename_first_phone(&bench, active, &name)?;
        extension.calls(bench.folder.join(format!("before-{cut}")), CALLS_BEFORE)?.finish(STEP)?;
        let ended = Instant::now();
        known.extend(records(&bench, active)?);
        ensure!(known.len() >= cut * CALLS_BEFORE, "cut {cut}: only {} records before the cut", known.len());
        // Calls under way at the cut: their fate is counted, not judged.
        let _under_way = extension.calls(bench.folder.join(format!("during-{cut}")), 20)?;
        let young = ended + SETTLED;
        xtask::peers::wait_for(SETTLED * 2, || (Instant::now() >= young).then_some(()));

        let fault = Instant::now();
        bench.pair.cut_power(active)?;
        bench.pair.await_role(survivor, "active").with_context(|| format!("cut {cut}"))?;
        probe.wait_for_answer(Instant::now(), STEP).with_context(|| format!("cut {cut}: nobody answers"))?;
        let gap = probe.gap_around(fault).context("the probe has heard nobody")?;
        ensure!(
            took_from_a_silent_peer(&bench, survivor)?,
            "cut {cut}: a planned switchover, not a takeover"
        );
        let after: BTreeSet<String> = records(&bench, survivor)?.into_iter().collect();
        let lost: Vec<_> = known.difference(&after).collect();
        println!(
            "cut {cut:2}: node {active} died, gap {:4} ms, {} records on the survivor, {} of calls under way",
            gap.as_millis(),
            after.len(),
            after.difference(&known).count(),
        );
        ensure!(lost.is_empty(), "cut {cut}: records lost: {lost:?}");
        ensure!(first_phone(&bench, survivor)? == name, "cut {cut}: the setting before the cut is lost");
        ensure!(gap <= GAP_MAX, "cut {cut}: silence of {} ms", gap.as_millis());
        known = after;
        gaps.push(gap);

        bench.pair.power_on(active)?;
        ensure!(bench.pair.await_settled()? == survivor, "cut {cut}: the returning node must not take over");
    }
    gaps.sort_unstable();
    println!(
        "gap over {CUTS} cuts: median {} ms, longest {} ms",
        gaps[CUTS / 2].as_millis(),
        gaps[CUTS - 1].as_millis()
    );
    Ok(())
}

/// The node serves since it lost its peer, not since that one handed over.
fn took_from_a_silent_peer(bench: &Bench, side: Side) -> Result<bool> {
    let status: Value = serde_json::from_str(&bench.pair.tandemctl(side, &["ha", "status", "--json"])?)
        .context("read the status of the pair")?;
    Ok(status["reason"].as_str().is_some_and(|reason| reason.contains("silent")))
}

/// Unique names of the call records that a node has.
fn records(bench: &Bench, side: Side) -> Result<Vec<String>> {
    let listed: Vec<Value> =
        serde_json::from_str(&bench.pair.tandemctl(side, &["records", "list", "--json"])?)
            .context("read the list of call records")?;
    listed
        .iter()
        .map(|record| Ok(record["unique_id"].as_str().context("a record without unique_id")?.to_owned()))
        .collect()
}

/// Applies a change through a node's `tandemctl`: the name of extension 101.
fn rename_first_phone(bench: &Bench, side: Side, name: &str) -> Result<()> {
    let text = bench.pair.tandemctl(side, &["config", "export"])?;
    let at = text.find("[extension.101]").context("no extension 101 in the configuration")?;
    let (head, tail) = text.split_at(at);
    let mut lines: Vec<String> = tail.lines().map(str::to_owned).collect();
    let line = lines.iter_mut().find(|line| line.starts_with("name")).context("extension 101 has no name")?;
    *line = format!("name = {name:?}");
    let file = bench.folder.join("changed.toml");
    std::fs::write(&file, format!("{head}{}\n", lines.join("\n")))
        .context("write the changed configuration")?;
    let path = file.to_str().context("the path is no text")?;
    bench.pair.tandemctl(side, &["config", "apply", path, "--author", "tests", "--description", name])?;
    Ok(())
}

fn first_phone(bench: &Bench, side: Side) -> Result<String> {
    let text = bench.pair.tandemctl(side, &["config", "export"])?;
    let tail = text.split("[extension.101]").nth(1).context("no extension 101 in the configuration")?;
    let line = tail.lines().find(|line| line.starts_with("name")).context("extension 101 has no name")?;
    Ok(line.split('"').nth(1).unwrap_or_default().to_owned())
}
