//! The RTP ports of the configured range (row A18): who holds which, and when one may be used again.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use model::Time;

use crate::MediaSession;

/// How long a port rests after use: packets of the call before, still on their way or sent by a phone that missed
/// the BYE, must not be heard in the next call.
const QUARANTINE: Duration = Duration::from_secs(5);

/// The even ports of one media session; RTCP runs on the odd ones that follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SessionPorts {
    pub(crate) caller: u16,
    pub(crate) callee: u16,
}

/// The pool of RTP ports.
#[derive(Debug, Default)]
pub(crate) struct PortPool {
    /// First and last port of the range
    range: (u16, u16),
    /// Ports that nobody holds and since when they may be used, longest rested first
    free: VecDeque<(Time, u16)>,
    held: HashMap<MediaSession, SessionPorts>,
}

impl PortPool {
    /// Takes a new range. Sessions keep their ports; those outside of the new range are not used again.
    pub(crate) fn configure(&mut self, port_min: u16, port_max: u16) {
        if self.range == (port_min, port_max) {
            return;
        }
        self.range = (port_min, port_max);
        let held: Vec<u16> = self.held.values().flat_map(|ports| [ports.caller, ports.callee]).collect();
        let resting: HashMap<u16, Time> = self.free.iter().map(|&(at, port)| (port, at)).collect();
        self.free = (port_min.saturating_add(port_min % 2)..port_max)
            .step_by(2)
            .filter(|port| !held.contains(port))
            .map(|port| (resting.get(&port).copied().unwrap_or(Time::ZERO), port))
            .collect();
        self.free.make_contiguous().sort_unstable();
    }

    /// Takes two pairs for a session; `None` when the range is exhausted.
    pub(crate) fn allocate(&mut self, now: Time, session: MediaSession) -> Option<SessionPorts> {
        let rested = self.free.iter().take(2).filter(|(at, _)| *at <= now).count();
        if rested < 2 {
            return None;
        }
        let (_, caller) = self.free.pop_front()?;
        let (_, callee) = self.free.pop_front()?;
        let ports = SessionPorts { caller, callee };
        self.held.insert(session, ports);
        Some(ports)
    }

    /// The sockets of a session are closed: its ports rest, then serve again.
    pub(crate) fn release(&mut self, now: Time, session: MediaSession) {
        let Some(ports) = self.held.remove(&session) else { return };
        for port in [ports.caller, ports.callee] {
            if self.range.0 <= port && port < self.range.1 {
                self.free.push_back((now + QUARANTINE, port));
            }
        }
    }

    /// Sessions that hold ports.
    pub(crate) fn sessions(&self) -> usize {
        self.held.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Time = Time::from_millis(1_000);

    /// A18: ports are even, stay in the range with their RTCP port, and run out.
    #[test]
    fn range_and_exhaustion() {
        let mut pool = PortPool::default();
        pool.configure(10_001, 10_009);
        let first = pool.allocate(SECOND, MediaSession(1)).expect("two pairs");
        assert_eq!(first, SessionPorts { caller: 10_002, callee: 10_004 });
        // 10,006 and 10,008 with RTCP on 10,009: the last pair of the range
        assert_eq!(
            pool.allocate(SECOND, MediaSession(2)),
            Some(SessionPorts { caller: 10_006, callee: 10_008 })
        );
        assert_eq!(pool.allocate(SECOND, MediaSession(3)), None);
        assert_eq!(pool.sessions(), 2);
    }

    /// A port that was just closed rests before it serves the next call.
    #[test]
    fn quarantine() {
        let mut pool = PortPool::default();
        pool.configure(10_000, 10_003);
        pool.allocate(SECOND, MediaSession(1)).expect("two pairs");
        pool.release(SECOND, MediaSession(1));
        assert_eq!(pool.allocate(SECOND, MediaSession(2)), None);
        assert!(pool.allocate(SECOND + QUARANTINE, MediaSession(2)).is_some());
    }

    /// A new range takes effect for new calls; a port of the old one does not come back.
    #[test]
    fn new_range() {
        let mut pool = PortPool::default();
        pool.configure(10_000, 10_003);
        pool.allocate(SECOND, MediaSession(1)).expect("two pairs");
        pool.configure(20_000, 20_003);
        let moved = pool.allocate(SECOND, MediaSession(2)).expect("the new range is free");
        assert_eq!(moved.caller, 20_000);
        pool.release(SECOND, MediaSession(1));
        assert_eq!(pool.allocate(SECOND + QUARANTINE, MediaSession(3)), None);
    }
}
