//! Segments written anew: to save the good records of a damaged one, or to take records out of a stream.
//!
//! The replacement is written and synced under another name and then takes the old one's place by a rename, so that a
//! power cut leaves the one or the other. A damaged original goes to quarantine first; recovery completes what a power
//! cut interrupts between the two renames.

use std::collections::BTreeSet;

use wire::replication::{Position, Stream};

use super::names::{QUARANTINE, REWRITE_ENDING, folder_of, quarantine_name};
use super::segment::{FRAME_HEADER_BYTES, Frame, FrameKind, Header, scan};
use super::streams::Location;
use super::{Journal, segment_number};
use crate::disk::{Attempt, Disk, DiskError};
use crate::record::Record;

/// What the replacement of a segment leaves out.
#[derive(Debug)]
pub(super) enum Without<'a> {
    /// Damage, and the frames at these offsets; the original goes to quarantine
    Damage(&'a BTreeSet<u64>),
    /// Records of a stream after this position
    Tail(&'a Stream, Position),
    /// The torn tail, if there is one
    TornTail,
}

impl<D: Disk> Journal<D> {
    /// Takes all records after `end` out of a stream. They must have been copied elsewhere, and that synced.
    ///
    /// # Errors
    /// The disk failed: the process must end; recovery finds a part of them, or none, still there.
    pub fn withdraw(&mut self, stream: &Stream, end: Position) -> Result<(), DiskError> {
        self.sync()?;
        let Some(index) = self.streams.get_mut(stream) else { return Ok(()) };
        let affected: BTreeSet<usize> = (end.sequence + 1..=index.end().sequence)
            .filter_map(|sequence| index.location(sequence))
            .map(Location::segment)
            .collect();
        index.truncate(end);
        // From the last backwards, so that a power cut in between leaves a shorter tail and never a gap; with all
        // segments behind an affected one, because a mark in them may speak of what is withdrawn.
        let folders: Vec<Vec<u32>> = self.folders.values().cloned().collect();
        for segments in folders.iter().rev() {
            let first = segments.iter().position(|segment| affected.contains(&(*segment as usize)));
            for segment in segments[first.unwrap_or(segments.len())..].iter().rev() {
                self.rewrite(*segment, &Without::Tail(stream, end))?;
            }
        }
        Ok(())
    }

    /// Replaces a segment; returns the name of the original in quarantine, if it went there.
    pub(super) fn rewrite(
        &mut self,
        segment: u32,
        without: &Without<'_>,
    ) -> Result<Option<String>, DiskError> {
        let state = &self.segments[segment as usize];
        let (folder, name) = (state.folder, state.name());
        let bytes = usize::try_from(state.bytes).expect("segments fit into memory");
        let octets = self.disk.read(&name, 0, bytes)?;
        let unreadable =
            |reason: String| DiskError::Failed { attempt: Attempt::Read, name: name.clone(), reason };
        let last = self.folders.get(&folder).and_then(|segments| segments.last()) == Some(&segment);
        let found = scan(&octets, self.identity, state.header.number, !last)
            .map_err(|error| unreadable(format!("{error:?}")))?;
        let header = Header { generation: found.header.generation + 1, ..found.header };
        let mut replacement = header.encode().to_vec();
        let mut places = Vec::new();
        for frame in &found.frames {
            if let Some((content, position)) = kept(frame, without).map_err(unreadable)? {
                let offset = replacement.len() as u64;
                replacement.extend_from_slice(&header.frame(offset, offset, frame.kind, &content));
                places.extend(position.map(|(stream, position)| (stream, position, offset)));
            }
        }
        if last {
            let mark = self.mark_content(folder);
            // It says of itself that it is synced, which no frame can that is appended: all of this file is proven.
            let offset = replacement.len() as u64;
            let end = offset + (FRAME_HEADER_BYTES + mark.len()) as u64;
            replacement.extend_from_slice(&header.frame(offset, end, FrameKind::Mark, &mark));
            self.marked.insert(folder);
        }
        let quarantined = self.replace(&name, &replacement, matches!(without, Without::Damage(_)))?;
        let state = &mut self.segments[segment as usize];
        state.header = header;
        state.bytes = replacement.len() as u64;
        state.synced = state.bytes;
        for (stream, position, offset) in places {
            let location = Location::new(segment_number(segment as usize), offset);
            self.streams.entry(stream).or_default().insert(position, location);
        }
        Ok(quarantined)
    }

    fn replace(&mut self, name: &str, octets: &[u8], quarantine: bool) -> Result<Option<String>, DiskError> {
        let new = format!("{name}{REWRITE_ENDING}");
        write_whole(&mut self.disk, &new, octets)?;
        let quarantined = if quarantine { Some(move_to_quarantine(&mut self.disk, name)?) } else { None };
        self.disk.rename(&new, name)?;
        self.disk.sync_folder(folder_of(name))?;
        Ok(quarantined)
    }
}

/// Writes a segment and makes it durable, name included.
pub(super) fn write_whole<D: Disk>(disk: &mut D, name: &str, octets: &[u8]) -> Result<(), DiskError> {
    if disk.list()?.iter().any(|segment| segment.name == name) {
        disk.remove(name)?;
    }
    disk.create(name)?;
    disk.append(name, octets)?;
    disk.sync(name)?;
    disk.sync_folder(folder_of(name))
}

/// Moves a segment out of the way, for people to look at, and returns its new name.
pub(super) fn move_to_quarantine<D: Disk>(disk: &mut D, name: &str) -> Result<String, DiskError> {
    let present: BTreeSet<String> = disk.list()?.into_iter().map(|segment| segment.name).collect();
    let quarantined = quarantine_name(name, &|candidate| present.contains(candidate));
    disk.rename(name, &quarantined)?;
    disk.sync_folder(QUARANTINE)?;
    disk.sync_folder(folder_of(name))?;
    Ok(quarantined)
}

type Kept = (Vec<u8>, Option<(Stream, Position)>);

/// What stays of a frame, with the record's place in its stream.
fn kept(frame: &Frame<'_>, without: &Without<'_>) -> Result<Option<Kept>, String> {
    let content = frame.content.to_vec();
    if frame.kind == FrameKind::Mark {
        let Without::Tail(stream, end) = without else { return Ok(Some((content, None))) };
        let mut ends: Vec<(Stream, Position)> =
            minicbor::decode(&content).map_err(|error| error.to_string())?;
        for (_, position) in ends.iter_mut().filter(|(of, position)| of == *stream && *position > *end) {
            *position = *end;
        }
        let octets = minicbor::to_vec(ends).expect("a vector takes every octet");
        return Ok(Some((octets, None)));
    }
    let record = Record::decode(content).map_err(|error| error.to_string())?;
    let fields = record.fields();
    let stays = match without {
        Without::Damage(offsets) => !offsets.contains(&frame.offset),
        Without::Tail(stream, end) => fields.stream != **stream || fields.sequence <= end.sequence,
        Without::TornTail => true,
    };
    Ok(stays.then(|| (record.octets().to_vec(), Some((fields.stream.clone(), record.position())))))
}
