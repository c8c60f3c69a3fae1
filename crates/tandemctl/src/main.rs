//! `tandemctl`: every action of the console, from a shell, over the node's bus.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

mod arguments;
mod audit;
mod bus;
mod cluster;
mod config;
mod host;
mod listing;
mod pbx;
mod records;
mod store;
mod table;
mod view;

use arguments::{Arguments, Group};

/// The command was understood and failed, or the daemon refused it.
const EXIT_FAILURE: u8 = 1;
/// The bus or the daemon asked is not there (2 is clap's: wrong usage).
const EXIT_UNREACHABLE: u8 = 3;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&anyhow::Error::new(error).context("starting the runtime")),
    };
    match runtime.block_on(answer(arguments)) {
        Ok(text) => print(&text),
        Err(error) => fail(&error),
    }
}

/// What the command prints.
async fn answer(arguments: Arguments) -> anyhow::Result<String> {
    let connection = bus::connect(arguments.bus.as_deref()).await?;
    match arguments.group {
        Group::Ha(verb) => cluster::answer(&connection, verb).await,
        Group::Config(verb) => config::answer(&connection, verb).await,
        Group::Records(verb) => records::answer(&connection, verb).await,
        Group::Audit(verb) => audit::answer(&connection, verb).await,
        Group::Store(verb) => store::answer(&connection, verb).await,
        Group::Pbx(verb) => pbx::answer(&connection, verb).await,
        Group::Host(verb) => host::answer(&connection, verb).await,
    }
}

/// A reader that has gone (`tandemctl records list | head`) is no failure.
fn print(text: &str) -> ExitCode {
    let mut output = io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => fail(&anyhow::Error::new(error).context("writing the answer")),
    }
}

fn fail(error: &anyhow::Error) -> ExitCode {
    // Nobody is left to tell when stderr is closed.
    let _ = writeln!(io::stderr().lock(), "tandemctl: {}", daemon::chain(error));
    ExitCode::from(if error.is::<bus::Unreachable>() { EXIT_UNREACHABLE } else { EXIT_FAILURE })
}
