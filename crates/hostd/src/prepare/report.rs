//! What the first stage found and did: `/run/tandem/prepare.json` for the daemons that come later, the kernel's log
//! for whoever looks at the console now.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::time::Instant;

use serde::{Deserialize, Serialize};

/// Where the report lies on a node.
pub const REPORT_FILE: &str = "/run/tandem/prepare.json";

/// The word on the standard output that says: finished. Every other line names the step that begins.
pub const DONE: &str = "done";

/// The content of [`REPORT_FILE`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// What a person should know and do something about
    pub problems: Vec<String>,
    /// What was done once or deserves a word, but needs nobody
    pub notices: Vec<String>,
    /// Device that is mounted on `/data`; `None`: there is none
    pub data_device: Option<String>,
    /// A setup medium has said who this node is, now or before
    pub commissioned: bool,
    /// Name of the node
    pub name: String,
    /// Serial number
    pub serial_number: String,
    /// Hardware address of each link, by name
    pub links: BTreeMap<String, String>,
    /// Milliseconds of each step, in their order
    pub steps: Vec<StepTime>,
}

/// What a step took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepTime {
    /// Its name
    pub step: String,
    /// Milliseconds
    pub took_ms: u64,
}

/// Fills the report and says each line on the console as it comes.
#[derive(Debug, Default)]
pub struct Reporter {
    /// What was found so far
    pub report: Report,
    console: Console,
}

impl Reporter {
    /// A reporter without a console, for a workbench.
    #[must_use]
    pub fn quiet() -> Reporter {
        Reporter { report: Report::default(), console: Console { quiet: true } }
    }

    /// Notes what a person should do something about, once.
    pub fn problem(&mut self, text: impl Into<String>) {
        let text = text.into();
        if !self.report.problems.contains(&text) {
            self.console.say(Level::Error, &text);
            self.report.problems.push(text);
        }
    }

    /// Notes what needs nobody, once.
    pub fn notice(&mut self, text: impl Into<String>) {
        let text = text.into();
        if !self.report.notices.contains(&text) {
            self.console.say(Level::Notice, &text);
            self.report.notices.push(text);
        }
    }

    /// Notes that `step`, begun at `since`, has ended.
    pub fn took(&mut self, step: &str, since: Instant) {
        let took_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.report.steps.push(StepTime { step: step.to_owned(), took_ms });
    }
}

/// How loud a line is; the numbers of syslog (RFC 5424, 6.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Shown even on a console told to be quiet
    Error = 3,
    /// For the log
    Notice = 5,
}

/// The kernel's log, which is on every console of the machine and later in the journal.
#[derive(Clone, Copy, Debug, Default)]
pub struct Console {
    quiet: bool,
}

impl Console {
    /// Says a line. There is nobody to tell when that fails.
    pub fn say(self, level: Level, text: &str) {
        if self.quiet {
            return;
        }
        if let Ok(mut log) = OpenOptions::new().write(true).open("/dev/kmsg") {
            // One record is one line; a line break would end it.
            let line = text.replace('\n', " | ");
            let _ = log.write_all(format!("<{}>prepare: {line}\n", level as u8).as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk that is looked at again and again is named once; a report of another version is read as far as it goes.
    #[test]
    fn a_problem_is_said_once() {
        let mut reporter = Reporter::quiet();
        for _ in 0..3 {
            reporter.problem("reading /dev/vdb did not end within 5 s");
        }
        assert_eq!(reporter.report.problems.len(), 1);
        let text = serde_json::to_string(&reporter.report).unwrap();
        assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), reporter.report);
        assert_eq!(serde_json::from_str::<Report>("{\"name\": \"a\", \"colour\": 1}").unwrap().name, "a");
    }
}
