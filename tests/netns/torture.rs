//! The torture messages of RFC 4475 and RFC 5118 against the running daemon; what each deserves is proven in
//! `crates/exchange/tests`, here the daemon must live on.

use std::net::UdpSocket;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use xtask::namespace;
use xtask::peers::probe::Probe;

use crate::phones::{Bench, STEP};

/// RFC 4475, RFC 5118: after each of the 61 messages the daemon answers OPTIONS, and it is still the same process.
#[test]
fn options_is_answered_after_every_torture_message() -> Result<()> {
    let bench = Bench::up("torture")?;
    let lab = bench.lab();
    let (address, exchange) = (lab.phones_address, bench.exchange());
    let socket = namespace::within(&lab.namespaces.phones, move || {
        UdpSocket::bind((address, 0)).context("bind the sender of torture messages")
    })?;
    let probe = Probe::start(&lab.namespaces.phones, address, exchange)?;
    let active = bench.pair.await_settled()?;
    let before = bench.pair.description()?.node(active).pids.clone();
    let mut sent = 0;
    for folder in ["rfc4475", "rfc5118"] {
        let folder = tests::folder().join("data/torture").join(folder);
        for entry in std::fs::read_dir(&folder).with_context(|| format!("list {}", folder.display()))? {
            let path = entry.context("list torture messages")?.path();
            if path.extension().is_none_or(|extension| extension != "dat") {
                continue;
            }
            let message = std::fs::read(&path).with_context(|| format!("read {}", path.display()))?;
            socket.send_to(&message, exchange).with_context(|| format!("send {}", path.display()))?;
            probe
                .wait_for_answer(Instant::now(), STEP)
                .with_context(|| format!("after {}", path.display()))?;
            sent += 1;
        }
    }
    ensure!(sent == 61, "49 + 12 messages, {sent} were sent");
    ensure!(bench.pair.await_settled()? == active, "a torture message moved the service");
    for pid in before {
        ensure!(std::path::Path::new(&format!("/proc/{pid}")).exists(), "process {pid} has died");
    }
    Ok(())
}
