//! What the peer says, and what its silence means.

use std::mem;

use model::Time;
use wire::heartbeat::{Activity, Heartbeat};

use crate::io::{Event, LinkIndex, Output};
use crate::node::{Membership, Stage};
use crate::peer::Worth;

impl Membership {
    /// A heartbeat came over `link`.
    pub(crate) fn hear(&mut self, now: Time, link: LinkIndex, message: &Heartbeat) {
        let asks_anew = self.peer.as_ref().is_none_or(|peer| !peer.asked_for(&message.epoch));
        let worth = match &mut self.peer {
            Some(peer) => peer.hear(now, link, message),
            None => Worth::Refused,
        };
        if worth == Worth::Refused {
            self.heartbeats_refused += 1;
            return;
        }
        self.links.hear_peer(now, link);
        if worth == Worth::Copy {
            return;
        }
        self.end_silence();
        self.counter.hear(&message.epoch);
        match message.activity {
            Activity::Taking | Activity::Active | Activity::Yielding => self.hear_serving(now, message),
            Activity::Claiming => self.hear_claim(now, message, asks_anew),
            Activity::Initialising | Activity::Standby => self.hear_idle(now, message),
        }
        self.hear_grant(message);
        self.hear_wish(now, message);
    }

    fn end_silence(&mut self) {
        let Some(peer) = &mut self.peer else { return };
        let (late, lost) = (mem::take(&mut peer.late), mem::take(&mut peer.lost));
        if late || lost {
            self.push(Output::Event(Event::PeerHeard));
        }
    }

    /// The peer holds a lease: this node must not.
    fn hear_serving(&mut self, now: Time, message: &Heartbeat) {
        self.service_seen = true;
        if self.serves() {
            self.hear_rival(now, message);
            return;
        }
        self.release = None;
        self.wish.take_if(|wish| wish.answered_by(&message.epoch));
        self.promise_peer(now, message);
        if matches!(self.stage, Stage::Initialising | Stage::Claiming(_)) {
            self.enter(Stage::Standby, "the peer serves");
        }
    }

    /// Both serve: the lower epoch lets go at once.
    fn hear_rival(&mut self, now: Time, message: &Heartbeat) {
        let Some(lease) = &self.lease else { return };
        let lower = lease.epoch < message.epoch;
        if self.conflict_since.is_none() {
            self.conflict_since = Some(now);
            self.push(Output::Event(Event::TwoOwners { theirs: message.epoch.clone() }));
        }
        if lower {
            self.let_go(now, message, "the peer serves under a higher epoch");
        }
    }

    /// A peer that is heard serving under a lower epoch and does not hear this node cannot let go: then this one does.
    pub(crate) fn settle_conflict(&mut self, now: Time) {
        let persists = self.conflict_since.is_some_and(|since| now >= since + self.timers.promise);
        if !persists || !self.is_unanswered(now) {
            return;
        }
        let rival = self.peer.as_ref().and_then(|peer| peer.recent(now, self.timers.listen)).cloned();
        match rival {
            Some(rival) if rival.activity.serves() => {
                self.let_go(now, &rival, "the peer serves and does not hear this node");
            }
            _ => self.conflict_since = None,
        }
    }

    fn let_go(&mut self, now: Time, message: &Heartbeat, reason: &'static str) {
        self.lease = None;
        self.conflict_since = None;
        self.remove_addresses();
        self.promise_peer(now, message);
        self.enter(Stage::Standby, reason);
    }

    /// The peer asks for this node's vote.
    fn hear_claim(&mut self, now: Time, message: &Heartbeat, asks_anew: bool) {
        self.end_conflict();
        if self.serves() {
            return;
        }
        if let Stage::Claiming(claim) = &self.stage {
            if message.epoch < claim.epoch {
                return;
            }
            self.enter(Stage::Standby, "the peer claims a higher epoch");
        }
        // A new request is answered at once; the next heartbeats repeat the answer.
        self.speak |= asks_anew;
        self.promise_peer(now, message);
    }

    fn promise_peer(&mut self, now: Time, message: &Heartbeat) {
        let until = self.electorate.promise_end(now, self.timers.promise);
        self.voter.promise_peer(message.epoch.clone(), until);
    }

    /// The peer neither claims nor has a lease.
    fn hear_idle(&mut self, now: Time, message: &Heartbeat) {
        if message.holds {
            // Its kernel has not confirmed that the addresses are off: as good as serving.
            if matches!(self.stage, Stage::Initialising | Stage::Standby) {
                self.promise_peer(now, message);
            }
            return;
        }
        self.end_conflict();
        let answered = self.peer.as_ref().and_then(|peer| peer.answered(message.echo));
        if let Some(notice) = &message.release
            && notice.successor == self.setup.node.as_str()
        {
            self.hear_release(now, notice);
        }
        self.voter.hear_idle(answered);
    }

    fn end_conflict(&mut self) {
        if self.conflict_since.take().is_some() && self.serves() {
            self.push(Output::Announce);
        }
    }

    /// Warnings of the peer's silence (rows H23, H24). Before the peer was ever heard only the end of the
    /// initialisation counts.
    pub(crate) fn watch_peer(&mut self, now: Time) {
        let initialised = now >= self.started_at + self.timers.initialisation;
        let timers = self.timers;
        let Some(peer) = &mut self.peer else { return };
        if peer.heard_at.is_none() && !initialised {
            return;
        }
        let silence = now.since(peer.silent_from);
        let late = !peer.late && silence >= timers.warning;
        let lost = !peer.lost && silence >= timers.promise;
        peer.late |= late;
        peer.lost |= lost;
        for (raised, event) in [(late, Event::PeerLate), (lost, Event::PeerLost)] {
            if raised {
                self.warnings += 1;
                self.push(Output::Event(event));
            }
        }
    }
}
