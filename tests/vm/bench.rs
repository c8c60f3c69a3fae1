//! The pair of machines that the tests share.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use xtask::Workspace;
use xtask::lab::Side;
use xtask::peers::probe::Probe;
use xtask::peers::surroundings::Surroundings;
use xtask::progress::say;
use xtask::vm::{LinkState, Options, Pair, State};

/// Name of the shared pair: of this process, since the guardian of an earlier one may still be ending its own.
static NAME: LazyLock<String> = LazyLock::new(|| format!("tests-{}", std::process::id()));
/// How long one step may take in a machine that is translated.
pub const STEP: Duration = Duration::from_secs(30);
/// Longest silence that a takeover may cause (issue 3), with the dead threshold of 1 s of the sample configuration.
pub const GAP_MAX: Duration = Duration::from_secs(3);
/// Between two looks into a machine: each costs it time.
const LOOK: Duration = Duration::from_millis(300);
/// Entries of a journal that a failure keeps.
const JOURNAL: &str = "journalctl --boot --no-pager --lines 2000 --output short-precise";

/// A settled pair, what phones see of it, and a folder for one test.
pub struct Bench {
    /// The pair
    pub pair: Pair,
    /// What phones see of it
    pub surroundings: Surroundings,
    /// Logs and recordings of the test
    pub folder: PathBuf,
}

/// One test at a time has the pair.
static TURN: Mutex<Option<Guardian>> = Mutex::new(None);

/// Ends the shared machines when this process is gone, however it went: no test is the last one to know.
struct Guardian {
    _process: Child,
}

impl Guardian {
    /// Its standard input ends with us; Ctrl-C is not for it.
    fn start() -> Result<Guardian> {
        let xtask = Workspace::find()?.program("xtask");
        let script =
            format!("trap '' INT HUP; cat >/dev/null; exec '{}' vm down --name {}", xtask.display(), *NAME);
        let mut command = Command::new("sh");
        command.args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let _process = command.spawn().context("start the guardian of the machines")?;
        Ok(Guardian { _process })
    }
}

/// Runs a test on the shared pair, which is settled when it begins. A failure keeps what the nodes have to say.
///
/// # Errors
/// The pair cannot be had, or the test fails.
pub fn on_pair(test: &str, run: impl FnOnce(&Bench) -> Result<()>) -> Result<()> {
    let mut turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let pair = match *turn {
        Some(_) => restored()?,
        None => {
            *turn = Some(Guardian::start()?);
            fresh()?
        }
    };
    let surroundings = xtask::demo::site::surroundings(&pair.description()?)?;
    let bench = Bench { pair, surroundings, folder: tests::scratch(&format!("vm-{test}")) };
    let outcome = run(&bench);
    if outcome.is_err() {
        bench.keep_journals();
    }
    outcome
}

/// A pair that nobody has used. The image is built already: `cargo xtask test` builds it, and so does `cargo xtask image`.
fn fresh() -> Result<Pair> {
    let options = Options {
        name: NAME.clone(),
        build: false,
        // Power cuts as of a real box: its disk forgets, too.
        lose_unflushed: true,
        ..Options::default()
    };
    Pair::up(&options)?.leave();
    Pair::attach(&NAME)
}

/// The pair as the last test has left it, made whole; a new one when it does not become so.
fn restored() -> Result<Pair> {
    let pair = Pair::attach(&NAME)?;
    let whole = || -> Result<()> {
        for (side, machine) in pair.status().nodes {
            match machine.state {
                State::Off => pair.power_on(side)?,
                State::Frozen => pair.thaw(side)?,
                State::Running => {}
            }
            for link in ["lan0", "sync0"] {
                pair.set_link(side, link, LinkState::Up)?;
            }
        }
        pair.await_settled().map(drop)
    };
    match whole() {
        Ok(()) => Ok(pair),
        Err(error) => {
            say(format!("the pair is not settled, another one is booted: {error:#}"));
            fresh()
        }
    }
}

impl Bench {
    /// A probe at the resource address that has heard an answer.
    pub fn probe(&self) -> Result<Probe> {
        let probe = self.surroundings.probe()?;
        probe.wait_for_answer(Instant::now(), STEP)?;
        Ok(probe)
    }

    /// Waits until `survivor` serves after `fault`; the silence that phones have seen.
    pub fn gap(&self, probe: &Probe, fault: Instant, survivor: Side) -> Result<Duration> {
        self.pair.await_role(survivor, "active")?;
        probe.wait_for_answer(Instant::now(), STEP)?;
        probe.gap_around(fault).context("the probe has heard nobody before the fault")
    }

    /// What `tandemctl … --json` says on a node.
    pub fn ask(&self, side: Side, words: &[&str]) -> Result<Value> {
        let words: Vec<&str> = words.iter().copied().chain(["--json"]).collect();
        let text = self.pair.tandemctl(side, &words)?;
        serde_json::from_str(&text)
            .with_context(|| format!("read `tandemctl {}` of node {side}", words.join(" ")))
    }

    /// The node serves since it lost its peer, and not since that one handed over.
    pub fn took_from_a_silent_peer(&self, side: Side) -> Result<bool> {
        let status = self.ask(side, &["ha", "status"])?;
        let reason = status["reason"].as_str().context("no reason in the status of the pair")?;
        Ok(reason.contains("silent"))
    }

    /// No unit of either node has failed.
    pub fn no_unit_has_failed(&self) -> Result<()> {
        for side in Side::BOTH {
            let failed = xtask::demo::site::Site::failed_units(&self.pair, side)?;
            ensure!(failed.is_empty(), "node {side}: units failed: {}", failed.join(", "));
        }
        Ok(())
    }

    fn keep_journals(&self) {
        for side in Side::BOTH {
            let _ = fs::copy(self.pair.console_log(side), self.folder.join(format!("{side}.console.log")));
            // A node that is off has none to show.
            let journal = self.pair.shell(side, JOURNAL).unwrap_or_else(|error| format!("{error:#}"));
            let _ = fs::write(self.folder.join(format!("{side}.journal.log")), journal);
        }
        say(format!("journals and consoles of the nodes are in {}", self.folder.display()));
    }
}

/// Waits until `condition` gives a value, which is asked for at a pace that machines can stand.
pub fn wait_for<T>(what: &str, limit: Duration, condition: impl FnMut() -> Option<T>) -> Result<T> {
    xtask::wait::poll(limit, LOOK, condition).with_context(|| format!("not within {limit:?}: {what}"))
}
