//! The first stage of the start, run by the kernel as `init`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use hostd::prepare::report::{Console, Level, Reporter};
use hostd::prepare::{self, Place};

/// Prepares a node before its service manager starts. The kernel runs it without arguments of its own; on a workbench
/// it works below a folder.
#[derive(Debug, Parser)]
struct Arguments {
    /// Root of the node; any other than / is a workbench, where only the given disks are used
    #[arg(long, value_name = "DIR")]
    root: PathBuf,
    /// A disk of the workbench
    #[arg(long = "disk", value_name = "FILE")]
    disks: Vec<PathBuf>,
}

fn main() -> ExitCode {
    if std::process::id() == 1 {
        let Err(errno) = prepare::first::start(std::env::args_os().skip(1));
        Console::default().say(Level::Error, &format!("starting the service manager: {errno}"));
        return ExitCode::FAILURE;
    }
    let arguments = Arguments::parse();
    if arguments.root == Path::new("/") {
        prepare::run(&Place::machine(), Reporter::default());
    } else {
        prepare::run(&Place::workbench(arguments.root, arguments.disks), Reporter::quiet());
    }
    ExitCode::SUCCESS
}
