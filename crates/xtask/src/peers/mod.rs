//! Real peers, driven from Rust: phones (baresip), a probe that asks every 20 ms whether anyone answers,
//! and the ear that finds a tone in a recording. `demo` and the tests of tier *netns* share them.

pub mod baresip;
pub mod namespace;
pub mod probe;
pub mod tone;

use std::time::{Duration, Instant};

/// How often a condition is looked at again while waiting.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Waits until `condition` gives a value; `None` when `deadline` passes first.
pub fn wait_for<T>(deadline: Duration, mut condition: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + deadline;
    loop {
        if let Some(value) = condition() {
            return Some(value);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::sleep(POLL_INTERVAL);
    }
}
