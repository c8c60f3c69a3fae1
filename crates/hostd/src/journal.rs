//! Entries of the journal as text, by the program that everybody knows (`journalctl`): without a shell, with units that
//! we name, and never more than a limit.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::time::timeout;

/// Most lines that are handed out.
pub const LINES_MAX: u32 = 10_000;
/// Most octets that are handed out: far above [`LINES_MAX`] ordinary lines.
pub const OCTETS_MAX: usize = 16 << 20;
/// How long the program may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The first stage of the start speaks through the kernel's log.
const FIRST_STAGE: &str = "prepare";
/// The kernel.
const KERNEL: &str = "kernel";
/// What Tandem is made of, each with its units.
const UNITS: [(&str, &[&str]); 5] = [
    ("hostd", &["hostd.service"]),
    ("stored", &["stored.service"]),
    ("clusterd", &["clusterd.service"]),
    ("pbxd", &["pbxd.service"]),
    ("screen", &["screen@tty1.service", "screen@ttyS0.service"]),
];

/// There is no such unit to ask for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{unit:?} is none of Tandem's units: {}", known().join(", "))]
pub struct UnknownUnit {
    /// What was asked for
    pub unit: String,
}

/// Which entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    matches: Vec<String>,
    since_s: u64,
    lines: u32,
}

impl Query {
    /// Entries of `unit` (with or without `.service`; empty: all of Tandem's), of the last `since_s` seconds (0: all), at
    /// most the last `lines` (0: [`LINES_MAX`]).
    ///
    /// # Errors
    /// [`UnknownUnit`].
    pub fn new(unit: &str, since_s: u64, lines: u32) -> Result<Query, UnknownUnit> {
        let lines = if lines == 0 { LINES_MAX } else { lines.min(LINES_MAX) };
        Ok(Query { matches: matches(unit.strip_suffix(".service").unwrap_or(unit))?, since_s, lines })
    }

    fn arguments(&self) -> Vec<String> {
        // From the newest back: with a beginning given, journalctl of systemd 252 would keep the oldest lines.
        let fixed = ["--no-pager", "--quiet", "--merge", "--reverse", "--output=short-iso-precise"];
        let mut arguments: Vec<String> = fixed.map(str::to_owned).into();
        arguments.push(format!("--lines={}", self.lines));
        if self.since_s > 0 {
            arguments.push(format!("--since=-{}s", self.since_s));
        }
        arguments.extend(self.matches.iter().cloned());
        arguments
    }
}

/// Runs the query; the entries come oldest first.
///
/// # Errors
/// There is no `journalctl`, it fails, or it takes longer than [`PATIENCE`].
pub async fn read(query: &Query) -> anyhow::Result<Vec<u8>> {
    timeout(PATIENCE, run(query)).await.context("journalctl takes too long: ask for fewer lines")?
}

async fn run(query: &Query) -> anyhow::Result<Vec<u8>> {
    let mut child = Command::new("journalctl")
        .args(query.arguments())
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("starting journalctl")?;
    let output = child.stdout.take().context("journalctl has no output")?;
    let complaints = child.stderr.take().context("journalctl has no output for errors")?;
    let (mut text, mut complaint) = (Vec::new(), Vec::new());
    let limit = u64::try_from(OCTETS_MAX).unwrap_or(u64::MAX);
    let mut output = output.take(limit);
    let mut complaints = complaints.take(limit);
    tokio::try_join!(output.read_to_end(&mut text), complaints.read_to_end(&mut complaint))
        .context("reading what journalctl says")?;
    if text.len() >= OCTETS_MAX {
        // It may still want to write: it ends with `child`.
        cut_to_lines(&mut text);
        return Ok(oldest_first(&text));
    }
    let status = child.wait().await.context("waiting for journalctl")?;
    // With `--quiet` an empty journal is no complaint, but older versions leave with 1 when nothing matches.
    if !status.success() && !complaint.is_empty() {
        bail!("journalctl: {}", String::from_utf8_lossy(&complaint).trim());
    }
    Ok(oldest_first(&text))
}

