//! The processes of a node, kept running as systemd does on a real one: `Restart=on-failure` with a delay and a
//! limit, SIGTERM to all at the end, the bus last.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::{Pid, getpgrp, getpid};
use serde::{Deserialize, Serialize};

use super::arguments;
use super::files::NodeFiles;
use super::node::{DAEMONS, LOOK, write};
use crate::progress::say;
use crate::{Workspace, wait};

/// Name of the bus among the processes.
pub(super) const BUS: &str = "dbus-daemon";
/// `RestartSec`
const RESTART_DELAY: Duration = Duration::from_millis(200);
/// `StartLimitBurst`
const STARTS_MAX: usize = 10;
/// `StartLimitIntervalSec`
const STARTS_INTERVAL: Duration = Duration::from_secs(30);
/// `TimeoutStopSec`
const STOP_LIMIT: Duration = Duration::from_secs(8);
/// How long the bus may take until it listens.
const BUS_LIMIT: Duration = Duration::from_secs(10);
/// The node file is wrong: starting again does not help (`RestartPreventExitStatus`).
const EXIT_CONFIGURATION: i32 = 78;

/// What runs, for `lab status`, `lab down` and the tests (`run/processes.json`).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Processes {
    /// Process group of all of them
    pub(super) group: i32,
    /// The supervisor
    pub(super) supervisor: i32,
    /// Each process by name
    pub(super) processes: BTreeMap<String, Process>,
}

/// One process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Process {
    /// Its id while it runs
    pub(super) pid: Option<i32>,
    /// How often it was started again
    pub(super) restarts: u32,
    /// It died too often and stays dead
    pub(super) failed: bool,
}

/// Runs the processes of a node until all have ended; `signals` are blocked and waited for here.
pub(super) fn run(workspace: &Workspace, files: &NodeFiles, signals: &SigSet) -> anyhow::Result<()> {
    let mut supervisor = Supervisor::new(workspace, files)?;
    let outcome = supervisor.keep_running(signals);
    // Whatever went wrong: nothing of the node stays behind.
    for service in &mut supervisor.services {
        service.kill();
    }
    // A node that has ended has no processes; a missing file says so too.
    let _ = std::fs::remove_file(files.processes());
    outcome
}

/// `lab exec`: a child inherits the blocked signals of its parent, and a daemon that blocks SIGTERM cannot be asked to
/// end. So the supervisor's children start as this and become their program.
pub(super) fn exec(wish: &arguments::Exec) -> anyhow::Result<()> {
    SigSet::all().thread_unblock().context("unblocking signals")?;
    let (program, words) = wish.words.split_first().context("a program is wanted")?;
    let error = Command::new(program).args(words).exec();
    Err(error).with_context(|| format!("starting {}", program.display()))
}

struct Supervisor {
    files: NodeFiles,
    services: Vec<Service>,
    /// When SIGTERM was passed on; after [`STOP_LIMIT`] follows SIGKILL
    stopping: Option<Instant>,
}

struct Service {
    name: &'static str,
    command: Command,
    child: Option<Child>,
    /// Recent starts, oldest first
    starts: VecDeque<Instant>,
    start_at: Option<Instant>,
    restarts: u32,
    failed: bool,
}

impl Supervisor {
    fn new(workspace: &Workspace, files: &NodeFiles) -> anyhow::Result<Supervisor> {
        let own = std::env::current_exe().context("finding this program")?;
        let start = |program: &Path| {
            let mut command = Command::new(&own);
            command.args(["lab", "exec", "--"]).arg(program);
            command
        };
        let mut bus = start(Path::new(BUS));
        bus.args(["--nofork", "--nopidfile", "--config-file"]).arg(files.bus_configuration());
        let mut services = vec![Service::new(BUS, bus, files)?];
        for name in DAEMONS {
            let mut daemon = start(&workspace.program(name));
            daemon.arg("--node").arg(files.identity());
            daemon.env("DBUS_SYSTEM_BUS_ADDRESS", files.bus_address());
            services.push(Service::new(name, daemon, files)?);
        }
        Ok(Supervisor { files: files.clone(), services, stopping: None })
    }

