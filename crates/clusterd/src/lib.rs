//! The high-availability agent: decides with its peer who serves, and holds the resource addresses when it does.
//!
//! `membership` decides; this crate is its shell. Three threads of their own keep what must be quick apart from what
//! may stall, and share no lock:
//!
//! - [`heartbeat`]: the core, its clock and its sockets; real-time where permitted;
//! - [`addresses`]: the kernel's addresses, announcements, the end of the lease;
//! - [`disk`]: the epoch counter.
//!
//! Everything else runs on the ordinary runtime: the TLS session that the heartbeat keys come from ([`session`]), the
//! bus ([`bus`], [`status`], [`events`]), the configuration ([`configuration`], [`plan`]), carrier ([`links`]) and ping
//! groups ([`sight`]).

pub mod addresses;
pub mod bus;
pub mod clock;
pub mod configuration;
pub mod disk;
pub mod events;
pub mod heartbeat;
pub mod links;
pub mod plan;
pub mod session;
pub mod sight;
pub mod status;

use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use daemon::NodeIdentity;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::bus::View;
use crate::clock::Clock;
use crate::configuration::Planner;
use crate::disk::EpochFile;
use crate::events::Events;
use crate::heartbeat::{Command, Heartbeat};
use crate::plan::Start;

/// How long the end may take: a planned hand-over to the peer, then the removal of the addresses.
const STOP_TIMEOUT: Duration = Duration::from_secs(8);

/// Runs the agent until SIGTERM or SIGINT.
///
/// # Errors
/// What keeps it from starting (data folder, netlink, credentials), or a thread that ended by itself.
pub async fn serve(identity: NodeIdentity) -> anyhow::Result<()> {
    let clock = Clock::start();
    let epoch_file = EpochFile::open(&identity.data)?;
    let start = new_start(epoch_file.load()?)?;
    let heartbeat = heartbeat::start(&identity, clock, start)?;
    let commands = heartbeat.commands.clone();
    // Addresses of an earlier start are gone before anything else happens.
    let addresses = addresses::start(clock, heartbeat.orders.clone(), commands.clone()).await?;
    let disk = disk::start(epoch_file, heartbeat.counters.clone(), commands.clone())?;

    let (events_cell, events) = watch::channel(Events::default());
    let view = View {
        identity: identity.clone(),
        commands: commands.clone(),
        standing: heartbeat.standing.clone(),
        notices: heartbeat.notices.clone(),
        events,
        held: addresses.held.clone(),
    };
    let mut duties = JoinSet::new();
    duties.spawn(session::keep(identity.clone(), commands.clone()));
    duties.spawn(endless(links::watch(commands.clone())));
    duties.spawn(endless(events::keep(heartbeat.notices.subscribe(), events_cell)));
    duties.spawn(endless(feed_watchdog(view.clone())));
    duties.spawn(endless(bus::serve(view, Planner::new(identity, commands))));
    if let Err(failure) = netio::realtime::lock_memory() {
        log::info!(failure:%; "memory is not locked: it may be swapped out");
    }

    let outcome = tokio::select! {
        signal = daemon::signals::terminated() => {
            log::info!(signal = signal.context("waiting for a signal")?; "asked to end");
            Ok(())
        }
        Some(ended) = duties.join_next() => Err(unexpected_end(ended)),
    };
    daemon::readiness::stopping();
    stop(heartbeat, [addresses.thread, disk]).await;
    duties.shutdown().await;
    outcome
}

/// What is new with this start.
fn new_start(counter_reserved: u64) -> anyhow::Result<Start> {
    let mut bytes = [0; 24];
    SystemRandom::new().fill(&mut bytes).map_err(|_| anyhow::anyhow!("the system gives no randomness"))?;
    let (incarnation, seed) = bytes.split_at(16);
    Ok(Start {
        counter_reserved,
        incarnation: u128::from_be_bytes(incarnation.try_into().expect("16 bytes")),
        seed: u64::from_be_bytes(seed.try_into().expect("8 bytes")),
    })
}

/// A duty that returns without an error has lost what it serves.
async fn endless(duty: impl Future<Output = ()>) -> anyhow::Result<()> {
    duty.await;
    Ok(())
}

fn unexpected_end(ended: Result<anyhow::Result<()>, tokio::task::JoinError>) -> anyhow::Error {
    match ended {
        Ok(Ok(())) => anyhow::anyhow!("a duty has ended by itself"),
        Ok(Err(failure)) => failure,
        Err(panic) => anyhow::Error::new(panic).context("a duty panicked"),
    }
}

/// Tells the service manager that the heartbeat thread takes its turns, by asking it.
async fn feed_watchdog(view: View) {
    let Some(interval) = daemon::readiness::watchdog_interval() else { return std::future::pending().await };
    loop {
        if view.report().await.is_some() {
            daemon::readiness::alive();
        }
        tokio::time::sleep(interval).await;
    }
}

/// Hands over if the peer can take, removes every address, ends the threads.
async fn stop(heartbeat: Heartbeat, others: [JoinHandle<()>; 2]) {
    let Heartbeat { commands, mut standing, thread, .. } = heartbeat;
    let handed_over = async {
        commands.send(Command::Stop).await.ok()?;
        standing.wait_for(|standing| standing.stopped).await.ok().map(drop)
    };
    if tokio::time::timeout(STOP_TIMEOUT, handed_over).await.ok().flatten().is_none() {
        log::error!("no orderly end: the addresses are removed without a hand-over");
    }
    // The other threads end with it: it holds the senders of their channels.
    let _ = commands.send(Command::End).await;
    let joined = tokio::task::spawn_blocking(move || {
        for thread in std::iter::once(thread).chain(others) {
            if thread.join().is_err() {
                log::error!("a thread of the agent had panicked");
            }
        }
    });
    if tokio::time::timeout(STOP_TIMEOUT, joined).await.is_err() {
        log::error!("a thread of the agent does not end");
    }
}
