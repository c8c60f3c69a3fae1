//! The octets of a segment: a header, then frames. README.md has the picture.
//!
//! A frame's checksum covers the journal's identity, the segment's number and generation and the frame's own offset: a
//! stale sector, or a text inside a record that looks like a frame, is not taken for one. Each frame also says how much of
//! the segment was already synced when it was written ([`Frame::synced`]). That tells a torn tail (nobody was told
//! that it is durable) from corruption (somebody was) even when a power cut keeps later sectors and loses earlier ones.

use crate::record::RECORD_BYTES_MAX;

/// Octets of a segment's header.
pub(super) const HEADER_BYTES: usize = 48;
/// Octets of a frame before its content.
pub(super) const FRAME_HEADER_BYTES: usize = 20;
/// Largest content of a frame: a record, or a mark, which is far smaller.
const CONTENT_BYTES_MAX: usize = RECORD_BYTES_MAX;
/// Format of segments that this build writes and reads.
const VERSION: u16 = 1;
const MAGIC: &[u8; 8] = b"TandemJ\n";
/// Begins a frame that holds a record.
const RECORD_MARKER: &[u8; 4] = b"TRec";
/// Begins a frame that holds a mark: the ends of the streams at that point.
const MARK_MARKER: &[u8; 4] = b"TEnd";

/// What a segment's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Identity of the journal
    pub(super) journal: u64,
    /// Number of the segment in its folder, from 1
    pub(super) number: u64,
    /// How often it has been rewritten (salvaged, or records withdrawn)
    pub(super) generation: u32,
    /// Final length of the segment before, in octets; 0 for the first
    pub(super) previous_bytes: u64,
    /// Generation of the segment before when it had that length
    pub(super) previous_generation: u32,
}

/// A header could not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeaderError {
    /// It is not whole
    Damaged,
    /// It is whole, and of a version that this build does not read
    Version(u16),
}

impl Header {
    /// Octets of the header.
    pub(super) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut octets = [0; HEADER_BYTES];
        octets[0..8].copy_from_slice(MAGIC);
        octets[8..10].copy_from_slice(&VERSION.to_le_bytes());
        octets[12..16].copy_from_slice(&self.generation.to_le_bytes());
        octets[16..24].copy_from_slice(&self.journal.to_le_bytes());
        octets[24..32].copy_from_slice(&self.number.to_le_bytes());
        octets[32..40].copy_from_slice(&self.previous_bytes.to_le_bytes());
        octets[40..44].copy_from_slice(&self.previous_generation.to_le_bytes());
        let crc = crc32fast::hash(&octets[..44]);
        octets[44..48].copy_from_slice(&crc.to_le_bytes());
        octets
    }

    /// Reads a header.
    pub(super) fn decode(octets: &[u8]) -> Result<Header, HeaderError> {
        if octets.len() < HEADER_BYTES || &octets[0..8] != MAGIC {
            return Err(HeaderError::Damaged);
        }
        if crc32fast::hash(&octets[..44]) != u32_at(octets, 44) {
            return Err(HeaderError::Damaged);
        }
        let version = u16::from_le_bytes([octets[8], octets[9]]);
        if version != VERSION {
            return Err(HeaderError::Version(version));
        }
        Ok(Header {
            generation: u32_at(octets, 12),
            journal: u64_at(octets, 16),
            number: u64_at(octets, 24),
            previous_bytes: u64_at(octets, 32),
            previous_generation: u32_at(octets, 40),
        })
    }

    /// Octets of a frame that stands at `offset` of this segment.
    pub(super) fn frame(&self, offset: u64, synced: u64, kind: FrameKind, content: &[u8]) -> Vec<u8> {
        let length =
            u32::try_from(content.len()).expect("content is at most CONTENT_BYTES_MAX, checked at append");
        let mut octets = Vec::with_capacity(FRAME_HEADER_BYTES + content.len());
        octets.extend_from_slice(match kind {
            FrameKind::Record => RECORD_MARKER,
            FrameKind::Mark => MARK_MARKER,
        });
        octets.extend_from_slice(&length.to_le_bytes());
        let synced = u32::try_from(synced).expect("a segment is smaller than 4 GiB");
        octets.extend_from_slice(&synced.to_le_bytes());
        octets.extend_from_slice(&self.generation.to_le_bytes());
        let crc = self.checksum(offset, &octets, content);
        octets.extend_from_slice(&crc.to_le_bytes());
        octets.extend_from_slice(content);
        octets
    }

    /// Reads the frame at `offset`, of which `octets` are the segment's octets from there on.
    pub(super) fn read_frame<'a>(&self, offset: u64, octets: &'a [u8]) -> Option<Frame<'a>> {
        let head = octets.get(..FRAME_HEADER_BYTES)?;
        let kind = match head.first_chunk::<4>() {
            Some(RECORD_MARKER) => FrameKind::Record,
            Some(MARK_MARKER) => FrameKind::Mark,
            _ => return None,
        };
        let length = u32_at(head, 4) as usize;
        if length > CONTENT_BYTES_MAX {
            return None;
        }
        let content = octets.get(FRAME_HEADER_BYTES..FRAME_HEADER_BYTES + length)?;
        let generation = u32_at(head, 12);
        let whole = self.checksum(offset, &head[..16], content) == u32_at(head, 16);
        whole.then(|| Frame { offset, synced: u64::from(u32_at(head, 8)), generation, kind, content })
    }

    fn frame_at<'a>(&self, octets: &'a [u8], offset: usize) -> Option<Frame<'a>> {
        self.read_frame(offset as u64, &octets[offset..])
    }

    fn checksum(&self, offset: u64, head: &[u8], content: &[u8]) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&self.journal.to_le_bytes());
        hasher.update(&self.number.to_le_bytes());
        hasher.update(&offset.to_le_bytes());
        hasher.update(head);
        hasher.update(content);
        hasher.finalize()
    }
}

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameKind {
    /// A record
    Record,
    /// Ends of the streams in this folder, all synced: what follows a quiet time, so that damage to the very last
    /// records is noticed too
    Mark,
}

