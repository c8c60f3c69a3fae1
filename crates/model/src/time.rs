//! The time of a core: nanoseconds since it was made, handed in by its shell.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// A point in time as a core knows it: nanoseconds since the core's start.
///
/// The shell takes it from `CLOCK_BOOTTIME` (daemons) or from the simulator; a core never asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// The core's start.
    pub const ZERO: Time = Time(0);
    /// Later than any event: "no timer is running".
    pub const MAX: Time = Time(u64::MAX);

    /// `nanoseconds` since the core's start.
    #[must_use]
    pub const fn from_nanos(nanoseconds: u64) -> Self {
        Time(nanoseconds)
    }

    /// `milliseconds` since the core's start.
    #[must_use]
    pub const fn from_millis(milliseconds: u64) -> Self {
        Time(milliseconds.saturating_mul(1_000_000))
    }

    /// Nanoseconds since the core's start.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Whole milliseconds since the core's start.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Time passed since `earlier`; zero when `earlier` is in fact later.
    #[must_use]
    pub const fn since(self, earlier: Time) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Time {
    type Output = Time;
    fn add(self, duration: Duration) -> Time {
        Time(self.0.saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl Sub<Duration> for Time {
    type Output = Time;
    fn sub(self, duration: Duration) -> Time {
        Time(self.0.saturating_sub(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{:06} s", self.0 / 1_000_000_000, self.0 % 1_000_000_000 / 1_000)
    }
}
