//! The journal's disk: files below one folder, written at their end and synced by name.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ledger::{Attempt, Disk, DiskError, Segment};

/// Files kept open for writing; the journal writes to a few at a time.
const FILES_OPEN_MAX: usize = 16;
/// The journal holds secrets and personal data: its owner alone reads it.
const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

/// Segments as files below `root`.
#[derive(Debug)]
pub struct FileDisk {
    root: PathBuf,
    open: BTreeMap<String, File>,
}

impl FileDisk {
    /// The disk below `root`, which is made where it is missing.
    ///
    /// # Errors
    /// The folder can be neither found nor made.
    pub fn new(root: &Path) -> io::Result<FileDisk> {
        make_folders(root)?;
        // The folder itself must survive a power cut, or all that is synced in it does not.
        root.parent().map_or(Ok(()), sync_path)?;
        Ok(FileDisk { root: root.to_owned(), open: BTreeMap::new() })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn open_for_writing(&mut self, name: &str) -> io::Result<&mut File> {
        if !self.open.contains_key(name) {
            if self.open.len() >= FILES_OPEN_MAX {
                self.open.pop_first();
            }
            let file = OpenOptions::new().read(true).append(true).open(self.path(name))?;
            self.open.insert(name.to_owned(), file);
        }
        Ok(self.open.get_mut(name).expect("just put there"))
    }

    fn list_below(&self, folder: &Path, segments: &mut Vec<Segment>) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if metadata.is_dir() {
                self.list_below(&entry.path(), segments)?;
            } else if let Ok(name) = entry.path().strip_prefix(&self.root) {
                let name = name.to_string_lossy().into_owned();
                segments.push(Segment { name, bytes: metadata.len() });
            }
        }
        Ok(())
    }
}

impl Disk for FileDisk {
    fn list(&self) -> Result<Vec<Segment>, DiskError> {
        let mut segments = Vec::new();
        self.list_below(&self.root, &mut segments).map_err(|error| failure(Attempt::List, "", &error))?;
        Ok(segments)
    }

    fn create(&mut self, name: &str) -> Result<(), DiskError> {
        let path = self.path(name);
        let create = || {
            path.parent().map_or(Ok(()), make_folders)?;
            OpenOptions::new().read(true).append(true).create_new(true).mode(FILE_MODE).open(&path)
        };
        let file = create().map_err(|error| failure(Attempt::Create, name, &error))?;
        self.open.insert(name.to_owned(), file);
        Ok(())
    }

    fn append(&mut self, name: &str, octets: &[u8]) -> Result<(), DiskError> {
        self.open_for_writing(name)
            .and_then(|file| file.write_all(octets))
            .map_err(|error| failure(Attempt::Append, name, &error))
    }

    fn read(&self, name: &str, offset: u64, bytes_max: usize) -> Result<Vec<u8>, DiskError> {
        let octets = match self.open.get(name) {
            Some(file) => read_at(file, offset, bytes_max),
            None => File::open(self.path(name)).and_then(|file| read_at(&file, offset, bytes_max)),
        };
        octets.map_err(|error| failure(Attempt::Read, name, &error))
    }

    fn truncate(&mut self, name: &str, bytes: u64) -> Result<(), DiskError> {
        self.open_for_writing(name)
            .and_then(|file| file.set_len(bytes))
            .map_err(|error| failure(Attempt::Truncate, name, &error))
    }

    fn sync(&mut self, name: &str) -> Result<(), DiskError> {
        // The same open file that was written to: an error of the kernel's write-back is told to it once (fsync(2)).
        self.open_for_writing(name)
            .and_then(|file| file.sync_data())
            .map_err(|error| failure(Attempt::Sync, name, &error))
    }

    fn remove(&mut self, name: &str) -> Result<(), DiskError> {
        self.open.remove(name);
        fs::remove_file(self.path(name)).map_err(|error| failure(Attempt::Remove, name, &error))
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        self.open.remove(from);
        self.open.remove(to);
        let target = self.path(to);
        target
            .parent()
            .map_or(Ok(()), make_folders)
            .and_then(|()| fs::rename(self.path(from), &target))
            .map_err(|error| failure(Attempt::Rename, from, &error))
    }

    fn sync_folder(&mut self, folder: &str) -> Result<(), DiskError> {
        let path = if folder.is_empty() { self.root.clone() } else { self.path(folder) };
        let mut up_to_root = path.ancestors().take_while(|ancestor| ancestor.starts_with(&self.root));
        up_to_root.try_for_each(sync_path).map_err(|error| failure(Attempt::SyncFolder, folder, &error))
    }
}

fn make_folders(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder)
}

fn sync_path(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn read_at(file: &File, offset: u64, bytes_max: usize) -> io::Result<Vec<u8>> {
    let left = usize::try_from(file.metadata()?.len().saturating_sub(offset)).unwrap_or(usize::MAX);
    let mut octets = vec![0; bytes_max.min(left)];
    let mut filled = 0;
    while filled < octets.len() {
        match file.read_at(&mut octets[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    octets.truncate(filled);
    Ok(octets)
}

fn failure(attempt: Attempt, name: &str, error: &io::Error) -> DiskError {
    let name = name.to_owned();
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => DiskError::Full { attempt, name },
        _ => DiskError::Failed { attempt, name, reason: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk() -> (tempfile::TempDir, FileDisk) {
        let folder = tempfile::tempdir().expect("temporary folder");
        let disk = FileDisk::new(&folder.path().join("journal")).expect("disk");
        (folder, disk)
    }

    /// DESIGN 5: what was appended is read, listed, cut, renamed and removed under the name it was given.
    #[test]
    fn segments_are_files() {
        let (_folder, mut disk) = disk();
        let name = "registers/2026-11/00000001.journal";
        disk.create(name).expect("create");
        assert!(disk.create(name).is_err(), "it exists");
        disk.append(name, b"one").expect("append");
        disk.append(name, b"two").expect("append");
        disk.sync(name).expect("sync");
        disk.sync_folder("registers/2026-11").expect("sync folder");
        assert_eq!(disk.read(name, 2, 3).expect("read"), b"etw");
        assert_eq!(disk.read(name, 4, 100).expect("read"), b"wo");
        assert_eq!(disk.read(name, 100, 1).expect("read"), b"");
        disk.truncate(name, 3).expect("truncate");
        disk.append(name, b"!").expect("append after truncation");
        assert_eq!(disk.list().expect("list"), [Segment { name: name.to_owned(), bytes: 4 }]);
        disk.rename(name, "quarantine/1").expect("rename");
        assert_eq!(disk.read("quarantine/1", 0, 9).expect("read"), b"one!");
        assert!(disk.append(name, b"x").is_err(), "it is no longer there");
        disk.remove("quarantine/1").expect("remove");
        assert!(disk.list().expect("list").is_empty());
    }

    /// More segments than files may be open are written and synced all the same.
    #[test]
    fn many_segments_share_few_files() {
        let (_folder, mut disk) = disk();
        let names: Vec<String> = (0..FILES_OPEN_MAX * 3).map(|number| format!("{number:03}")).collect();
        for name in &names {
            disk.create(name).expect("create");
        }
        for name in &names {
            disk.append(name, name.as_bytes()).expect("append");
            disk.sync(name).expect("sync");
            assert_eq!(disk.read(name, 0, 9).expect("read"), name.as_bytes());
        }
    }
}
