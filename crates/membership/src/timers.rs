//! All durations of the protocol, derived from the configured ones, and the relations between them.
//!
//! `heartbeat < listen = T/2 < T < D`, `warning < dead = T`, `initialisation >= D`. Proof obligations rest on two of
//! them: a holder's gate closes T after the *sending* of its last heartbeat, and a voter that received that
//! heartbeat grants nobody else for D on its own clock, which is longer even if one clock runs ρ too slow and the
//! other ρ too fast.

use std::time::Duration;

/// Largest assumed deviation ρ of a clock's rate, in millionths: crystal 100 ppm and slewing 500 ppm fit in.
pub const DRIFT_PPM_MAX: u32 = 1_000;
/// Guard g in milliseconds: a kernel timer tick of 4 ms and the work of closing a gate fit in.
pub const GUARD_MS: u64 = 10;
/// Heartbeats in one lease.
pub const HEARTBEATS_PER_LEASE: u32 = 6;
/// Shortest lease in milliseconds: six heartbeats of 10 ms.
pub const LEASE_MS_MIN: u64 = 60;
/// Longest wait for [`crate::Input::Flushed`], in milliseconds.
pub const FLUSH_MS_MAX: u64 = 1_000;
/// Longest wait of a planned switchover for [`crate::Input::AddressesReleased`], in milliseconds.
pub const RELEASE_MS_MAX: u64 = 1_000;
/// Times at which a release is said again, in milliseconds after the first, besides every later heartbeat.
pub const RELEASE_REPEATS_MS: [u64; 4] = [4, 9, 18, 35];
/// How long a standby repeats an operator's wish to take over, in milliseconds.
pub const WISH_MS_MAX: u64 = 2_500;
/// Longest time that [`crate::Input::Stop`] takes, in milliseconds.
pub const STOP_MS_MAX: u64 = 3_000;

/// The durations of one pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timers {
    /// T: a lease ends this long after the sending of the heartbeat that renewed it (row H24)
    pub lease: Duration,
    /// D = T·(1+ρ)/(1−ρ) + g: how long a voter keeps a promise
    pub promise: Duration,
    /// T/6
    pub heartbeat: Duration,
    /// Silence that raises a warning (row H23), below T
    pub warning: Duration,
    /// Wait after boot before a node may claim (row H25), at least D
    pub initialisation: Duration,
    /// T/2, three heartbeats: a tick later than this closes the gate; who has not listened listens so long
    pub listen: Duration,
}

impl Timers {
    /// Derives all durations from the lease T, the warning threshold and the initialisation timeout. A warning that
    /// would come with the loss comes at T/2; an initialisation timeout shorter than D is D.
    #[must_use]
    pub fn new(lease: Duration, warning: Duration, initialisation: Duration) -> Self {
        let drift = f64::from(DRIFT_PPM_MAX) / 1e6;
        let promise = lease.mul_f64((1.0 + drift) / (1.0 - drift)) + Duration::from_millis(GUARD_MS);
        let listen = lease / 2;
        Timers {
            lease,
            promise,
            heartbeat: lease / HEARTBEATS_PER_LEASE,
            warning: if warning < lease { warning } else { listen },
            initialisation: initialisation.max(promise),
            listen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Timers};

    fn timers(lease_ms: u64, warning_ms: u64, initialisation_ms: u64) -> Timers {
        let ms = Duration::from_millis;
        Timers::new(ms(lease_ms), ms(warning_ms), ms(initialisation_ms))
    }

    /// H24: D covers T for any two clocks within ρ, and takeover at T = 1 s stays below 1.1 s.
    #[test]
    fn promise_outlasts_the_lease() {
        for lease_ms in [60, 300, 1_000, 10_000] {
            let timers = timers(lease_ms, 30, 0);
            let slow_holder = timers.lease.as_secs_f64() / (1.0 - 0.001);
            let fast_voter = timers.promise.as_secs_f64() / (1.0 + 0.001);
            assert!(fast_voter > slow_holder + 0.009, "{timers:?}");
        }
        assert!(timers(1_000, 500, 3_000).promise < Duration::from_millis(1_100));
    }

    /// H23 < H24, H25 >= D: thresholds that contradict each other are put in order.
    #[test]
    fn relations_hold_for_odd_settings() {
        let timers = timers(1_000, 1_000, 10);
        assert_eq!(timers.warning, Duration::from_millis(500));
        assert_eq!(timers.initialisation, timers.promise);
        assert!(timers.heartbeat < timers.listen && timers.listen < timers.lease);
    }
}
