//! Names of segments: which folder a record belongs to, and in which order segments follow each other.

use std::fmt;

use wire::replication::Stream;

/// Name of the segment that says whose journal this is.
pub(super) const IDENTITY: &str = "identity";
/// Folder of damaged segments.
pub(super) const QUARANTINE: &str = "quarantine";
/// Ending of a segment.
const SEGMENT_ENDING: &str = ".journal";
/// Ending of a segment's replacement while it is being written.
pub(super) const REWRITE_ENDING: &str = ".rewrite";
/// Last year that has folders of its own: what claims to be later is kept in its December.
const YEAR_MAX: u64 = 9999;

/// A folder of segments that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Folder {
    /// Settings
    Settings,
    /// "Made while apart"
    Parked,
    /// Registers, one folder for each month in UTC (rows U5 and U9 ask by month)
    Register { year: u64, month: u64 },
}

impl Folder {
    /// Folder of a record.
    pub(super) fn of(stream: &Stream, time_unix_ms: u64) -> Folder {
        match stream {
            Stream::Settings => Folder::Settings,
            Stream::Parked { .. } => Folder::Parked,
            Stream::Register { .. } => {
                let (year, month) = civil_month(time_unix_ms);
                Folder::Register { year, month }
            }
        }
    }

    /// Records of this stream stand in folders of this kind.
    pub(super) fn takes(self, stream: &Stream) -> bool {
        match self {
            Folder::Settings => *stream == Stream::Settings,
            Folder::Parked => matches!(stream, Stream::Parked { .. }),
            Folder::Register { .. } => matches!(stream, Stream::Register { .. }),
        }
    }

    /// Name of a segment in this folder.
    pub(super) fn segment(self, number: u64) -> String {
        format!("{self}/{number:08}{SEGMENT_ENDING}")
    }

    /// Folder and number of a segment, if the name is one.
    pub(super) fn parse(name: &str) -> Option<(Folder, u64)> {
        let (folder, file) = name.rsplit_once('/')?;
        let number = file.strip_suffix(SEGMENT_ENDING)?.parse().ok()?;
        let folder = match folder {
            "settings" => Folder::Settings,
            "parked" => Folder::Parked,
            _ => {
                let (year, month) = folder.strip_prefix("registers/")?.split_once('-')?;
                Folder::Register { year: year.parse().ok()?, month: month.parse().ok()? }
            }
        };
        (folder.segment(number) == name).then_some((folder, number))
    }
}

impl fmt::Display for Folder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Folder::Settings => formatter.write_str("settings"),
            Folder::Parked => formatter.write_str("parked"),
            Folder::Register { year, month } => write!(formatter, "registers/{year:04}-{month:02}"),
        }
    }
}

/// Folder part of a name; `""` for the journal's own.
pub(super) fn folder_of(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Name in quarantine of a segment; `taken` are the names there already.
pub(super) fn quarantine_name(name: &str, taken: &dyn Fn(&str) -> bool) -> String {
    let flat = name.replace('/', ".");
    (1_u64..)
        .map(|n| format!("{QUARANTINE}/{flat}.{n}"))
        .find(|candidate| !taken(candidate))
        .expect("there are more numbers than files")
}

/// Year and month (1 to 12) in UTC of a time in milliseconds since 1970, by the proleptic Gregorian calendar.
fn civil_month(time_unix_ms: u64) -> (u64, u64) {
    const DAYS_PER_ERA: u64 = 146_097; // 400 years
    const DAYS_TO_1970: u64 = 719_468; // from 0000-03-01, so that the leap day ends a year
    let days = time_unix_ms / 86_400_000 + DAYS_TO_1970;
    let day_of_era = days % DAYS_PER_ERA;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = days / DAYS_PER_ERA * 400 + year_of_era + u64::from(month <= 2);
    if year > YEAR_MAX { (YEAR_MAX, 12) } else { (year, month) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// U5: registers are kept by month; the borders of months, leap days and absurd clocks fall where they must.
    #[test]
    fn months_are_those_of_the_calendar() {
        let cases = [
            (0, (1970, 1)),
            (951_782_399_999, (2000, 2)),      // 2000-02-28T23:59:59.999Z
            (951_782_400_000, (2000, 2)),      // 2000-02-29
            (951_868_800_000, (2000, 3)),      // 2000-03-01
            (1_793_491_199_999, (2026, 10)),   // 2026-10-31T23:59:59.999Z
            (1_793_491_200_000, (2026, 11)),   // 2026-11-01
            (1_798_761_599_999, (2026, 12)),   // 2026-12-31T23:59:59.999Z
            (1_798_761_600_000, (2027, 1)),    // 2027-01-01
            (4_107_542_400_000, (2100, 3)),    // 2100-03-01: 2100 has no leap day
            (253_402_300_799_999, (9999, 12)), // the last millisecond of 9999
            (253_402_300_800_000, (9999, 12)),
            (u64::MAX, (9999, 12)),
        ];
        for (time, expected) in cases {
            assert_eq!(civil_month(time), expected, "{time}");
        }
    }

    /// DESIGN 5: a name that is not exactly ours is not a segment.
    #[test]
    fn names_are_read_back() {
        for folder in [Folder::Settings, Folder::Parked, Folder::Register { year: 2026, month: 11 }] {
            assert_eq!(Folder::parse(&folder.segment(42)), Some((folder, 42)));
        }
        for other in
            ["settings/1.journal", "settings/00000001.rewrite", "00000001.journal", "x/00000001.journal"]
        {
            assert_eq!(Folder::parse(other), None, "{other}");
        }
    }
}
