//! Where the records of a stream stand: eight octets of memory for each.

use std::num::NonZeroU32;

use wire::replication::Position;

/// Place of a record on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Location {
    segment: u32,
    /// Never 0: a segment begins with its header
    offset: NonZeroU32,
}

impl Location {
    /// A place in a segment.
    pub(super) fn new(segment: u32, offset: u64) -> Location {
        let offset = u32::try_from(offset).ok().and_then(NonZeroU32::new);
        Location { segment, offset: offset.expect("segments are small and begin with a header") }
    }

    /// Index of the segment in the journal's table.
    pub(super) fn segment(self) -> usize {
        self.segment as usize
    }

    /// Offset in the segment, octets.
    pub(super) fn offset(self) -> u64 {
        u64::from(self.offset.get())
    }
}

/// The records of one stream.
#[derive(Debug, Default)]
pub(super) struct StreamIndex {
    /// Place of the record with sequence `index + 1`; `None`: it is missing
    slots: Vec<Option<Location>>,
    /// The last record's position, also when the record itself is missing
    end: Position,
    missing: u64,
}

impl StreamIndex {
    /// Position of the last record.
    pub(super) fn end(&self) -> Position {
        self.end
    }

    /// Records that are here.
    pub(super) fn count(&self) -> u64 {
        self.end.sequence - self.missing
    }

    /// Place of a record, if it is here.
    pub(super) fn location(&self, sequence: u64) -> Option<Location> {
        let index = usize::try_from(sequence.checked_sub(1)?).ok()?;
        self.slots.get(index).copied().flatten()
    }

    /// Notes the place of a record.
    pub(super) fn insert(&mut self, position: Position, location: Location) {
        self.extend(position);
        let slot = &mut self.slots[slot_of(position.sequence)];
        if slot.replace(location).is_none() {
            self.missing -= 1;
        }
    }

    /// The stream is known to reach this position, whether the records are here or not.
    pub(super) fn extend(&mut self, position: Position) {
        if position.sequence > self.end.sequence {
            self.missing += position.sequence - self.end.sequence;
            self.slots.resize(slot_of(position.sequence) + 1, None);
            self.end = position;
        }
    }

    /// Forgets all after a position.
    pub(super) fn truncate(&mut self, end: Position) {
        if end.sequence < self.end.sequence {
            self.slots.truncate(slot_of(end.sequence + 1));
            self.end = end;
            self.missing = self.slots.iter().filter(|slot| slot.is_none()).count() as u64;
        }
    }

    /// First and last sequence of each gap.
    pub(super) fn gaps(&self) -> Vec<(u64, u64)> {
        let mut gaps: Vec<(u64, u64)> = Vec::new();
        if self.missing == 0 {
            return gaps;
        }
        for (sequence, _) in (1..).zip(&self.slots).filter(|(_, slot)| slot.is_none()) {
            match gaps.last_mut() {
                Some((_, last)) if *last + 1 == sequence => *last = sequence,
                _ => gaps.push((sequence, sequence)),
            }
        }
        gaps
    }
}

fn slot_of(sequence: u64) -> usize {
    usize::try_from(sequence - 1).expect("a stream fits into memory")
}
