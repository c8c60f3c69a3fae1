//! Values in words: local time, durations in the unit that fits, text that every terminal shows in one column a
//! character. Pure.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// What stands where a text was cut.
const CUT: &str = "..";

/// What time it is, and where.
#[derive(Clone, Debug)]
pub struct Clock {
    /// Now
    pub now: Timestamp,
    /// The box's time zone
    pub zone: TimeZone,
}

impl Clock {
    /// `Sun 22 Nov 2026  02:41`
    #[must_use]
    pub fn title(&self) -> String {
        self.now.to_zoned(self.zone.clone()).strftime("%a %d %b %Y  %H:%M").to_string()
    }

    /// Changes when [`Clock::title`] does, the time zone apart.
    #[must_use]
    pub fn minute(&self) -> i64 {
        self.now.as_second().div_euclid(60)
    }

    /// A UTC time (RFC 3339) as local time: `02:41` today, `21 Nov 23:10` on another day. `None`: it is no time.
    #[must_use]
    pub fn point(&self, utc: &str) -> Option<String> {
        let time = utc.parse::<Timestamp>().ok()?.to_zoned(self.zone.clone());
        let today = self.now.to_zoned(self.zone.clone()).date();
        let form = if time.date() == today { "%H:%M" } else { "%d %b %H:%M" };
        Some(time.strftime(form).to_string())
    }

    /// A UTC time (RFC 3339) as local time to the second with its date; a text that is no time stays as it is.
    #[must_use]
    pub fn stamp(&self, utc: &str) -> String {
        match utc.parse::<Timestamp>() {
            Ok(time) => time.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
            Err(_) => clean(utc),
        }
    }
}

/// `12 s`, `3 min`, `2 h 05 min`, `8 days`: no finer than a person needs, so that the screen need not change.
#[must_use]
pub fn duration(seconds: u64) -> String {
    let minutes = seconds / 60;
    let hours = minutes / 60;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{minutes} min"),
        3_600..172_800 => format!("{hours} h {:02} min", minutes % 60),
        _ => format!("{} days", hours / 24),
    }
}

/// `1 call`, `2 calls`.
#[must_use]
pub fn count(number: u64, one: &str, several: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {several}") }
}

/// A text from elsewhere as this screen may show it: no control characters (they would be commands to the terminal),
/// no character that is wider or narrower than one column.
#[must_use]
pub fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            ' '..='~' | '¡'..='\u{ac}' | '®'..='ÿ' => cleaned.push(character),
            '→' => cleaned.push_str("->"),
            '‘' | '’' => cleaned.push('\''),
            '“' | '”' => cleaned.push('"'),
            '–' | '—' => cleaned.push('-'),
            '…' => cleaned.push_str("..."),
            '\t' | '\n' | '\r' | '\u{a0}' => cleaned.push(' '),
            _ => cleaned.push('?'),
        }
    }
    cleaned
}

/// The first `width` columns of a clean text; a cut one says so at its end.
#[must_use]
pub fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept = text.chars().take(width.saturating_sub(CUT.len()));
    kept.chain(CUT.chars()).take(width).collect()
}

/// A clean text in lines of at most `width` columns, broken between words where there are any; further lines begin
/// with `indent` blanks.
#[must_use]
pub fn wrap(text: &str, width: usize, indent: usize) -> Vec<String> {
    let width = width.max(indent + 1);
    let mut lines = Vec::new();
    let mut rest: Vec<char> = text.chars().collect();
    loop {
        let margin = if lines.is_empty() { 0 } else { indent };
        let room = width - margin;
        let end = if rest.len() <= room { rest.len() } else { line_end(&rest, room) };
        let line: String = std::iter::repeat_n(' ', margin).chain(rest.drain(..end)).collect();
        lines.push(line.trim_end().to_owned());
        let blanks = rest.iter().take_while(|character| **character == ' ').count();
        rest.drain(..blanks);
        if rest.is_empty() {
            return lines;
        }
    }
}

/// Where a line of `room` columns ends: after the last blank, unless that would leave half of it empty.
fn line_end(text: &[char], room: usize) -> usize {
    if text[room] == ' ' {
        return room;
    }
    let blank = text[..room].iter().rposition(|character| *character == ' ');
    blank.filter(|blank| *blank >= room / 2).unwrap_or(room)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock() -> Clock {
        Clock {
            now: "2026-11-22T01:41:30Z".parse().expect("a time"),
            zone: TimeZone::fixed(jiff::tz::offset(1)),
        }
    }

    /// DESIGN 10: times are UTC in storage and local in view.
    #[test]
    fn times_are_local() {
        assert_eq!(clock().title(), "Sun 22 Nov 2026  02:41");
        assert_eq!(clock().point("2026-11-21T23:30:01.250Z").as_deref(), Some("00:30"));
        assert_eq!(clock().point("2026-11-21T22:30:01.250Z").as_deref(), Some("21 Nov 23:30"));
        assert_eq!(clock().point(""), None);
        assert_eq!(clock().stamp("2026-11-21T22:30:01.250Z"), "2026-11-21 23:30:01");
        assert_eq!(clock().stamp("soon\u{7}"), "soon?");
    }

    /// The unit fits the size.
    #[test]
    fn durations_have_a_fitting_unit() {
        let shown = [0, 59, 60, 3_599, 7_500, 172_800].map(duration);
        assert_eq!(shown, ["0 s", "59 s", "1 min", "59 min", "2 h 05 min", "2 days"]);
    }

    /// A log line must not command the terminal, nor shift what stands behind it.
    #[test]
    fn foreign_text_is_harmless() {
        assert_eq!(clean("\x1b[2Ja\tb\u{9b}c\u{ad}d"), "?[2Ja b?c?d");
        assert_eq!(clean("standby → active: Böblingen…"), "standby -> active: Böblingen...");
        assert_eq!(clean("電話\u{301}"), "???");
    }

    /// Long names are cut where it shows.
    #[test]
    fn a_cut_shows() {
        assert_eq!(cut("headquarters", 12), "headquarters");
        assert_eq!(cut("headquarters", 8), "headqu..");
        assert_eq!(cut("headquarters", 1), ".");
        assert_eq!(cut("headquarters", 0), "");
    }

    /// Problems and log lines are shown whole, over several lines.
    #[test]
    fn long_lines_are_wrapped_between_words() {
        assert_eq!(wrap("", 10, 2), [""]);
        assert_eq!(wrap("the disk is full", 9, 2), ["the disk", "  is full"]);
        assert_eq!(wrap("0123456789abc", 5, 2), ["01234", "  567", "  89a", "  bc"]);
        assert_eq!(wrap("exactly ten", 7, 0), ["exactly", "ten"]);
        assert_eq!(wrap("ab", 0, 3), ["ab"]);
    }
}
