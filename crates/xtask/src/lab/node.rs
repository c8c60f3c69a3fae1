//! `lab node`: prepares the files of a node, enters its namespace and runs its processes in the foreground.

use std::fs::{self, File};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{Pid, getpgrp, getpid, setpgid};

use super::files::{Files, NodeFiles};
use super::topology::{LAN, PREFIX_LENGTH, SYNCHRONISATION, Side, Topology};
use super::{arguments, bus, credentials, network, sample, supervisor};
use crate::failure::failure;
use crate::progress::say;
use crate::{Workspace, packages, process};

/// Programs of a node, in the order of their start.
pub(super) const DAEMONS: [&str; 3] = ["stored", "clusterd", "pbxd"];
/// How long the store may take until it accepts the first configuration.
const CONFIGURATION_LIMIT: Duration = Duration::from_secs(30);
/// No command of `tandemctl` takes longer.
pub(super) const TANDEMCTL_LIMIT: Duration = Duration::from_secs(40);
/// Pause between two looks at something awaited.
pub(super) const LOOK: Duration = Duration::from_millis(50);

/// Runs one node until it is told to end.
pub(super) fn run(wish: &arguments::Node) -> anyhow::Result<()> {
    network::require_root()?;
    let workspace = Workspace::find()?;
    packages::ensure(packages::LAB)?;
    if !wish.no_build {
        workspace.build_programs()?;
    }
    let side = Side::from_name(&wish.name).context("clap lets only a and b pass")?;
    let topology = Topology::new(&wish.lab, false)?;
    let files = Files::new(&workspace, &topology);
    let node = Node::new(wish, side, &files)?;
    let _lock = lock(&files.node(side), wish)?;
    node.prepare(&files)?;
    network::reset_addresses(&wish.netns, node.lan, node.synchronisation)?;
    let signals = own_process_group()?;
    enter(&wish.netns).with_context(|| format!("entering the namespace {}", wish.netns))?;
    if side == Side::A && !wish.no_configuration {
        give_first_configuration(&workspace, &files);
    }
    supervisor::run(&workspace, &files.node(side), &signals)
}

/// The lock on a node's files, held until this process ends, however it ends.
fn lock(files: &NodeFiles, wish: &arguments::Node) -> anyhow::Result<File> {
    let path = files.lock();
    let made = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| File::create(&path));
    let lock = made.with_context(|| format!("making {}", path.display()))?;
    lock.try_lock().map_err(|_| {
        failure(
            format!("node {} of lab {} runs already", wish.name, wish.lab),
            "name another lab with --lab, or end that one: cargo xtask lab down",
        )
    })?;
    Ok(lock)
}

/// What a node is started with.
struct Node {
    side: Side,
    lan: IpAddr,
    synchronisation: IpAddr,
    peers: Vec<IpAddr>,
    resource: IpAddr,
    files: NodeFiles,
    credentials: PathBuf,
}

impl Node {
    fn new(wish: &arguments::Node, side: Side, files: &Files) -> anyhow::Result<Node> {
        // What the links have already is kept: the namespace may be somebody else's, with networks of their own.
        let own = |given: Option<IpAddr>, link| match given {
            Some(address) => Ok(Some(address)),
            None => network::own_address(&wish.netns, link, wish.resource),
        };
        let lan = own(wish.lan, LAN)?.unwrap_or(Topology::lan(side));
        let synchronisation = own(wish.sync, SYNCHRONISATION)?.unwrap_or(Topology::synchronisation(side));
        let peers = if wish.peer.is_empty() {
            vec![Topology::synchronisation(side.other()), Topology::lan(side.other())]
        } else {
            wish.peer.clone()
        };
        Ok(Node {
            side,
            lan,
            synchronisation,
            peers,
            resource: wish.resource,
            files: files.node(side),
            credentials: files.credentials(),
        })
    }

    /// Everything that the processes read, and the folders that they write to.
    fn prepare(&self, lab: &Files) -> anyhow::Result<()> {
        let mut folders = vec![self.files.data(), self.files.run(), self.files.log()];
        folders.extend(self.files.socket_folder().map(Path::to_owned));
        for folder in folders {
            fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        }
        credentials::ensure(&self.credentials)?;
        write(&self.files.identity(), &self.identity())?;
        write(&self.files.bus_configuration(), &bus::configuration(&self.files))?;
        // The other node gets the coordinator's.
        if self.side == Side::A { ensure_configuration(lab, &self.addresses()) } else { Ok(()) }
    }

    /// `node.toml`.
    fn identity(&self) -> String {
        let peers: Vec<String> = self.peers.iter().map(|peer| format!("\"{peer}\"")).collect();
        let credential = |name: String| self.credentials.join(name).display().to_string();
        format!(
            "name = \"{side}\"\nserial-number = \"{serial}\"\ncoordinator = {coordinator}\ndata = {data:?}\nrun = {run:?}\n\
             listen = \"{listen}\"\n\n[peer]\nname = \"{peer}\"\naddresses = [{peers}]\n\n[credentials]\n\
             authority = {authority:?}\ncertificate = {certificate:?}\nkey = {key:?}\nsecret = {secret:?}\n",
            side = self.side,
            serial = self.side.serial_number(),
            coordinator = self.side == Side::A,
            data = self.files.data().display().to_string(),
            run = self.files.run().display().to_string(),
            listen = self.synchronisation,
            peer = self.side.other(),
            peers = peers.join(", "),
            authority = credential("ca.pem".to_owned()),
            certificate = credential(format!("{}.pem", self.side)),
            key = credential(format!("{}.key", self.side)),
            secret = credential("pair.key".to_owned()),
        )
    }

