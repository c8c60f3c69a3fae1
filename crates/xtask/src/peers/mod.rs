//! Real peers, driven from Rust: phones (baresip), a probe that asks every 20 ms whether anyone answers,
//! and the ear that finds a tone in a recording. `demo` and the tests of tier *netns* share them.

pub mod baresip;
pub mod probe;
pub mod surroundings;
pub mod tone;

use std::time::Duration;

use crate::wait;

/// How often a condition is looked at again while waiting.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Waits until `condition` gives a value; `None` when `deadline` passes first.
pub fn wait_for<T>(deadline: Duration, condition: impl FnMut() -> Option<T>) -> Option<T> {
    wait::poll(deadline, POLL_INTERVAL, condition)
}
