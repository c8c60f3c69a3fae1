//! Buildroot at work: everything it says goes into a log, a person sees one line for each package.

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::Context;

use crate::failure::failure;
use crate::process;
use crate::progress::say;

/// Lines of the log that are shown when something fails.
const SHOWN: usize = 25;
/// Packages that take less are not mentioned.
const MENTIONED_S: f64 = 1.0;

/// Runs `command` to its end, with its output in `log` (begun anew).
///
/// # Errors
/// It fails; the end of its output is shown, and the failure says what to do.
pub(super) fn run(command: &mut Command, log: &Path) -> anyhow::Result<()> {
    let line = process::line(command);
    let mut file = fs::File::create(log).with_context(|| format!("making {}", log.display()))?;
    let (reader, writer) = std::io::pipe().context("making a pipe")?;
    let second = writer.try_clone().context("making a pipe")?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(second)
        .spawn()
        .with_context(|| format!("starting `{line}`"))?;
    // Our ends of the pipe: the output would never end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut watch = Watch::new();
    for output in BufReader::new(reader).split(b'\n') {
        let bytes = output.context("reading what Buildroot says")?;
        let text = String::from_utf8_lossy(&bytes);
        writeln!(file, "{text}").with_context(|| format!("writing {}", log.display()))?;
        watch.see(&text);
    }
    let status = child.wait().with_context(|| format!("waiting for `{line}`"))?;
    if status.success() {
        watch.finish();
        return Ok(());
    }
    Err(watch.failed(log))
}

/// What goes on.
struct Watch {
    package: Option<(String, Instant)>,
    step: String,
    last: VecDeque<String>,
}

impl Watch {
    const fn new() -> Watch {
        Watch { package: None, step: String::new(), last: VecDeque::new() }
    }

    fn see(&mut self, line: &str) {
        if let Some((package, step)) = headline(line) {
            if self.package.as_ref().is_none_or(|(known, _)| *known != package) {
                self.finish();
                self.package = Some((package, Instant::now()));
            }
            self.step = step;
        }
        if self.last.len() == SHOWN {
            self.last.pop_front();
        }
        self.last.push_back(line.to_owned());
    }

    /// Says that a package is done.
    fn finish(&mut self) {
        if let Some((package, started)) = self.package.take() {
            let seconds = started.elapsed().as_secs_f64();
            if seconds >= MENTIONED_S {
                say(format!("  ✓ {package} ({seconds:.0} s)"));
            }
        }
    }

    fn failed(self, log: &Path) -> anyhow::Error {
        self.last.iter().for_each(|line| say(format!("  │ {line}")));
        let package = self.package.map_or_else(|| "Buildroot".to_owned(), |(package, _)| package);
        let what = format!("{package} failed ({}); all of it: {}", self.step, log.display());
        let remedy = if self.step.starts_with("Downloading") {
            "where upstream cannot be reached: cargo xtask image --rootfs buildroot --sources debian"
        } else {
            "see the lines above"
        };
        failure(what, remedy)
    }
}

/// Package and step of one of Buildroot's headlines (`>>> busybox 1.38.0 Building`, highlighted).
fn headline(line: &str) -> Option<(String, String)> {
    let plain = line.trim_start_matches("\x1b[7m").trim_end_matches("\x1b[27m").strip_prefix(">>> ")?;
    let (package, rest) = plain.split_once(' ')?;
    let (_version, step) = rest.split_once(' ')?;
    Some((package.to_owned(), step.trim().to_owned())).filter(|(package, _)| !package.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Headlines are told from everything else that packages print.
    #[test]
    fn headlines_name_package_and_step() {
        let line = "\x1b[7m>>> host-m4 custom Syncing from source dir /x\x1b[27m";
        assert_eq!(headline(line), Some(("host-m4".into(), "Syncing from source dir /x".into())));
        assert_eq!(
            headline(">>> host-skeleton  Building"),
            Some(("host-skeleton".into(), "Building".into()))
        );
        assert_eq!(headline("gcc -o x"), None);
        assert_eq!(headline(">>>   Finalizing host directory"), None);
    }

    /// A command that fails says so, with its output in the log.
    #[test]
    fn a_failure_is_told_and_logged() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("log");
        let shell = |script: &str| run(Command::new("sh").args(["-c", script]), &log);
        shell("echo '>>> a 1 Building'; echo fine").expect("it succeeds");
        assert_eq!(fs::read_to_string(&log).expect("a log"), ">>> a 1 Building\nfine\n");
        let error = shell("echo '>>> b 2 Downloading'; echo broken >&2; exit 3").expect_err("it fails");
        assert!(error.to_string().contains("b failed (Downloading)"), "{error}");
        assert!(fs::read_to_string(&log).expect("a log").contains("broken"));
    }
}
