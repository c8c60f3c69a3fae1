//! What a person sees while a command works: one line for each step, on stderr; results go to stdout.

use std::io::Write;
use std::time::Instant;

/// A line about what goes on.
pub fn say(line: impl AsRef<str>) {
    // Nobody is left to tell when stderr is closed.
    let _ = writeln!(std::io::stderr().lock(), "{}", line.as_ref());
}

/// A line of the result.
pub fn result(line: impl AsRef<str>) {
    let _ = writeln!(std::io::stdout().lock(), "{}", line.as_ref());
}

/// A step under way: its name now, its time when it ends.
#[derive(Debug)]
pub struct Step {
    name: String,
    started: Instant,
}

impl Step {
    /// Says that the step starts.
    pub fn start(name: impl Into<String>) -> Step {
        let name = name.into();
        say(format!("… {name}"));
        Step { name, started: Instant::now() }
    }

    /// Says that it is done and how long it took, in seconds.
    pub fn done(self) -> f64 {
        let seconds = self.started.elapsed().as_secs_f64();
        say(format!("✓ {} ({seconds:.1} s)", self.name));
        seconds
    }

    /// Says that it failed, and how long it took, in seconds.
    pub fn failed(self) -> f64 {
        let seconds = self.started.elapsed().as_secs_f64();
        say(format!("✗ {} ({seconds:.1} s)", self.name));
        seconds
    }
}
