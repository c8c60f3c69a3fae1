//! The timers of RFC 3261 section 17 (table 4) and RFC 6026.

use std::time::Duration;

/// Round-trip estimate: first retransmission of anything.
pub(crate) const T1: Duration = Duration::from_millis(500);
/// Longest interval between retransmissions of a non-INVITE request or an INVITE response.
pub(crate) const T2: Duration = Duration::from_secs(4);
/// How long a message may stay in the network.
pub(crate) const T4: Duration = Duration::from_secs(5);
/// Timers B, F, H, J, L and M: when a transaction gives up or is forgotten (64·T1).
pub(crate) const TRANSACTION_LIFE: Duration = Duration::from_secs(32);
/// Timer D: how long an INVITE client absorbs repeated final responses.
pub(crate) const TIMER_D: Duration = Duration::from_secs(32);
/// Timer C (RFC 3261 section 16.6): how long a re-INVITE may stay at provisional responses. The first INVITE has the time
/// that the extension rings.
pub(crate) const TIMER_C: Duration = Duration::from_secs(180);
