//! How a node comes to serve: from boot to standby, from standby to a claim, from enough votes to the addresses.

use std::time::Duration;

use model::Time;
use rand::RngExt;
use wire::heartbeat::{Activity, Epoch, Heartbeat, ReleaseNotice};

use crate::io::{Event, Output};
use crate::node::{Lease, Membership, Stage};
use crate::votes::{Ballot, Member, Vote};

/// Heartbeats that the less suitable of two idle nodes waits before it claims all the same.
const RIVAL_WAIT_HEARTBEATS: u32 = 2;

/// Why a standby in *safe* mode does not take from a silent peer.
const SAFE_MODE_WAITS: &str = "safe mode: the silent peer may serve";

/// A request for votes.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) epoch: Epoch,
    pub(crate) ballot: Ballot,
    /// Number of the first message that carries the request: an answer to an earlier one is no grant
    asked_in: u64,
    /// It held this epoch before it was late: it goes on without asking what it sees
    resumed: bool,
}

/// How suitable a node is, most important first (rows H20, H22).
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Suitability {
    fit: bool,
    sighted: bool,
    targets_seen: u32,
    score: u32,
    preferred: bool,
}

impl Membership {
    /// Row H25: a pair waits the whole initialisation timeout, a single box only for its kernel.
    pub(crate) fn leave_initialising(&mut self, now: Time) {
        let wait = if self.peer.is_some() { self.timers.initialisation } else { Duration::ZERO };
        if now >= self.started_at + wait && !self.addresses.held {
            self.enter(Stage::Standby, "initialised");
        }
    }

    /// Standby: claims as soon as nobody else has this node's vote and the way is free.
    pub(crate) fn consider_claim(&mut self, now: Time) {
        self.expire_wish(now);
        if self.release.is_some() && !self.voter.has_released(now) {
            self.release = None;
        }
        if !self.voter.is_free(now) {
            self.idle_since = None;
            if !self.electorate.grants_by_timer() && self.is_unanswered(now) {
                self.withhold(SAFE_MODE_WAITS);
            }
            return;
        }
        if now < self.listen_until {
            return;
        }
        let obstacle = self.obstacle().or_else(|| {
            if !self.is_unanswered(now) || self.peer.is_none() {
                None
            } else if !self.electorate.grants_by_timer() {
                Some(SAFE_MODE_WAITS)
            } else if !self.links.sees_third_party() {
                Some("nothing is seen on a required interface: this node may be the cut-off one")
            } else if self.rival_claims(now) {
                Some("the peer, which does not hear this node, asks for the votes")
            } else {
                None
            }
        });
        if let Some(reason) = obstacle {
            self.withhold(reason);
            return;
        }
        if self.must_wait_for_rival(now) {
            return;
        }
        let reason = match &self.peer {
            None => "single node",
            Some(_) if self.is_unanswered(now) => "the peer is silent",
            Some(_) => "no node serves",
        };
        self.claim(reason);
    }

