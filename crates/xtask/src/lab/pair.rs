//! A pair that a test or a person works with.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::description::{Description, processes};
use super::files::Files;
use super::node::{DAEMONS, LOOK, TANDEMCTL_LIMIT, configure, tandemctl, write};
use super::status::{self, Status};
use super::topology::{LAN, NAME_DEFAULT, Namespace, SYNCHRONISATION, Side, Topology};
use super::{arguments, down, network, sample};
use crate::failure::failure;
use crate::progress::{Step, result, say};
use crate::{Workspace, namespace, packages, process, wait};

/// How long the processes of a node may take to start.
const START_LIMIT: Duration = Duration::from_secs(20);
/// Lines of a log that a failure shows.
const LOG_LINES_SHOWN: usize = 10;

/// What to bring up.
#[derive(Clone, Debug)]
pub struct Options {
    /// Name of the lab: labs of different names run side by side
    pub name: String,
    /// Both interfaces of the nodes on one switch (row H12)
    pub one_switch: bool,
    /// Build first; tests that run after a build may say no
    pub build: bool,
    /// How long the pair may take until it is settled
    pub settle_limit: Duration,
    /// Changes the sample configuration before it is applied
    pub adjust: fn(&mut model::Config),
}

impl Default for Options {
    fn default() -> Self {
        Options {
            name: NAME_DEFAULT.to_owned(),
            one_switch: false,
            build: true,
            settle_limit: Duration::from_secs(30),
            adjust: |_| {},
        }
    }
}

/// Two nodes in namespaces. Dropped, it goes down; [`Pair::leave`] keeps it running.
#[derive(Debug)]
pub struct Pair {
    workspace: Workspace,
    topology: Topology,
    files: Files,
    settle_limit: Duration,
    left: bool,
}

impl Pair {
    /// Brings a pair up, with the sample configuration in force and one node serving. What ran under its name is
    /// removed first.
    ///
    /// # Errors
    /// Not root, a package missing, the build or a process failing, or the pair not settling in time. Nothing stays
    /// behind but the logs, in `target/lab/NAME.failed`.
    pub fn up(options: &Options) -> anyhow::Result<Pair> {
        let topology = Topology::new(&options.name, options.one_switch)?;
        network::require_root()?;
        packages::ensure(packages::LAB)?;
        let workspace = Workspace::find()?;
        if options.build {
            let step = Step::start("building");
            workspace.build_programs()?;
            step.done();
        }
        let files = Files::new(&workspace, &topology);
        down::remove(&workspace, &topology)?;
        down::remove_folder(&files.failed())?;
        let mut pair = Pair { workspace, topology, files, settle_limit: options.settle_limit, left: false };
        pair.start(options.adjust).inspect_err(|_| pair.keep_logs())?;
        pair.left = false;
        Ok(pair)
    }

    /// The pair of this name that runs already. Dropped, it goes on running.
    ///
    /// # Errors
    /// There is none.
    pub fn attach(name: &str) -> anyhow::Result<Pair> {
        let workspace = Workspace::find()?;
        let files = Files::new(&workspace, &Topology::new(name, false)?);
        let state = fs::read_to_string(files.state())
            .map_err(|_| failure(format!("no lab {name} runs"), "cargo xtask lab up pair"))?;
        let topology = serde_json::from_str(&state).context("reading the state of the lab")?;
        let settle_limit = Options::default().settle_limit;
        Ok(Pair { workspace, topology, files, settle_limit, left: true })
    }

    fn start(&mut self, adjust: fn(&mut model::Config)) -> anyhow::Result<()> {
        let step = Step::start("making namespaces and networks");
        network::create(&self.topology)?;
        fs::create_dir_all(self.files.folder())?;
        write(&self.files.state(), &serde_json::to_string(&self.topology)?)?;
        step.done();

        let mut config = sample::configuration(&sample::Addresses::default())?;
        adjust(&mut config);
        write(&self.files.configuration(), &config.to_text())?;

        let step = Step::start("starting both nodes");
        super::credentials::ensure(&self.files.credentials())?;
        for side in Side::BOTH {
            self.start_node(side)?;
        }
        for side in Side::BOTH {
            self.await_started(side)?;
        }
        step.done();

        let step = Step::start("giving the coordinator its configuration");
        configure(&self.workspace, &self.files)?;
        step.done();

        let step = Step::start("waiting until one node serves and the other stands by");
        self.await_settled()?;
        step.done();
        Ok(())
    }

