//! The two clocks of the store: one that only runs forward, for the core; one that people read, for records.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use model::Time;
use nix::time::{ClockId, clock_gettime};

/// Nanoseconds of a second.
const SECOND_NS: u64 = 1_000_000_000;

/// `CLOCK_BOOTTIME`: also runs while the machine sleeps, never jumps.
pub fn now() -> Time {
    let now = clock_gettime(ClockId::CLOCK_BOOTTIME).expect("Linux has had CLOCK_BOOTTIME since 2.6.39");
    let seconds = u64::try_from(now.tv_sec()).unwrap_or(0);
    Time::from_nanos(seconds * SECOND_NS + u64::try_from(now.tv_nsec()).unwrap_or(0))
}

/// Milliseconds since 1970 UTC.
pub fn unix_ms() -> u64 {
    u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0)
}

/// UTC, RFC 3339 with milliseconds.
pub fn rfc3339(time_unix_ms: u64) -> String {
    let timestamp = i64::try_from(time_unix_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    timestamp.unwrap_or(Timestamp::MAX).strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Milliseconds since 1970 UTC of an RFC 3339 text.
pub fn parse_rfc3339(text: &str) -> Option<u64> {
    let timestamp: Timestamp = text.parse().ok()?;
    u64::try_from(timestamp.as_millisecond()).ok()
}

/// A month, or all of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// First millisecond since 1970 UTC
    pub from_unix_ms: u64,
    /// First millisecond after it
    pub until_unix_ms: u64,
}

impl Period {
    /// All of time.
    pub const ALL: Period = Period { from_unix_ms: 0, until_unix_ms: u64::MAX };

    /// `2026-11`, or everything for an empty text (row U5); `None` for anything else.
    pub fn parse(text: &str) -> Option<Period> {
        if text.is_empty() {
            return Some(Period::ALL);
        }
        let (year, month) =
            text.split_once('-').filter(|(year, month)| year.len() == 4 && month.len() == 2)?;
        let first = Date::new(year.parse().ok()?, month.parse().ok()?, 1).ok()?;
        let next = first.last_of_month().tomorrow().ok()?;
        let start = |date: Date| {
            let timestamp = date.to_zoned(TimeZone::UTC).ok()?.timestamp();
            u64::try_from(timestamp.as_millisecond()).ok()
        };
        Some(Period { from_unix_ms: start(first)?, until_unix_ms: start(next)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// U10: times are UTC with milliseconds.
    #[test]
    fn times_are_written_and_read_in_utc() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(1_795_300_000_007), "2026-11-21T22:26:40.007Z");
        assert_eq!(parse_rfc3339("2026-11-21T23:26:40.007+01:00"), Some(1_795_300_000_007));
        assert_eq!(parse_rfc3339("yesterday"), None);
    }

    /// U5: the log is organised by month.
    #[test]
    fn a_month_ends_where_the_next_begins() {
        let november = Period::parse("2026-11").expect("a month");
        let december = Period::parse("2026-12").expect("a month");
        assert_eq!(november.until_unix_ms, december.from_unix_ms);
        assert_eq!(rfc3339(december.from_unix_ms), "2026-12-01T00:00:00.000Z");
        assert_eq!(rfc3339(december.until_unix_ms), "2027-01-01T00:00:00.000Z");
        assert_eq!(Period::parse(""), Some(Period::ALL));
        for text in ["2026", "2026-13", "2026-1", "26-11", "2026-11-01", "x"] {
            assert_eq!(Period::parse(text), None, "{text}");
        }
    }
}
