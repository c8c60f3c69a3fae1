//! A box as it comes from the factory: an empty data disk, no setup medium, no configuration.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use xtask::lab::{Namespace, SIP_PORT, Side, Topology};
use xtask::peers::probe::Probe;
use xtask::vm::{Options, Pair};

use crate::bench::{STEP, wait_for};

/// Name of the machines, beside the shared pair.
const NAME: &str = "factory";
/// A boot and the start of the daemons.
const BOOT: Duration = Duration::from_secs(120);

/// H13, H28, design section 1: a fresh box is a single box with the serial number of its board and a name made from it;
/// it takes a network and a configuration, serves alone, and still does after a power cut.
#[test]
fn a_fresh_box_is_a_working_single_box() -> Result<()> {
    let options = Options { name: NAME.to_owned(), build: false, commission: false, ..Options::default() };
    let machines = Pair::up(&options)?;
    let (single, address) = (Side::A, Topology::lan(Side::A));
    machines.power_off(single.other())?;

    let status = host_status(&machines, single)?;
    ensure!(status["serial_number"] == "TD-A", "the serial number of the board is TD-A: {status}");
    ensure!(status["name"] == "tandem-tda", "its name is made from the serial number: {status}");
    ensure!(status["commissioned"] == false, "nobody has commissioned it: {status}");

    machines.tandemctl(single, &["host", "network", "set", "lan0", &format!("{address}/24")])?;
    machines.put(single, "/run/single.toml", configuration(address).as_bytes())?;
    let apply = ["config", "apply", "/run/single.toml", "--author", "tests", "--description", "single box"];
    wait_for("the store takes a configuration", BOOT, || machines.tandemctl(single, &apply).ok())?;
    answers(&machines, address)?;
    ensure!(role(&machines, single)? == "active", "a single box serves");

    machines.power_off(single)?;
    machines.power_on(single)?;
    machines.await_booted(single)?;
    answers(&machines, address)?;
    let after = host_status(&machines, single)?;
    ensure!(after["name"] == status["name"], "it has another name after a power cut: {after}");
    machines.down()
}

/// As little as a box needs to answer phones.
fn configuration(address: IpAddr) -> String {
    format!(
        "[system]\ndomain = \"pbx.example.com\"\n\
         [cluster.node.tandem-tda]\nserial-number = \"TD-A\"\naddresses = {{ lan0 = \"{address}\" }}\n\
         [cluster.interface.lan0]\n\
         [account.101]\npassword = \"Nightingale-7\"\n[extension.101]\naccounts = [\"101\"]\n"
    )
}

fn host_status(machines: &Pair, side: Side) -> Result<Value> {
    let asked = || machines.tandemctl(side, &["host", "status", "--json"]).ok();
    let text = wait_for("the host daemon answers", BOOT, asked)?;
    serde_json::from_str(&text).context("read the status of the host")
}

fn role(machines: &Pair, side: Side) -> Result<String> {
    let text = machines.tandemctl(side, &["ha", "status", "--json"])?;
    let status: Value = serde_json::from_str(&text).context("read the status of the agent")?;
    Ok(status["role"].as_str().context("no role")?.to_owned())
}

/// A phone gets an answer at the box's own address.
fn answers(machines: &Pair, address: IpAddr) -> Result<()> {
    let phones = machines.topology().namespace(Namespace::Phones);
    let probe = Probe::start(&phones, Topology::phones(), SocketAddr::new(address, SIP_PORT))?;
    probe.wait_for_answer(Instant::now(), BOOT + STEP).map(drop)
}
