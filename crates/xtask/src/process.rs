//! Running other programs: with their output shown or taken, with a limit of time, and with errors that name the
//! whole command line.

use std::io::Read;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::wait;

/// How often a process with a limit of time is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// The command line as one would type it.
pub fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// Runs to the end with the output shown.
///
/// # Errors
/// It cannot be started, or ends with a failure.
pub fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("starting `{}`", line(command)))?;
    if !status.success() {
        bail!("`{}` failed: {status}", line(command));
    }
    Ok(())
}

/// Runs to the end, at most for `limit`, and takes the output.
///
/// # Errors
/// It cannot be started, does not end in time (it is killed), or ends with a failure, which shows what it said.
pub fn output(command: &mut Command, limit: Duration) -> anyhow::Result<String> {
    let output = outcome(command, limit)?;
    if !output.status.success() {
        let said = [output.stderr, output.stdout].concat();
        let said = String::from_utf8_lossy(&said);
        bail!("`{}` failed ({}): {}", line(command), output.status, said.trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{}` wrote no UTF-8", line(command)))
}

/// Runs to the end, at most for `limit`; success or not, status and output are the answer.
///
/// # Errors
/// It cannot be started, or does not end in time (it is killed).
pub fn outcome(command: &mut Command, limit: Duration) -> anyhow::Result<Output> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting `{}`", line(command)))?;
    let stdout = reader(child.stdout.take());
    let stderr = reader(child.stderr.take());
    let ended = wait(&mut child, limit).with_context(|| format!("waiting for `{}`", line(command)))?;
    let Some(status) = ended else {
        child.kill().and_then(|()| child.wait()).with_context(|| format!("killing `{}`", line(command)))?;
        bail!("`{}` has not ended within {limit:?}", line(command));
    };
    let taken = |thread: std::thread::JoinHandle<Vec<u8>>| thread.join().unwrap_or_default();
    Ok(Output { status, stdout: taken(stdout), stderr: taken(stderr) })
}

/// Waits for the end of a process, at most for `limit`; `None`: it still runs.
///
/// # Errors
/// The system refuses to say.
pub fn wait(child: &mut Child, limit: Duration) -> std::io::Result<Option<std::process::ExitStatus>> {
    wait::poll(limit, LOOK, || child.try_wait().transpose()).transpose()
}

/// Reads a pipe to its end in a thread, so that a full pipe cannot stop the writer.
fn reader(pipe: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What came before an error is still worth showing.
            let _ = pipe.read_to_end(&mut bytes);
        }
        bytes
    })
}
