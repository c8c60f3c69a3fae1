//! Start of the store: journal recovered, view compared with it, owner put on its thread.

use std::collections::{BTreeMap, VecDeque};
use std::thread;

use ledger::{Disk, Ledger, OpenError, Record, Recovery, Transaction};
use model::Time;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};

use super::{Core, CoreError, REVIEWS_MAX, read_in_force};
use crate::handle::{COMMANDS_MAX, CoreHandle};
use crate::view::{Check, View, ViewError};

/// What the store is made from.
pub struct Setup<D> {
    /// The journal's disk
    pub disk: D,
    /// The view
    pub view: View,
    /// Node, peer, seed
    pub ledger: ledger::Setup,
}

/// A store that has started.
pub struct Opened {
    /// The way to the owner of the ledger
    pub core: CoreHandle,
    /// Transactions of the peer's clients that want a check
    pub reviews: mpsc::Receiver<Transaction>,
    /// How the owner ended; it ends in order when all handles are gone
    pub ended: oneshot::Receiver<Result<(), CoreError>>,
}

/// The store could not start.
#[derive(Debug, thiserror::Error)]
pub enum OpenFailed {
    /// The journal
    #[error("opening the journal")]
    Journal(#[source] OpenError),
    /// The view
    #[error("bringing the view up to date with the journal")]
    View(#[source] ViewError),
    /// The thread
    #[error("starting the thread that owns the ledger")]
    Thread(#[source] std::io::Error),
    /// The thread ended while it opened the journal (a defect of the program)
    #[error("the thread that owns the ledger has ended")]
    Panicked,
}

/// Recovers the journal, checks the view and starts the owner. Takes as long as reading the journal takes.
///
/// # Errors
/// [`OpenFailed`].
pub async fn open<D: Disk + Send + 'static>(setup: Setup<D>) -> Result<Opened, OpenFailed> {
    let (command_sender, commands) = mpsc::channel(COMMANDS_MAX);
    let (review_sender, reviews) = mpsc::channel(REVIEWS_MAX);
    let (ready, opened) = oneshot::channel();
    let (end, ended) = oneshot::channel();
    let runtime = Handle::current();
    let view = setup.view.clone();
    let own = move || {
        let core = recover(setup, commands, review_sender, runtime);
        match core {
            Ok(core) => {
                let _gone = ready.send(Ok(core.in_force.subscribe()));
                let _gone = end.send(core.run());
            }
            Err(error) => {
                let _gone = ready.send(Err(error));
            }
        }
    };
    thread::Builder::new().name("ledger".to_owned()).spawn(own).map_err(OpenFailed::Thread)?;
    let in_force = opened.await.map_err(|_| OpenFailed::Panicked)??;
    Ok(Opened { core: CoreHandle { commands: command_sender, in_force, view }, reviews, ended })
}

fn recover<D: Disk>(
    setup: Setup<D>,
    commands: mpsc::Receiver<super::Command>,
    reviews: mpsc::Sender<Transaction>,
    runtime: Handle,
) -> Result<Core<D>, OpenFailed> {
    let Setup { disk, view, ledger } = setup;
    let mut check = Check::new(&view);
    let mut visit = |record: &Record| check.visit(record);
    let (ledger, recovery) = Ledger::open(disk, ledger, &mut visit).map_err(OpenFailed::Journal)?;
    tell(&recovery);
    let agrees = check.finish();
    let in_force = read_in_force(&view);
    let mut core = Core {
        ledger,
        view,
        commands,
        in_force: watch::Sender::default(),
        reviews,
        runtime,
        last: Time::ZERO,
        waiting: BTreeMap::new(),
        flushing: Vec::new(),
        rebuilding: Vec::new(),
        link: None,
        deferred: VecDeque::new(),
        finished: Vec::new(),
        settings_changed: false,
        call_records: 0,
        quarantined: quarantined(&recovery),
    };
    let failed = |error| match error {
        CoreError::View(error) => OpenFailed::View(error),
        CoreError::Disk(error) => OpenFailed::Journal(OpenError::Disk(error)),
    };
    match (agrees, in_force) {
        (Ok(true), Ok(in_force)) => {
            core.call_records = core.view.call_count();
            core.in_force.send_replace(in_force);
        }
        _ => {
            log::warn!("the view does not agree with the journal");
            core.rebuild().map_err(failed)?;
            core.bring_into_force().map_err(failed)?;
        }
    }
    Ok(core)
}

/// Corruption for the status, for people.
fn quarantined(recovery: &Recovery) -> Vec<String> {
    let damage = recovery.corruptions.iter().map(|corruption| {
        let (segment, offset, bytes) = (&corruption.segment, corruption.offset, corruption.bytes);
        let kept = corruption.quarantined_as.as_deref().unwrap_or("nowhere");
        format!("{segment}: {bytes} octets at {offset} are damaged; the segment as found is kept as {kept}")
    });
    let now: Vec<String> = damage.collect();
    let earlier = recovery.quarantined.iter().filter(|name| !now.iter().any(|text| text.contains(*name)));
    let earlier = earlier.map(|name| format!("{name}: kept from an earlier start"));
    now.iter().cloned().chain(earlier).collect()
}

fn tell(recovery: &Recovery) {
    log::info!(records = recovery.records, fresh = recovery.fresh; "the journal is open");
    for cut in &recovery.cuts {
        let segment = cut.segment.as_str();
        log::warn!(segment = segment, offset = cut.offset, bytes = cut.bytes; "a torn tail was cut: nobody had been told of it");
    }
    for corruption in &recovery.corruptions {
        let segment = corruption.segment.as_str();
        let kept = corruption.quarantined_as.as_deref().unwrap_or("nowhere");
        log::error!(segment = segment, offset = corruption.offset, bytes = corruption.bytes, kept_as = kept;
            "the journal is damaged; good records were saved, missing ones are fetched from the peer");
    }
}
