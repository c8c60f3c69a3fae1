//! A restart in order.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use xtask::progress::say;

use crate::bench::{Bench, STEP, on_pair, wait_for};

/// Longest silence of a planned handover on machines that are translated (target of the design: 50 ms).
const GAP_MAX: Duration = Duration::from_secs(2);

/// H33, H36: the active box is told to restart: it hands the service over first, boots, and stands by.
#[test]
fn a_reboot_in_order_hands_the_service_over() -> Result<()> {
    on_pair("reboot", |bench| {
        let active = bench.pair.await_settled()?;
        let before = boot_of(bench, active)?;
        let probe = bench.probe()?;
        let asked = Instant::now();
        bench.pair.tandemctl(active, &["host", "reboot", "--yes"])?;
        let gap = bench.gap(&probe, asked, active.other())?;
        say(format!("reboot of the active node {active}: gap {} ms", gap.as_millis()));
        ensure!(gap <= GAP_MAX, "silence of {} ms", gap.as_millis());
        ensure!(!bench.took_from_a_silent_peer(active.other())?, "a takeover and no handover");

        // The old boot may still answer for a moment.
        wait_for("another boot", STEP * 4, || boot_of(bench, active).ok().filter(|boot| *boot != before))?;
        ensure!(
            bench.pair.await_settled()? == active.other(),
            "the box took the service back after its boot"
        );
        say(format!("booted and settled after {} s", asked.elapsed().as_secs()));
        bench.no_unit_has_failed()
    })
}

fn boot_of(bench: &Bench, side: xtask::lab::Side) -> Result<String> {
    let text = bench.pair.shell(side, "cat /proc/sys/kernel/random/boot_id")?;
    text.lines().next().map(str::to_owned).context("a boot has a name")
}
