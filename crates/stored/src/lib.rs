//! The store: owner of all durable state of a node. Configuration, audit and call records live in the replicated journal
//! (`ledger`), which is the truth; queries are answered from the view; everybody else asks over the bus.
//!
//! ```text
//!  bus ── Store1 ──┬─ configuration ── checks ──┐             ┌── FileDisk (journal, the truth)
//!                  └─ registers ────────────────┤  CoreHandle │
//!  role (agent) ────────────────────────────────┼────────────▶ Core: one thread, one Ledger
//!  peer (TLS, frames) ──────────────────────────┘             │
//!  bus ◀── revision_changed ◀── watch: in force ◀─────────────┴── View (sled, for queries)
//! ```

pub mod bus;
pub mod clock;
pub mod configuration;
pub mod core;
pub mod disk;
pub mod handle;
pub mod pairing;
pub mod peer;
pub mod registers;
pub mod role;
pub mod view;

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use anyhow::{Context, anyhow, bail};
use daemon::NodeIdentity;
use tokio::sync::oneshot;

use crate::core::{CoreError, Opened, Setup};
use crate::disk::FileDisk;
use crate::view::View;

/// Folders of the store below the node's data.
const STORE_FOLDER: &str = "store";
const JOURNAL_FOLDER: &str = "journal";
const VIEW_FOLDER: &str = "view";
/// Held while a store runs: two of them would write into each other's journal.
const LOCK_FILE: &str = "lock";

/// Runs the store until it is asked to end.
///
/// # Errors
/// It cannot start, its disk fails, or the bus goes away.
pub async fn serve(identity: NodeIdentity) -> anyhow::Result<()> {
    let folder = identity.data.join(STORE_FOLDER);
    let _lock = lock(&folder)?;
    let Opened { core, reviews, ended } = open(&identity, &folder).await?;
    let connection = daemon::bus::connect().await?;
    tokio::spawn(configuration::serve_reviews(core.clone(), reviews));
    tokio::spawn(role::follow(identity.clone(), core.clone(), connection.clone()));
    tokio::spawn(bus::announce_revisions(connection.clone(), core.clone()));
    let freezes = tokio::spawn(role::serve_freezes(core.clone(), connection.clone()));
    let peer = tokio::spawn(peer::serve(identity.clone(), core.clone()));
    bus::serve(&connection, bus::Store::new(&identity, core.clone()))
        .await
        .context("serving the store on the bus")?;
    daemon::readiness::ready("storing");
    let bus_gone = connection.clone();
    tokio::select! {
        signal = daemon::signals::terminated() => {
            log::info!(signal = signal.context("waiting for signals")?; "asked to end");
            daemon::readiness::stopping();
            Ok(())
        }
        ended = ended => core_ended(ended),
        outcome = failure_of(freezes) => outcome.context("answering the agent"),
        outcome = failure_of(peer) => outcome,
        () = bus_gone.closed() => bail!("the bus has gone"),
    }
}

async fn open(identity: &NodeIdentity, folder: &Path) -> anyhow::Result<Opened> {
    let journal = folder.join(JOURNAL_FOLDER);
    let disk =
        FileDisk::new(&journal).with_context(|| format!("opening the journal in {}", journal.display()))?;
    let path = folder.join(VIEW_FOLDER);
    let view = tokio::task::spawn_blocking(move || View::open(&path)).await?.context("opening the view")?;
    let ledger = ledger::Setup {
        node: identity.name.clone(),
        peer: identity.peer.as_ref().map(|peer| peer.name.clone()),
        seed: seed().context("asking the system for random octets")?,
        segment_bytes_max: ledger::SEGMENT_BYTES_MAX,
    };
    Ok(core::open(Setup { disk, view, ledger }).await?)
}

/// The lock on the store's folder; it is free again when the process ends, however it ends.
fn lock(folder: &Path) -> anyhow::Result<File> {
    fs::create_dir_all(folder).with_context(|| format!("making the folder {}", folder.display()))?;
    let path = folder.join(LOCK_FILE);
    let file = File::create(&path).with_context(|| format!("opening {}", path.display()))?;
    file.try_lock().map_err(|error| anyhow!("another store holds {}: {error}", path.display()))?;
    Ok(file)
}

fn seed() -> std::io::Result<u64> {
    let mut octets = [0; 8];
    File::open("/dev/urandom")?.read_exact(&mut octets)?;
    Ok(u64::from_le_bytes(octets))
}

fn core_ended(ended: Result<Result<(), CoreError>, oneshot::error::RecvError>) -> anyhow::Result<()> {
    match ended {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => bail!("the thread that owns the ledger has panicked"),
    }
}

/// How a task failed; waits for ever when it ended in order.
async fn failure_of<E: Into<anyhow::Error>>(
    task: tokio::task::JoinHandle<Result<(), E>>,
) -> anyhow::Result<()> {
    match task.await {
        Ok(Ok(())) => std::future::pending().await,
        Ok(Err(error)) => Err(error.into()),
        Err(panic) => Err(panic.into()),
    }
}
