//! Nothing may hold up the start for ever: steps and programs with a time limit.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Pause between two looks at a program.
const LOOK: Duration = Duration::from_millis(10);

/// A step gave no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// It takes longer than it may
    #[error("{step} did not end within {limit_s} s")]
    Late {
        /// What it does
        step: String,
        /// Its limit in seconds
        limit_s: u64,
    },
    /// It ended without a result: a defect
    #[error("{step} ended unexpectedly")]
    Ended {
        /// What it does
        step: String,
    },
}

/// Runs a step on a thread of its own and waits for it at most `limit`. A late one is left behind: it may be stuck in
/// the kernel, and then nothing ends it.
///
/// # Errors
/// It is late, or it panicked.
pub fn within<T: Send + 'static>(
    limit: Duration,
    step: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, LimitError> {
    let (done, outcome) = mpsc::sync_channel(1);
    let worker = move || {
        // Nobody waits any more when that fails.
        let _ = done.send(work());
    };
    if thread::Builder::new().name(step.to_owned()).spawn(worker).is_err() {
        return Err(LimitError::Ended { step: step.to_owned() });
    }
    outcome.recv_timeout(limit).map_err(|error| match error {
        mpsc::RecvTimeoutError::Timeout => {
            LimitError::Late { step: step.to_owned(), limit_s: limit.as_secs() }
        }
        mpsc::RecvTimeoutError::Disconnected => LimitError::Ended { step: step.to_owned() },
    })
}

/// Runs a program to its end, its output in a file; `None`: it was ended because it took longer than `limit`.
///
/// # Errors
/// It cannot be started.
pub fn program(command: &mut Command, output: &Path, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let output = File::create(output)?;
    command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
    let mut child = command.spawn()?;
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            // Not waited for: a program that is stuck in the kernel does not end now.
            let _ = child.kill();
            return Ok(None);
        }
        thread::sleep(LOOK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A step that hangs, and one that has a defect, cost their limit and no more.
    #[test]
    fn late_and_broken_steps_are_left_behind() {
        let (short, long) = (Duration::from_millis(50), Duration::from_secs(60));
        assert_eq!(within(long, "counting", || 3), Ok(3));
        let late = within(short, "reading a bad disk", || thread::sleep(Duration::from_secs(3600)));
        assert!(matches!(late, Err(LimitError::Late { .. })));
        let broken = within(long, "reading a strange stick", || panic!("a defect, on purpose"));
        assert_eq!(broken, Err(LimitError::Ended { step: "reading a strange stick".to_owned() }));
    }

    /// A program that does not end is ended.
    #[test]
    fn a_program_has_a_limit() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("output");
        let ok = program(Command::new("echo").arg("done"), &output, Duration::from_secs(20)).unwrap();
        assert!(ok.unwrap().success());
        assert_eq!(std::fs::read_to_string(&output).unwrap(), "done\n");
        let late = program(Command::new("sleep").arg("3600"), &output, Duration::from_millis(50)).unwrap();
        assert!(late.is_none());
    }
}
