//! The timeline of a demonstration: what happened when, for people, as it happens and once more at the end.

use std::time::Instant;

/// Entries in the order of their time.
pub struct Timeline {
    start: Instant,
    entries: Vec<(f64, String)>,
}

impl Timeline {
    /// Begins now.
    #[must_use]
    pub fn start() -> Timeline {
        Timeline { start: Instant::now(), entries: Vec::new() }
    }

    /// Notes what has just happened and shows it at once.
    pub fn note(&mut self, text: impl Into<String>) {
        let (seconds, text) = (self.seconds(), text.into());
        crate::progress::say(line(seconds, &text));
        self.entries.push((seconds, text));
    }

    /// Seconds since the beginning.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// All entries, one line each.
    #[must_use]
    pub fn text(&self) -> String {
        self.entries.iter().map(|(seconds, text)| line(*seconds, text) + "\n").collect()
    }
}

fn line(seconds: f64, text: &str) -> String {
    format!("{seconds:8.2} s  {text}")
}
