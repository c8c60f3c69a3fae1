//! Planned switchover by `tandemctl ha switch`.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use xtask::peers::probe::Probe;

use crate::phones::{Bench, CALLED_TONE_HZ, CALLER_TONE_HZ, STEP};

/// Longest silence of a planned switchover on a busy two-core machine (target of the design: 50 ms).
const GAP_MAX: Duration = Duration::from_millis(500);

/// H33, H36: asked on the active or on the passive node the service moves at once, and the phones can be called.
#[test]
fn the_service_moves_when_asked_on_either_node() -> Result<()> {
    let bench = Bench::up("switchover")?;
    let mut caller = bench.baresip("101", "udp", false, CALLER_TONE_HZ)?;
    let mut called = bench.baresip("102", "udp", true, CALLED_TONE_HZ)?;
    let probe = Probe::start(&bench.lab().namespaces.phones, bench.lab().phones_address, bench.exchange())?;
    for ask_the_active in [true, false] {
        let active = bench.pair.await_settled()?;
        let asked = if ask_the_active { active } else { active.other() };
        let start = Instant::now();
        probe.wait_for_answer(start, STEP)?;
        bench.pair.tandemctl(asked, &["ha", "switch"])?;
        bench.pair.await_role(active.other(), "active")?;
        probe.wait_for_answer(Instant::now(), STEP)?;
        let gap = probe.gap_around(start).context("the probe has heard nobody")?;
        println!("planned switchover asked on node {asked}: gap {} ms", gap.as_millis());
        ensure!(gap <= GAP_MAX, "silence of {} ms", gap.as_millis());

        caller.forget_events();
        called.forget_events();
        caller.command("dial", "102")?;
        caller.wait_event("CALL_ESTABLISHED", STEP)?;
        caller.command("hangup", "")?;
        called.wait_event("CALL_CLOSED", STEP)?;
    }
    Ok(())
}
