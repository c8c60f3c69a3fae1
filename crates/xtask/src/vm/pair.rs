//! A pair of machines that a test or a person works with.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::accelerator::{self, Accelerator};
use super::arguments::{LinkState, NAME_DEFAULT};
use super::description::Description;
use super::files::Files;
use super::plan::Plan;
use super::qemu::{Machine, Network};
use super::shell::{Outcome, Shell, quote};
use super::status::{self, Status};
use super::{boot, down, machine, monitor, unflushed};
use crate::failure::failure;
use crate::image::{Image, Rootfs};
use crate::lab::{self, Side, Topology, network};
use crate::progress::say;
use crate::{Workspace, packages, wait};

/// No command of `tandemctl` takes longer in a machine.
const TANDEMCTL_LIMIT: Duration = Duration::from_secs(60);
/// Pause between two looks at something awaited: each costs the machines time.
pub(super) const LOOK: Duration = Duration::from_secs(1);
/// Lines of a console that a failure shows.
const CONSOLE_LINES_SHOWN: usize = 30;

/// What to bring up.
#[derive(Clone, Debug)]
pub struct Options {
    /// Name of the pair: pairs of different names run side by side
    pub name: String,
    /// Root file system
    pub rootfs: Rootfs,
    /// Build the image first; tests that run after a build may say no
    pub build: bool,
    /// Both interfaces of the nodes on one switch (row H12)
    pub one_switch: bool,
    /// With a setup medium in each machine, and the sample configuration in force; else as from the factory
    pub commission: bool,
    /// A power cut loses what the disk has not flushed, as on a real disk
    pub lose_unflushed: bool,
    /// How long the pair may take until it is settled, once it has booted
    pub settle_limit: Duration,
    /// Changes the sample configuration before it is applied
    pub adjust: fn(&mut model::Config),
}

impl Default for Options {
    fn default() -> Self {
        Options {
            name: NAME_DEFAULT.to_owned(),
            rootfs: Rootfs::Lab,
            build: true,
            one_switch: false,
            commission: true,
            lose_unflushed: false,
            settle_limit: Duration::from_secs(120),
            adjust: |_| {},
        }
    }
}

/// What must be known to work with machines that run already (`state.json`).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) topology: Topology,
    /// The files that the machines boot: links in the pair's own folder, so that a build does not change them
    pub(super) image: Image,
    pub(super) network: Network,
    pub(super) accelerator: Accelerator,
    pub(super) lose_unflushed: bool,
    pub(super) settle_limit: Duration,
    pub(super) boot_s: Option<f64>,
    pub(super) nodes_boot_s: BTreeMap<Side, f64>,
}

/// Two nodes as machines. Dropped, it goes down; [`Pair::leave`] keeps it running.
#[derive(Debug)]
pub struct Pair {
    pub(super) workspace: Workspace,
    pub(super) files: Files,
    pub(super) state: State,
    left: bool,
}

impl Pair {
    /// Boots a pair, with the sample configuration in force and one node serving. What ran under its name is removed
    /// first.
    ///
    /// # Errors
    /// A package missing, the build of the image or a boot failing, or the pair not settling in time. Nothing stays
    /// behind but the consoles' logs, in `target/vm/NAME.failed`.
    pub fn up(options: &Options) -> anyhow::Result<Pair> {
        let topology = Topology::new(&options.name, options.one_switch)?;
        packages::ensure(packages::MACHINES)?;
        let workspace = Workspace::find()?;
        let image = boot::image(&workspace, options)?;
        let files = Files::new(&workspace, &topology);
        down::remove(&workspace, &topology)?;
        lab::down::remove_folder(&files.failed())?;
        let state = State {
            topology,
            image,
            network: if nix::unistd::geteuid().is_root() { Network::Taps } else { Network::Sockets },
            accelerator: accelerator::find(&workspace)?,
            lose_unflushed: options.lose_unflushed,
            settle_limit: options.settle_limit,
            boot_s: None,
            nodes_boot_s: BTreeMap::new(),
        };
        let mut pair = Pair { workspace, files, state, left: false };
        pair.start(options).inspect_err(|_| pair.keep_logs())?;
        Ok(pair)
    }

    /// The pair of this name that is up already. Dropped, it stays up.
    ///
    /// # Errors
    /// There is none.
    pub fn attach(name: &str) -> anyhow::Result<Pair> {
        let workspace = Workspace::find()?;
        let files = Files::new(&workspace, &Topology::new(name, false)?);
        let text = fs::read_to_string(files.state())
            .map_err(|_| failure(format!("no machines {name} are up"), "cargo xtask vm up pair"))?;
        let state = serde_json::from_str(&text).context("reading the state of the machines")?;
        Ok(Pair { workspace, files, state, left: true })
    }

    /// Waits until one node serves, the other stands by, and both agree on all that is stored; returns the one that
    /// serves.
    ///
    /// # Errors
    /// Not within the limit of [`Options::settle_limit`].
    pub fn await_settled(&self) -> anyhow::Result<Side> {
        let status = self.until(self.state.settle_limit, "the pair is settled", Status::is_settled)?;
        status.active.context("a settled pair has an active node")
    }

