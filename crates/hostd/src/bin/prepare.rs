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
    /// Leaves the disks of the machine alone
    #[arg(long, conflicts_with = "disks")]
    without_disks: bool,
}

fn main() -> ExitCode {
    if std::process::id() == 1 {
        let Err(errno) = prepare::first::start(std::env::args_os().skip(1));
        Console::default().say(Level::Error, &format!("starting the service manager: {errno}"));
        return ExitCode::FAILURE;
    }
    let arguments = Arguments::parse();
    let machine = arguments.root == Path::new("/");
    let (place, reporter) = match () {
        () if !machine => (Place::workbench(arguments.root, arguments.disks), Reporter::quiet()),
        () if arguments.without_disks => (Place::machine_without_disks(), Reporter::default()),
        () => (Place::machine(), Reporter::default()),
    };
    prepare::run(&place, reporter);
    ExitCode::SUCCESS
}
