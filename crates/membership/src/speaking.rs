//! What this node says: its heartbeat, every T/6 and at once when something changed.

use model::Time;
use wire::heartbeat::{Activity, Epoch, Heartbeat};

use crate::io::Output;
use crate::node::{Membership, Stage};
use crate::peer::Peer;

impl Membership {
    /// Renews and speaks at a tick; speaks besides when something changed or a release is to be repeated.
    pub(crate) fn speak_if_due(&mut self, now: Time) {
        let tick = now >= self.next_tick;
        if tick {
            self.next_tick = self.next_tick + self.timers.heartbeat;
            if self.next_tick <= now {
                self.next_tick = now + self.timers.heartbeat;
            }
            if !matches!(&self.stage, Stage::Yielding(handover) if handover.gate_is_closed()) {
                self.renew(now);
            }
        }
        let repeat = self.repeat_is_due(now);
        if tick || repeat || self.speak {
            self.speak = false;
            self.send(now);
        }
    }

    fn repeat_is_due(&mut self, now: Time) -> bool {
        let Some(release) = &mut self.release else { return false };
        let before = release.repeats.len();
        release.repeats.retain(|time| *time > now);
        release.repeats.len() < before
    }

    fn send(&mut self, now: Time) {
        let Some(peer) = &mut self.peer else { return };
        self.sequence += 1;
        peer.note_sent(now, self.sequence);
        let message = self.heartbeat(now);
        let links: Vec<_> = self.links.up().collect();
        for link in links {
            self.push(Output::Send { link, message: message.clone() });
        }
    }

    fn heartbeat(&self, now: Time) -> Heartbeat {
        Heartbeat {
            version: wire::VERSION,
            node: self.setup.node.to_string(),
            incarnation: self.setup.incarnation.into(),
            sequence: self.sequence,
            activity: self.activity(),
            epoch: self.epoch().clone(),
            holds: self.addresses.held,
            reserved: self.counter.reserved(),
            score: self.score,
            targets_seen: self.links.targets_seen(),
            required_up: self.links.required_up(),
            required_sighted: self.links.required_sighted(now, self.timers.lease),
            // A voter whose own addresses may still be on grants nothing.
            promise: self.voter.promised_to_peer(now).filter(|_| !self.addresses.held).cloned(),
            echo: self.peer.as_ref().and_then(Peer::echo),
            release: self.release.as_ref().map(|release| release.notice.clone()),
            switch_wish: self.wish.as_ref().map(|wish| wish.number),
            lease_remaining_ms: self
                .lease
                .as_ref()
                .map_or(0, |lease| u64::try_from(lease.until.since(now).as_millis()).unwrap_or(u64::MAX)),
            stopping: self.stopping.is_some(),
        }
    }

    const fn activity(&self) -> Activity {
        match self.stage {
            Stage::Initialising => Activity::Initialising,
            Stage::Standby | Stage::Stopped => Activity::Standby,
            Stage::Claiming(_) => Activity::Claiming,
            Stage::Taking => Activity::Taking,
            Stage::Active => Activity::Active,
            Stage::Yielding(_) => Activity::Yielding,
        }
    }

    /// Epoch that this node claims or holds, otherwise the highest it knows.
    pub(crate) const fn epoch(&self) -> &Epoch {
        match (&self.stage, &self.lease) {
            (Stage::Claiming(claim), _) => &claim.epoch,
            (_, Some(lease)) => &lease.epoch,
            (_, None) => self.counter.highest(),
        }
    }
}
