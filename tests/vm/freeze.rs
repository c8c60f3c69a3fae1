//! A box that stands still and goes on: a virtual machine that its host has paused.

use std::time::Instant;

use anyhow::{Result, ensure};
use xtask::progress::say;

use crate::bench::{GAP_MAX, STEP, on_pair};

/// H3, H7: the active box stands still: the standby serves within 3 s. When the box goes on, the pair comes to one
/// active node, the one that took over, and both agree on all that is stored.
///
/// Not promised yet, and so not tested: that the box is silent from its first instruction on. Until it hears the peer's
/// higher epoch, or its own lease has run out on a clock that stood still too, both answer for the resource address.
#[test]
fn a_box_that_stood_still_comes_back_as_standby() -> Result<()> {
    on_pair("freeze", |bench| {
        let active = bench.pair.await_settled()?;
        let probe = bench.probe()?;
        let fault = Instant::now();
        bench.pair.freeze(active)?;
        let gap = bench.gap(&probe, fault, active.other())?;
        say(format!("node {active} stood still: gap {} ms", gap.as_millis()));
        ensure!(gap <= GAP_MAX, "silence of {} ms", gap.as_millis());

        let thawed = Instant::now();
        bench.pair.thaw(active)?;
        ensure!(
            bench.pair.await_settled()? == active.other(),
            "the box that stood still took the service back"
        );
        say(format!(
            "one active node and the same state {} ms after it went on",
            thawed.elapsed().as_millis()
        ));
        probe.wait_for_answer(Instant::now(), STEP)?;
        Ok(())
    })
}
