//! One machine: a QEMU in the background, known by the lock that it holds on the file with its id.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::files::MachineFiles;
use super::monitor;
use super::qemu::{Machine, Network, PROGRAM};
use super::shell::Shell;
use crate::lab::{Namespace, Topology};
use crate::{namespace, process, wait};

/// QEMU opens its files and goes into the background.
const START_LIMIT: Duration = Duration::from_secs(30);
/// A killed process is gone after this.
const KILL_LIMIT: Duration = Duration::from_secs(10);
/// Pause between two looks at something awaited.
const LOOK: Duration = Duration::from_millis(5);

/// What a machine does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It has power, and its processor runs
    Running,
    /// It has power, and its processor stands still
    Frozen,
    /// It has no power
    Off,
}

impl State {
    /// As in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            State::Running => "running",
            State::Frozen => "frozen",
            State::Off => "off",
        }
    }
}

/// Gives a machine power. With taps it runs in the namespace of the switches.
pub(super) fn power_on(machine: &Machine<'_>, topology: &Topology) -> anyhow::Result<()> {
    if pid(machine.files).is_some() {
        bail!("machine {} runs already", machine.side);
    }
    Shell::new(&machine.files.debug()).make()?;
    let mut command = match machine.network {
        Network::Taps => namespace::command(&topology.namespace(Namespace::Bridge), PROGRAM),
        Network::Sockets => Command::new(PROGRAM),
    };
    command.args(machine.arguments());
    process::output(&mut command, START_LIMIT)
        .with_context(|| format!("starting machine {}", machine.side))?;
    Ok(())
}

/// Takes the power: no word to the machine, none from it.
pub(super) fn power_off(files: &MachineFiles) -> anyhow::Result<()> {
    let Some(pid) = pid(files) else { return Ok(()) };
    match kill(pid, Signal::SIGKILL) {
        // It may have ended just now.
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(error) => bail!("killing process {pid}: {error}"),
    }
    if wait::poll(KILL_LIMIT, LOOK, || self::pid(files).is_none().then_some(())).is_none() {
        bail!("process {pid} cannot be killed");
    }
    Ok(())
}

/// What a machine does right now.
pub(super) fn state(files: &MachineFiles) -> State {
    if pid(files).is_none() {
        return State::Off;
    }
    let status = monitor::execute(&files.qmp(), "query-status", &json!({}));
    match status {
        Ok(status) if status["status"] == "paused" => State::Frozen,
        // A monitor that does not answer has a QEMU nevertheless.
        _ => State::Running,
    }
}

/// The process of a machine that has power.
pub(super) fn pid(files: &MachineFiles) -> Option<Pid> {
    let path = files.pid();
    let id: i32 = fs::read_to_string(&path).ok()?.trim().parse().ok()?;
    is_locked(&path).then(|| Pid::from_raw(id))
}

/// Whether somebody holds a lock on the file: then the id in it is nobody else's.
fn is_locked(path: &Path) -> bool {
    // To ask for a lock of writing, the file must be open for writing.
    let Ok(file) = File::options().write(true).open(path) else { return false };
    let mut lock = libc::flock {
        l_type: i16::try_from(libc::F_WRLCK).unwrap_or_default(),
        l_whence: i16::try_from(libc::SEEK_SET).unwrap_or_default(),
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    fcntl(&file, FcntlArg::F_OFD_GETLK(&mut lock)).is_ok() && i32::from(lock.l_type) != libc::F_UNLCK
}
