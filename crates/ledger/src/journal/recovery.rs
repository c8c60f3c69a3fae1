//! Opening a journal after whatever happened to it.
//!
//! The rules (README.md has the table): a torn tail is cut, and the cut is synced; damage to what had been synced is
//! corruption: the good records of that segment are saved into a replacement, the original goes to quarantine, and what
//! is missing is named, to be fetched from the peer.

use std::collections::{BTreeMap, BTreeSet};

use model::NodeName;
use wire::replication::{Position, Stream};

use super::names::{Folder, IDENTITY, QUARANTINE, REWRITE_ENDING, folder_of};
use super::rewrite::{Without, move_to_quarantine, write_whole};
use super::segment::{Frame, FrameKind, Header, HeaderError, Scan, scan};
use super::streams::Location;
use super::{Gap, Journal, SegmentState, segment_number};
use crate::disk::{Disk, DiskError, Segment};
use crate::record::{Record, RecordError};

const IDENTITY_MAGIC: &[u8; 8] = b"TandemI\n";
/// Largest identity segment read, octets.
const IDENTITY_BYTES_MAX: usize = 256;

/// A torn tail that was cut: nobody had been told that it was durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Segment
    pub segment: String,
    /// Octet at which it ends now
    pub offset: u64,
    /// Octets that went
    pub bytes: u64,
}

/// Damage to something that had been durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corruption {
    /// Segment
    pub segment: String,
    /// First bad octet
    pub offset: u64,
    /// How many
    pub bytes: u64,
    /// Where the original is now
    pub quarantined_as: Option<String>,
}

/// What was found at opening.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// There was no journal: it was made
    pub fresh: bool,
    /// Good records
    pub records: u64,
    /// Torn tails
    pub cuts: Vec<Cut>,
    /// Damage
    pub corruptions: Vec<Corruption>,
    /// What is missing through damage, of now or of earlier
    pub missing: Vec<Gap>,
    /// All segments in quarantine, of now and of earlier
    pub quarantined: Vec<String>,
}

/// The journal could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The disk failed
    #[error("recovering the journal")]
    Disk(#[source] DiskError),
    /// It is another node's
    #[error("the journal on this disk belongs to node {owner:?}, this is {node}")]
    Foreign {
        /// Whose it is
        owner: String,
        /// Who asked
        node: NodeName,
    },
    /// A newer build wrote it
    #[error(
        "segment {segment} has format {version}, which this build does not read: install the newer one again"
    )]
    Version {
        /// Segment
        segment: String,
        /// Its format
        version: u16,
    },
    /// A newer build wrote a record of it
    #[error("segment {segment}, octet {offset}: install the newer build again")]
    Record {
        /// Segment
        segment: String,
        /// Octet at which the record stands
        offset: u64,
        /// Why
        #[source]
        cause: RecordError,
    },
}

impl From<DiskError> for OpenError {
    fn from(error: DiskError) -> Self {
        OpenError::Disk(error)
    }
}

/// See [`Journal::open`].
pub(super) fn open<D: Disk>(
    mut disk: D,
    node: &NodeName,
    seed: u64,
    segment_bytes_max: u64,
    visit: &mut dyn FnMut(&Record),
) -> Result<(Journal<D>, Recovery), OpenError> {
    finish_rewrites(&mut disk)?;
    let segments = disk.list()?;
    let mut recovery = Recovery::default();
    let identity = identify(&mut disk, node, seed, &segments, &mut recovery)?;
    let journal = Journal {
        disk,
        identity,
        segment_bytes_max,
        segments: Vec::new(),
        folders: BTreeMap::new(),
        streams: BTreeMap::new(),
        dirty: BTreeSet::new(),
        unsynced: Vec::new(),
        marked: BTreeSet::new(),
    };
    let mut opening =
        Opening { journal, recovery, damaged: BTreeMap::new(), unproven: BTreeSet::new(), visit };
    for (folder, segments) in by_folder(&segments) {
        opening.read_folder(folder, &segments)?;
    }
    opening.finish()
}

/// Completes or undoes replacements that a power cut interrupted.
fn finish_rewrites<D: Disk>(disk: &mut D) -> Result<(), DiskError> {
    let segments = disk.list()?;
    for segment in &segments {
        let Some(target) = segment.name.strip_suffix(REWRITE_ENDING) else { continue };
        if target == IDENTITY || segments.iter().any(|other| other.name == target) {
            disk.remove(&segment.name)?;
        } else {
            disk.rename(&segment.name, target)?;
        }
        disk.sync_folder(folder_of(target))?;
    }
    Ok(())
}