/// Turns the order of the entries round. A line that begins with a space goes on with the entry before.
fn oldest_first(text: &[u8]) -> Vec<u8> {
    let mut turned = Vec::with_capacity(text.len());
    let mut end = text.len();
    let starts = (0..text.len()).rev().filter(|at| *at == 0 || (text[at - 1] == b'\n' && text[*at] != b' '));
    for start in starts {
        turned.extend_from_slice(&text[start..end]);
        end = start;
    }
    turned
}

/// Ends the text with its last whole line.
fn cut_to_lines(text: &mut Vec<u8>) {
    let whole = text.iter().rposition(|octet| *octet == b'\n').map_or(0, |at| at + 1);
    text.truncate(whole);
}

/// What selects the entries of `unit` (journalctl(1), "FIELD=VALUE"): of one field any, of several all; `+` is *or*.
fn matches(unit: &str) -> Result<Vec<String>, UnknownUnit> {
    let first_stage = || vec![format!("SYSLOG_IDENTIFIER={FIRST_STAGE}")];
    match unit {
        "" => {
            let all: Vec<&str> = UNITS.iter().flat_map(|(_, units)| *units).copied().collect();
            let mut matches = unit_matches(&all);
            matches.push("+".to_owned());
            matches.extend(first_stage());
            Ok(matches)
        }
        FIRST_STAGE => Ok(first_stage()),
        KERNEL => Ok(vec!["_TRANSPORT=kernel".to_owned()]),
        name => match UNITS.iter().find(|(known, _)| *known == name) {
            Some((_, units)) => Ok(unit_matches(units)),
            None => Err(UnknownUnit { unit: unit.to_owned() }),
        },
    }
}

/// What the units say themselves, and what the service manager says of them.
fn unit_matches(units: &[&str]) -> Vec<String> {
    let own = units.iter().map(|unit| format!("_SYSTEMD_UNIT={unit}"));
    let about = units.iter().map(|unit| format!("UNIT={unit}"));
    own.chain(["+".to_owned(), "_PID=1".to_owned()]).chain(about).collect()
}

fn known() -> Vec<&'static str> {
    UNITS.iter().map(|(name, _)| *name).chain([FIRST_STAGE, KERNEL]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No argument comes from outside but numbers: a unit is one that we know, or it is refused.
    #[test]
    fn only_known_units_are_read() {
        for unit in ["pbxd", "pbxd.service", "prepare", "kernel", "screen", ""] {
            assert!(Query::new(unit, 0, 10).is_ok(), "{unit}");
        }
        for unit in ["ssh", "--vacuum-size=1", "pbxd -u ssh", "pbxd.socket", "*"] {
            let refusal = Query::new(unit, 0, 10).unwrap_err().to_string();
            assert!(refusal.contains("hostd, stored"), "{refusal}");
        }
    }

    /// Lines and time are limited whatever is asked for.
    #[test]
    fn queries_are_bounded() {
        let arguments = |since_s, lines| Query::new("pbxd", since_s, lines).unwrap().arguments();
        assert!(arguments(0, 0).contains(&"--lines=10000".to_owned()));
        assert!(arguments(0, u32::MAX).contains(&"--lines=10000".to_owned()));
        assert!(!arguments(0, 5).iter().any(|argument| argument.starts_with("--since")));
        let arguments = arguments(3_600, 5);
        assert!(
            arguments.contains(&"--since=-3600s".to_owned()) && arguments.contains(&"--lines=5".to_owned())
        );
        assert_eq!(
            arguments[arguments.len() - 4..],
            ["_SYSTEMD_UNIT=pbxd.service", "+", "_PID=1", "UNIT=pbxd.service"]
        );
    }

    /// The newest entries are asked for first and shown last; an entry of several lines stays together.
    #[test]
    fn entries_are_turned_round() {
        let text = b"3 new\n2 middle\n  goes on\n\n1 old\n";
        assert_eq!(oldest_first(text), b"1 old\n\n2 middle\n  goes on\n3 new\n");
        assert_eq!(oldest_first(b""), b"");
    }

    /// A text that is cut ends with a whole line.
    #[test]
    fn texts_are_cut_between_lines() {
        let mut text = b"one\ntwo\nthr".to_vec();
        cut_to_lines(&mut text);
        assert_eq!(text, b"one\ntwo\n");
    }
}
