//! Cables.

use std::time::Instant;

use anyhow::{Result, ensure};
use xtask::progress::say;
use xtask::vm::LinkState;

use crate::bench::{GAP_MAX, on_pair};

/// H12, H15, H19: the cable of a required interface is pulled at the active box: the service moves, and stays where it
/// is when the cable comes back.
#[test]
fn the_service_moves_when_its_cable_is_pulled() -> Result<()> {
    on_pair("links", |bench| {
        let active = bench.pair.await_settled()?;
        let probe = bench.probe()?;
        let fault = Instant::now();
        bench.pair.set_link(active, "lan0", LinkState::Down)?;
        let gap = bench.gap(&probe, fault, active.other())?;
        say(format!("cable of node {active} pulled: gap {} ms", gap.as_millis()));
        ensure!(gap <= GAP_MAX, "silence of {} ms", gap.as_millis());
        bench.pair.set_link(active, "lan0", LinkState::Up)?;
        ensure!(bench.pair.await_settled()? == active.other(), "the service went back by itself");
        Ok(())
    })
}