    /// Starts a node in the background, with its supervisor as leader of a session.
    fn start_node(&self, side: Side) -> anyhow::Result<()> {
        let files = self.files.node(side);
        fs::create_dir_all(files.log()).with_context(|| format!("making {}", files.log().display()))?;
        // What a killed supervisor left behind.
        let _ = fs::remove_file(files.processes());
        let path = files.log().join("node.log");
        let log = fs::OpenOptions::new().create(true).append(true).open(&path);
        let log = log.with_context(|| format!("opening {}", path.display()))?;
        let mut command = Command::new("setsid");
        command.arg("--fork").arg(self.workspace.program("xtask")).args(["lab", "node"]);
        command.args([
            "--name",
            side.as_str(),
            "--lab",
            &self.topology.name,
            "--no-build",
            "--no-configuration",
        ]);
        command.arg("--lan").arg(Topology::lan(side).to_string());
        command.arg("--sync").arg(Topology::synchronisation(side).to_string());
        command.arg("--netns").arg(self.topology.namespace(Namespace::Node(side)));
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        process::run(&mut command)
    }

    fn await_started(&self, side: Side) -> anyhow::Result<()> {
        let files = self.files.node(side);
        let started = || {
            let processes = processes(&files).map(|processes| processes.processes).unwrap_or_default();
            processes.len() == DAEMONS.len() + 1 && processes.values().all(|process| process.pid.is_some())
        };
        if !self.until(START_LIMIT, started) {
            bail!("node {side} has not started:\n{}", self.log_ends());
        }
        Ok(())
    }

    /// Waits until one node serves, the other stands by, and both agree on all that is stored; returns the one that
    /// serves.
    ///
    /// # Errors
    /// Not within the limit of [`Options::settle_limit`].
    pub fn await_settled(&self) -> anyhow::Result<Side> {
        let mut last = None;
        let settled = self.until(self.settle_limit, || {
            last = self.status().ok();
            last.as_ref().is_some_and(Status::is_settled)
        });
        match last {
            Some(Status { active: Some(active), .. }) if settled => Ok(active),
            last => bail!(
                "the pair has not settled within {:?}: {last:#?}\n{}",
                self.settle_limit,
                self.log_ends()
            ),
        }
    }

    /// Waits until a node has this role (`active`, `standby`, …).
    ///
    /// # Errors
    /// Not within the limit of [`Options::settle_limit`].
    pub fn await_role(&self, side: Side, role: &str) -> anyhow::Result<()> {
        let mut last = None;
        let reached = self.until(self.settle_limit, || {
            last = self.status().ok().and_then(|mut status| status.nodes.remove(&side));
            last.as_ref().is_some_and(|node| node.role == role)
        });
        if !reached {
            bail!("node {side} has not become {role}: {last:#?}\n{}", self.log_ends());
        }
        Ok(())
    }

    fn until(&self, limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
        wait::poll(limit, LOOK, || condition().then_some(())).is_some()
    }

    /// What both nodes say of themselves.
    ///
    /// # Errors
    /// The namespaces cannot be listed; a node that does not answer is `down`.
    pub fn status(&self) -> anyhow::Result<Status> {
        status::ask(&self.workspace, &self.topology, &self.files)
    }

    /// What the pair is made of, as it stands now: process ids change when a node was cut.
    ///
    /// # Errors
    /// Its configuration cannot be read.
    pub fn description(&self) -> anyhow::Result<Description> {
        Description::new(&self.workspace, &self.topology, &self.files)
    }

    /// Its names and addresses.
    #[must_use]
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// Folder of durable state of a node.
    #[must_use]
    pub fn data(&self, side: Side) -> PathBuf {
        self.files.node(side).data()
    }

    /// Folder of the logs of a node, one file for each process.
    #[must_use]
    pub fn logs(&self, side: Side) -> PathBuf {
        self.files.node(side).log()
    }

    /// Takes the power from a node: all its processes stop, its links go, then SIGKILL. In this order nothing says
    /// good-bye: not the agent, which would hand over when it sees a link go, and not the kernel, which would close
    /// the connections of a killed process.
    ///
    /// # Errors
    /// The node does not run, or its links cannot be set.
    pub fn cut_power(&self, side: Side) -> anyhow::Result<()> {
        let namespace = self.topology.namespace(Namespace::Node(side));
        let processes =
            processes(&self.files.node(side)).with_context(|| format!("node {side} does not run"))?;
        let signal = |signal| match killpg(Pid::from_raw(processes.group), signal) {
            Ok(()) | Err(Errno::ESRCH) => Ok(()),
            Err(error) => bail!("sending {signal} to node {side}: {error}"),
        };
        signal(Signal::SIGSTOP)?;
        network::set_links(&namespace, &[LAN, SYNCHRONISATION], false)?;
        signal(Signal::SIGKILL)?;
        // Nobody of the group may linger; and whoever left the group is on the same node.
        down::kill_rest(&[namespace])?;
        let _ = fs::remove_file(self.files.node(side).processes());
        Ok(())
    }

