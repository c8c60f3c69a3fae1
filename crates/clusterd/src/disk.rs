//! The epoch counter on disk: `cluster/epoch` in the node's data folder.
//!
//! Its thread may wait for the disk; nobody waits for it but the core, which claims nothing until the counter is safe.
//! The file is replaced as a whole (write, fsync, rename, fsync of the folder): a power cut leaves the old or the new.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::watch;

use crate::heartbeat::{Command, Commands};

/// Pause before a failed write is tried again.
const RETRY: Duration = Duration::from_millis(500);

/// The counter file.
#[derive(Clone, Debug)]
pub struct EpochFile {
    path: PathBuf,
}

impl EpochFile {
    /// Opens the file of the node whose data is in `data`, making the folder if needed.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn open(data: &Path) -> anyhow::Result<Self> {
        let folder = data.join("cluster");
        fs::create_dir_all(&folder).with_context(|| format!("making the folder {}", folder.display()))?;
        Ok(EpochFile { path: folder.join("epoch") })
    }

    /// The counter; 0 before the first. A file that holds no number is put aside and told: the node then learns the
    /// epoch in force from its peer, during the initialisation time.
    ///
    /// # Errors
    /// The disk cannot be read.
    pub fn load(&self) -> anyhow::Result<u64> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => String::new(),
            Err(error) => return Err(error).with_context(|| format!("reading {}", self.path.display())),
        };
        if let Ok(counter) = text.trim().parse() {
            return Ok(counter);
        }
        let aside = self.path.with_extension("damaged");
        log::error!(file:% = self.path.display(), aside:% = aside.display(); "the epoch file is damaged and put aside");
        fs::rename(&self.path, &aside).with_context(|| format!("putting {} aside", self.path.display()))?;
        Ok(0)
    }

    /// Stores the counter durably.
    ///
    /// # Errors
    /// The disk refuses; the counter before is still there.
    pub fn store(&self, counter: u64) -> io::Result<()> {
        let fresh = self.path.with_extension("new");
        let mut file = File::create(&fresh)?;
        file.write_all(format!("{counter}\n").as_bytes())?;
        file.sync_all()?;
        fs::rename(&fresh, &self.path)?;
        let folder = self.path.parent().ok_or(io::ErrorKind::NotFound)?;
        File::open(folder)?.sync_all()
    }
}

/// Runs the disk thread: stores each counter that appears in `wanted` and tells the core. Ends with its sender.
///
/// # Errors
/// The thread cannot be started.
pub fn start(
    file: EpochFile,
    mut wanted: watch::Receiver<u64>,
    commands: Commands,
) -> anyhow::Result<thread::JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let work = async move {
        while wanted.changed().await.is_ok() {
            let counter = *wanted.borrow_and_update();
            while let Err(failure) = file.store(counter) {
                log::error!(counter = counter, failure:%; "the epoch counter could not be stored");
                tokio::time::sleep(RETRY).await;
            }
            if commands.send(Command::Persisted { counter }).await.is_err() {
                return;
            }
        }
    };
    let thread = thread::Builder::new().name("disk".to_owned()).spawn(move || runtime.block_on(work))?;
    Ok(thread)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DESIGN section 6: the counter survives a restart; before the first it is 0.
    #[test]
    fn counters_survive() {
        let folder = tempfile::tempdir().unwrap();
        let file = EpochFile::open(folder.path()).unwrap();
        assert_eq!(file.load().unwrap(), 0);
        file.store(7).unwrap();
        file.store(8).unwrap();
        assert_eq!(EpochFile::open(folder.path()).unwrap().load().unwrap(), 8);
    }

    /// A power cut before the rename leaves the counter before; a damaged file is kept for a person to see.
    #[test]
    fn torn_writes_do_no_harm() {
        let folder = tempfile::tempdir().unwrap();
        let file = EpochFile::open(folder.path()).unwrap();
        file.store(7).unwrap();
        fs::write(file.path.with_extension("new"), "1").unwrap();
        assert_eq!(file.load().unwrap(), 7);
        fs::write(&file.path, [0xff, 0xfe]).unwrap();
        assert_eq!(file.load().unwrap(), 0);
        assert!(file.path.with_extension("damaged").exists());
    }
}
