//! The owner of the ledger over a disk that fails, and a view that contradicts the journal.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ledger::{Attempt, Disk, DiskError, Entry, Outcome, Segment, Transaction};
use model::{Config, Private};
use tokio::time::timeout;

use super::{CoreError, Opened, Setup, open};
use crate::disk::FileDisk;
use crate::handle::{Command, Gone, Submission};
use crate::view::{CALL, View};

const DEADLINE: Duration = Duration::from_secs(20);

/// A real disk whose syncs fail from a moment on.
struct FailingDisk {
    disk: FileDisk,
    fails: Arc<AtomicBool>,
}

impl Disk for FailingDisk {
    fn list(&self) -> Result<Vec<Segment>, DiskError> {
        self.disk.list()
    }
    fn create(&mut self, name: &str) -> Result<(), DiskError> {
        self.disk.create(name)
    }
    fn append(&mut self, name: &str, octets: &[u8]) -> Result<(), DiskError> {
        self.disk.append(name, octets)
    }
    fn read(&self, name: &str, offset: u64, bytes_max: usize) -> Result<Vec<u8>, DiskError> {
        self.disk.read(name, offset, bytes_max)
    }
    fn truncate(&mut self, name: &str, bytes: u64) -> Result<(), DiskError> {
        self.disk.truncate(name, bytes)
    }
    fn sync(&mut self, name: &str) -> Result<(), DiskError> {
        if self.fails.load(Ordering::SeqCst) {
            let reason = "Input/output error".to_owned();
            return Err(DiskError::Failed { attempt: Attempt::Sync, name: name.to_owned(), reason });
        }
        self.disk.sync(name)
    }
    fn remove(&mut self, name: &str) -> Result<(), DiskError> {
        self.disk.remove(name)
    }
    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        self.disk.rename(from, to)
    }
    fn sync_folder(&mut self, folder: &str) -> Result<(), DiskError> {
        self.disk.sync_folder(folder)
    }
}

async fn start(journal: &Path, view: &Path, fails: &Arc<AtomicBool>) -> Opened {
    let disk = FailingDisk { disk: FileDisk::new(journal).expect("disk"), fails: Arc::clone(fails) };
    let ledger = ledger::Setup {
        node: "a".parse().expect("a name"),
        peer: None,
        seed: 1,
        segment_bytes_max: ledger::SEGMENT_BYTES_MAX,
    };
    open(Setup { disk, view: View::open(view).expect("view"), ledger }).await.expect("opened")
}

fn entry(id: &str) -> Entry {
    let body = Private::new(format!("{{\"unique_id\":\"{id}\"}}"));
    Entry { id: id.to_owned(), kind: CALL.to_owned(), time_unix_ms: 1_795_300_000_007, body }
}

fn transaction(id: &str, config: &Config) -> Transaction {
    let rows = model::diff(None, config).into_iter().map(crate::configuration::row).collect();
    Transaction {
        id: id.to_owned(),
        epoch: ledger::Epoch::default(),
        author: "admin".to_owned(),
        source_address: "local".to_owned(),
        time_unix_ms: 1,
        description: String::new(),
        rows,
    }
}

/// DESIGN 5: a failed fsync stops the daemon; what waited for it is never acknowledged.
#[tokio::test(flavor = "multi_thread")]
async fn a_failed_sync_ends_the_store() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let fails = Arc::new(AtomicBool::new(false));
    let Opened { core, ended, .. } = start(&folder.path().join("j"), &folder.path().join("v"), &fails).await;
    assert!(matches!(core.record(entry("c1")).await, Ok(Outcome::Committed { .. })));
    fails.store(true, Ordering::SeqCst);
    assert_eq!(timeout(DEADLINE, core.record(entry("c2"))).await.expect("in time"), Err(Gone));
    let ended = timeout(DEADLINE, ended).await.expect("in time").expect("it says how it ended");
    assert!(
        matches!(ended, Err(CoreError::Disk(DiskError::Failed { attempt: Attempt::Sync, .. }))),
        "{ended:?}"
    );
    assert_eq!(core.record(entry("c3")).await, Err(Gone));
}

/// A transaction that was checked against another revision is not stored.
#[tokio::test(flavor = "multi_thread")]
async fn a_stale_transaction_is_not_stored() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let Opened { core, .. } =
        start(&folder.path().join("j"), &folder.path().join("v"), &Arc::default()).await;
    let epoch = ledger::Epoch { counter: 0, node: String::new() };
    core.tell(Command::Role { epoch, writer: true }).await.expect("told");
    let config = Config::new("pbx");
    let stored = core.submit(transaction("t1", &config), Some(0)).await.expect("answered");
    assert!(matches!(stored, Submission::Finished(Outcome::Committed { sequence: 1, .. })), "{stored:?}");
    assert_eq!(core.in_force().revision, 1, "in force before it is answered");
    let stale = core.submit(transaction("t2", &config), Some(0)).await.expect("answered");
    assert_eq!(stale, Submission::Stale);
    assert_eq!(core.in_force().revision, 1);
}

/// DESIGN 5: the view is checked against the journal at start; one that says something else is made anew.
#[tokio::test(flavor = "multi_thread")]
async fn a_view_of_another_journal_is_made_anew() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (journal, other, view) =
        (folder.path().join("j"), folder.path().join("other"), folder.path().join("v"));
    for (journal, records) in [(&journal, ["c1", "c2"].as_slice()), (&other, &["c3"]), (&journal, &[])] {
        let Opened { core, ended, .. } = start(journal, &view, &Arc::default()).await;
        for id in records {
            core.record(entry(id)).await.expect("stored");
        }
        let wanted = if *journal == other { 1 } else { 2 };
        assert_eq!(core.status().await.expect("status").call_records, wanted);
        assert_eq!(core.view().call_count(), wanted);
        drop(core);
        timeout(DEADLINE, ended).await.expect("in time").expect("it says how it ended").expect("in order");
    }
}
