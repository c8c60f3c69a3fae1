//! The addresses thread: makes the kernel's addresses what the latest [`Order`] says, and announces them.
//!
//! Level-triggered: it compares what is with what should be, after each change of the order, at the end of the lease
//! and at each announcement. An order that is overtaken while it is carried out is never confirmed. When a lease ends
//! without a renewal the addresses go, whatever the heartbeat thread does.
//!
//! At start it removes what an agent that crashed has left, before anything else happens.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use netio::addresses::{Addresses, ResourceAddress};
use netio::announce::Announcer;
use tokio::sync::{oneshot, watch};

use crate::clock::Clock;
use crate::heartbeat::{Command, Commands, Order};
use crate::plan::Resource;

/// When addresses are announced after they were added (DESIGN section 6); the first is at once.
const ANNOUNCEMENTS: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_millis(50),
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(5),
];
/// …and from then on. Each time the addresses are also added again if somebody has removed them.
const REFRESH: Duration = Duration::from_secs(30);
/// Pause before what the kernel refused is tried again.
const RETRY: Duration = Duration::from_millis(50);
/// Pause before an address that service does not depend on is tried again.
const RETRY_OPTIONAL: Duration = Duration::from_secs(2);

/// Resource addresses that this node holds now.
pub type Held = Vec<ResourceAddress>;

/// The running thread.
pub struct AddressesThread {
    /// What is held, for the status
    pub held: watch::Receiver<Held>,
    /// Ends when the `orders` channel is closed, after it has removed every address
    pub thread: thread::JoinHandle<()>,
}

/// Starts the thread and waits until left-over addresses are gone.
///
/// # Errors
/// The kernel refuses netlink, or an address cannot be removed.
pub async fn start(
    clock: Clock,
    orders: watch::Receiver<Order>,
    commands: Commands,
) -> anyhow::Result<AddressesThread> {
    let (held_cell, held) = watch::channel(Held::new());
    let (ready, is_ready) = oneshot::channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let thread = thread::Builder::new().name("addresses".to_owned()).spawn(move || {
        runtime.block_on(async move {
            match open().await {
                Ok(kernel) => {
                    // The caller waits for this word; if it has gone there is nobody to serve for.
                    let _ = ready.send(Ok(()));
                    Keeper::new(clock, kernel, commands, held_cell).run(orders).await;
                }
                Err(failure) => drop(ready.send(Err(failure))),
            }
        });
    })?;
    is_ready.await.context("the addresses thread ended at its start")??;
    Ok(AddressesThread { held, thread })
}

async fn open() -> anyhow::Result<Addresses> {
    let kernel = Addresses::open()?;
    let left = kernel.remove_all(&[]).await.context("removing addresses of an earlier start")?;
    if left > 0 {
        log::warn!(count = left; "resource addresses left by an earlier start are removed");
    }
    Ok(kernel)
}

struct Keeper {
    clock: Clock,
    kernel: Addresses,
    commands: Commands,
    held: watch::Sender<Held>,
    announcers: BTreeMap<String, Announcer>,
    /// Number of the order that has been confirmed
    confirmed: u64,
    /// Announcements since the addresses came on, or since they were asked for anew
    announced: usize,
    /// `announcement` of the order that was seen last
    announcement_seen: u64,
    /// The lease ended and the addresses went; said once
    lapse_told: bool,
}

/// When the thread looks again without being told to.
type Wake = Option<tokio::time::Instant>;

impl Keeper {
    fn new(clock: Clock, kernel: Addresses, commands: Commands, held: watch::Sender<Held>) -> Self {
        Keeper {
            clock,
            kernel,
            commands,
            held,
            announcers: BTreeMap::new(),
            confirmed: 0,
            announced: 0,
            announcement_seen: 0,
            lapse_told: false,
        }
    }