    /// Gives the power back: links up, no address but the node's own, processes started. Returns when they run; see
    /// [`Pair::await_settled`] for more.
    ///
    /// # Errors
    /// The node runs already, or does not start.
    pub fn power_on(&self, side: Side) -> anyhow::Result<()> {
        if processes(&self.files.node(side)).is_some() {
            bail!("node {side} runs already");
        }
        self.start_node(side)?;
        self.await_started(side)
    }

    /// Sets one link of a node (`lan0`, `sync0`) up or down, as pulling its cable does. Addresses stay; a link that
    /// goes down loses its IPv6 ones and its routes, which come back with the carrier of a real cable: see
    /// [`Pair::set_cable`] for that.
    ///
    /// # Errors
    /// There is no such link.
    pub fn set_link(&self, side: Side, link: &str, up: bool) -> anyhow::Result<()> {
        network::set_links(&self.topology.namespace(Namespace::Node(side)), &[link], up)
    }

    /// Plugs or pulls the cable of a node's link (`lan0`, `sync0`) at the switch: the node sees its carrier go.
    ///
    /// # Errors
    /// There is no such link.
    pub fn set_cable(&self, side: Side, link: &str, plugged: bool) -> anyhow::Result<()> {
        let port = network::port(side, link);
        network::set_links(&self.topology.namespace(Namespace::Bridge), &[&port], plugged)
    }

    /// Runs `tandemctl` on a node and takes what it prints.
    ///
    /// # Errors
    /// It fails; the error shows what it said.
    pub fn tandemctl(&self, side: Side, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = tandemctl(&self.workspace, &self.files.node(side));
        process::output(command.args(arguments), TANDEMCTL_LIMIT)
    }

    /// A command in a namespace, to be started by the caller.
    #[must_use]
    pub fn command(&self, namespace: Namespace, program: &str) -> Command {
        namespace::command(&self.topology.namespace(namespace), program)
    }

    /// Runs a program in a namespace to its end, at most for `limit`; success or not, the output is the answer.
    ///
    /// # Errors
    /// It cannot be started, or does not end in time.
    pub fn exec(&self, namespace: Namespace, words: &[&str], limit: Duration) -> anyhow::Result<Output> {
        let (program, arguments) = words.split_first().context("a program is wanted")?;
        process::outcome(self.command(namespace, program).args(arguments), limit)
    }

    /// Keeps the pair running when this value goes.
    pub fn leave(mut self) {
        self.left = true;
    }

    /// Takes the pair down.
    ///
    /// # Errors
    /// As [`super::down()`].
    pub fn down(mut self) -> anyhow::Result<()> {
        self.left = true;
        down::remove(&self.workspace, &self.topology)
    }

    /// The last lines of every log: what a failure needs to be understood.
    fn log_ends(&self) -> String {
        let mut text = String::new();
        for side in Side::BOTH {
            let entries = fs::read_dir(self.logs(side)).into_iter().flatten().flatten();
            let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
            paths.sort();
            for path in paths {
                let log = fs::read_to_string(&path).unwrap_or_default();
                let lines: Vec<&str> = log.lines().collect();
                let from = lines.len().saturating_sub(LOG_LINES_SHOWN);
                text.push_str(&format!("--- {}\n{}\n", path.display(), lines[from..].join("\n")));
            }
        }
        text
    }

    /// Moves the logs out of what is about to be removed.
    fn keep_logs(&self) {
        let failed = self.files.failed();
        // An earlier failure's are no longer of interest.
        let _ = down::remove_folder(&failed);
        if fs::rename(self.files.logs(), &failed).is_ok() {
            say(format!("the logs are kept in {}", failed.display()));
        }
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
        if let Err(error) = down::remove(&self.workspace, &self.topology) {
            say(format!("✗ taking lab {} down: {error:#}", self.topology.name));
        }
    }
}

/// `lab up`.
pub(super) fn run(wish: &arguments::Up) -> anyhow::Result<()> {
    let options = Options { name: wish.name.clone(), one_switch: wish.one_switch, ..Options::default() };
    let arguments::What::Pair = wish.what;
    let pair = Pair::up(&options)?;
    let description = pair.description()?;
    if wish.json {
        result(serde_json::to_string(&description)?);
    } else {
        result(people(&description, pair.status()?.active));
    }
    pair.leave();
    Ok(())
}

fn people(description: &Description, active: Option<Side>) -> String {
    let account = description
        .accounts
        .first()
        .map_or(String::new(), |account| format!("{} / {}", account.user, account.password));
    let active = active.map_or("none".to_owned(), |side| side.to_string());
    format!(
        "serving        node {active}\nregister at    sip:{}:{} (domain {}) from namespace {}\nfirst account  {account}\n\
         ask a node     {} ha status\nlogs           {}\nsee also       cargo xtask lab status\nend            cargo xtask lab down",
        description.resource_address,
        description.sip_port,
        description.domain,
        description.namespaces.phones,
        description.nodes.a.tandemctl.join(" "),
        description.logs.display(),
    )
}
