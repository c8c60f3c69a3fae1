//! The one task that owns the network of this node: it adopts each revision and each wish of a person, and makes the
//! kernel agree after each change of a link or an address, whoever caused it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use daemon::configuration::Snapshot;
use daemon::readiness;
use model::NodeName;
use netio::links::{Link, LinkWatch};
use netio::own::{OwnNetwork, PresentAddress};
use tokio::sync::{Notify, mpsc, oneshot, watch};

use super::plan::{self, NotAMember};
use super::report::{NetworkReport, link_problems, link_status};
use super::steps::{Step, gateway_in_reach, steps};
use crate::etc;
use crate::network_file::NetworkFile;
use crate::prepare::Place;
use crate::prepare::durable::{self, Access};

/// Where the network is kept.
pub const NETWORK_FILE: &str = "/data/host/network.toml";
/// Wishes that may wait for the keeper; each has a person behind it.
pub const WISHES_MAX: usize = 4;
/// Rounds until the kernel agrees: removing an address takes others of its subnet along (its secondaries), which the
/// next round brings back.
const ROUNDS_MAX: usize = 4;
/// Pause before the netlink socket is opened again.
const RETRY: Duration = Duration::from_secs(1);
/// How often the task says that it is alive where no service manager has asked for it.
const ALIVE_DEFAULT: Duration = Duration::from_secs(60);

/// A person's wish for an own address.
#[derive(Debug)]
pub struct Wish {
    /// Link
    pub link: String,
    /// Address with prefix length
    pub address: String,
    /// Gateway; empty: as it is
    pub gateway: String,
    /// Nothing when it is in force and kept, else why it is refused
    pub answer: oneshot::Sender<Result<(), String>>,
}

/// The state and its owner.
pub struct Keeper {
    place: Place,
    own: NodeName,
    kernel: OwnNetwork,
    network: NetworkFile,
    hosts: BTreeMap<NodeName, IpAddr>,
    links: Vec<Link>,
    present: Vec<PresentAddress>,
    gateway: Option<IpAddr>,
    problems: Problems,
    report: watch::Sender<NetworkReport>,
    time_servers: Arc<Notify>,
}

/// What is wrong, by what was tried last.
#[derive(Default)]
struct Problems {
    /// The file on the data disk
    file: Option<String>,
    /// The configuration
    configuration: Option<NotAMember>,
    /// `/etc`
    etc: Vec<String>,
    /// The kernel
    kernel: Vec<String>,
}

impl Keeper {
    /// Reads what was kept and makes it so, without a bus and without a configuration. `time_servers` is told when the
    /// time client must read its servers.
    ///
    /// # Errors
    /// There is no netlink socket.
    pub async fn start(place: Place, own: NodeName, time_servers: Arc<Notify>) -> anyhow::Result<Keeper> {
        let (network, file) = match read(&place) {
            Ok(network) => (network, None),
            Err(error) => (NetworkFile::default(), Some(format!("{NETWORK_FILE} cannot be used: {error:#}"))),
        };
        let mut keeper = Keeper {
            place,
            own,
            kernel: OwnNetwork::open()?,
            network,
            hosts: BTreeMap::new(),
            links: Vec::new(),
            present: Vec::new(),
            gateway: None,
            problems: Problems { file, ..Problems::default() },
            report: watch::Sender::default(),
            time_servers,
        };
        keeper.links = LinkWatch::open()?.next().await?;
        keeper.write_etc();
        keeper.settle().await;
        Ok(keeper)
    }

    /// What is shown.
    #[must_use]
    pub fn report(&self) -> watch::Receiver<NetworkReport> {
        self.report.subscribe()
    }

