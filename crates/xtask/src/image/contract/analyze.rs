//! What systemd itself says of a unit, offline: `systemd-analyze verify` and `security`.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::process;

/// It answers in milliseconds.
const ANALYZE_MAX: Duration = Duration::from_secs(20);
/// Before the figure in the text form of `security`.
const EXPOSURE: &str = "Overall exposure level for";
/// What has an exposure.
const SERVICE: &str = ".service";
/// Stands in for the instance of a template.
const INSTANCE: &str = "instance";

/// What came of a unit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Analyzed {
    /// What `verify` says against it; empty is good
    pub(crate) complaints: Vec<String>,
    /// From 0 (safe) to 10; of services only
    pub(crate) exposure: Option<f64>,
}

/// Looks at `unit` (a template is looked at as one of its instances) in the root folder `root`, which holds the units
/// and, maybe empty, the programs.
///
/// # Errors
/// systemd-analyze cannot be run, or says nothing that is understood.
pub(crate) fn analyze(root: &Path, unit: &str) -> anyhow::Result<Analyzed> {
    let name = unit.replace("@.", &format!("@{INSTANCE}."));
    let verified = run(root, &["verify", "--man=no", "--recursive-errors=no", "--generators=no", &name])?;
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    // Units of others are loaded too, and not our business here.
    let mut complaints: Vec<String> = said
        .lines()
        .filter(|line| line.contains(unit) || line.contains(&name))
        .map(|line| line.replace(&format!("{}/", root.display()), "/"))
        .collect();
    if complaints.is_empty() && !verified.status.success() {
        complaints.push(format!("systemd-analyze verify fails: {}", said.trim()));
    }
    if !name.ends_with(SERVICE) {
        return Ok(Analyzed { complaints, exposure: None });
    }
    let judged = run(root, &["security", "--offline=yes", "--no-pager", &name])?;
    let text = String::from_utf8_lossy(&judged.stdout).into_owned();
    let exposure = exposure(&text);
    if exposure.is_none() {
        bail!(
            "systemd-analyze security says of {name}: {} {}",
            text.trim(),
            String::from_utf8_lossy(&judged.stderr).trim()
        );
    };
    Ok(Analyzed { complaints, exposure })
}

fn run(root: &Path, words: &[&str]) -> anyhow::Result<Output> {
    let mut command = Command::new("systemd-analyze");
    command.env("LC_ALL", "C.UTF-8").env("SYSTEMD_COLORS", "0").env("SYSTEMD_LOG_LEVEL", "notice");
    command.args(words).arg("--root").arg(root);
    process::outcome(&mut command, ANALYZE_MAX).context("asking systemd")
}

/// `→ Overall exposure level for hostd.service: 2.1 OK`
fn exposure(text: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.contains(EXPOSURE))?;
    let (_, figure) = line.rsplit_once(": ")?;
    figure.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The figure is found in what systemd 252 writes.
    #[test]
    fn exposure_is_read() {
        let text =
            "✗ UMask=   world-readable  0.1\n\n→ Overall exposure level for hostd.service: 2.1 OK 🙂\n";
        assert_eq!(exposure(text), Some(2.1));
        assert_eq!(exposure("Unit x.service not found."), None);
    }
}