    fn keep_running(&mut self, signals: &SigSet) -> anyhow::Result<()> {
        let signals = SignalFd::with_flags(signals, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
            .context("taking signals")?;
        self.start_due()?;
        while self.anything_left() {
            let timeout = self.next_event().map_or(PollTimeout::NONE, |at| {
                let wait = at.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
                PollTimeout::try_from(wait).unwrap_or(PollTimeout::MAX)
            });
            match poll(&mut [PollFd::new(signals.as_fd(), PollFlags::POLLIN)], timeout) {
                Ok(_) | Err(nix::errno::Errno::EINTR) => {}
                Err(error) => bail!("waiting for signals: {error}"),
            }
            while let Some(signal) = signals.read_signal().context("reading a signal")? {
                self.take(
                    i32::try_from(signal.ssi_signo).ok().and_then(|number| Signal::try_from(number).ok()),
                );
            }
            self.reap();
            self.start_due()?;
            self.stop_late();
        }
        self.conclude()
    }

    fn take(&mut self, signal: Option<Signal>) {
        let ends = matches!(signal, Some(Signal::SIGTERM | Signal::SIGINT | Signal::SIGHUP));
        if ends && self.stopping.is_none() {
            say("ending");
            self.stop();
        }
    }

    /// Passes SIGTERM on to the daemons; the bus follows when they are gone.
    fn stop(&mut self) {
        self.stopping = Some(Instant::now());
        for service in &mut self.services {
            service.start_at = None;
            if service.name != BUS {
                service.signal(Signal::SIGTERM);
            }
        }
        self.stop_bus();
    }

    /// Ends the bus when nobody is left to use it.
    fn stop_bus(&mut self) {
        let daemons_left = self
            .services
            .iter()
            .any(|service| service.name != BUS && (service.child.is_some() || service.start_at.is_some()));
        if !daemons_left {
            for service in &mut self.services {
                service.start_at = None;
                service.signal(Signal::SIGTERM);
            }
        }
    }

    /// After the limit the end is no longer a request.
    fn stop_late(&mut self) {
        if self.stopping.is_some_and(|since| since.elapsed() >= STOP_LIMIT) {
            for service in &mut self.services {
                service.kill();
            }
        }
    }

    fn reap(&mut self) {
        let mut changed = false;
        for service in &mut self.services {
            let ended = service.child.as_mut().and_then(|child| child.try_wait().ok().flatten());
            if let Some(status) = ended {
                service.child = None;
                service.ended(status, self.stopping.is_some());
                changed = true;
            }
        }
        if changed {
            self.stop_bus();
            self.publish();
        }
    }

    fn start_due(&mut self) -> anyhow::Result<()> {
        let mut changed = false;
        for index in 0..self.services.len() {
            let service = &mut self.services[index];
            if service.start_at.is_some_and(|at| at <= Instant::now()) {
                service.start()?;
                changed = true;
                if service.name == BUS {
                    self.await_bus()?;
                }
            }
        }
        if changed {
            self.publish();
        }
        Ok(())
    }

    fn await_bus(&self) -> anyhow::Result<()> {
        let socket = self.files.bus_socket();
        if wait::poll(BUS_LIMIT, LOOK / 10, || UnixStream::connect(&socket).ok()).is_none() {
            bail!("the bus does not listen at {}: see {}", socket.display(), self.files.log().display());
        }
        Ok(())
    }

    fn next_event(&self) -> Option<Instant> {
        let stop = self.stopping.map(|since| since + STOP_LIMIT);
        self.services.iter().filter_map(|service| service.start_at).chain(stop).min()
    }

    fn anything_left(&self) -> bool {
        self.services.iter().any(|service| service.child.is_some() || service.start_at.is_some())
    }

    fn conclude(&self) -> anyhow::Result<()> {
        let failed: Vec<&str> =
            self.services.iter().filter(|service| service.failed).map(|service| service.name).collect();
        if failed.is_empty() {
            return Ok(());
        }
        bail!("{} died too often: see {}", failed.join(", "), self.files.log().display())
    }

    /// Writes down what runs. A full disk must not end the node.
    fn publish(&self) {
        let processes = self.services.iter().map(|service| {
            let pid = service.child.as_ref().and_then(|child| i32::try_from(child.id()).ok());
            (service.name.to_owned(), Process { pid, restarts: service.restarts, failed: service.failed })
        });
        let processes = Processes {
            group: getpgrp().as_raw(),
            supervisor: getpid().as_raw(),
            processes: processes.collect(),
        };
        let written = serde_json::to_string(&processes)
            .map_err(anyhow::Error::from)
            .and_then(|text| write(&self.files.processes(), &text));
        if let Err(error) = written {
            say(format!("✗ {error:#}"));
        }
    }
}

impl Service {
    fn new(name: &'static str, mut command: Command, files: &NodeFiles) -> anyhow::Result<Service> {
        let path = files.log().join(format!("{name}.log"));
        let open = || -> std::io::Result<(File, File)> {
            let file = OpenOptions::new().create(true).append(true).open(&path)?;
            Ok((file.try_clone()?, file))
        };
        let (output, errors) = open().with_context(|| format!("opening {}", path.display()))?;
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        // Ours, if we have them, are none of theirs.
        command.env_remove("NOTIFY_SOCKET").env_remove("WATCHDOG_USEC").env_remove("WATCHDOG_PID");
        let start_at = Some(Instant::now());
        Ok(Service {
            name,
            command,
            child: None,
            starts: VecDeque::new(),
            start_at,
            restarts: 0,
            failed: false,
        })
    }

    fn start(&mut self) -> anyhow::Result<()> {
        self.start_at = None;
        self.starts.push_back(Instant::now());
        let child = self.command.spawn().with_context(|| format!("starting {}", self.name))?;
        say(format!("✓ {} started ({})", self.name, child.id()));
        self.child = Some(child);
        Ok(())
    }

    /// Decides what follows the end of the process.
    fn ended(&mut self, status: ExitStatus, stopping: bool) {
        let asked = status.signal().is_some_and(|signal| {
            [Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM, Signal::SIGPIPE]
                .iter()
                .any(|clean| *clean as i32 == signal)
        });
        if stopping || status.success() || asked {
            say(format!("✓ {} ended", self.name));
            return;
        }
        while self.starts.front().is_some_and(|start| start.elapsed() > STARTS_INTERVAL) {
            self.starts.pop_front();
        }
        self.failed = status.code() == Some(EXIT_CONFIGURATION) || self.starts.len() >= STARTS_MAX;
        if self.failed {
            say(format!("✗ {} died ({status}) and is not started again", self.name));
        } else {
            say(format!("✗ {} died ({status}) and starts again", self.name));
            self.restarts += 1;
            self.start_at = Some(Instant::now() + RESTART_DELAY);
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = self.child.as_ref().and_then(|child| i32::try_from(child.id()).ok());
        if let Some(pid) = pid {
            // It may have ended just now; the child is still ours, so the id is nobody else's.
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }

    fn kill(&mut self) {
        if let Some(child) = &mut self.child {
            // As above.
            let _ = child.kill();
        }
    }
}