    /// Why this node cannot serve, whoever else does.
    pub(crate) fn obstacle(&self) -> Option<&'static str> {
        if self.addresses.held {
            Some("the kernel has not yet confirmed that the addresses are off")
        } else if !self.counter.is_ready() {
            Some("the next epoch is not yet on disk")
        } else {
            self.unfitness()
        }
    }

    fn unfitness(&self) -> Option<&'static str> {
        if self.stopping.is_some() {
            Some("the agent is stopping")
        } else if !self.links.required_up() {
            Some("a required interface is down")
        } else if self.score == 0 {
            Some("the health score is 0")
        } else {
            None
        }
    }

    /// Says once per reason why nobody is taken over from.
    fn withhold(&mut self, reason: &'static str) {
        let alone = self.peer.as_ref().is_none_or(|peer| peer.lost);
        if alone && self.withheld != Some(reason) {
            self.withheld = Some(reason);
            self.push(Output::Event(Event::Withheld { reason }));
        }
    }

    /// Both nodes can talk and none serves: the more suitable one claims first. A more suitable peer (at a tie the
    /// preferred one, row H22) that starts together with this node is waited for until it has initialised, but not
    /// where a node has served before and is missed.
    fn must_wait_for_rival(&mut self, now: Time) -> bool {
        let Some(peer) = self.peer.as_ref().filter(|_| !self.is_unanswered(now)) else { return false };
        let Some(rival) = peer.newest() else { return false };
        let theirs = self.suitability_of(rival);
        let ours = self.own_suitability(now);
        let wait = if rival.activity == Activity::Initialising {
            let waits = !self.service_seen && theirs.fit && theirs > ours;
            if waits { self.timers.initialisation } else { Duration::ZERO }
        } else if ours >= theirs {
            Duration::ZERO
        } else {
            self.timers.heartbeat * RIVAL_WAIT_HEARTBEATS
        };
        if wait.is_zero() {
            return false;
        }
        let jitter = self.timers.heartbeat.mul_f64(self.jitter.random_range(0.0..1.0));
        let since = *self.idle_since.get_or_insert(now + jitter);
        now < since + wait
    }

    fn prefers_own(&self) -> bool {
        self.setup.default_active.as_ref().map_or(self.setup.coordinator, |node| *node == self.setup.node)
    }

    fn own_suitability(&self, now: Time) -> Suitability {
        Suitability {
            fit: self.unfitness().is_none(),
            sighted: self.links.required_sighted(now, self.timers.lease),
            targets_seen: self.links.targets_seen(),
            score: self.score,
            preferred: self.prefers_own(),
        }
    }

    fn suitability_of(&self, rival: &Heartbeat) -> Suitability {
        Suitability {
            fit: rival.required_up && rival.score > 0 && !rival.stopping,
            sighted: rival.required_sighted,
            targets_seen: rival.targets_seen,
            score: rival.score,
            preferred: !self.prefers_own(),
        }
    }

    fn claim(&mut self, reason: &'static str) {
        if let Some(epoch) = self.counter.take(self.setup.node.as_str()) {
            self.ask(epoch, false, reason);
        }
    }

    /// A late holder asks for the epoch that it held: a node that took meanwhile has a higher one.
    pub(crate) fn claim_again(&mut self, epoch: Epoch) {
        self.ask(epoch, true, "late: asks for its votes again");
    }

    fn ask(&mut self, epoch: Epoch, resumed: bool, reason: &'static str) {
        self.voter.promise_own(epoch.clone());
        let asked_in = self.sequence + 1;
        let claim = Claim { epoch, ballot: Ballot::new(), asked_in, resumed };
        self.enter(Stage::Claiming(claim), reason);
    }

    /// A message of the peer may grant the claim: its voter names our epoch in answer to a request of ours.
    pub(crate) fn hear_grant(&mut self, message: &Heartbeat) {
        let Stage::Claiming(claim) = &mut self.stage else { return };
        let answered = self.peer.as_ref().and_then(|peer| peer.answered(message.echo));
        let granted = message.promise.as_ref() == Some(&claim.epoch) && !message.holds;
        if granted && answered.is_some_and(|sequence| sequence >= claim.asked_in) {
            claim.ballot.grant(Member::Peer, Vote::Standing);
        }
    }

    /// Claiming: takes when a majority has voted.
    pub(crate) fn count_votes(&mut self, now: Time) {
        if self.unfitness().is_some() {
            self.voter.withdraw_own();
            self.enter(Stage::Standby, "cannot serve: gives its claim up");
            return;
        }
        let by_timer = self.timer_grants(now);
        let Stage::Claiming(claim) = &mut self.stage else { return };
        if by_timer {
            claim.ballot.grant(Member::Peer, Vote::Standing);
        }
        claim.ballot.grant(Member::Own, Vote::Until(now + self.timers.lease));
        if claim.ballot.lease_end(&self.electorate).is_some() {
            let lease = Lease { epoch: claim.epoch.clone(), ballot: claim.ballot.clone(), until: now };
            self.take(now, lease, self.reason);
        } else if self.is_unanswered(now) {
            // It would ask in vain, and keep the peer's voter bound.
            self.voter.withdraw_own();
            self.enter(Stage::Standby, "the peer does not answer: gives its claim up");
        }
    }

    /// *Available* mode: the vote of a peer that has answered nothing for D, and does not itself claim.
    fn timer_grants(&self, now: Time) -> bool {
        let Stage::Claiming(claim) = &self.stage else { return false };
        self.electorate.grants_by_timer()
            && self.is_unanswered(now)
            && !self.rival_claims(now)
            && (claim.resumed || self.links.sees_third_party())
    }

    fn rival_claims(&self, now: Time) -> bool {
        self.peer.as_ref().is_some_and(|peer| peer.claims(now, self.timers.promise))
    }

    /// The majority has voted: permission first, then the addresses.
    fn take(&mut self, now: Time, lease: Lease, reason: &'static str) {
        self.lease = Some(lease);
        self.service_seen = true;
        self.conflict_since = None;
        self.release = None;
        self.wish = None;
        self.renew(now);
        self.add_addresses();
        self.enter(Stage::Taking, reason);
    }

    /// The peer has let go in favour of this node: its vote, without a round trip.
    pub(crate) fn hear_release(&mut self, now: Time, notice: &ReleaseNotice) {
        let follows = self.voter.promised_to_peer(now) == Some(&notice.epoch);
        if !follows || !matches!(self.stage, Stage::Standby) || self.obstacle().is_some() {
            return;
        }
        let Some(epoch) = self.counter.take(self.setup.node.as_str()) else { return };
        if notice.discretionary {
            self.record_move(now);
        }
        self.voter.promise_own(epoch.clone());
        let mut ballot = Ballot::new();
        ballot.grant(Member::Peer, Vote::Standing);
        self.take(now, Lease { epoch, ballot, until: now }, "the peer handed over");
    }

    /// An operator states that the peer is off (*safe* mode, or nothing seen): that is its vote.
    pub(crate) fn state_peer_off(&mut self, now: Time) {
        let heard = self.peer.as_ref().is_some_and(|peer| peer.recent(now, self.timers.promise).is_some());
        let refusal = if self.peer.is_none() {
            Some("there is no peer")
        } else if heard {
            Some("the peer is heard: it is not off")
        } else if !matches!(self.stage, Stage::Initialising | Stage::Standby) {
            Some("this node serves or claims already")
        } else {
            self.obstacle()
        };
        if let Some(reason) = refusal {
            self.push(Output::Event(Event::SwitchRefused { reason }));
            return;
        }
        self.claim("an operator states that the peer is off");
        if let Stage::Claiming(claim) = &mut self.stage {
            claim.ballot.grant(Member::Peer, Vote::Standing);
        }
    }

    /// Active: when the peer knows of a higher epoch, this holder takes one above it, so that what it replicates is
    /// not refused as old.
    pub(crate) fn raise_epoch(&mut self, now: Time) {
        let Some(lease) = &mut self.lease else { return };
        if self.counter.highest().counter <= lease.epoch.counter {
            return;
        }
        if let Some(epoch) = self.counter.take(self.setup.node.as_str()) {
            lease.epoch = epoch.clone();
            self.voter.promise_own(epoch);
            self.renew(now);
        }
    }
}