    /// Waits until a node has this role (`active`, `standby`, …).
    ///
    /// # Errors
    /// Not within the limit of [`Options::settle_limit`].
    pub fn await_role(&self, side: Side, role: &str) -> anyhow::Result<()> {
        let what = format!("node {side} is {role}");
        self.until(self.state.settle_limit, &what, |status| status.nodes[&side].node.role == role).map(drop)
    }

    pub(super) fn until(
        &self,
        limit: Duration,
        what: &str,
        condition: impl Fn(&Status) -> bool,
    ) -> anyhow::Result<Status> {
        let mut last = None;
        let reached = wait::poll(limit, LOOK, || {
            let status = self.status();
            let reached = condition(&status);
            last = Some(status);
            reached.then_some(())
        });
        match last {
            Some(status) if reached.is_some() => Ok(status),
            last => bail!("not within {limit:?}: {what}; {last:#?}\n{}", self.console_ends()),
        }
    }

    /// What both machines do: power, and what the nodes say of themselves; a node that does not answer is `down`.
    #[must_use]
    pub fn status(&self) -> Status {
        status::ask(&self.state.topology, &self.files, self.state.network)
    }

    /// What the pair is made of.
    ///
    /// # Errors
    /// Its configuration cannot be read.
    pub fn description(&self) -> anyhow::Result<Description> {
        Description::new(&self.state.topology, &self.files, &self.state)
    }

    /// Its names and addresses.
    #[must_use]
    pub fn topology(&self) -> &Topology {
        &self.state.topology
    }

    /// Root file system of the machines.
    #[must_use]
    pub fn rootfs(&self) -> Rootfs {
        self.state.image.rootfs
    }

    /// Log of the first serial port of a machine, over all its boots.
    #[must_use]
    pub fn console_log(&self, side: Side) -> PathBuf {
        self.files.machine(side).console_log()
    }

    /// Takes the power from a machine: QEMU is killed, and nobody says good-bye. With [`Options::lose_unflushed`] the
    /// disk then is what a real one would be: a random part of what it had not flushed is lost.
    ///
    /// # Errors
    /// The process cannot be killed, or the disk not be made.
    pub fn power_off(&self, side: Side) -> anyhow::Result<()> {
        let files = self.files.machine(side);
        let was_on = machine::pid(&files).is_some();
        machine::power_off(&files)?;
        if was_on && self.state.lose_unflushed {
            let seed = u64::from_le_bytes(lab::secrets::octets()?);
            let loss = unflushed::lose(&files, seed)
                .with_context(|| format!("making the disk of machine {side} after its power cut"))?;
            say(format!(
                "disk of {side}: of {} writes {} were not flushed, {} of them are lost (seed {seed})",
                loss.writes, loss.unflushed, loss.lost
            ));
        }
        Ok(())
    }

    /// Gives a machine power: it boots from the disks that it had. Returns at once; see [`Pair::await_booted`] and
    /// [`Pair::await_settled`].
    ///
    /// # Errors
    /// It runs already, or QEMU does not start.
    pub fn power_on(&self, side: Side) -> anyhow::Result<()> {
        let plan = Plan::load(&self.workspace)?;
        let (files, peer_files) = (self.files.machine(side), self.files.machine(side.other()));
        let machine = Machine {
            name: &self.state.topology.name,
            side,
            node: &plan.node,
            identity: plan.identity(side),
            image: &self.state.image,
            files: &files,
            peer_files: &peer_files,
            network: self.state.network,
            accelerator: self.state.accelerator,
            logs_writes: self.state.lose_unflushed,
        };
        if self.state.lose_unflushed && machine::pid(&files).is_none() {
            unflushed::prepare(&files)?;
        }
        machine::power_on(&machine, &self.state.topology)
    }

    /// Waits until the root shell of a machine answers.
    ///
    /// # Errors
    /// It does not boot; the error shows the end of its console.
    pub fn await_booted(&self, side: Side) -> anyhow::Result<()> {
        boot::await_shell(&self.files.machine(side), boot::BOOT_LIMIT)
            .with_context(|| format!("machine {side} has not booted:\n{}", self.console_end(side)))
    }

    /// Stops the processor of a machine.
    ///
    /// # Errors
    /// It has no power.
    pub fn freeze(&self, side: Side) -> anyhow::Result<()> {
        self.monitor(side, "stop", &json!({})).map(drop)
    }

    /// Lets the processor of a machine run again.
    ///
    /// # Errors
    /// It has no power.
    pub fn thaw(&self, side: Side) -> anyhow::Result<()> {
        self.monitor(side, "cont", &json!({})).map(drop)
    }

