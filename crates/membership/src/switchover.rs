//! How a holder lets go in peace: freeze, flush, addresses off, and only then the release.
//!
//! The peer that is named in the release takes at once. Every wait is bounded; until the release is said the holder
//! goes back to serving when the successor disappears.

use std::time::Duration;

use model::Time;
use wire::heartbeat::{Activity, Epoch, Heartbeat, ReleaseNotice};

use crate::io::{Event, Output};
use crate::node::{Membership, Release, Stage};
use crate::timers::{FLUSH_MS_MAX, RELEASE_MS_MAX, RELEASE_REPEATS_MS, STOP_MS_MAX, WISH_MS_MAX};

/// Why a holder lets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// An operator's wish (rows H33, H36)
    Operator,
    /// A required interface is down here and up there: never damped, this holder cannot serve
    Link,
    /// It could serve on, the peer better
    Discretionary(&'static str),
    /// The agent stops
    Stop,
}

impl Cause {
    const fn reason(self) -> &'static str {
        match self {
            Cause::Operator => "an operator wants the other node",
            Cause::Link => "a required interface is down",
            Cause::Discretionary(reason) => reason,
            Cause::Stop => "the agent is stopping",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Transactions are frozen, replication is being flushed
    Freezing,
    /// The gate is closed, the addresses are being removed
    Removing,
}

/// A switchover under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handover {
    cause: Cause,
    phase: Phase,
    until: Time,
}

impl Handover {
    pub(crate) const fn deadline(&self) -> Time {
        self.until
    }

    /// The gate is closed: no permission is renewed.
    pub(crate) fn gate_is_closed(&self) -> bool {
        self.phase == Phase::Removing
    }
}

/// An operator's wish on a standby, until it is served or given up.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(crate) number: u64,
    until: Time,
    /// Epoch of the holder that is asked; a higher one has other plans
    holder: Epoch,
}

impl Wish {
    pub(crate) fn answered_by(&self, epoch: &Epoch) -> bool {
        *epoch > self.holder
    }
}

impl Membership {
    /// An operator wants the other node to serve, or this one if it is standby.
    pub(crate) fn switch(&mut self, now: Time) {
        let refusal = match self.stage {
            Stage::Active => match self.successor_refusal(now) {
                None => {
                    self.begin_handover(now, Cause::Operator);
                    None
                }
                refusal => refusal,
            },
            Stage::Standby => self.wish_refusal(now),
            Stage::Initialising => Some("this node is still initialising"),
            Stage::Claiming(_) | Stage::Taking => Some("this node is taking over already"),
            Stage::Yielding(_) => Some("a switchover is under way"),
            Stage::Stopped => None,
        };
        if let Some(reason) = refusal {
            self.push(Output::Event(Event::SwitchRefused { reason }));
        }
    }

