//! Both interfaces of both nodes on one switch (row H12).

use std::time::Instant;

use anyhow::{Result, ensure};
use xtask::lab::Options;
use xtask::namespace;

use crate::phones::{Bench, STEP};

/// H2, H12, H19: exactly one hardware address answers for the resource address, before and after a power cut.
#[test]
fn one_hardware_address_answers_for_the_resource_address() -> Result<()> {
    let bench =
        Bench::with(&Options { name: "one-switch".to_owned(), one_switch: true, ..Options::default() })?;
    let before = owners(&bench)?;
    ensure!(before.len() == 1, "before the cut: {before:?}");
    let active = bench.pair.await_settled()?;
    bench.pair.cut_power(active)?;
    bench.pair.await_role(active.other(), "active")?;
    let after = xtask::peers::wait_for(STEP, || owners(&bench).ok().filter(|owners| *owners != before));
    ensure!(after.as_ref().is_some_and(|owners| owners.len() == 1), "after the cut: {after:?}");
    bench.pair.power_on(active)?;
    bench.pair.await_settled()?;
    let settled = owners(&bench)?;
    ensure!(settled.len() == 1, "after the return: {settled:?}");
    Ok(())
}

/// Hardware addresses that answer an ARP question for the resource address.
fn owners(bench: &Bench) -> Result<Vec<String>> {
    let asked = Instant::now();
    let output = namespace::command(&bench.lab().namespaces.phones, "arping")
        .args(["-c", "2", "-w", "2", "-I", "lan0", &bench.lab().resource_address.to_string()])
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut owners: Vec<String> =
        text.lines().filter_map(|line| Some(line.split_once('[')?.1.split_once(']')?.0.to_owned())).collect();
    owners.sort();
    owners.dedup();
    ensure!(!owners.is_empty(), "nobody answered within {} ms: {text}", asked.elapsed().as_millis());
    Ok(owners)
}
