//! What each interface sees (row H20): ping targets that answer, other stations that speak.
//!
//! Only where a ping group is configured: without one, seeing nothing means nothing. Then every required interface is
//! watched, also one without targets: a station that asks for an address there (ARP) proves that it is not cut off.

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use netio::ping::Pinger;
use netio::stations::StationWatch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::heartbeat::{Command, Commands};
use crate::plan::{Path, Plan};

/// Rounds in one dead threshold (row H24): one lost answer does not blind a node.
const ROUNDS_PER_DEAD: u32 = 3;
/// Shortest and longest round.
const ROUND_MIN: Duration = Duration::from_millis(100);
const ROUND_MAX: Duration = Duration::from_secs(1);
/// Pause before a socket that failed is opened again.
const RETRY: Duration = Duration::from_secs(1);

/// One task for each interface to watch; they end when the set is dropped.
#[must_use]
pub fn start(plan: &Arc<Plan>, commands: &Commands) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    if plan.paths.iter().all(|path| path.ping_group.is_empty()) {
        return tasks;
    }
    let interval = (plan.cluster.dead / ROUNDS_PER_DEAD).clamp(ROUND_MIN, ROUND_MAX);
    let ours: Arc<[IpAddr]> = plan.own_addresses().into();
    for path in plan.paths.iter().filter(|path| path.required || !path.ping_group.is_empty()) {
        let watch =
            Watch { path: path.clone(), interval, ours: Arc::clone(&ours), commands: commands.clone() };
        tasks.spawn(watch.run());
    }
    tasks
}

struct Watch {
    path: Path,
    interval: Duration,
    ours: Arc<[IpAddr]>,
    commands: Commands,
}

impl Watch {
    async fn run(self) {
        let mut pinger = None;
        let mut stations = None;
        let mut seen = false;
        loop {
            if pinger.is_none() {
                pinger = self.open_pinger();
            }
            if stations.is_none() {
                stations = StationWatch::open(&self.path.interface).ok();
            }
            let round_end = Instant::now() + self.interval;
            let round = ask(&mut pinger, &self.path.ping_group, self.interval, round_end);
            let targets = self.listen_during(round, &mut stations, &mut seen).await;
            let stations_seen = std::mem::take(&mut seen);
            let interface = self.path.interface.clone();
            if self.commands.send(Command::Reachable { interface, targets, stations_seen }).await.is_err() {
                return;
            }
        }
    }

    fn open_pinger(&self) -> Option<Pinger> {
        if self.path.ping_group.is_empty() {
            return None;
        }
        match Pinger::open(&self.path.interface, self.path.own?) {
            Ok(pinger) => Some(pinger),
            Err(failure) => {
                log::debug!(interface = self.path.interface.as_str(), failure:%; "no pings here yet");
                None
            }
        }
    }

    /// Notes stations until `round` is over.
    async fn listen_during(
        &self,
        round: impl Future<Output = usize>,
        stations: &mut Option<StationWatch>,
        seen: &mut bool,
    ) -> usize {
        tokio::pin!(round);
        loop {
            let failed = {
                let station = async {
                    match stations {
                        Some(watch) => watch.seen(&self.ours).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    targets = &mut round => return targets,
                    station = station => station.map(|_| *seen = true).is_err(),
                }
            };
            if failed {
                *stations = None;
            }
        }
    }
}

/// Targets that answer in one round; the round lasts its whole time, so that rounds keep their pace.
async fn ask(pinger: &mut Option<Pinger>, targets: &[IpAddr], wait: Duration, round_end: Instant) -> usize {
    let count = match pinger {
        Some(socket) => match socket.round(targets, wait).await {
            Ok(answered) => answered.len(),
            Err(failure) => {
                log::debug!(failure:%; "a ping socket is opened again");
                *pinger = None;
                sleep(RETRY).await;
                0
            }
        },
        None => 0,
    };
    sleep_until(round_end).await;
    count
}