    /// Keeps the network until the configuration can no longer be followed.
    pub async fn run(
        mut self,
        mut snapshots: watch::Receiver<Option<Snapshot>>,
        mut wishes: mpsc::Receiver<Wish>,
    ) {
        let (links, mut link_lists) = watch::channel(Vec::new());
        let watching = tokio::spawn(watch_links(links));
        let mut alive = tokio::time::interval(readiness::watchdog_interval().unwrap_or(ALIVE_DEFAULT));
        loop {
            tokio::select! {
                _ = alive.tick() => readiness::alive(),
                changed = snapshots.changed() => {
                    if changed.is_err() {
                        break;
                    }
                    let snapshot = snapshots.borrow_and_update().clone();
                    if let Some(snapshot) = snapshot {
                        self.adopt(&snapshot).await;
                    }
                }
                Some(wish) = wishes.recv() => self.fulfil(wish).await,
                Ok(()) = link_lists.changed() => {
                    self.links.clone_from(&link_lists.borrow_and_update());
                    self.settle().await;
                }
            }
        }
        watching.abort();
    }

    /// Adopts a revision: first the kernel, then the disk, since a revision comes again at the next start anyway.
    async fn adopt(&mut self, snapshot: &Snapshot) {
        let wanted = plan::of_configuration(&self.own, snapshot.revision, &snapshot.config, &self.network);
        let network = match wanted {
            Ok(network) => network,
            Err(refusal) => {
                log::error!(revision = snapshot.revision, refusal:%; "this revision is not adopted");
                self.problems.configuration = Some(refusal);
                self.publish();
                return;
            }
        };
        self.problems.configuration = None;
        self.hosts = plan::hosts(&snapshot.config);
        // The number alone is no reason to write: most revisions say nothing about the network.
        let changed = NetworkFile { revision: self.network.revision, ..network.clone() } != self.network;
        let must_keep = changed || self.network.revision == 0 || self.problems.file.is_some();
        if changed {
            log::info!(revision = snapshot.revision; "another network is in force");
            if let (Some(before), None) = (self.network.gateway, network.gateway) {
                log::warn!(gateway:% = before; "the configuration names no gateway: the route there goes");
            }
        }
        self.network = network;
        self.write_etc();
        self.settle().await;
        if must_keep {
            self.problems.file = self.keep(self.network.clone()).await.err();
            self.publish();
        }
    }

    /// Does what a person wants: first the disk, so that a confirmed address is there after a power cut.
    async fn fulfil(&mut self, Wish { link, address, gateway, answer }: Wish) {
        let outcome = self.try_fulfil(&link, &address, &gateway).await;
        if let Err(refusal) = &outcome {
            log::info!(link = link.as_str(), refusal = refusal.as_str(); "an address is refused");
        }
        // Whoever asked may be gone.
        let _ = answer.send(outcome);
    }

    async fn try_fulfil(&mut self, link: &str, address: &str, gateway: &str) -> Result<(), String> {
        if self.network.revision > 0 {
            return Err(in_force(self.network.revision, &self.own));
        }
        let ethernet = self.links.iter().filter(|link| link.ethernet);
        let links: Vec<_> = ethernet.map(|link| link.name.clone()).collect();
        let network = plan::of_wish(&self.network, &links, (link, address, gateway))
            .map_err(|refusal| refusal.to_string())?;
        self.keep(network.clone()).await?;
        log::info!(link, address, gateway; "a person at the box has set the network");
        self.problems.file = None;
        self.network = network;
        self.settle().await;
        match self.problems.kernel.as_slice() {
            [] => Ok(()),
            problems => Err(format!("kept, but not in force: {}", problems.join("; "))),
        }
    }

    /// Writes the file; its disk may take long, so not on this thread.
    async fn keep(&self, network: NetworkFile) -> Result<(), String> {
        let path = self.place.path(NETWORK_FILE);
        let write = move || durable::write(&path, network.to_text().as_bytes(), Access::PUBLIC);
        let outcome =
            tokio::task::spawn_blocking(write).await.unwrap_or_else(|error| Err(io::Error::other(error)));
        outcome.map_err(|error| {
            log::error!(error:%; "{NETWORK_FILE} cannot be written");
            format!("{NETWORK_FILE} cannot be written ({error}): this network is gone after a restart")
        })
    }