/// A good frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    /// Where it stands in the segment
    pub(super) offset: u64,
    /// Octets of the segment that were synced when it was written
    pub(super) synced: u64,
    /// Generation of the segment it was written for
    generation: u32,
    /// What it is
    pub(super) kind: FrameKind,
    /// What it holds
    pub(super) content: &'a [u8],
}

impl Frame<'_> {
    /// Offset of what follows it.
    pub(super) fn end(&self) -> u64 {
        self.offset + (FRAME_HEADER_BYTES + self.content.len()) as u64
    }
}

/// Octets of a segment that are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Damage {
    /// First octet
    pub(super) offset: u64,
    /// How many
    pub(super) bytes: u64,
}

/// All that can be read of a segment.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    /// The header, as read or (when damaged) as far as it is known
    pub(super) header: Header,
    /// Good frames in order, without those behind the cut
    pub(super) frames: Vec<Frame<'a>>,
    /// Damage to what had been synced: corruption
    pub(super) corrupt: Vec<Damage>,
    /// A torn tail begins here
    pub(super) cut: Option<u64>,
    /// Every frame is known to have been synced
    pub(super) all_proven: bool,
}

/// Reads a whole segment. `sealed`: a later segment exists, so all of this one had been synced.
pub(super) fn scan(octets: &[u8], journal: u64, number: u64, sealed: bool) -> Result<Scan<'_>, HeaderError> {
    let (header, header_good) = match Header::decode(octets) {
        Ok(header) if header.number == number && header.journal == journal => (header, true),
        Err(error @ HeaderError::Version(_)) => return Err(error),
        Ok(_) | Err(HeaderError::Damaged) => (guess_header(octets, journal, number), false),
    };
    let (frames, mut damages) = frames_of(octets, &header);
    if !header_good {
        damages.insert(0, Damage { offset: 0, bytes: octets.len().min(HEADER_BYTES) as u64 });
    }
    let proven = frames.iter().map(|frame| frame.synced).max().unwrap_or(0);
    let (corrupt, torn): (Vec<_>, Vec<_>) =
        damages.into_iter().partition(|damage| sealed || damage.offset < proven);
    let cut = torn.first().map(|damage| damage.offset);
    let frames: Vec<_> =
        frames.into_iter().filter(|frame| cut.is_none_or(|cut| frame.offset < cut)).collect();
    let all_proven = sealed || (cut.is_none() && proven >= octets.len() as u64);
    Ok(Scan { header, frames, corrupt, cut, all_proven })
}

/// What is known of a header that cannot be read: frames say the generation they were written for.
fn guess_header(octets: &[u8], journal: u64, number: u64) -> Header {
    let blank = Header { journal, number, generation: 0, previous_bytes: 0, previous_generation: 0 };
    let first = (HEADER_BYTES..octets.len()).find_map(|offset| blank.frame_at(octets, offset));
    Header { generation: first.map_or(0, |frame| frame.generation), ..blank }
}

/// Good frames after the header, and what lies between them.
fn frames_of<'a>(octets: &'a [u8], header: &Header) -> (Vec<Frame<'a>>, Vec<Damage>) {
    let (mut frames, mut damages) = (Vec::new(), Vec::new());
    let mut offset = HEADER_BYTES.min(octets.len());
    while offset < octets.len() {
        if let Some(frame) = header.frame_at(octets, offset).filter(|f| f.generation == header.generation) {
            offset += FRAME_HEADER_BYTES + frame.content.len();
            frames.push(frame);
            continue;
        }
        let next = next_frame(octets, header, offset + 1);
        damages.push(Damage { offset: offset as u64, bytes: (next - offset) as u64 });
        offset = next;
    }
    (frames, damages)
}

/// Offset of the next good frame at or after `from`; the end if there is none.
fn next_frame(octets: &[u8], header: &Header, from: usize) -> usize {
    (from..octets.len())
        .find(|&offset| {
            header.frame_at(octets, offset).is_some_and(|frame| frame.generation == header.generation)
        })
        .unwrap_or(octets.len())
}

fn u32_at(octets: &[u8], offset: usize) -> u32 {
    let mut value = [0; 4];
    value.copy_from_slice(&octets[offset..offset + 4]);
    u32::from_le_bytes(value)
}

fn u64_at(octets: &[u8], offset: usize) -> u64 {
    let mut value = [0; 8];
    value.copy_from_slice(&octets[offset..offset + 8]);
    u64::from_le_bytes(value)
}