/// Identity of the journal, from its own segment or, if that is damaged, from any header.
fn identify<D: Disk>(
    disk: &mut D,
    node: &NodeName,
    seed: u64,
    segments: &[Segment],
    recovery: &mut Recovery,
) -> Result<u64, OpenError> {
    let present = segments.iter().any(|segment| segment.name == IDENTITY);
    let octets = if present { disk.read(IDENTITY, 0, IDENTITY_BYTES_MAX)? } else { Vec::new() };
    if let Some((identity, owner)) = decode_identity(&octets) {
        if owner != node.as_str() {
            return Err(OpenError::Foreign { owner, node: node.clone() });
        }
        return Ok(identity);
    }
    let mut from_header = None;
    for segment in segments.iter().filter(|segment| Folder::parse(&segment.name).is_some()) {
        let head = disk.read(&segment.name, 0, super::HEADER_BYTES)?;
        from_header = from_header.or(Header::decode(&head).ok().map(|header| header.journal));
    }
    if present {
        let bytes = octets.len() as u64;
        let quarantined_as = Some(move_to_quarantine(disk, IDENTITY)?);
        recovery.corruptions.push(Corruption { segment: IDENTITY.into(), offset: 0, bytes, quarantined_as });
    }
    recovery.fresh = from_header.is_none();
    let identity = from_header.unwrap_or(seed);
    let new = format!("{IDENTITY}{REWRITE_ENDING}");
    write_whole(disk, &new, &encode_identity(identity, node))?;
    disk.rename(&new, IDENTITY)?;
    disk.sync_folder(folder_of(IDENTITY))?;
    Ok(identity)
}

fn encode_identity(identity: u64, node: &NodeName) -> Vec<u8> {
    let mut octets = IDENTITY_MAGIC.to_vec();
    octets.extend_from_slice(&identity.to_le_bytes());
    octets.extend_from_slice(node.as_str().as_bytes());
    let crc = crc32fast::hash(&octets);
    octets.extend_from_slice(&crc.to_le_bytes());
    octets
}

fn decode_identity(octets: &[u8]) -> Option<(u64, String)> {
    let (said, crc) = octets.split_last_chunk::<4>()?;
    if crc32fast::hash(said) != u32::from_le_bytes(*crc) {
        return None;
    }
    let (identity, node) = said.strip_prefix(IDENTITY_MAGIC)?.split_first_chunk::<8>()?;
    Some((u64::from_le_bytes(*identity), String::from_utf8(node.to_vec()).ok()?))
}

fn by_folder(segments: &[Segment]) -> BTreeMap<Folder, BTreeMap<u64, u64>> {
    let mut folders: BTreeMap<Folder, BTreeMap<u64, u64>> = BTreeMap::new();
    for segment in segments {
        if let Some((folder, number)) = Folder::parse(&segment.name) {
            folders.entry(folder).or_default().insert(number, segment.bytes);
        }
    }
    folders
}

struct Opening<'a, D> {
    journal: Journal<D>,
    recovery: Recovery,
    /// Segments to be replaced, with the frames that are no use, and the indices of their entries in the report
    damaged: BTreeMap<u32, (BTreeSet<u64>, Vec<usize>)>,
    /// Segments whose last frames nothing proves to be synced
    unproven: BTreeSet<u32>,
    visit: &'a mut dyn FnMut(&Record),
}

