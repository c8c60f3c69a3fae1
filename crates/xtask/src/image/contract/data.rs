//! What `image/contract/*.toml` say. Unknown keys are refused, so that a slip of the pen is no rule left out.

use std::path::Path;

use anyhow::{Context, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The whole contract.
#[derive(Clone, Debug)]
pub(super) struct Contract {
    pub(super) users: Users,
    pub(super) files: Files,
    pub(super) units: Units,
    pub(super) release: Release,
    pub(super) kernel: Kernel,
    pub(super) running: Running,
}

impl Contract {
    /// Reads the files in `folder`.
    ///
    /// # Errors
    /// One is missing or says something that nobody understands.
    pub(super) fn load(folder: &Path) -> anyhow::Result<Contract> {
        let contract = Contract {
            users: read(&folder.join("users.toml"))?,
            files: read(&folder.join("files.toml"))?,
            units: read(&folder.join("units.toml"))?,
            release: read(&folder.join("release.toml"))?,
            kernel: read(&folder.join("kernel.toml"))?,
            running: read(&folder.join("running.toml"))?,
        };
        contract.running.check_reasons()?;
        Ok(contract)
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("reading {}", path.display()))
}

/// `users.toml`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Users {
    pub(super) group: Vec<Group>,
    pub(super) user: Vec<User>,
}

/// A group with a fixed number.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) number: u32,
    /// Exactly these
    pub(super) members: Vec<String>,
    pub(super) reason: String,
}

/// A user with a fixed number, and a group of the same name and number.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) number: u32,
    pub(super) reason: String,
}

/// `files.toml`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Files {
    /// Executable for everybody
    pub(super) program: Vec<Paths>,
    pub(super) folder: Vec<Paths>,
    pub(super) file: Vec<Paths>,
    /// Patterns of what must not be there
    pub(super) forbidden: Vec<Paths>,
    pub(super) forbidden_program: Vec<Names>,
}

/// Paths for one reason.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Paths {
    pub(super) reason: String,
    pub(super) paths: Vec<String>,
}

/// Names (or patterns of names) for one reason.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Names {
    pub(super) reason: String,
    pub(super) names: Vec<String>,
}

/// `units.toml`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Units {
    pub(super) default_target: String,
    /// Of `systemd-analyze security`, from 0 (safe) to 10
    pub(super) exposure_max: f64,
    pub(super) enabled: Vec<Enabled>,
    pub(super) masked: Vec<UnitNames>,
    pub(super) forbidden: Vec<UnitNames>,
    pub(super) daemon: Vec<Daemon>,
}

/// Units that another one wants.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Enabled {
    pub(super) by: String,
    pub(super) units: Vec<String>,
}

/// Units for one reason.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UnitNames {
    pub(super) reason: String,
    pub(super) units: Vec<String>,
}

/// A daemon of ours.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Daemon {
    pub(super) unit: String,
    pub(super) user: String,
    /// At most
    pub(super) capabilities: Vec<String>,
    pub(super) reason: String,
}

/// `release.toml`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Release {
    pub(super) key: Vec<Key>,
    /// All of it in a debug image, nothing of it in a release
    pub(super) debug: Vec<Paths>,
}

/// A key of os-release(5).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Key {
    pub(super) name: String,
    /// One of these; any but the empty one when none is named
    #[serde(default)]
    pub(super) values: Vec<String>,
}

/// `kernel.toml`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kernel {
    pub(super) need: Vec<Need>,
    /// Not built in
    pub(super) forbidden: Vec<ForbiddenOptions>,
}

/// Options for one reason.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Need {
    pub(super) reason: String,
    pub(super) options: Vec<KernelOption>,
}

/// An option of the kernel.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KernelOption {
    pub(super) option: String,
    /// May be a module of this name; without: built in
    pub(super) module: Option<String>,
}

/// Options that must not be built in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ForbiddenOptions {
    pub(super) reason: String,
    pub(super) options: Vec<String>,
}

/// `running.toml`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Running {
    pub(super) listener: Vec<Listener>,
    pub(super) raw: Vec<RawSocket>,
    pub(super) process: Vec<Process>,
    /// Units that must have a process
    pub(super) running: Vec<String>,
    pub(super) call: Vec<Call>,
    pub(super) mount: Vec<Mount>,
    pub(super) path: Vec<RunningPath>,
    pub(super) setting: Vec<Setting>,
}

impl Running {
    /// A right is given for a reason: it is what a person reads who looks at the table of ports.
    fn check_reasons(&self) -> anyhow::Result<()> {
        let listeners =
            self.listener.iter().map(|one| (format!("{:?} port {}", one.protocol, one.ports), &one.reason));
        let raw = self.raw.iter().map(|one| (format!("raw sockets of {}", one.user), &one.reason));
        let processes = self.process.iter().map(|one| (one.unit.clone(), &one.reason));
        match listeners.chain(raw).chain(processes).find(|(_, reason)| reason.trim().is_empty()) {
            Some((what, _)) => bail!("running.toml: {what} has no reason"),
            None => Ok(()),
        }
    }
}

/// Who may listen where.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listener {
    pub(super) protocol: Protocol,
    /// `5060` or `10000-20000`
    pub(super) ports: String,
    pub(super) user: String,
    pub(super) reason: String,
}

/// A protocol with ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Protocol {
    Tcp,
    Udp,
}

/// Who may have raw and packet sockets.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSocket {
    pub(super) user: String,
    pub(super) reason: String,
}

/// A unit of others whose processes may run.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Process {
    pub(super) unit: String,
    pub(super) user: String,
    /// Other names of that user
    #[serde(default)]
    pub(super) also: Vec<String>,
    /// In a debug image only
    #[serde(default)]
    pub(super) debug: bool,
    pub(super) reason: String,
}

/// A call on the bus, without arguments.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Call {
    pub(super) user: String,
    /// Interface, and the name of its owner
    pub(super) interface: String,
    pub(super) method: String,
    /// It gets an answer; else it is refused
    pub(super) allowed: bool,
}

/// A mount of a running node.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mount {
    pub(super) path: String,
    /// One of these
    pub(super) types: Vec<String>,
    /// All of these
    pub(super) options: Vec<String>,
    pub(super) reason: String,
}

/// A path of a running node.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RunningPath {
    pub(super) path: String,
    pub(super) owner: String,
    pub(super) group: String,
    /// Octal, as `stat -c %a` says it
    pub(super) mode: String,
}

/// A kernel setting.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Setting {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) reason: String,
}
