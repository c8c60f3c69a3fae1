//! The host daemon.

use std::process::ExitCode;

fn main() -> ExitCode {
    daemon::run("hostd", hostd::serve)
}
