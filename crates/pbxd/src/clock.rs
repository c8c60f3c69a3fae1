//! The clock that the cores are handed: nanoseconds since the start of this process, sleep of the machine included.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use model::Time;
use nix::time::{ClockId, clock_gettime};

/// A clock; copies of it show the same time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// `CLOCK_BOOTTIME` at [`Time::ZERO`]
    start: Duration,
}

impl Clock {
    /// Starts at [`Time::ZERO`] now.
    #[must_use]
    pub fn start() -> Self {
        Clock { start: boot_time() }
    }

    /// The time of the cores.
    #[must_use]
    pub fn now(self) -> Time {
        let passed = boot_time().saturating_sub(self.start);
        Time::from_nanos(u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX))
    }

    /// Unix time at [`Time::ZERO`], by the civil clock as it is now.
    #[must_use]
    pub fn unix_at_start(self) -> Duration {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        unix.saturating_sub(self.now().since(Time::ZERO))
    }

    /// Civil time of a moment, by the civil clock as it is now: a clock set during a call moves its start as well, so
    /// durations stay true.
    #[must_use]
    pub fn utc(self, time: Time) -> Timestamp {
        let unix = self.unix_at_start() + time.since(Time::ZERO);
        Timestamp::UNIX_EPOCH.checked_add(unix).unwrap_or(Timestamp::MAX)
    }

    /// How long from now until `time`.
    #[must_use]
    pub fn until(self, time: Time) -> Duration {
        time.since(self.now())
    }
}

fn boot_time() -> Duration {
    clock_gettime(ClockId::CLOCK_BOOTTIME).expect("Linux has had CLOCK_BOOTTIME since 2.6.39").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Row H21: a moment of the core becomes civil time; now is now.
    #[test]
    fn civil_time_of_now_is_now() {
        let clock = Clock::start();
        let difference = clock.utc(clock.now()).duration_since(Timestamp::now());
        assert!(difference.as_secs().abs() < 1, "{difference:?}");
    }
}
