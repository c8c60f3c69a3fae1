//! The journal: makes records durable through a [`Disk`], finds them again, and recovers after a power cut.
//!
//! `append` any number of records, `sync` once; only then are they acknowledged to anybody.

mod names;
mod recovery;
mod rewrite;
mod segment;
mod streams;

use std::collections::{BTreeMap, BTreeSet};

use model::NodeName;
use sha2::{Digest, Sha256};
use wire::replication::{Position, Stream};

use crate::disk::{Attempt, Disk, DiskError};
use crate::record::{RECORD_BYTES_MAX, Record};
use names::Folder;
pub use recovery::{Corruption, Cut, OpenError, Recovery};
use segment::{FRAME_HEADER_BYTES, FrameKind, HEADER_BYTES, Header};
use streams::{Location, StreamIndex};

/// A segment that has grown to this is followed by the next one, octets.
pub const SEGMENT_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Records that are missing in the middle of a stream.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gap {
    /// Which stream
    pub stream: Stream,
    /// Sequence of the first missing record
    pub first: u64,
    /// Sequence of the last missing record
    pub last: u64,
}

/// A record was not appended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// It neither follows the end of its stream nor fills a gap in it
    #[error("appending record {sequence} to {stream:?}, which ends at {end}: it does not follow")]
    DoesNotFollow {
        /// The stream
        stream: Stream,
        /// Sequence of the record
        sequence: u64,
        /// Sequence of the last record
        end: u64,
    },
    /// It is larger than [`RECORD_BYTES_MAX`]
    #[error("appending a record of {bytes} octets: at most {RECORD_BYTES_MAX} are allowed")]
    TooLarge {
        /// Its octets
        bytes: usize,
    },
    /// No room; the journal is as before
    #[error("appending a record")]
    Full(#[source] DiskError),
    /// The disk failed: what is durable is no longer certain, the process must end
    #[error("appending a record")]
    Fatal(#[source] DiskError),
}

/// A segment as the journal knows it.
#[derive(Debug)]
struct SegmentState {
    folder: Folder,
    header: Header,
    /// Length in octets
    bytes: u64,
    /// Octets known to be durable
    synced: u64,
    /// Its name is not yet durable
    fresh: bool,
}

impl SegmentState {
    fn name(&self) -> String {
        self.folder.segment(self.header.number)
    }
}

/// The journal of one node.
#[derive(Debug)]
pub struct Journal<D> {
    disk: D,
    identity: u64,
    segment_bytes_max: u64,
    segments: Vec<SegmentState>,
    /// Segments of each folder in order; the last is the one that grows
    folders: BTreeMap<Folder, Vec<u32>>,
    streams: BTreeMap<Stream, StreamIndex>,
    /// Segments with octets that are not synced
    dirty: BTreeSet<u32>,
    /// Records appended and not yet synced
    unsynced: Vec<Record>,
    /// Folders whose last frame is a mark (or that are empty)
    marked: BTreeSet<Folder>,
}

impl<D: Disk> Journal<D> {
    /// Opens the journal on a disk: recovers what a power cut or a defect left, and hands every record to `visit`
    /// (settings in order, except where a gap was filled later; registers month by month). A journal is made where there
    /// is none, with `seed` as its identity.
    ///
    /// # Errors
    /// The disk fails, the journal is another node's, or a newer version wrote it.
    pub fn open(
        disk: D,
        node: &NodeName,
        seed: u64,
        segment_bytes_max: u64,
        visit: &mut dyn FnMut(&Record),
    ) -> Result<(Journal<D>, Recovery), OpenError> {
        recovery::open(disk, node, seed, segment_bytes_max, visit)
    }

    /// Identity of this journal: random, the same for the life of the disk.
    #[must_use]
    pub fn identity(&self) -> u64 {
        self.identity
    }

    /// The disk below, to look at.
    #[must_use]
    pub fn disk(&self) -> &D {
        &self.disk
    }

    /// Gives the disk back; what is not synced stays so.
    #[must_use]
    pub fn into_disk(self) -> D {
        self.disk
    }

    /// End of a stream, records not yet synced included.
    #[must_use]
    pub fn end(&self, stream: &Stream) -> Position {
        self.streams.get(stream).map_or(Position::default(), StreamIndex::end)
    }

    /// All streams with their ends.
    pub fn ends(&self) -> impl Iterator<Item = (&Stream, Position)> {
        self.streams.iter().map(|(stream, index)| (stream, index.end()))
    }

    /// Records of a stream that are here.
    #[must_use]
    pub fn count(&self, stream: &Stream) -> u64 {
        self.streams.get(stream).map_or(0, StreamIndex::count)
    }

    /// Gaps that corruption has left, in order.
    #[must_use]
    pub fn missing(&self) -> Vec<Gap> {
        self.streams
            .iter()
            .flat_map(|(stream, index)| {
                index.gaps().into_iter().map(|(first, last)| Gap { stream: stream.clone(), first, last })
            })
            .collect()
    }

    /// Something waits for [`Journal::sync`]: octets, or records (synced already where a segment was left) to be returned.
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        !self.dirty.is_empty() || !self.unsynced.is_empty()
    }

    /// Hash over all streams and what is missing in them: equal on two nodes when they hold the same records.
    ///
    /// The order in which registers grew does not enter: each stream counts by its end, whose hash covers the stream.
    #[must_use]
    pub fn state_hash(&self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        for (stream, index) in &self.streams {
            if index.end().sequence == 0 {
                continue;
            }
            let state = (stream, index.end(), index.gaps());
            let octets = minicbor::to_vec(state).expect("a vector takes every octet");
            hasher.update(octets);
        }
        hasher.finalize().into()
    }

    /// Appends a record that follows its stream's end or fills a gap in it. It is durable after [`Journal::sync`].
    ///
    /// # Errors
    /// See [`AppendError`]; only `Fatal` harms the journal.
    pub fn append(&mut self, record: Record) -> Result<(), AppendError> {
        let bytes = record.octets().len();
        if bytes > RECORD_BYTES_MAX {
            return Err(AppendError::TooLarge { bytes });
        }
        self.check_follows(&record)?;
        let fields = record.fields();
        let folder = Folder::of(&fields.stream, fields.time_unix_ms);
        self.sync_other_folders(&fields.stream, folder).map_err(AppendError::Fatal)?;
        let segment = self.segment_for(folder, bytes + FRAME_HEADER_BYTES)?;
        let offset = self.write_frame(segment, FrameKind::Record, record.octets())?;
        self.marked.remove(&folder);
        let location = Location::new(segment, offset);
        self.streams.entry(fields.stream.clone()).or_default().insert(record.position(), location);
        self.unsynced.push(record);
        Ok(())
    }

    /// Makes everything appended durable and returns those records.
    ///
    /// # Errors
    /// What is durable is no longer certain: the process must end, recovery finds out.
    pub fn sync(&mut self) -> Result<Vec<Record>, DiskError> {
        for segment in std::mem::take(&mut self.dirty) {
            self.sync_segment(segment)?;
        }
        Ok(std::mem::take(&mut self.unsynced))
    }

    /// After a quiet time: notes the ends of the streams behind their last records and syncs, so that damage to these
    /// is noticed at the next start. Does nothing where that is noted already.
    ///
    /// # Errors
    /// As for [`Journal::sync`] and [`Journal::append`].
    pub fn mark(&mut self) -> Result<(), AppendError> {
        debug_assert!(self.unsynced.is_empty(), "marks vouch for what is synced");
        let folders: Vec<Folder> =
            self.folders.keys().filter(|f| !self.marked.contains(f)).copied().collect();
        for folder in folders {
            let content = self.mark_content(folder);
            let segment = self.segment_for(folder, content.len() + FRAME_HEADER_BYTES)?;
            self.write_frame(segment, FrameKind::Mark, &content)?;
            self.marked.insert(folder);
        }
        self.sync().map_err(AppendError::Fatal)?;
        Ok(())
    }

    /// Reads one record; `None` when it is not here.
    ///
    /// # Errors
    /// It should be here and cannot be read, or not as it was written.
    pub fn read(&self, stream: &Stream, sequence: u64) -> Result<Option<Record>, DiskError> {
        let Some(location) = self.streams.get(stream).and_then(|index| index.location(sequence)) else {
            return Ok(None);
        };
        let segment = &self.segments[location.segment()];
        let (name, offset) = (segment.name(), location.offset());
        let head = self.disk.read(&name, offset, FRAME_HEADER_BYTES)?;
        let length = head.get(4..8).map_or(0, |l| u32::from_le_bytes([l[0], l[1], l[2], l[3]]) as usize);
        let octets = self.disk.read(&name, offset, FRAME_HEADER_BYTES + length.min(RECORD_BYTES_MAX))?;
        let damaged = || DiskError::Failed {
            attempt: Attempt::Read,
            name: name.clone(),
            reason: format!("the record at octet {offset} is damaged"),
        };
        let frame = segment.header.read_frame(offset, &octets).ok_or_else(damaged)?;
        Record::decode(frame.content.to_vec()).map(Some).map_err(|_| damaged())
    }

    /// Hash of a record, if it is here.
    ///
    /// # Errors
    /// As for [`Journal::read`].
    pub fn position(&self, stream: &Stream, sequence: u64) -> Result<Option<Position>, DiskError> {
        let end = self.end(stream);
        match sequence {
            0 => Ok(Some(Position::default())),
            _ if sequence == end.sequence => Ok(Some(end)),
            _ => Ok(self.read(stream, sequence)?.map(|record| record.position())),
        }
    }

    /// Hands all records to `visit`, for a view that is made anew. Stops at the first error of the disk.
    ///
    /// # Errors
    /// As for [`Journal::read`].
    pub fn for_each(&self, visit: &mut dyn FnMut(&Record)) -> Result<u64, DiskError> {
        let mut count = 0;
        for (stream, index) in &self.streams {
            for sequence in 1..=index.end().sequence {
                if let Some(record) = self.read(stream, sequence)? {
                    visit(&record);
                    count += 1;
                }
            }
        }
        Ok(count)
    }

    fn check_follows(&self, record: &Record) -> Result<(), AppendError> {
        let fields = record.fields();
        let end = self.end(&fields.stream);
        let follows = record.predecessor() == end && fields.sequence == end.sequence + 1;
        if follows || self.fills_gap(record).map_err(AppendError::Fatal)? {
            return Ok(());
        }
        Err(AppendError::DoesNotFollow {
            stream: fields.stream.clone(),
            sequence: fields.sequence,
            end: end.sequence,
        })
    }

    /// The record is missing, and fits to its neighbours as far as these are here.
    fn fills_gap(&self, record: &Record) -> Result<bool, DiskError> {
        let fields = record.fields();
        let Some(index) = self.streams.get(&fields.stream) else { return Ok(false) };
        if fields.sequence == 0 || fields.sequence > index.end().sequence {
            return Ok(false);
        }
        if index.location(fields.sequence).is_some() {
            return Ok(false);
        }
        let before = self.position(&fields.stream, fields.sequence - 1)?;
        let fits_after = if fields.sequence == index.end().sequence {
            index.end() == record.position()
        } else {
            let after = self.read(&fields.stream, fields.sequence + 1)?;
            after.is_none_or(|after| after.predecessor() == record.position())
        };
        Ok(fits_after && before.is_none_or(|before| before == record.predecessor()))
    }

    /// A power cut must not keep a record and lose one before it in the same stream: where a register goes on in
    /// another month's folder, the folder it leaves is synced first.
    fn sync_other_folders(&mut self, stream: &Stream, folder: Folder) -> Result<(), DiskError> {
        let index = self.streams.get(stream);
        let Some(last) = index.and_then(|index| index.location(index.end().sequence)) else { return Ok(()) };
        let last = last.segment();
        if self.segments[last].folder != folder {
            let last = segment_number(last);
            if self.dirty.remove(&last) {
                self.sync_segment(last)?;
            }
        }
        Ok(())
    }

    /// The segment of a folder that takes `bytes` more; the one before it is synced before a new one is made.
    fn segment_for(&mut self, folder: Folder, bytes: usize) -> Result<u32, AppendError> {
        let last = self.folders.get(&folder).and_then(|segments| segments.last()).copied();
        let (number, previous_bytes, previous_generation) = match last {
            None => (1, 0, 0),
            Some(last) => {
                let state = &self.segments[last as usize];
                let fits = state.bytes + bytes as u64 <= self.segment_bytes_max;
                if fits || state.bytes <= HEADER_BYTES as u64 {
                    return Ok(last);
                }
                (state.header.number + 1, state.bytes, state.header.generation)
            }
        };
        if let Some(last) = last
            && self.dirty.remove(&last)
        {
            self.sync_segment(last).map_err(AppendError::Fatal)?;
        }
        let header =
            Header { journal: self.identity, number, generation: 0, previous_bytes, previous_generation };
        self.create_segment(folder, header)
    }

    fn create_segment(&mut self, folder: Folder, header: Header) -> Result<u32, AppendError> {
        let name = folder.segment(header.number);
        let made = self.disk.create(&name).and_then(|()| self.disk.append(&name, &header.encode()));
        if let Err(error) = made {
            // Taken away again, durably: the segment before goes on growing, and one after it would call it sealed.
            let gone = self.disk.remove(&name).and_then(|()| self.disk.sync_folder(&folder.to_string()));
            return match (&error, gone) {
                (DiskError::Full { .. }, Ok(())) => Err(AppendError::Full(error)),
                _ => Err(AppendError::Fatal(error)),
            };
        }
        let segment = segment_number(self.segments.len());
        self.segments.push(SegmentState {
            folder,
            header,
            bytes: HEADER_BYTES as u64,
            synced: 0,
            fresh: true,
        });
        self.folders.entry(folder).or_default().push(segment);
        self.dirty.insert(segment);
        Ok(segment)
    }

    /// Appends a frame and returns its offset. A part of it that a full disk took is cut off again.
    fn write_frame(&mut self, segment: u32, kind: FrameKind, content: &[u8]) -> Result<u64, AppendError> {
        let state = &mut self.segments[segment as usize];
        let (name, offset) = (state.name(), state.bytes);
        let frame = state.header.frame(offset, state.synced, kind, content);
        if let Err(error) = self.disk.append(&name, &frame) {
            self.dirty.insert(segment); // the cut, too, is only durable once synced
            return match (&error, self.disk.truncate(&name, offset)) {
                (DiskError::Full { .. }, Ok(())) => Err(AppendError::Full(error)),
                _ => Err(AppendError::Fatal(error)),
            };
        }
        state.bytes += frame.len() as u64;
        self.dirty.insert(segment);
        Ok(offset)
    }

    fn sync_segment(&mut self, segment: u32) -> Result<(), DiskError> {
        let state = &mut self.segments[segment as usize];
        self.disk.sync(&state.name())?;
        if state.fresh {
            self.disk.sync_folder(&state.folder.to_string())?;
            state.fresh = false;
        }
        state.synced = state.bytes;
        Ok(())
    }

    /// Ends of the streams as far as they stand in a folder.
    fn mark_content(&self, folder: Folder) -> Vec<u8> {
        let ends: Vec<(&Stream, Position)> = self
            .streams
            .iter()
            .filter(|(_, index)| {
                let last = index.location(index.end().sequence);
                // A missing last record stays noted, in the folder of its stream (for registers: in all).
                last.map_or_else(
                    || index.end().sequence > 0,
                    |last| self.segments[last.segment()].folder == folder,
                )
            })
            .map(|(stream, index)| (stream, index.end()))
            .filter(|(stream, _)| folder.takes(stream))
            .collect();
        minicbor::to_vec(ends).expect("a vector takes every octet")
    }
}

/// Index of a segment in the table; a journal of 2^32 segments would fill every disk there is.
fn segment_number(index: usize) -> u32 {
    u32::try_from(index).expect("fewer than 2^32 segments")
}
