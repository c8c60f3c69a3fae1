//! The checkout of Buildroot that somebody named, and our external tree beside it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::Workspace;
use crate::failure::failure;

/// The line of Buildroot that our tree is for.
pub(crate) const LINE: &str = "2026.05";
/// How a checkout is named.
const NAME_ONE: &str = "cargo xtask image --rootfs buildroot --buildroot DIR, where DIR is Buildroot 2026.05.x (README.md in buildroot/)";

/// A usable checkout (or unpacked release) of Buildroot.
#[derive(Clone, Debug)]
pub(crate) struct Checkout {
    /// Its folder, absolute
    pub(crate) folder: PathBuf,
    /// Such as `2026.05.1`
    pub(crate) version: String,
    /// Our external tree
    pub(crate) external: PathBuf,
}

impl Checkout {
    /// The checkout in `folder`.
    ///
    /// # Errors
    /// There is none, or one of another line; the failure says what to do.
    pub(crate) fn open(workspace: &Workspace, folder: Option<&Path>) -> anyhow::Result<Checkout> {
        let Some(folder) = folder else {
            return Err(failure("no checkout of Buildroot is named", NAME_ONE));
        };
        let makefile = folder.join("Makefile");
        let text = std::fs::read_to_string(&makefile).map_err(|error| {
            failure(format!("{} is no checkout of Buildroot: {error}", folder.display()), NAME_ONE)
        })?;
        let Some(version) = version(&text) else {
            return Err(failure(format!("{} names no version of Buildroot", makefile.display()), NAME_ONE));
        };
        if version != LINE && !version.starts_with(&format!("{LINE}.")) {
            return Err(failure(
                format!("{} is Buildroot {version}, and our tree is for {LINE}.x", folder.display()),
                format!("git -C {} checkout {LINE}.1", folder.display()),
            ));
        }
        let folder = folder.canonicalize().with_context(|| format!("finding {}", folder.display()))?;
        let external = workspace.root.join("buildroot");
        Ok(Checkout { folder, version: version.to_owned(), external })
    }

    /// Where it builds unless said: beside the checkout, never in the repository.
    pub(crate) fn default_output(&self) -> PathBuf {
        self.folder.with_file_name("output")
    }

    /// `make` of Buildroot, with our external tree, for the output folder `output`.
    pub(crate) fn make(&self, output: &Path) -> Command {
        self.with_arguments(Command::new("make"), output)
    }

    /// The same for a long build, with a priority that leaves the machine to others.
    pub(super) fn make_in_background(&self, output: &Path) -> Command {
        let mut command = Command::new("nice");
        command.args(["-n", "10", "make"]);
        self.with_arguments(command, output)
    }

    /// Nothing of the cargo that started us gets into Buildroot.
    fn with_arguments(&self, mut command: Command, output: &Path) -> Command {
        command.current_dir(&self.folder);
        command.arg(assignment("O", output)).arg(assignment("BR2_EXTERNAL", &self.external));
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(confuses_buildroot) {
                command.env_remove(name);
            }
        }
        // Some packages refuse to be configured by root unless told that this is meant.
        command.env("FORCE_UNSAFE_CONFIGURE", "1");
        command
    }
}

/// `NAME=PATH` for the command line of make.
fn assignment(name: &str, path: &Path) -> std::ffi::OsString {
    [OsStr::new(name), OsStr::new("="), path.as_os_str()].into_iter().collect()
}

/// Variables that mean something else to Buildroot than to whom they come from.
fn confuses_buildroot(name: &str) -> bool {
    let starts = ["CARGO_", "RUSTC", "RUSTDOC", "RUSTFLAGS", "PERL_"];
    let names = ["CARGO", "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "LD_LIBRARY_PATH", "O", "V", "DESTDIR"];
    (starts.iter().any(|start| name.starts_with(start)) && name != "CARGO_HOME") || names.contains(&name)
}

/// The version that Buildroot's Makefile names.
fn version(makefile: &str) -> Option<&str> {
    makefile.lines().find_map(|line| line.strip_prefix("export BR2_VERSION := ")).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The version is Buildroot's own word, not that of a folder's name.
    #[test]
    fn the_version_stands_in_the_makefile() {
        assert_eq!(version("# x\nexport BR2_VERSION := 2026.05.1\n"), Some("2026.05.1"));
        assert_eq!(version("all:\n"), None);
    }

    /// Cargo's flags would steer the cargo inside; where its tools lie must stay known.
    #[test]
    fn the_outer_cargo_stays_outside() {
        for name in ["CARGO_MANIFEST_DIR", "RUSTFLAGS", "MAKEFLAGS", "CARGO_TARGET_DIR"] {
            assert!(confuses_buildroot(name), "{name}");
        }
        for name in ["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME", "BR2_DL_DIR"] {
            assert!(!confuses_buildroot(name), "{name}");
        }
    }
}
