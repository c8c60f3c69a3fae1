//! The text screen.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Arg, Command, value_parser};

fn main() -> ExitCode {
    let terminal = terminal_argument();
    daemon::run_without_identity("screen", screen::serve(terminal))
}

/// The terminal to use instead of standard input.
fn terminal_argument() -> Option<PathBuf> {
    Command::new("screen")
        .version(env!("CARGO_PKG_VERSION"))
        .about("The text screen of a Tandem box; TERM=linux means the Linux console, anything else a VT100")
        .arg(
            Arg::new("tty")
                .long("tty")
                .value_name("DEVICE")
                .help("Terminal to use instead of standard input")
                .value_parser(value_parser!(PathBuf)),
        )
        .get_matches()
        .remove_one("tty")
}
