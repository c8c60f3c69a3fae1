//! sipp: many calls or registrations at once, and what became of them.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use xtask::namespace;
use xtask::peers::wait_for;

/// A scenario: one that is built in, or a file of `data/sipp`.
#[derive(Clone, Copy, Debug)]
pub enum Scenario {
    /// `-sn NAME`: `uac`, `uas`
    BuiltIn(&'static str),
    /// `-sf data/sipp/NAME.xml`
    File(&'static str),
}

/// One run of sipp.
#[derive(Clone, Debug)]
pub struct Run {
    /// Namespace
    pub namespace: String,
    /// Own address and port; port 0 is sipp's choice
    pub local: SocketAddr,
    /// The exchange; `None` for a server
    pub remote: Option<SocketAddr>,
    /// What to play
    pub scenario: Scenario,
    /// Further arguments, e.g. `-l 50 -r 20 -d 30000 -m 200`
    pub arguments: Vec<String>,
    /// Folder for its logs
    pub folder: PathBuf,
}

/// A running sipp. Dropping it ends the process.
pub struct Sipp {
    process: Child,
    folder: PathBuf,
}

impl Run {
    /// Starts sipp.
    ///
    /// # Errors
    /// sipp or its log files cannot be had.
    pub fn start(&self) -> Result<Sipp> {
        fs::create_dir_all(&self.folder).with_context(|| format!("make {}", self.folder.display()))?;
        let mut command = namespace::command(&self.namespace, "sipp");
        match self.scenario {
            Scenario::BuiltIn(name) => command.args(["-sn", name]),
            Scenario::File(name) => {
                command.arg("-sf").arg(crate::folder().join("data/sipp").join(format!("{name}.xml")))
            }
        };
        if let Some(remote) = self.remote {
            command.arg(remote.to_string());
        }
        command.args([
            "-i",
            &self.local.ip().to_string(),
            "-nostdin",
            "-trace_err",
            "-trace_stat",
            "-fd",
            "1",
        ]);
        command.arg("-error_file").arg(self.folder.join("errors.log"));
        command.arg("-stf").arg(self.folder.join("statistics.csv"));
        if self.local.port() != 0 {
            command.args(["-p", &self.local.port().to_string()]);
        }
        let output = fs::File::create(self.folder.join("screen.log")).context("create sipp's screen log")?;
        command.args(&self.arguments).current_dir(&self.folder).stdin(Stdio::null());
        command.stdout(output.try_clone().context("share sipp's screen log")?).stderr(output);
        let process = command.spawn().context("start sipp (Debian package sip-tester)")?;
        Ok(Sipp { process, folder: self.folder.clone() })
    }
}

impl Sipp {
    /// Waits for the end of the run; an error when a call failed or time ran out.
    ///
    /// # Errors
    /// A call failed, or sipp is not done in time; the message names the folder of its logs.
    pub fn finish(&mut self, deadline: Duration) -> Result<()> {
        let Some(status) = wait_for(deadline, || self.process.try_wait().ok().flatten()) else {
            bail!("sipp was not done after {} s; see {}", deadline.as_secs(), self.folder.display());
        };
        if !status.success() {
            bail!("sipp saw failures ({status}); see {}:\n{}", self.folder.display(), self.errors());
        }
        Ok(())
    }

    /// Successful and failed calls so far, from sipp's statistics.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        let text = fs::read_to_string(self.folder.join("statistics.csv")).unwrap_or_default();
        let mut lines = text.lines();
        let (Some(head), Some(last)) = (lines.next(), lines.next_back()) else { return (0, 0) };
        let column = |name: &str| {
            let at = head.split(';').position(|field| field == name)?;
            last.split(';').nth(at)?.parse().ok()
        };
        (column("SuccessfulCall(C)").unwrap_or(0), column("FailedCall(C)").unwrap_or(0))
    }

    fn errors(&self) -> String {
        let text = fs::read_to_string(self.folder.join("errors.log")).unwrap_or_default();
        text.lines().take(20).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Sipp {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Writes a CSV for `-inf`, used one line after the other: each row's fields joined by `;`.
///
/// # Errors
/// The file cannot be written.
pub fn write_rows(path: &Path, rows: &[Vec<String>]) -> Result<()> {
    let mut text = String::from("SEQUENTIAL\n");
    for row in rows {
        writeln!(text, "{}", row.join(";")).context("format a row")?;
    }
    fs::write(path, text).with_context(|| format!("write {}", path.display()))
}

/// The credentials field of a row.
#[must_use]
pub fn credentials(user: &str, password: &str) -> String {
    format!("[authentication username={user} password={password}]")
}
