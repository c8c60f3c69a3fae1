//! The disk as the journal sees it: named segments that grow at their end.
//!
//! `stored` brings a real one, `sim` a seeded one that forgets what was not synced. There is no file in this crate.

/// A segment as listed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Segment {
    /// Name relative to the journal's folder, folders separated by `/`, e.g. `registers/2026-11/00000001.journal`
    pub name: String,
    /// Length in octets
    pub bytes: u64,
}

/// What was attempted on a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// List all segments
    List,
    /// Create an empty segment
    Create,
    /// Append to a segment
    Append,
    /// Read from a segment
    Read,
    /// Cut a segment to a length
    Truncate,
    /// Make a segment's octets durable
    Sync,
    /// Remove a segment
    Remove,
    /// Rename a segment
    Rename,
    /// Make creations, removals and names of a folder durable
    SyncFolder,
}

/// A disk did not do what it was asked to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiskError {
    /// No room left; nothing else is wrong
    #[error("{attempt:?} of {name:?}: the disk is full")]
    Full {
        /// What was attempted
        attempt: Attempt,
        /// On which segment or folder
        name: String,
    },
    /// Everything else
    #[error("{attempt:?} of {name:?}: {reason}")]
    Failed {
        /// What was attempted
        attempt: Attempt,
        /// On which segment or folder
        name: String,
        /// What the system says
        reason: String,
    },
}

/// Named segments on something that survives a power cut, once synced.
///
/// The calls block. Nothing is durable before [`Disk::sync`] (octets) and [`Disk::sync_folder`] (existence, names) have
/// succeeded: until then any part may survive a power cut, in any order.
pub trait Disk {
    /// All segments in all folders, in any order.
    ///
    /// # Errors
    /// The folders could not be read.
    fn list(&self) -> Result<Vec<Segment>, DiskError>;

    /// Creates an empty segment, and its folders where they are missing.
    ///
    /// # Errors
    /// It exists already, or the disk refuses.
    fn create(&mut self, name: &str) -> Result<(), DiskError>;

    /// Writes all of `octets` at the end of a segment.
    ///
    /// # Errors
    /// They were not all written: the segment may have grown by a part of them.
    fn append(&mut self, name: &str, octets: &[u8]) -> Result<(), DiskError>;

    /// Up to `bytes_max` octets from `offset`; fewer only at the end of the segment.
    ///
    /// # Errors
    /// There is no such segment, or it could not be read.
    fn read(&self, name: &str, offset: u64, bytes_max: usize) -> Result<Vec<u8>, DiskError>;

    /// Cuts a segment to `bytes` octets.
    ///
    /// # Errors
    /// The disk refuses.
    fn truncate(&mut self, name: &str, bytes: u64) -> Result<(), DiskError>;

    /// Makes the length and the octets of a segment durable (`fdatasync`).
    ///
    /// # Errors
    /// They may or may not be durable, and a later success proves nothing: the journal stops.
    fn sync(&mut self, name: &str) -> Result<(), DiskError>;

    /// Removes a segment.
    ///
    /// # Errors
    /// There is none, or the disk refuses.
    fn remove(&mut self, name: &str) -> Result<(), DiskError>;

    /// Gives a segment another name (and folder); replaces what has that name, at once or not at all.
    ///
    /// # Errors
    /// The disk refuses.
    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError>;

    /// Makes names in a folder durable, and the folder itself in the folders above it; `""` is the journal's own.
    ///
    /// # Errors
    /// As for [`Disk::sync`].
    fn sync_folder(&mut self, folder: &str) -> Result<(), DiskError>;
}
