//! The life of a daemon's process: arguments, node file, logs, runtime, and one exit code that says how it ended.

use std::future::Future;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Arg, Command, value_parser};

use crate::{NodeFileError, NodeIdentity, logging};

/// The daemon failed; systemd starts it again.
pub const EXIT_FAILURE: u8 = 1;
/// The node file is wrong (`EX_CONFIG` of sysexits.h): starting again does not help
/// (`RestartPreventExitStatus=78`).
pub const EXIT_CONFIGURATION: u8 = 78;

/// Runs a daemon to its end: parses `--node FILE`, starts the logs, runs `serve` on a runtime of its own and turns
/// its outcome into the exit code. The error chain is logged once, here and nowhere else.
pub fn run<F, Serve>(daemon_name: &'static str, serve: F) -> ExitCode
where
    F: FnOnce(NodeIdentity) -> Serve,
    Serve: Future<Output = anyhow::Result<()>>,
{
    let path = node_argument(daemon_name);
    let identity = match NodeIdentity::load(&path) {
        Ok(identity) => identity,
        Err(error) => return report(&error.into()),
    };
    if let Err(error) = logging::start(daemon_name, Some(&identity)) {
        return report(&anyhow::Error::new(error).context("starting the log"));
    }
    live(&mut tokio::runtime::Builder::new_multi_thread(), serve(identity))
}

/// Runs a small program to its end as [`run`] does, on one thread and without a node file: it must work on a box that
/// does not know yet who it is.
pub fn run_without_identity(name: &'static str, serve: impl Future<Output = anyhow::Result<()>>) -> ExitCode {
    if let Err(error) = logging::start(name, None) {
        return report(&anyhow::Error::new(error).context("starting the log"));
    }
    live(&mut tokio::runtime::Builder::new_current_thread(), serve)
}

fn live(runtime: &mut tokio::runtime::Builder, serve: impl Future<Output = anyhow::Result<()>>) -> ExitCode {
    let outcome = runtime
        .enable_all()
        .build()
        .context("starting the runtime")
        .and_then(|runtime| runtime.block_on(serve));
    match outcome {
        Ok(()) => {
            log::info!("ended as asked");
            ExitCode::SUCCESS
        }
        Err(error) => report(&error),
    }
}

/// Says an error and all its causes in one line (to the log, or to stderr while there is none) and gives the exit
/// code for it: [`EXIT_CONFIGURATION`] for a wrong node file, else [`EXIT_FAILURE`].
pub fn report(error: &anyhow::Error) -> ExitCode {
    if log::log_enabled!(log::Level::Error) {
        log::error!("{}", chain(error));
    } else {
        logging::say(&chain(error));
    }
    ExitCode::from(exit_code(error))
}

/// An error and its causes in one line. A cause that the message before already ends with (some libraries print
/// theirs) is not said twice.
#[must_use]
pub fn chain(error: &anyhow::Error) -> String {
    error.chain().fold(String::new(), |line, cause| {
        let cause = cause.to_string();
        match line.as_str() {
            "" => cause,
            line if line.ends_with(&cause) => line.to_owned(),
            line => format!("{line}: {cause}"),
        }
    })
}

fn exit_code(error: &anyhow::Error) -> u8 {
    let node_file_wrong = error.chain().any(|cause| {
        cause
            .downcast_ref::<NodeFileError>()
            .is_some_and(|cause| !matches!(cause, NodeFileError::Read { .. }))
    });
    if node_file_wrong { EXIT_CONFIGURATION } else { EXIT_FAILURE }
}

/// The one argument of every daemon; prints the usage and ends the process when it is missing.
fn node_argument(daemon_name: &'static str) -> PathBuf {
    Command::new(daemon_name)
        .version(env!("CARGO_PKG_VERSION"))
        .about("A daemon of the Tandem exchange")
        .arg(
            Arg::new("node")
                .long("node")
                .value_name("FILE")
                .help("Identity of this node (node.toml)")
                .required(true)
                .value_parser(value_parser!(PathBuf)),
        )
        .get_matches()
        .remove_one("node")
        .expect("clap has ended the process when a required argument is missing")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The chain is said once, each cause once.
    #[test]
    fn chain_says_each_cause_once() {
        let error = anyhow::anyhow!("no such file").context("opening x: no such file").context("starting");
        assert_eq!(chain(&error), "starting: opening x: no such file");
    }

    /// A wrong node file is no reason to start again; a passing failure is.
    #[test]
    fn exit_code_tells_a_wrong_node_file_from_a_failure() {
        let wrong =
            NodeIdentity::parse("name = 1", std::path::Path::new("node.toml")).expect_err("name is a number");
        assert_eq!(exit_code(&anyhow::Error::new(wrong).context("reading the identity")), EXIT_CONFIGURATION);
        assert_eq!(exit_code(&anyhow::anyhow!("the disk is full")), EXIT_FAILURE);
    }
}
