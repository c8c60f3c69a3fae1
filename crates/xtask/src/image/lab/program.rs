//! Running a program of the root tree on the machine that builds, with the tree's own libraries: the version that will
//! run in the image decides, and this machine needs none of it.

use std::path::Path;
use std::process::Command;

/// Debian's loader.
const LOADER: &str = "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2";
/// Where Debian has libraries.
const LIBRARIES: &[&str] = &["usr/lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu/systemd"];

/// A command that will run `path` of `tree` under the name `name`.
pub(super) fn command(tree: &Path, path: &str, name: &str) -> Command {
    let mut command = loader(tree);
    command.arg("--argv0").arg(name).arg(tree.join(path));
    // Times in what it writes are those of the image, not of the build.
    command.env("SOURCE_DATE_EPOCH", super::SOURCE_DATE_EPOCH);
    command
}

/// A command that will list the libraries which `program` would get in `tree`, and fail when it lacks one.
pub(super) fn libraries(tree: &Path, program: &Path) -> Command {
    let mut command = loader(tree);
    command.arg("--list").arg(program);
    command
}

fn loader(tree: &Path) -> Command {
    let folders: Vec<String> =
        LIBRARIES.iter().map(|folder| tree.join(folder).display().to_string()).collect();
    let mut command = Command::new(tree.join(LOADER));
    command.arg("--inhibit-cache").arg("--library-path").arg(folders.join(":"));
    command
}
