//! Everything that waits, ordered by when it is due.

use std::collections::BTreeMap;

use model::Time;

/// One timer that is running; what cancels it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TimerHandle {
    at: Time,
    /// Timers due at the same time fire in the order in which they were set
    sequence: u64,
}

/// A queue of timers; setting, cancelling and firing cost O(log n).
#[derive(Debug)]
pub(crate) struct Timers<T> {
    queue: BTreeMap<TimerHandle, T>,
    sequence: u64,
}

impl<T> Timers<T> {
    pub(crate) fn new() -> Self {
        Timers { queue: BTreeMap::new(), sequence: 0 }
    }

    /// Lets `timer` fire at `at`.
    pub(crate) fn set(&mut self, at: Time, timer: T) -> TimerHandle {
        self.sequence += 1;
        let handle = TimerHandle { at, sequence: self.sequence };
        self.queue.insert(handle, timer);
        handle
    }

    /// Stops a timer; one that has fired or was stopped before is no mistake.
    pub(crate) fn cancel(&mut self, handle: Option<TimerHandle>) {
        if let Some(handle) = handle {
            self.queue.remove(&handle);
        }
    }

    /// When the next timer is due, [`Time::MAX`] when none runs.
    pub(crate) fn next(&self) -> Time {
        self.queue.first_key_value().map_or(Time::MAX, |(handle, _)| handle.at)
    }

    /// Takes one timer that is due at `now`.
    pub(crate) fn expire(&mut self, now: Time) -> Option<T> {
        let entry = self.queue.first_entry()?;
        if entry.key().at > now { None } else { Some(entry.remove()) }
    }

    /// How many run.
    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Timers fire in order of time, then of setting; a cancelled one never does.
    #[test]
    fn order_and_cancel() {
        let mut timers = Timers::new();
        timers.set(Time::from_millis(20), "late");
        let cancelled = timers.set(Time::from_millis(10), "cancelled");
        timers.set(Time::from_millis(10), "first");
        timers.set(Time::from_millis(10), "second");
        timers.cancel(Some(cancelled));
        timers.cancel(Some(cancelled));
        assert_eq!(timers.next(), Time::from_millis(10));
        assert_eq!(timers.expire(Time::from_millis(9)), None);
        assert_eq!(timers.expire(Time::from_millis(10)), Some("first"));
        assert_eq!(timers.expire(Time::from_millis(30)), Some("second"));
        assert_eq!(timers.expire(Time::from_millis(30)), Some("late"));
        assert_eq!(timers.next(), Time::MAX);
        assert_eq!(timers.len(), 0);
    }
}
