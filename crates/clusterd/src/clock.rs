//! The clock of the core: `CLOCK_BOOTTIME`, which also counts while the machine sleeps, so that a lease never outlives
//! a suspension.

use std::time::Duration;

use model::Time;
use nix::time::{ClockId, clock_gettime};

/// Time since the agent's start. Copies agree.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Duration,
}

impl Clock {
    /// A clock that starts now.
    #[must_use]
    pub fn start() -> Self {
        Clock { origin: boot_time() }
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Time {
        Time::ZERO + boot_time().saturating_sub(self.origin)
    }

    /// When the runtime's clock will show `at`; `None`: never.
    #[must_use]
    pub fn instant(&self, at: Time) -> Option<tokio::time::Instant> {
        tokio::time::Instant::now().checked_add(at.since(self.now())).filter(|_| at != Time::MAX)
    }
}

fn boot_time() -> Duration {
    clock_gettime(ClockId::CLOCK_BOOTTIME).expect("Linux has CLOCK_BOOTTIME since 2.6.39").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Copies show one time, which starts at zero and grows.
    #[test]
    fn copies_agree() {
        let clock = Clock::start();
        let copy = clock;
        let (first, second) = (clock.now(), copy.now());
        assert!(first <= second && second < Time::from_millis(60_000));
        assert!(clock.instant(Time::MAX).is_none());
    }
}
