//! Waiting for a condition: looked at again after a pause, never longer than a limit.

use std::time::{Duration, Instant};

/// Waits until `condition` gives a value, with `pause` between two looks; `None` when `limit` passes first.
pub fn poll<T>(limit: Duration, pause: Duration, mut condition: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(value) = condition() {
            return Some(value);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::sleep(pause);
    }
}