    /// Addresses for the sample configuration: of those that the other node is reached at, the one in each network.
    fn addresses(&self) -> sample::Addresses {
        let own = [self.lan, self.synchronisation];
        let usual = [Topology::lan(self.side.other()), Topology::synchronisation(self.side.other())];
        let in_network = |own: IpAddr| self.peers.iter().copied().find(|peer| same_network(own, *peer));
        let other = [0, 1].map(|link| in_network(own[link]).unwrap_or(usual[link]));
        let nodes = if self.side == Side::A { [own, other] } else { [other, own] };
        sample::Addresses { nodes, resource: self.resource }
    }
}

/// Whether both are in one network of [`PREFIX_LENGTH`].
fn same_network(one: IpAddr, other: IpAddr) -> bool {
    match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            (one.to_bits() ^ other.to_bits()).leading_zeros() >= u32::from(PREFIX_LENGTH)
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => {
            (one.to_bits() ^ other.to_bits()).leading_zeros() >= u32::from(PREFIX_LENGTH)
        }
        _ => false,
    }
}

/// Writes the sample configuration of a lab, unless it has one.
///
/// # Errors
/// The addresses do not fit together: no store would take it.
pub(super) fn ensure_configuration(lab: &Files, addresses: &sample::Addresses) -> anyhow::Result<()> {
    if lab.configuration().exists() {
        return Ok(());
    }
    let text = sample::configuration(addresses)?.to_text();
    if let Err(problems) = model::Config::parse(&text) {
        let problems: Vec<String> = problems.iter().map(model::Problem::to_string).collect();
        return Err(failure(
            format!("the addresses do not fit together: {}", problems.join("; ")),
            "give --peer twice, the address on sync0 and the one on lan0, and --resource in the network of lan0",
        ));
    }
    write(&lab.configuration(), &text)
}

/// A whole file or none: another process may be reading.
pub(crate) fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let fresh = path.with_extension("new");
    fs::write(&fresh, text)
        .and_then(|()| fs::rename(&fresh, path))
        .with_context(|| format!("writing {}", path.display()))
}

/// `tandemctl` on a node's bus, still without its words.
pub(super) fn tandemctl(workspace: &Workspace, files: &NodeFiles) -> Command {
    let mut command = Command::new(workspace.program("tandemctl"));
    command.arg("--bus").arg(files.bus_address());
    command
}

/// Gives the coordinator its first configuration as soon as its store listens; nothing if there is one already.
pub(super) fn configure(workspace: &Workspace, files: &Files) -> anyhow::Result<()> {
    let node = files.node(Side::A);
    let deadline = Instant::now() + CONFIGURATION_LIMIT;
    loop {
        let Err(error) = try_configure(workspace, &node, &files.configuration()) else { return Ok(()) };
        if Instant::now() >= deadline {
            return Err(error.context("the coordinator takes no configuration"));
        }
        std::thread::sleep(LOOK);
    }
}

fn try_configure(workspace: &Workspace, node: &NodeFiles, configuration: &Path) -> anyhow::Result<()> {
    let shown =
        process::output(tandemctl(workspace, node).args(["config", "show", "--json"]), TANDEMCTL_LIMIT)?;
    let shown: serde_json::Value = serde_json::from_str(&shown).context("reading `config show --json`")?;
    if shown["revision"].as_u64() != Some(0) {
        return Ok(());
    }
    let mut apply = tandemctl(workspace, node);
    apply.args(["config", "apply"]).arg(configuration);
    // Named, so that trying again is no second change.
    apply.args(["--author", "lab", "--description", "sample of the lab", "--transaction", "lab-first"]);
    process::output(&mut apply, TANDEMCTL_LIMIT).map(drop)
}

fn give_first_configuration(workspace: &Workspace, files: &Files) {
    let (workspace, files) = (workspace.clone(), files.clone());
    std::thread::spawn(move || match configure(&workspace, &files) {
        Ok(()) => say("✓ a configuration is in force"),
        Err(error) => say(format!("✗ {error:#}")),
    });
}

/// Makes this process the leader of a group of its own, so that one signal reaches a whole node and nobody else; and
/// takes the signals that the supervisor waits for. From a shell it is the leader already, and Ctrl-C reaches it.
fn own_process_group() -> anyhow::Result<SigSet> {
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGCHLD] {
        signals.add(signal);
    }
    signals.thread_block().context("blocking signals")?;
    if getpgrp() != getpid() {
        setpgid(Pid::from_raw(0), Pid::from_raw(0)).context("making a process group")?;
    }
    Ok(signals)
}

/// Enters a network namespace as `ip netns exec` does: with a `/sys` that shows its links.
fn enter(namespace: &str) -> anyhow::Result<()> {
    let path = Path::new("/run/netns").join(namespace);
    let file = File::open(&path).with_context(|| format!("opening {}: `lab up` makes it", path.display()))?;
    setns(file, CloneFlags::CLONE_NEWNET)?;
    unshare(CloneFlags::CLONE_NEWNS)?;
    let none = None::<&Path>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_SLAVE, none)?;
    // Nothing may be mounted there yet (a bare container).
    let _ = umount2("/sys", MntFlags::MNT_DETACH);
    if let Err(error) = mount(Some("sysfs"), "/sys", Some("sysfs"), MsFlags::empty(), none) {
        bail!("mounting /sys: {error}");
    }
    Ok(())
}
