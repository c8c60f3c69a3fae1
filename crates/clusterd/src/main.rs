//! The high-availability agent: decides with its peer who serves, and holds the resource addresses when it does.

use std::process::ExitCode;

fn main() -> ExitCode {
    daemon::run("clusterd", clusterd::serve)
}
