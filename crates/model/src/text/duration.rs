//! Durations as people write them: a whole number and its unit.

use std::time::Duration;

/// Units of a duration and their milliseconds, largest first.
const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Reads `"300ms"`, `"1s"`, `"5m"`, `"2h"`; `None` for anything else.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let (_, unit_ms) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let milliseconds = number.parse::<u64>().ok()?.checked_mul(*unit_ms)?;
    Some(Duration::from_millis(milliseconds))
}

/// Writes a duration in the largest unit that leaves a whole number; finer than a millisecond is cut.
#[must_use]
pub fn format_duration(duration: Duration) -> String {
    let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let (unit, unit_ms) =
        UNITS.iter().find(|(_, unit_ms)| milliseconds.is_multiple_of(*unit_ms)).unwrap_or(&("ms", 1));
    if milliseconds == 0 { "0s".to_owned() } else { format!("{}{unit}", milliseconds / unit_ms) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DESIGN section 10: durations carry their unit in the text form.
    #[test]
    fn reads_whole_numbers_with_units_only() {
        for (text, milliseconds) in
            [("300ms", 300), ("1s", 1_000), ("5m", 300_000), ("2h", 7_200_000), ("0s", 0)]
        {
            assert_eq!(parse_duration(text), Some(Duration::from_millis(milliseconds)), "{text}");
            assert_eq!(format_duration(Duration::from_millis(milliseconds)), text);
        }
        for text in ["", "5", "s", "1.5s", "-1s", "1 s", "1d", "99999999999999999999s", "9999999999999999h"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}