    async fn run(mut self, mut orders: watch::Receiver<Order>) {
        let mut next_announcement = None;
        loop {
            let order = orders.borrow_and_update().clone();
            self.prepare(&order.resources);
            let permitted = order.hold && self.clock.now() < order.until;
            if order.announcement != self.announcement_seen || !permitted {
                self.announcement_seen = order.announcement;
                next_announcement = None;
                self.announced = 0;
            }
            let wake = if permitted {
                self.hold(&order, &mut next_announcement).await
            } else {
                self.release(&order).await
            };
            let pause = async {
                match wake {
                    Some(instant) => tokio::time::sleep_until(instant).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = orders.changed() => if changed.is_err() { break },
                () = pause => {}
            }
        }
        while let Err(failure) = self.kernel.remove_all(&[]).await {
            log::error!(failure:%; "resource addresses could not be removed at the end");
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Sockets to announce with are opened before they are needed.
    fn prepare(&mut self, resources: &[Resource]) {
        for resource in resources {
            let interface = &resource.address.interface;
            if self.announcers.contains_key(interface) {
                continue;
            }
            match Announcer::open(interface) {
                Ok(Some(announcer)) => drop(self.announcers.insert(interface.clone(), announcer)),
                Ok(None) => {}
                Err(failure) => log::debug!(interface = interface.as_str(), failure:%; "no announcer yet"),
            }
        }
        self.announcers
            .retain(|name, _| resources.iter().any(|resource| resource.address.interface == *name));
    }

    /// Addresses on, announced when it is time.
    async fn hold(&mut self, order: &Order, next_announcement: &mut Wake) -> Wake {
        self.lapse_told = false;
        let now = tokio::time::Instant::now();
        let lease_end = self.clock.instant(order.until);
        let due = next_announcement.is_none_or(|at| at <= now);
        let wanted: Held = order.resources.iter().map(|resource| resource.address.clone()).collect();
        if !due && *self.held.borrow() == wanted {
            return earliest(lease_end, *next_announcement);
        }
        let (held, missing_required) = self.add_and_announce(order).await;
        let complete = held.len() == order.resources.len();
        self.held.send_replace(held);
        if let Err(failure) = self.kernel.remove_others(&wanted).await {
            log::error!(failure:%; "an address that is no resource any more could not be removed");
        }
        if missing_required {
            return earliest(lease_end, Some(now + RETRY));
        }
        if self.confirmed != order.number {
            self.confirm(order.number, true).await;
        }
        *next_announcement = Some(if complete {
            self.announced += 1;
            now + pause_after(self.announced)
        } else {
            now + RETRY_OPTIONAL
        });
        earliest(lease_end, *next_announcement)
    }

    /// Adds every address and announces it at once; tells which are on and whether a required one is not.
    async fn add_and_announce(&mut self, order: &Order) -> (Held, bool) {
        let mut held = Held::new();
        let mut missing_required = false;
        for resource in order.resources.iter() {
            let address = &resource.address;
            if let Err(failure) = self.kernel.add(address).await {
                log::error!(address:%, failure:%; "a resource address could not be added");
                missing_required |= resource.required;
                continue;
            }
            held.push(address.clone());
            let announcer = self.announcers.get(&address.interface);
            if let Some(Err(failure)) = announcer.map(|announcer| announcer.announce(address.address)) {
                // Link down, or the interface was made anew; the next round opens another socket.
                log::warn!(address:%, failure:%; "a resource address could not be announced");
                self.announcers.remove(&address.interface);
            }
        }
        (held, missing_required)
    }

    /// Addresses off, and confirmed by the kernel.
    async fn release(&mut self, order: &Order) -> Wake {
        if order.hold && !self.lapse_told && !self.held.borrow().is_empty() {
            self.lapse_told = true;
            log::warn!("the lease has ended without renewal: the resource addresses are removed");
        }
        let nothing_to_do = self.confirmed == order.number && self.held.borrow().is_empty();
        if nothing_to_do || (order.hold && self.held.borrow().is_empty()) {
            return None;
        }
        let named: Held = order.resources.iter().map(|resource| resource.address.clone()).collect();
        if let Err(failure) = self.kernel.remove_all(&named).await {
            log::error!(failure:%; "resource addresses could not be removed");
            return Some(tokio::time::Instant::now() + RETRY);
        }
        self.held.send_replace(Held::new());
        if !order.hold {
            self.confirm(order.number, false).await;
        }
        None
    }

    async fn confirm(&mut self, number: u64, held: bool) {
        self.confirmed = number;
        // The heartbeat thread ends before this one only at the end of the process.
        let _ = self.commands.send(Command::Addresses { number, held }).await;
    }
}

/// Pause after announcement number `announced`, from 1.
fn pause_after(announced: usize) -> Duration {
    match (ANNOUNCEMENTS.get(announced - 1), ANNOUNCEMENTS.get(announced)) {
        (Some(last), Some(next)) => *next - *last,
        _ => REFRESH,
    }
}

fn earliest(one: Wake, other: Wake) -> Wake {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DESIGN section 6: 0, 50, 200 ms, 1 s, 5 s, then every 30 s.
    #[test]
    fn announcements_follow_their_schedule() {
        let mut at = Duration::ZERO;
        let mut times = vec![at];
        for announced in 1..=6 {
            at += pause_after(announced);
            times.push(at);
        }
        let seconds: Vec<_> = times.iter().map(Duration::as_secs_f64).collect();
        assert_eq!(seconds, [0.0, 0.05, 0.2, 1.0, 5.0, 35.0, 65.0]);
    }
}
