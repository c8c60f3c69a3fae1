//! What each node says of the pair, and where the traffic between the nodes runs.

use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use xtask::lab::{Namespace, Side, Topology};

use crate::phones::{Bench, STEP};

/// H1, H16 to H19, H28 to H30: both nodes name both nodes, their interfaces and who holds the resource address.
#[test]
fn both_nodes_describe_the_pair() -> Result<()> {
    let bench = Bench::up("status")?;
    let active = bench.pair.await_settled()?;
    for side in Side::BOTH {
        let status = cluster_status(&bench, side)?;
        let names = |key: &str| -> Vec<&str> {
            status["nodes"].as_array().into_iter().flatten().filter_map(|node| node[key].as_str()).collect()
        };
        ensure!(names("serial_number") == ["TD-A", "TD-B"], "node {side}: serial numbers {status}");
        let synchronisation = Side::BOTH.map(|side| Topology::synchronisation(side).to_string());
        ensure!(names("synchronisation_address") == synchronisation, "node {side}: addresses {status}");
        ensure!(status["active_node"] == active.as_str(), "node {side}: who serves {status}");
        let enablement = if side == Side::A { "enabled as coordinator" } else { "enabled" };
        ensure!(status["enablement"] == enablement && status["pairing"] == "paired", "node {side}: {status}");
        ensure!(status["role"] == if side == active { "active" } else { "standby" }, "node {side}: {status}");

        let interfaces = status["interfaces"].as_array().context("no interfaces")?;
        let of = |name: &str| {
            interfaces.iter().find(|interface| interface["name"] == name).context("an interface")
        };
        let (lan, sync) = (of("lan0")?, of("sync0")?);
        ensure!(lan["local_address"] == Topology::lan(side).to_string(), "node {side}: own address {lan}");
        ensure!(
            lan["remote_address"] == Topology::lan(side.other()).to_string(),
            "node {side}: peer's address {lan}"
        );
        let resource = lan["resource_address"].as_str().unwrap_or_default();
        ensure!(
            resource.starts_with(&Topology::resource().to_string()),
            "node {side}: resource address {lan}"
        );
        ensure!(
            lan["held"] == (side == active) && sync["held"] == false,
            "node {side}: who holds it {status}"
        );
        ensure!(sync["synchronisation"] == true, "node {side}: synchronisation {sync}");
        for interface in [lan, sync] {
            let silent_ms = interface["heartbeat_silent_ms"].as_u64().context("no heartbeat")?;
            ensure!(silent_ms < 1_000, "node {side}: no heartbeat for {silent_ms} ms over {interface}");
        }
    }
    Ok(())
}

/// H21: settings are copied over the synchronisation interface, and nothing of it runs over the LAN.
#[test]
fn settings_travel_over_the_synchronisation_interface_only() -> Result<()> {
    let bench = Bench::up("sync-only")?;
    let active = bench.pair.await_settled()?;
    let capture = |link: &str| {
        let mut command = bench.pair.command(Namespace::Node(active), "tcpdump");
        command.args(["--immediate-mode", "-l", "-n", "-i", link, "tcp port 5406 and greater 100"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().context("start tcpdump")
    };
    let mut captures = [capture("lan0")?, capture("sync0")?];
    for capture in &mut captures {
        await_listening(capture)?;
    }
    let file = bench.folder.join("changed.toml");
    let text = bench.pair.tandemctl(active, &["config", "export"])?;
    std::fs::write(&file, text.replacen("Phone 103", "Front desk", 1))
        .context("write the changed configuration")?;
    let path = file.to_str().context("the path is no text")?;
    bench
        .pair
        .tandemctl(active, &["config", "apply", path, "--author", "tests", "--description", "rename"])?;
    bench.pair.await_settled()?;
    let [lan, sync] = captures.map(|mut capture| -> Result<Vec<String>> {
        // SIGTERM lets tcpdump print what it still holds.
        let id = nix::unistd::Pid::from_raw(i32::try_from(capture.id()).context("a process id")?);
        nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGTERM).context("end tcpdump")?;
        let mut output = String::new();
        std::io::Read::read_to_string(&mut capture.stdout.take().context("its output")?, &mut output)?;
        capture.wait().context("wait for tcpdump")?;
        Ok(output.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect())
    });
    let (lan, sync) = (lan?, sync?);
    ensure!(lan.is_empty(), "packets of the stores on the LAN: {lan:?}");
    ensure!(
        !sync.is_empty(),
        "no packet of the stores on the synchronisation interface: the capture saw nothing"
    );
    Ok(())
}

/// Waits until tcpdump says that it listens.
fn await_listening(capture: &mut std::process::Child) -> Result<()> {
    let errors = capture.stderr.take().context("its errors")?;
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for line in std::io::BufRead::lines(std::io::BufReader::new(errors)).map_while(Result::ok) {
            if line.contains("listening on") {
                let _ = sender.send(());
            }
        }
    });
    receiver.recv_timeout(STEP).context("tcpdump does not listen")
}

fn cluster_status(bench: &Bench, side: Side) -> Result<Value> {
    let text = bench.pair.tandemctl(side, &["ha", "status", "--json"])?;
    serde_json::from_str(&text).context("read the status of the pair")
}
