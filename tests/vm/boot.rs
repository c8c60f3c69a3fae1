//! What has booted.

use anyhow::{Context, Result, ensure};
use xtask::image::contract;
use xtask::lab::{Side, Topology};
use xtask::progress::say;

use crate::bench::{Bench, STEP, on_pair};

/// H13, H28, design section 8: both boxes run the image as its contract says, from a root that nobody can write, bear
/// the serial numbers of their boards, and have their addresses; nothing has failed.
#[test]
fn both_boxes_are_what_the_image_promises() -> Result<()> {
    on_pair("boot", |bench| {
        for side in Side::BOTH {
            keeps_its_contract(bench, side)?;
            root_is_read_only(bench, side)?;
            knows_who_it_is(bench, side)?;
        }
        bench.no_unit_has_failed()
    })
}

/// Users, rights, listening ports, mounts, settings, failed units: what `image/contract/running.toml` lists.
fn keeps_its_contract(bench: &Bench, side: Side) -> Result<()> {
    let report = contract::check_running(&mut |command| bench.pair.shell(side, command))?;
    let failed: Vec<String> = report.failed.iter().map(ToString::to_string).collect();
    say(format!("node {side}: {} rules of the contract looked at, {} broken", report.checked, failed.len()));
    ensure!(report.checked > 0, "the contract says nothing about a running node");
    ensure!(failed.is_empty(), "node {side} breaks the contract of the image:\n{}", failed.join("\n"));
    Ok(())
}

/// Nothing that runs in the box can change what it boots from.
fn root_is_read_only(bench: &Bench, side: Side) -> Result<()> {
    for path in ["/usr/probe", "/usr/lib/tandem/pbxd", "/probe"] {
        let outcome = bench.pair.outcome(side, &format!("echo >>{path}"), STEP)?;
        ensure!(
            outcome.status != 0 && outcome.text.contains("Read-only file system"),
            "node {side}: {path} can be written: {outcome:?}"
        );
    }
    Ok(())
}

fn knows_who_it_is(bench: &Bench, side: Side) -> Result<()> {
    let status = bench.ask(side, &["host", "status"])?;
    let expected = [
        ("name", side.as_str()),
        ("serial_number", side.serial_number()),
        ("rootfs", bench.pair.rootfs().as_str()),
    ];
    for (key, value) in expected {
        ensure!(status[key] == value, "node {side}: {key} is {}, not {value:?}", status[key]);
    }
    ensure!(status["commissioned"] == true, "node {side}: not commissioned by its setup medium");
    for (link, address) in [("lan0", Topology::lan(side)), ("sync0", Topology::synchronisation(side))] {
        let links = status["links"].as_array().context("no links")?;
        let found = links.iter().find(|entry| entry["name"] == link).with_context(|| format!("no {link}"))?;
        let addresses = found["addresses"].as_array().context("no addresses")?;
        let wanted = format!("{address}/24");
        ensure!(
            addresses.iter().any(|has| *has == *wanted),
            "node {side}: {link} has {addresses:?}, not {wanted}"
        );
        ensure!(found["carrier"] == true, "node {side}: no carrier on {link}");
    }
    say(format!("node {side}: problems it names: {}", status["problems"]));
    Ok(())
}
