//! The Python environment of the PJSIP phone: a virtual environment below `target/`, with one pinned package.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::failure::failure;
use crate::process;
use crate::progress::Step;

/// The package, a prebuilt wheel for the Python 3.11 of Debian 12.
const PACKAGE: &str = "pjsua2-python==2.15.1.post1";

/// Makes the environment in `target/python` unless it is there, and gives its interpreter.
///
/// # Errors
/// No Python 3.11 with `venv` is here (the failure says the one line to run), or the package cannot be had.
pub fn environment(target: &Path) -> anyhow::Result<PathBuf> {
    let folder = target.join("python");
    let interpreter = folder.join("bin/python");
    let works = |interpreter: &Path| {
        let outcome = Command::new(interpreter).args(["-c", "import pjsua2"]).output();
        outcome.is_ok_and(|output| output.status.success())
    };
    if works(&interpreter) {
        return Ok(interpreter);
    }
    let step = Step::start("making a Python environment with PJSIP");
    let made = process::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder));
    if let Err(error) = made {
        if !nix::unistd::geteuid().is_root() {
            return Err(failure(format!("{error:#}"), "sudo apt-get install -y python3-venv"));
        }
        let mut install = Command::new("apt-get");
        process::run(install.args(["-qq", "install", "-y", "--no-install-recommends", "python3-venv"]))
            .context("installing python3-venv")?;
        process::run(Command::new("/usr/bin/python3").args(["-m", "venv", "--clear"]).arg(&folder))
            .context("making the Python environment")?;
    }
    let mut pip = Command::new(&interpreter);
    process::run(pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", PACKAGE]))
        .with_context(|| format!("installing {PACKAGE}"))?;
    step.done();
    Ok(interpreter)
}
