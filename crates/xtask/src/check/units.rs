//! The units of the overlays as systemd sees them, without booting anything: `systemd-analyze verify` has nothing to say
//! about any of them, and each daemon is as closed as the contract asks for (`image/contract/units.toml`).

use std::fs;
use std::path::Path;

use anyhow::Context;

use super::Finding;
use crate::image::contract::{self, UnitFile, analyze};
use crate::image::tree;
use crate::packages;

/// What both roots share, then what only a debug image has. The units of the second are shells of root: there is
/// nothing to close.
const OVERLAYS: [(&str, bool); 2] = [("common", true), ("debug", false)];
const UNITS: &str = "usr/lib/systemd/system";
/// Kinds of units; whatever else lies there is a folder of links or drop-ins.
const KINDS: &[&str] = &["service", "target", "socket", "timer", "path", "mount", "slice"];
/// What runs programs.
const SERVICE: &str = "service";
/// Lines of a unit that name a program.
const PROGRAMS: &[&str] =
    &["ExecStart", "ExecStartPre", "ExecStartPost", "ExecStop", "ExecStopPost", "ExecReload"];
/// May stand before the program (systemd.service(5), "Command lines").
const PREFIXES: &[char] = &['@', '-', ':', '+', '!'];

/// Offences of the overlays of the workspace at `root`.
pub(super) fn findings(root: &Path) -> anyhow::Result<Vec<Finding>> {
    let overlays = root.join("overlays");
    if !overlays.is_dir() {
        return Ok(Vec::new());
    }
    packages::ensure(packages::UNITS)?;
    let exposure_max = contract::exposure_max(root)?;
    let laid = tempfile::tempdir().context("making a folder to lay the overlays in")?;
    let mut units = Vec::new();
    for (overlay, closed) in OVERLAYS {
        let folder = overlays.join(overlay);
        tree::lay_overlay(&folder, laid.path())?;
        for name in names(&folder.join(UNITS))? {
            stand_in_programs(&folder.join(UNITS).join(&name), laid.path())?;
            let closed = closed && name.ends_with(SERVICE);
            units.push((format!("overlays/{overlay}/{UNITS}/{name}"), name, closed));
        }
    }
    let mut findings = Vec::new();
    for (place, name, closed) in units {
        let analyzed = analyze(laid.path(), &name)?;
        for what in analyzed.complaints {
            findings.push(Finding { place: place.clone(), what });
        }
        if let Some(exposure) = analyzed.exposure.filter(|exposure| closed && *exposure > exposure_max) {
            let what = format!("its exposure is {exposure}, at most {exposure_max} is allowed");
            findings.push(Finding { place, what });
        }
    }
    Ok(findings)
}

/// The units in a folder.
fn names(folder: &Path) -> anyhow::Result<Vec<String>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries = tree::entries(folder)?.into_iter();
    let files = entries.filter(|(_, kind)| matches!(kind, tree::Kind::File { .. })).map(|(name, _)| name);
    Ok(files.filter(|name| name.rsplit('.').next().is_some_and(|kind| KINDS.contains(&kind))).collect())
}

/// Puts an empty program where each one of the unit will be: whether the image brings it is the contract's matter.
fn stand_in_programs(unit: &Path, laid: &Path) -> anyhow::Result<()> {
    let mut file = UnitFile::default();
    file.add(&fs::read_to_string(unit).with_context(|| format!("reading {}", unit.display()))?);
    let lines = PROGRAMS.iter().filter_map(|key| file.values("Service", key)).flatten();
    for line in lines {
        let program = line.trim_start_matches(PREFIXES).split_whitespace().next().unwrap_or_default();
        let name = program.trim_start_matches('/');
        if !name.is_empty() && !laid.join(name).exists() {
            tree::write(laid, name, "")?;
            tree::set_mode(&laid.join(name), 0o755)?;
        }
    }
    Ok(())
}
