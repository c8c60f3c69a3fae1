//! The epoch counter: never used before it is on disk, and always one ready, so that a takeover waits for no disk.

use wire::heartbeat::Epoch;

/// Counters of this node's epochs.
#[derive(Clone, Debug)]
pub struct EpochCounter {
    /// Highest counter that this node used, or may have used before its restart
    used: u64,
    /// Highest counter known to be on disk
    reserved: u64,
    /// Highest counter that was asked to be stored
    asked: u64,
    /// Highest epoch heard of or used
    highest: Epoch,
}

impl EpochCounter {
    /// After a start of `node`: whatever was reserved may have been used, and what was written then carries it.
    pub fn new(node: &str, reserved: u64) -> Self {
        let highest =
            if reserved == 0 { Epoch::default() } else { Epoch { counter: reserved, node: node.to_owned() } };
        EpochCounter { used: reserved, reserved, asked: reserved, highest }
    }

    /// The peer knows of `epoch`.
    pub fn hear(&mut self, epoch: &Epoch) {
        if *epoch > self.highest {
            self.highest = epoch.clone();
        }
    }

    /// Highest epoch heard of or used in this start.
    pub const fn highest(&self) -> &Epoch {
        &self.highest
    }

    /// Highest counter on disk.
    pub const fn reserved(&self) -> u64 {
        self.reserved
    }

    fn wanted(&self) -> u64 {
        self.used.max(self.highest.counter).saturating_add(1)
    }

    /// A counter that must be stored now, once.
    pub fn reserve(&mut self) -> Option<u64> {
        let wanted = self.wanted();
        (self.asked < wanted).then(|| {
            self.asked = wanted;
            wanted
        })
    }

    /// `counter` is on disk.
    pub fn persisted(&mut self, counter: u64) {
        self.reserved = self.reserved.max(counter.min(self.asked));
    }

    /// A counter is on disk that is higher than all known ones.
    pub fn is_ready(&self) -> bool {
        self.reserved >= self.wanted()
    }

    /// Uses the reserved counter for an epoch of `node`.
    pub fn take(&mut self, node: &str) -> Option<Epoch> {
        if !self.is_ready() {
            return None;
        }
        self.used = self.reserved;
        let epoch = Epoch { counter: self.used, node: node.to_owned() };
        self.hear(&epoch);
        Some(epoch)
    }
}

#[cfg(test)]
mod tests {
    use wire::heartbeat::Epoch;

    use super::EpochCounter;

    /// H2: a counter that may have been used before the crash is not used again, and none is used before it is stored.
    #[test]
    fn no_counter_is_used_twice_or_too_early() {
        let mut counter = EpochCounter::new("a", 4);
        assert_eq!(counter.reserve(), Some(5));
        assert_eq!(counter.reserve(), None, "asked once");
        assert_eq!(counter.take("a"), None, "not on disk yet");
        counter.persisted(5);
        assert_eq!(counter.take("a").map(|epoch| epoch.counter), Some(5));
        assert_eq!(counter.take("a"), None);
        assert_eq!(counter.reserve(), Some(6), "the next one at once");
    }

    /// H3: hearing a higher epoch makes the reserved counter useless.
    #[test]
    fn the_next_epoch_is_above_all_known() {
        let mut counter = EpochCounter::new("a", 0);
        counter.reserve();
        counter.persisted(1);
        counter.hear(&Epoch { counter: 9, node: "b".to_owned() });
        assert!(!counter.is_ready());
        assert_eq!(counter.reserve(), Some(10));
    }
}
