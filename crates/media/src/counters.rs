//! What each stream of a call counts.

use std::time::Duration;

use model::Time;

/// A jump of the sequence number beyond this is a restart, no loss (`MAX_DROPOUT` of RFC 3550 appendix A.1).
const SEQUENCE_JUMP_MAX: u16 = 3_000;
/// A packet at most this much behind is late, no restart (`MAX_MISORDER` of RFC 3550 appendix A.1).
const SEQUENCE_LATE_MAX: u16 = 100;

/// Why a packet went no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// Longer than [`crate::PACKET_BYTES_MAX`]
    TooLong,
    /// Not from the source that the stream has
    Stranger,
    /// From an address where no phone may be
    ForbiddenSource,
    /// A keep-alive (RFC 6263): it has done its work here
    KeepAlive,
    /// The other side is on hold, or has not yet said where it is
    NoDestination,
}

/// Counters of what one side sends on one channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets relayed
    pub packets: u64,
    /// Their octets, without IP and UDP headers
    pub bytes: u64,
    /// RTP packets that the sequence numbers say are missing
    pub lost: u64,
    /// RTP packets that came late, after one of a higher number
    pub late: u64,
    /// Changes of the synchronisation source
    pub source_changes: u64,
    /// Longest time between two packets of the stream
    pub gap_max: Duration,
    /// Sources learned
    pub learned: u64,
    /// Packets dropped: too long
    pub too_long: u64,
    /// Packets dropped: from a stranger
    pub stranger: u64,
    /// Packets dropped: from an address where no phone may be
    pub forbidden_source: u64,
    /// Keep-alives taken
    pub keep_alive: u64,
    /// Packets dropped: the other side takes none now
    pub no_destination: u64,
    /// Descriptions refused: the address is one where no phone may be
    pub forbidden_destination: u64,
    sequence: Option<Sequence>,
}

/// Where an RTP stream stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sequence {
    ssrc: u32,
    highest: u16,
}

impl Counters {
    pub(crate) fn count_drop(&mut self, reason: DropReason) {
        let counter = match reason {
            DropReason::TooLong => &mut self.too_long,
            DropReason::Stranger => &mut self.stranger,
            DropReason::ForbiddenSource => &mut self.forbidden_source,
            DropReason::KeepAlive => &mut self.keep_alive,
            DropReason::NoDestination => &mut self.no_destination,
        };
        *counter += 1;
    }

    pub(crate) fn count_relayed(&mut self, bytes: usize) {
        self.packets += 1;
        self.bytes += bytes as u64;
    }

    /// The stream was heard at `now`, before that at `last`.
    pub(crate) fn count_gap(&mut self, last: Time, now: Time) {
        self.gap_max = self.gap_max.max(now.since(last));
    }

    /// An RTP packet came from the source of the stream (simplified RFC 3550 appendix A.1).
    pub(crate) fn count_sequence(&mut self, ssrc: u32, number: u16) {
        let Some(sequence) = self.sequence.as_mut().filter(|sequence| sequence.ssrc == ssrc) else {
            if self.sequence.is_some() {
                self.source_changes += 1;
            }
            self.sequence = Some(Sequence { ssrc, highest: number });
            return;
        };
        let ahead = number.wrapping_sub(sequence.highest);
        let behind = sequence.highest.wrapping_sub(number);
        if behind == 0 {
            return; // a duplicate
        }
        if ahead < SEQUENCE_JUMP_MAX {
            self.lost += u64::from(ahead - 1);
            sequence.highest = number;
        } else if behind <= SEQUENCE_LATE_MAX {
            self.late += 1;
            self.lost = self.lost.saturating_sub(1);
        } else {
            sequence.highest = number;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(numbers: &[u16]) -> Counters {
        let mut counters = Counters::default();
        for &number in numbers {
            counters.count_sequence(7, number);
        }
        counters
    }

    /// RFC 3550 appendix A.1: gaps count as loss, also over the wrap of the 16-bit number.
    #[test]
    fn gaps_are_loss() {
        assert_eq!(after(&[10, 11, 14]).lost, 2);
        assert_eq!(after(&[65_534, 1]).lost, 2);
        assert_eq!(after(&[1, 2, 2, 3]).lost, 0, "a duplicate is no loss");
    }

    /// RFC 3550 appendix A.1: a late packet takes its loss back; a far jump is a restart and no loss.
    #[test]
    fn late_packets_and_restarts_are_no_loss() {
        let reordered = after(&[1, 3, 2, 4]);
        assert_eq!((reordered.lost, reordered.late), (0, 1));
        let restarted = after(&[1, 40_000, 40_001]);
        assert_eq!((restarted.lost, restarted.late), (0, 0));
    }

    /// RFC 3550 section 8: another synchronisation source starts a new count.
    #[test]
    fn a_new_source_starts_anew() {
        let mut counters = after(&[1, 2]);
        counters.count_sequence(8, 500);
        assert_eq!((counters.lost, counters.source_changes), (0, 1));
    }
}