    fn write_etc(&mut self) {
        let outcome = etc::write(&self.place, &self.own, &self.network, &self.hosts);
        for problem in &outcome.problems {
            log::error!("{problem}");
        }
        self.problems.etc = outcome.problems;
        if outcome.time_servers_changed {
            self.time_servers.notify_one();
        }
    }

    /// Makes the kernel agree with what is wanted, and publishes what has come of it.
    async fn settle(&mut self) {
        let mut problems = Vec::new();
        for _ in 0..ROUNDS_MAX {
            match self.kernel.addresses().await {
                Ok(present) => self.present = present,
                Err(error) => problems.push(said(error)),
            }
            let steps = steps(&self.network, &self.links, &self.present);
            if steps.is_empty() || !problems.is_empty() {
                break;
            }
            for step in steps {
                if let Err(error) = self.take(&step).await {
                    problems.push(said(error));
                }
            }
        }
        let gateway = self.network.gateway.filter(|_| gateway_in_reach(&self.network, &self.present));
        if let Err(error) = self.kernel.set_gateway(gateway).await {
            problems.push(said(error));
        }
        match self.kernel.gateway().await {
            Ok(gateway) => self.gateway = gateway,
            Err(error) => problems.push(said(error)),
        }
        for problem in problems.iter().filter(|problem| !self.problems.kernel.contains(problem)) {
            log::error!("{problem}");
        }
        self.problems.kernel = problems;
        self.publish();
    }

    async fn take(&mut self, step: &Step) -> Result<(), netio::NetlinkError> {
        match step {
            Step::SwitchOn(link) => {
                log::info!("switching {link} on");
                self.kernel.switch_on(link).await?;
                // The list is from before; carrier follows with the next one.
                self.links
                    .iter_mut()
                    .filter(|known| known.name == *link)
                    .for_each(|known| known.enabled = true);
                Ok(())
            }
            Step::Remove(own) => {
                log::info!("removing {own}");
                self.kernel.remove(own).await
            }
            Step::Add(own) => {
                log::info!("adding {own}");
                self.kernel.add(own).await
            }
        }
    }

    fn publish(&self) {
        let mut problems = Vec::new();
        problems.extend(self.problems.configuration.as_ref().map(ToString::to_string));
        problems.extend(self.problems.file.clone());
        problems.extend(self.problems.kernel.iter().cloned());
        problems.extend(link_problems(&self.network, &self.links));
        problems.extend(self.problems.etc.iter().cloned());
        let report = NetworkReport {
            revision: self.network.revision,
            links: link_status(&self.links, &self.present),
            gateway: self.gateway.map(|gateway| gateway.to_string()).unwrap_or_default(),
            has_time_servers: !self.network.time_servers.is_empty(),
            problems,
        };
        self.report.send_if_modified(|known| {
            let changed = *known != report;
            *known = report;
            changed
        });
    }
}

/// Why a person at the box can no longer set the network.
#[must_use]
pub fn in_force(revision: u64, own: &NodeName) -> String {
    format!(
        "revision {revision} of the configuration is in force, and the network is part of it: change addresses in \
         [cluster.node.{own}] and [network] with `tandemctl config apply`"
    )
}

fn read(place: &Place) -> anyhow::Result<NetworkFile> {
    match fs::read_to_string(place.path(NETWORK_FILE)) {
        Ok(text) => Ok(NetworkFile::parse(&text)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(NetworkFile::default()),
        Err(error) => Err(error).context("reading it"),
    }
}

/// An error with its causes in one line.
fn said(error: netio::NetlinkError) -> String {
    daemon::chain(&anyhow::Error::new(error))
}

/// Hands out each list of the links for as long as somebody wants it.
async fn watch_links(links: watch::Sender<Vec<Link>>) {
    loop {
        if let Err(failure) = watch_links_once(&links).await {
            log::error!(failure:%; "links cannot be watched");
        }
        tokio::time::sleep(RETRY).await;
    }
}

async fn watch_links_once(links: &watch::Sender<Vec<Link>>) -> Result<(), netio::NetlinkError> {
    let mut watch = LinkWatch::open_with_addresses()?;
    loop {
        links.send_replace(watch.next().await?);
    }
}
