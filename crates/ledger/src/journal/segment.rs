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
/// Generations tried when a damaged header does not tell.
const GENERATIONS_TRIED: u32 = 16;

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
        octets.extend_from_slice(&synced.to_le_bytes());
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
        let whole = self.checksum(offset, &head[..16], content) == u32_at(head, 16);
        whole.then(|| Frame { offset, synced: u64_at(head, 8), kind, content })
    }

    fn checksum(&self, offset: u64, head: &[u8], content: &[u8]) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&self.journal.to_le_bytes());
        hasher.update(&self.number.to_le_bytes());
        hasher.update(&self.generation.to_le_bytes());
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
    /// What it holds
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
}

/// Reads a whole segment. `sealed`: a later segment exists, so all of this one had been synced.
pub(super) fn scan(octets: &[u8], journal: u64, number: u64, sealed: bool) -> Result<Scan<'_>, HeaderError> {
    let header = match Header::decode(octets) {
        Ok(header) if header.number == number && header.journal == journal => Some(header),
        Ok(_) | Err(HeaderError::Damaged) => None,
        Err(error @ HeaderError::Version(_)) => return Err(error),
    };
    let (header, frames, mut damages) = match header {
        Some(header) => {
            let (frames, damages) = frames_of(octets, &header);
            (header, frames, damages)
        }
        None => without_header(octets, journal, number),
    };
    damages.sort_by_key(|damage| damage.offset);
    let proven = frames.iter().map(|frame| frame.synced).max().unwrap_or(0);
    let (corrupt, torn): (Vec<_>, Vec<_>) =
        damages.into_iter().partition(|damage| sealed || damage.offset < proven);
    let cut = torn.first().map(|damage| damage.offset);
    let frames = frames.into_iter().filter(|frame| cut.is_none_or(|cut| frame.offset < cut)).collect();
    Ok(Scan { header, frames, corrupt, cut })
}

/// The header is damaged: the generation that makes most frames readable is the right one.
fn without_header(octets: &[u8], journal: u64, number: u64) -> (Header, Vec<Frame<'_>>, Vec<Damage>) {
    let guess =
        |generation| Header { journal, number, generation, previous_bytes: 0, previous_generation: 0 };
    let (header, frames, mut damages) = (0..GENERATIONS_TRIED)
        .map(|generation| {
            let header = guess(generation);
            let (frames, damages) = frames_of(octets, &header);
            (header, frames, damages)
        })
        .max_by_key(|(header, frames, _)| (frames.len(), std::cmp::Reverse(header.generation)))
        .expect("GENERATIONS_TRIED is more than none");
    damages.push(Damage { offset: 0, bytes: octets.len().min(HEADER_BYTES) as u64 });
    (header, frames, damages)
}

/// Good frames after the header, and what lies between them.
fn frames_of<'a>(octets: &'a [u8], header: &Header) -> (Vec<Frame<'a>>, Vec<Damage>) {
    let (mut frames, mut damages) = (Vec::new(), Vec::new());
    let mut offset = HEADER_BYTES.min(octets.len());
    while offset < octets.len() {
        if let Some(frame) = header.read_frame(offset as u64, &octets[offset..]) {
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
            octets[offset] == b'T' && header.read_frame(offset as u64, &octets[offset..]).is_some()
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
