//! Daemons that die or stop working, under systemd.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use xtask::lab::Side;
use xtask::progress::say;

use crate::bench::{Bench, STEP, on_pair, wait_for};

/// Longer than the longest `WatchdogSec` of what is tested, and a restart.
const WATCHDOG_LIMIT: Duration = Duration::from_secs(45);

/// Design, section 3: a daemon that is killed is started again and the pair is settled again, on the active box and on
/// the standby.
#[test]
fn killed_daemons_are_started_again() -> Result<()> {
    on_pair("killed-daemons", |bench| {
        for daemon in ["pbxd", "stored", "clusterd", "hostd"] {
            let active = bench.pair.await_settled()?;
            let side = if daemon == "stored" { active.other() } else { active };
            let before = process_of(bench, side, daemon)?;
            let killed = Instant::now();
            bench.pair.shell(side, &format!("kill -KILL {}", before.id))?;
            let after = await_new_process(bench, side, daemon, &before, STEP)?;
            bench.pair.await_settled()?;
            say(format!(
                "{daemon} on node {side}: settled {} ms after SIGKILL",
                killed.elapsed().as_millis()
            ));
            ensure!(after.restarts > before.restarts, "{daemon} was not started again by systemd");
        }
        bench.no_unit_has_failed()
    })
}

/// Design, section 3: a telephone daemon that lives but does nothing is found by the watchdog, killed and started again.
#[test]
fn a_daemon_that_hangs_is_started_again() -> Result<()> {
    on_pair("hanging-daemon", |bench| {
        let active = bench.pair.await_settled()?;
        let before = process_of(bench, active, "pbxd")?;
        let stopped = Instant::now();
        bench.pair.shell(active, &format!("kill -STOP {}", before.id))?;
        await_new_process(bench, active, "pbxd", &before, WATCHDOG_LIMIT)?;
        let journal = bench
            .pair
            .shell(active, "journalctl --boot --no-pager --unit pbxd.service | grep -i watchdog")?;
        ensure!(journal.to_lowercase().contains("watchdog"), "not the watchdog: {journal}");
        bench.pair.await_settled()?;
        say(format!("pbxd on node {active}: settled {} ms after SIGSTOP", stopped.elapsed().as_millis()));
        bench.no_unit_has_failed()
    })
}

/// A daemon as systemd sees it.
struct Process {
    id: u32,
    restarts: u32,
}

fn process_of(bench: &Bench, side: Side, daemon: &str) -> Result<Process> {
    let text = bench
        .pair
        .shell(side, &format!("systemctl show --property MainPID --property NRestarts {daemon}.service"))?;
    let value = |name: &str| -> Result<u32> {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        let line = line.with_context(|| format!("no {name} of {daemon} in {text:?}"))?;
        line.parse().with_context(|| format!("read {name} of {daemon}: {line:?}"))
    };
    let process = Process { id: value("MainPID")?, restarts: value("NRestarts")? };
    ensure!(process.id != 0, "{daemon} does not run on node {side}");
    Ok(process)
}

fn await_new_process(
    bench: &Bench,
    side: Side,
    daemon: &str,
    before: &Process,
    limit: Duration,
) -> Result<Process> {
    wait_for(&format!("a new {daemon} on node {side}"), limit, || {
        process_of(bench, side, daemon).ok().filter(|process| process.id != before.id)
    })
}