    fn wish_refusal(&mut self, now: Time) -> Option<&'static str> {
        let Some(peer) = &self.peer else { return Some("there is no peer") };
        let Some(newest) = peer.recent(now, self.timers.listen) else {
            return Some("the peer is not heard");
        };
        if newest.activity != Activity::Active {
            return Some("the peer is not active");
        }
        let holder = newest.epoch.clone();
        let obstacle = self.obstacle();
        if obstacle.is_none() {
            self.wishes += 1;
            let until = now + Duration::from_millis(WISH_MS_MAX);
            self.wish = Some(Wish { number: self.wishes, until, holder });
            self.speak = true;
        }
        obstacle
    }

    /// The standby's operator wants it to take over: each wish is served once.
    pub(crate) fn hear_wish(&mut self, now: Time, message: &Heartbeat) {
        let Some(number) = message.switch_wish else { return };
        let this = Some((message.incarnation, number));
        if matches!(self.stage, Stage::Active) && self.wish_served != this {
            self.wish_served = this;
            self.switch(now);
        }
    }

    pub(crate) fn expire_wish(&mut self, now: Time) {
        if self.wish.take_if(|wish| wish.until <= now).is_some() {
            let reason = "the active node did not hand over in time";
            self.push(Output::Event(Event::SwitchRefused { reason }));
        }
    }

    /// Why the peer cannot be the successor now.
    fn successor_refusal(&self, now: Time) -> Option<&'static str> {
        let Some(peer) = &self.peer else { return Some("there is no peer") };
        let Some(newest) = peer.recent(now, self.timers.listen) else { return Some("the peer is not heard") };
        if self.is_unanswered(now) {
            Some("the peer does not hear this node")
        } else if newest.activity != Activity::Standby || newest.holds {
            Some("the peer is not ready to take over")
        } else if newest.stopping {
            Some("the peer is stopping")
        } else if !newest.required_up {
            Some("a required interface of the peer is down")
        } else if newest.score == 0 {
            Some("the health score of the peer is 0")
        } else {
            None
        }
    }

    /// Active: is there a reason to let go, and a peer that does better?
    pub(crate) fn consider_handover(&mut self, now: Time) {
        self.raise_epoch(now);
        self.settle_conflict(now);
        if !matches!(self.stage, Stage::Active) || self.successor_refusal(now).is_some() {
            return;
        }
        let peer_sighted =
            self.peer.as_ref().and_then(|peer| peer.newest()).is_some_and(|newest| newest.required_sighted);
        let cause = if !self.links.required_up() {
            Cause::Link
        } else if self.score == 0 {
            Cause::Discretionary("the health score is 0")
        } else if peer_sighted && !self.links.required_sighted(now, self.timers.lease) {
            Cause::Discretionary("nothing is seen on a required interface")
        } else {
            return;
        };
        if cause == Cause::Link || self.damping.allows(now) {
            self.begin_handover(now, cause);
        }
    }

    fn begin_handover(&mut self, now: Time, cause: Cause) {
        self.push(Output::Freeze);
        let until = now + Duration::from_millis(FLUSH_MS_MAX);
        self.enter(Stage::Yielding(Handover { cause, phase: Phase::Freezing, until }), cause.reason());
    }

    /// Replication is flushed, or the shell has given up on it.
    pub(crate) fn flushed(&mut self, now: Time) {
        if let Stage::Yielding(handover) = self.stage
            && handover.phase == Phase::Freezing
        {
            self.close(now, handover.cause);
        }
    }

    fn close(&mut self, now: Time, cause: Cause) {
        self.remove_addresses();
        let until = now + Duration::from_millis(RELEASE_MS_MAX);
        self.enter(Stage::Yielding(Handover { cause, phase: Phase::Removing, until }), cause.reason());
    }

    /// Yielding: goes on, or back.
    pub(crate) fn continue_handover(&mut self, now: Time) {
        let Stage::Yielding(handover) = self.stage else { return };
        let refusal = self.successor_refusal(now).filter(|_| handover.cause != Cause::Stop);
        match handover.phase {
            Phase::Freezing => {
                if let Some(reason) = refusal {
                    self.return_to_service(now, reason);
                } else if now >= handover.until {
                    match handover.cause {
                        Cause::Link | Cause::Stop => self.close(now, handover.cause),
                        Cause::Operator | Cause::Discretionary(_) => {
                            self.return_to_service(now, "replication was not flushed in time");
                        }
                    }
                }
            }
            Phase::Removing if !self.addresses.held => match refusal {
                Some(reason) => self.return_to_service(now, reason),
                None => self.release_lease(now, handover.cause),
            },
            Phase::Removing if now >= handover.until && handover.cause != Cause::Stop => {
                self.return_to_service(now, "the kernel did not remove the addresses in time");
            }
            Phase::Removing => {}
        }
    }

    fn return_to_service(&mut self, now: Time, reason: &'static str) {
        self.push(Output::Event(Event::SwitchRefused { reason }));
        let Stage::Yielding(handover) = self.stage else { return };
        self.renew(now);
        if handover.phase == Phase::Removing {
            self.add_addresses();
            self.enter(Stage::Taking, reason);
        } else {
            self.enter(Stage::Active, reason);
        }
    }

    /// The addresses are off, confirmed: now, and not before, the lease goes to the peer.
    fn release_lease(&mut self, now: Time, cause: Cause) {
        let Some(lease) = self.lease.take() else { return };
        self.voter.withdraw_own();
        let discretionary = matches!(cause, Cause::Discretionary(_));
        if discretionary {
            self.record_move(now);
        }
        if let Some(peer) = &self.peer {
            let until = self.electorate.promise_end(now, self.timers.promise);
            self.voter.promise_successor(lease.epoch.clone(), until, self.sequence + 1);
            let notice =
                ReleaseNotice { successor: peer.name.to_string(), epoch: lease.epoch, discretionary };
            let repeats = RELEASE_REPEATS_MS.map(|ms| now + Duration::from_millis(ms)).into();
            self.release = Some(Release { notice, since: now, repeats });
        }
        self.enter(Stage::Standby, cause.reason());
    }

    pub(crate) fn record_move(&mut self, now: Time) {
        if let Some(hold_down) = self.damping.record(now) {
            self.push(Output::Event(Event::Damped { hold_down }));
        }
    }

    /// The agent shall end.
    pub(crate) fn stop(&mut self, now: Time) {
        if self.stopping.is_some() {
            return;
        }
        self.stopping = Some(now + Duration::from_millis(STOP_MS_MAX));
        self.wish = None;
        self.speak = true;
        let successor_ready = self.successor_refusal(now).is_none();
        match &mut self.stage {
            Stage::Active if successor_ready => self.begin_handover(now, Cause::Stop),
            Stage::Active | Stage::Taking => self.close(now, Cause::Stop),
            Stage::Yielding(handover) => handover.cause = Cause::Stop,
            Stage::Claiming(_) | Stage::Initialising | Stage::Standby | Stage::Stopped => {}
        }
    }

    /// Stopping: done when nothing is held and the successor, if one was named, has taken or had time to.
    pub(crate) fn stop_if_clean(&mut self, now: Time) {
        let Some(deadline) = self.stopping else { return };
        let idle = matches!(self.stage, Stage::Initialising | Stage::Standby);
        let told = self.release.as_ref().is_none_or(|release| now >= release.since + self.timers.listen);
        if idle && !self.addresses.held && told {
            self.finish_stop();
        } else if now >= deadline {
            if !idle {
                self.remove_addresses();
            }
            self.finish_stop();
        }
    }

    fn finish_stop(&mut self) {
        self.lease = None;
        self.enter(Stage::Stopped, "stopped");
        self.push(Output::Stopped);
    }
}
