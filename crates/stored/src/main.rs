//! The store's process: `stored --node FILE`.

use std::process::ExitCode;

fn main() -> ExitCode {
    daemon::run("stored", stored::serve)
}
