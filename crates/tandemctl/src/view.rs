//! How values look to people: local time, durations in the unit that fits, yes and no.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A UTC time of a record as local time, to the second; a text that is no time stays as it is.
pub fn local_time(utc: &str) -> String {
    local_time_in(utc, &TimeZone::system())
}

fn local_time_in(utc: &str, zone: &TimeZone) -> String {
    match utc.parse::<Timestamp>() {
        Ok(time) => time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => utc.to_owned(),
    }
}

/// `750 ms`, `12.3 s`, `4 min 10 s`, `3 h 05 min`.
pub fn milliseconds(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    match milliseconds {
        0..1_000 => format!("{milliseconds} ms"),
        1_000..60_000 => format!("{seconds}.{} s", milliseconds % 1000 / 100),
        60_000..3_600_000 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// Yes or no.
pub fn yes_no(value: bool) -> String {
    if value { "yes" } else { "no" }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DESIGN 10: times are UTC in storage and local in view.
    #[test]
    fn times_are_local() {
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        assert_eq!(local_time_in("2026-11-21T23:30:01.250Z", &zone), "2026-11-22 00:30:01");
        assert_eq!(local_time_in("", &zone), "");
    }

    /// The unit fits the size.
    #[test]
    fn durations_have_a_fitting_unit() {
        let shown = [0, 999, 12_340, 250_000, 11_100_000].map(milliseconds);
        assert_eq!(shown, ["0 ms", "999 ms", "12.3 s", "4 min 10 s", "3 h 05 min"]);
    }
}
