//! Failures that say what to do.

use std::io::Write;
use std::process::ExitCode;

/// A failure together with its remedy, which becomes the last line of the output.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct Failure {
    what: String,
    remedy: String,
}

/// A failure with the line that says what to do.
pub fn failure(what: impl Into<String>, remedy: impl Into<String>) -> anyhow::Error {
    Failure { what: what.into(), remedy: remedy.into() }.into()
}

/// Prints the chain of an error, then what to do: the failure's own remedy, else `remedy`.
pub fn report(error: &anyhow::Error, remedy: &str) -> ExitCode {
    let remedy = error.downcast_ref::<Failure>().map_or(remedy, |failure| failure.remedy.as_str());
    // Nobody is left to tell when stderr is closed.
    let _ = writeln!(std::io::stderr().lock(), "error: {error:#}\nto do: {remedy}");
    ExitCode::FAILURE
}
