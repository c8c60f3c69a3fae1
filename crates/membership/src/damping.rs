//! Damping of automatic hand-overs, so that two half-ill nodes do not throw the service to and fro.
//!
//! Only discretionary moves count and wait: a holder that could serve on. A dead active node, a holder without a
//! required interface and an operator's wish never wait.

use std::collections::VecDeque;
use std::time::Duration;

use model::Time;

/// Moves are counted over this many seconds.
pub const WINDOW_S: u64 = 600;
/// Moves in the window from which on the next one waits.
pub const MOVES_MAX: usize = 2;
/// First hold-down in seconds; each further move doubles it.
pub const HOLD_DOWN_S_MIN: u64 = 30;
/// Longest hold-down in seconds.
pub const HOLD_DOWN_S_MAX: u64 = 600;

/// Recent automatic hand-overs of the pair.
#[derive(Clone, Debug, Default)]
pub struct Damping {
    moves: VecDeque<Time>,
    hold_down: Duration,
    until: Time,
}

impl Damping {
    /// A discretionary hand-over happened; returns the hold-down that begins, if one does.
    pub fn record(&mut self, now: Time) -> Option<Duration> {
        self.moves.retain(|time| now.since(*time) < Duration::from_secs(WINDOW_S));
        if self.moves.is_empty() {
            self.hold_down = Duration::ZERO;
        }
        self.moves.push_back(now);
        if self.moves.len() < MOVES_MAX {
            return None;
        }
        self.hold_down = (self.hold_down * 2)
            .clamp(Duration::from_secs(HOLD_DOWN_S_MIN), Duration::from_secs(HOLD_DOWN_S_MAX));
        self.until = now + self.hold_down;
        Some(self.hold_down)
    }

    /// A discretionary hand-over may happen at `now`.
    pub fn allows(&self, now: Time) -> bool {
        now >= self.until
    }

    /// Time left in which none happens.
    pub fn remaining(&self, now: Time) -> Duration {
        self.until.since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::{Damping, Duration, Time};

    /// H6: after two moves in ten minutes the third waits 30 s, then 60 s … 10 min; a quiet window forgets.
    #[test]
    fn hold_down_doubles_and_is_forgotten() {
        let mut damping = Damping::default();
        let at = |s: u64| Time::from_millis(s * 1_000);
        assert_eq!(damping.record(at(0)), None);
        assert_eq!(damping.record(at(10)), Some(Duration::from_secs(30)));
        assert!(!damping.allows(at(39)) && damping.allows(at(40)));
        assert_eq!(damping.record(at(40)), Some(Duration::from_secs(60)));
        for (time_s, hold_down_s) in [(100, 120), (220, 240), (460, 480), (940, 600), (1_540 - 1, 600)] {
            assert_eq!(damping.record(at(time_s)), Some(Duration::from_secs(hold_down_s)), "at {time_s}");
        }
        assert_eq!(damping.record(at(9_000)), None);
    }
}
