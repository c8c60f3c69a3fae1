//! What a person should know and do something about, worst first. Pure.

use std::io;
use std::time::Duration;

use crate::network::report::NetworkReport;
use crate::prepare::report::Report;

/// Less free than this part of the disk is a problem: one in ten.
const FREE_PART_MIN: u64 = 10;
/// A time server that does not answer for so long after the start is a problem.
const CLOCK_PATIENCE: Duration = Duration::from_mins(5);
/// Failed units that are named; more are counted.
const UNITS_NAMED_MAX: usize = 8;

/// Room for durable state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Octets free
    pub free_bytes: u64,
    /// Octets in all
    pub total_bytes: u64,
}

/// What is looked at.
pub struct Facts {
    /// What the first stage of the start has found
    pub prepare: Result<Report, String>,
    /// The network
    pub network: NetworkReport,
    /// Units that have failed
    pub failed_units: Result<Vec<String>, String>,
    /// The data disk
    pub space: io::Result<Space>,
    /// The clock follows a time server
    pub clock_synchronised: io::Result<bool>,
    /// Since the kernel started
    pub uptime: Duration,
}

/// The problems, worst first: what keeps the node from serving, then what will, then what is wrong in its records.
#[must_use]
pub fn list(facts: &Facts) -> Vec<String> {
    let mut problems = match &facts.prepare {
        Ok(report) => report.problems.clone(),
        Err(error) => vec![format!("what the start of this node has found is not known: {error}")],
    };
    problems.extend(units(&facts.failed_units));
    problems.extend(space(&facts.space));
    problems.extend(facts.network.problems.iter().cloned());
    problems.extend(clock(facts));
    problems
}

fn units(failed: &Result<Vec<String>, String>) -> Option<String> {
    match failed {
        Ok(units) if units.is_empty() => None,
        Ok(units) => {
            let named = units.iter().take(UNITS_NAMED_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
            let more = match units.len().saturating_sub(UNITS_NAMED_MAX) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            Some(format!("failed: {named}{more}; see the logs"))
        }
        Err(error) => Some(format!("the service manager does not say which units have failed: {error}")),
    }
}

fn space(space: &io::Result<Space>) -> Option<String> {
    match space {
        Ok(space) if space.free_bytes < space.total_bytes / FREE_PART_MIN => {
            let mebibytes = |bytes: u64| bytes >> 20;
            let (free, total) = (mebibytes(space.free_bytes), mebibytes(space.total_bytes));
            Some(format!("the data disk is nearly full: {free} of {total} MiB are free"))
        }
        Ok(_) => None,
        Err(error) => Some(format!("the data disk cannot be looked at: {error}")),
    }
}

fn clock(facts: &Facts) -> Option<String> {
    match &facts.clock_synchronised {
        Ok(true) => None,
        // Before there is a configuration there is nobody to ask.
        Ok(false) if facts.network.revision == 0 => None,
        Ok(false) if !facts.network.has_time_servers => {
            let set = "time-servers below [network]";
            Some(format!("the clock follows nobody: name {set}, or times in records drift"))
        }
        Ok(false) if facts.uptime < CLOCK_PATIENCE => None,
        Ok(false) => Some("the clock is not synchronised: no time server answers".to_owned()),
        Err(error) => Some(format!("the kernel does not say whether the clock is synchronised: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(change: impl FnOnce(&mut Facts)) -> Vec<String> {
        let mut facts = Facts {
            prepare: Ok(Report::default()),
            network: NetworkReport { revision: 1, has_time_servers: true, ..NetworkReport::default() },
            failed_units: Ok(Vec::new()),
            space: Ok(Space { free_bytes: 500 << 20, total_bytes: 1 << 30 }),
            clock_synchronised: Ok(true),
            uptime: Duration::from_hours(1),
        };
        change(&mut facts);
        list(&facts)
    }

    /// A box that is well says nothing.
    #[test]
    fn health_is_silent() {
        assert_eq!(problems(|_| {}), Vec::<String>::new());
    }

    /// The worst comes first, and nothing hides the rest.
    #[test]
    fn the_worst_comes_first() {
        let all = problems(|facts| {
            facts.prepare = Ok(Report { problems: vec!["no data disk".to_owned()], ..Report::default() });
            facts.network.problems = vec!["lan0 has no carrier".to_owned()];
            facts.failed_units = Ok(vec!["pbxd.service".to_owned()]);
            facts.space = Ok(Space { free_bytes: 1 << 20, total_bytes: 1 << 30 });
            facts.clock_synchronised = Ok(false);
        });
        let begins = [
            "no data disk",
            "failed: pbxd.service",
            "the data disk is nearly full: 1 of 1024",
            "lan0 has",
            "the clock",
        ];
        assert_eq!(all.len(), begins.len(), "{all:?}");
        for (problem, begin) in all.iter().zip(begins) {
            assert!(problem.starts_with(begin), "{problem}");
        }
    }

    /// The clock is a matter of records: a box without configuration has none, and a time server may take its time.
    #[test]
    fn clock_is_given_its_time() {
        let unsynchronised = |revision, has_time_servers, uptime_s| {
            problems(|facts| {
                facts.network = NetworkReport { revision, has_time_servers, ..NetworkReport::default() };
                facts.clock_synchronised = Ok(false);
                facts.uptime = Duration::from_secs(uptime_s);
            })
        };
        assert!(unsynchronised(0, false, 3_600).is_empty());
        assert!(unsynchronised(1, true, 60).is_empty());
        assert!(unsynchronised(1, true, 3_600)[0].contains("no time server answers"));
        assert!(unsynchronised(1, false, 60)[0].contains("[network]"));
    }

    /// What cannot be known is said, and is not taken for good.
    #[test]
    fn silence_is_a_problem() {
        let all = problems(|facts| {
            facts.prepare = Err("gone".to_owned());
            facts.failed_units = Err("gone".to_owned());
            facts.space = Err(io::Error::other("gone"));
            facts.clock_synchronised = Err(io::Error::other("gone"));
        });
        assert_eq!(all.iter().filter(|problem| problem.ends_with(": gone")).count(), 4, "{all:?}");
    }

    /// Many failed units do not fill the screen.
    #[test]
    fn failed_units_are_counted() {
        let units = (0..10).map(|number| format!("{number}.service")).collect();
        assert!(problems(|facts| facts.failed_units = Ok(units))[0].contains("7.service and 2 more"));
    }
}