impl<D: Disk> Opening<'_, D> {
    fn read_folder(&mut self, folder: Folder, segments: &BTreeMap<u64, u64>) -> Result<(), OpenError> {
        let last = segments.keys().next_back().copied();
        let mut before: Option<(u64, u32, u64)> = None; // number, generation, octets as found
        for (&number, &bytes) in segments {
            let name = folder.segment(number);
            let octets = self.journal.disk.read(&name, 0, usize::try_from(bytes).unwrap_or(usize::MAX))?;
            let found = scan(&octets, self.journal.identity, number, Some(number) != last)
                .map_err(|error| version_error(&name, error))?;
            self.check_predecessor(folder, &found.header, before);
            before = Some((number, found.header.generation, bytes));
            if found.cut == Some(0) {
                self.set_aside(&name, bytes)?;
                continue;
            }
            self.read_segment(folder, &found, bytes)?;
        }
        Ok(())
    }

    /// The segment before must be there, and not shorter than this one's header says.
    fn check_predecessor(&mut self, folder: Folder, header: &Header, before: Option<(u64, u32, u64)>) {
        let (number, generation, bytes) = before.unwrap_or((0, header.previous_generation, 0));
        let expected = header.previous_bytes;
        let gone = number + 1 != header.number && header.number > 1;
        let short = generation == header.previous_generation && bytes < expected;
        if gone || short {
            self.recovery.corruptions.push(Corruption {
                segment: folder.segment(header.number - 1),
                offset: if gone { 0 } else { bytes },
                bytes: if gone { expected } else { expected - bytes },
                quarantined_as: None,
            });
        }
    }

    /// The last segment of a folder has no header: it was being made. What is in it is nevertheless kept.
    fn set_aside(&mut self, name: &str, bytes: u64) -> Result<(), OpenError> {
        if bytes > super::HEADER_BYTES as u64 {
            move_to_quarantine(&mut self.journal.disk, name)?;
        } else {
            self.journal.disk.remove(name)?;
            self.journal.disk.sync_folder(folder_of(name))?;
        }
        self.recovery.cuts.push(Cut { segment: name.to_owned(), offset: 0, bytes });
        Ok(())
    }

    fn read_segment(&mut self, folder: Folder, found: &Scan<'_>, bytes: u64) -> Result<(), OpenError> {
        let segment = segment_number(self.journal.segments.len());
        let state = SegmentState { folder, header: found.header, bytes, synced: bytes, fresh: false };
        let name = state.name();
        self.journal.segments.push(state);
        self.journal.folders.entry(folder).or_default().push(segment);
        if !found.all_proven {
            self.unproven.insert(segment);
        }
        if let Some(offset) = found.cut {
            self.recovery.cuts.push(Cut { segment: name.clone(), offset, bytes: bytes - offset });
        }
        for damage in &found.corrupt {
            self.report(segment, &name, damage.offset, damage.bytes);
        }
        for frame in &found.frames {
            let unreadable = |cause| OpenError::Record { segment: name.clone(), offset: frame.offset, cause };
            match frame.kind {
                FrameKind::Mark => self.take_mark(frame).map_err(unreadable)?,
                FrameKind::Record => {
                    let record = Record::decode(frame.content.to_vec()).map_err(unreadable)?;
                    self.take_record(segment, &name, frame, &record)?;
                }
            }
        }
        let marked = found.frames.last().is_none_or(|frame| frame.kind == FrameKind::Mark);
        if marked {
            self.journal.marked.insert(folder);
        } else {
            self.journal.marked.remove(&folder);
        }
        Ok(())
    }

    fn take_mark(&mut self, frame: &Frame<'_>) -> Result<(), RecordError> {
        let ends: Vec<(Stream, Position)> = minicbor::decode(frame.content)
            .map_err(|cause| RecordError { bytes: frame.content.len(), cause })?;
        for (stream, position) in ends {
            self.journal.streams.entry(stream).or_default().extend(position);
        }
        Ok(())
    }

    fn take_record(
        &mut self,
        segment: u32,
        name: &str,
        frame: &Frame<'_>,
        record: &Record,
    ) -> Result<(), OpenError> {
        let fields = record.fields();
        let index = self.journal.streams.entry(fields.stream.clone()).or_default();
        let end = index.end();
        let known = index.location(fields.sequence).is_some();
        let contradicts = fields.sequence == end.sequence + 1 && record.predecessor() != end;
        if !known && !contradicts {
            index.insert(record.position(), Location::new(segment, frame.offset));
            self.recovery.records += 1;
            (self.visit)(record);
            return Ok(());
        }
        // The same record twice does no harm (a gap filled again after a power cut); another one is damage.
        let here = if known { self.journal.read(&fields.stream, fields.sequence)? } else { None };
        if here.as_ref() != Some(record) {
            self.report(segment, name, frame.offset, frame.end() - frame.offset);
            self.damaged.entry(segment).or_default().0.insert(frame.offset);
        }
        Ok(())
    }

    fn report(&mut self, segment: u32, name: &str, offset: u64, bytes: u64) {
        let entry = self.recovery.corruptions.len();
        let corruption = Corruption { segment: name.to_owned(), offset, bytes, quarantined_as: None };
        self.recovery.corruptions.push(corruption);
        self.damaged.entry(segment).or_default().1.push(entry);
    }

    fn finish(mut self) -> Result<(Journal<D>, Recovery), OpenError> {
        // What was read may still be on its way to the disk (the process ended, the machine did not), and so is the
        // cut: from here on it counts as durable, so it is made so.
        let lasts: Vec<(Folder, u32)> = self
            .journal
            .folders
            .iter()
            .filter_map(|(folder, s)| s.last().map(|last| (*folder, *last)))
            .collect();
        for (folder, last) in lasts {
            let name = self.journal.segments[last as usize].name();
            self.journal.disk.sync(&name)?;
            self.journal.disk.sync_folder(&folder.to_string())?;
        }
        for (segment, (useless, entries)) in std::mem::take(&mut self.damaged) {
            self.unproven.remove(&segment);
            let quarantined_as = self.journal.rewrite(segment, &Without::Damage(&useless))?;
            for entry in entries {
                self.recovery.corruptions[entry].quarantined_as.clone_from(&quarantined_as);
            }
        }
        // What stands behind the last proof of a sync was read, and counts as durable from here on; but it may never have
        // reached the disk: after a failed sync Linux keeps it in memory and calls it clean, so that another sync of the
        // same file proves nothing. A replacement, without the torn tail, is durable before it takes the name.
        for segment in std::mem::take(&mut self.unproven) {
            self.journal.rewrite(segment, &Without::TornTail)?;
        }
        self.recovery.missing = self.journal.missing();
        let inside = format!("{QUARANTINE}/");
        let mut quarantined: Vec<String> = self
            .journal
            .disk
            .list()?
            .into_iter()
            .map(|s| s.name)
            .filter(|n| n.starts_with(&inside))
            .collect();
        quarantined.sort();
        self.recovery.quarantined = quarantined;
        Ok((self.journal, self.recovery))
    }
}

fn version_error(name: &str, error: HeaderError) -> OpenError {
    let version = match error {
        HeaderError::Version(version) => version,
        HeaderError::Damaged => 0,
    };
    OpenError::Version { segment: name.to_owned(), version }
}