    /// Pulls or plugs the cable of a link (`lan0`, `sync0`); [`LinkState::Silent`] lets its frames vanish, with the
    /// carrier present.
    ///
    /// # Errors
    /// The machine has no power, or there is no switch to take a silent link from (without root).
    pub fn set_link(&self, side: Side, link: &str, state: LinkState) -> anyhow::Result<()> {
        if self.state.network == Network::Taps {
            network::set_silent(&self.state.topology, side, link, state == LinkState::Silent)?;
        } else if state == LinkState::Silent {
            let name = &self.state.topology.name;
            return Err(failure(
                "without root there is no switch to take a link from",
                format!(
                    "pull the cable: cargo xtask vm link {side} {} down --name {name}",
                    link.trim_end_matches('0')
                ),
            ));
        }
        let up = state != LinkState::Down;
        self.monitor(side, "set_link", &json!({"name": link, "up": up})).map(drop)
    }

    /// Runs `tandemctl` on a node and takes what it prints.
    ///
    /// # Errors
    /// It fails; the error shows what it said.
    pub fn tandemctl(&self, side: Side, arguments: &[&str]) -> anyhow::Result<String> {
        let words: Vec<String> =
            std::iter::once(&"tandemctl").chain(arguments).map(|word| quote(word)).collect();
        self.shell_within(side, &words.join(" "), TANDEMCTL_LIMIT)
    }

    /// Runs a line of shell in a node as root and takes what it prints.
    ///
    /// # Errors
    /// The node does not answer, or the command fails; the error shows what it said.
    pub fn shell(&self, side: Side, command: &str) -> anyhow::Result<String> {
        self.shell_within(side, command, TANDEMCTL_LIMIT)
    }

    fn shell_within(&self, side: Side, command: &str, limit: Duration) -> anyhow::Result<String> {
        let outcome = self.outcome(side, command, limit)?;
        if outcome.status != 0 {
            bail!("`{command}` on node {side} failed ({}): {}", outcome.status, outcome.text.trim());
        }
        Ok(outcome.text)
    }

    /// Runs a line of shell in a node as root, at most for `limit`; success or not, status and output are the answer.
    ///
    /// # Errors
    /// The node does not answer.
    pub fn outcome(&self, side: Side, command: &str, limit: Duration) -> anyhow::Result<Outcome> {
        let shell = Shell::new(&self.files.machine(side).debug());
        shell.run(command, limit).with_context(|| format!("asking node {side}"))
    }

    /// Writes a file in a node.
    ///
    /// # Errors
    /// The node does not answer, or cannot write it.
    pub fn put(&self, side: Side, path: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let shell = Shell::new(&self.files.machine(side).debug());
        shell.put(path, bytes, TANDEMCTL_LIMIT).with_context(|| format!("writing {path} on node {side}"))
    }

    /// Saves a picture of a machine's monitor.
    ///
    /// # Errors
    /// The machine has no power or no graphics card, or the file cannot be written.
    pub fn screenshot(&self, side: Side, file: &Path) -> anyhow::Result<()> {
        let path = std::path::absolute(file).with_context(|| format!("finding {}", file.display()))?;
        let arguments = json!({"filename": path.display().to_string(), "format": "png"});
        self.monitor(side, "screendump", &arguments).map(drop)
    }

    fn monitor(
        &self,
        side: Side,
        command: &str,
        arguments: &serde_json::Value,
    ) -> anyhow::Result<serde_json::Value> {
        let files = self.files.machine(side);
        if machine::pid(&files).is_none() {
            return Err(failure(
                format!("machine {side} has no power"),
                format!("cargo xtask vm power-on {side} --name {}", self.state.topology.name),
            ));
        }
        monitor::execute(&files.qmp(), command, arguments)
    }

    /// Keeps the pair up when this value goes.
    pub fn leave(mut self) {
        self.left = true;
    }

    /// Takes the pair down.
    ///
    /// # Errors
    /// As [`super::down()`].
    pub fn down(mut self) -> anyhow::Result<()> {
        self.left = true;
        down::remove(&self.workspace, &self.state.topology)
    }

    pub(super) fn console_ends(&self) -> String {
        Side::BOTH.map(|side| self.console_end(side)).join("\n")
    }

    /// The last lines of a console: what a failure needs to be understood.
    pub(super) fn console_end(&self, side: Side) -> String {
        let path = self.console_log(side);
        let log = fs::read(&path).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        let from = lines.len().saturating_sub(CONSOLE_LINES_SHOWN);
        format!("--- {}\n{}", path.display(), lines[from..].join("\n"))
    }

    /// Moves the logs out of what is about to be removed.
    fn keep_logs(&self) {
        let failed = self.files.failed();
        // An earlier failure's are no longer of interest.
        let _ = lab::down::remove_folder(&failed);
        if fs::create_dir_all(&failed).is_err() {
            return;
        }
        for side in Side::BOTH {
            let files = self.files.machine(side);
            for log in [files.console_log(), files.qemu_log()] {
                // One that was never written is none to keep.
                let _ = log.file_name().map(|name| fs::rename(&log, failed.join(name)));
            }
        }
        say(format!("the logs are kept in {}", failed.display()));
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        if self.left {
            return;
        }
        if std::thread::panicking() {
            self.keep_logs();
        }
        if let Err(error) = down::remove(&self.workspace, &self.state.topology) {
            say(format!("✗ taking machines {} down: {error:#}", self.state.topology.name));
        }
    }
}
