//! The core itself: its state, the way of an input through it, and what all parts share.
//!
//! Each part adds its own `impl Membership`: [`crate::hearing`] what a message of the peer means, [`crate::claim`]
//! how a node comes to serve, [`crate::switchover`] how it lets go in peace, [`crate::speaking`] what it says.

use std::collections::VecDeque;
use std::mem;
use std::time::Duration;

use model::Time;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use wire::heartbeat::{Epoch, Incarnation, ReleaseNotice};

use crate::claim::Claim;
use crate::counter::EpochCounter;
use crate::damping::Damping;
use crate::error::{InputError, SetupError};
use crate::io::{Event, Input, LinkIndex, Output, Role, Setup};
use crate::links::Links;
use crate::peer::Peer;
use crate::switchover::{Handover, Wish};
use crate::timers::Timers;
use crate::votes::{Ballot, Electorate, Member, Vote, Voter};

/// Health of a node until the shell has reported one.
pub const SCORE_INITIAL: u32 = 100;
/// Transitions that one input can cause: initialising, standby, claiming, taking.
const STEPS_MAX: usize = 4;

/// Where this node is; [`Role`] is its public, coarser face.
#[derive(Clone, Debug)]
pub(crate) enum Stage {
    Initialising,
    Standby,
    Claiming(Claim),
    Taking,
    Active,
    Yielding(Handover),
    Stopped,
}

impl Stage {
    pub(crate) const fn role(&self) -> Role {
        match self {
            Stage::Initialising => Role::Initialising,
            Stage::Standby | Stage::Stopped => Role::Standby,
            Stage::Claiming(_) | Stage::Taking => Role::Taking,
            Stage::Active => Role::Active,
            Stage::Yielding(_) => Role::Yielding,
        }
    }
}

/// The right to serve: an epoch, and the votes that stand for it.
#[derive(Clone, Debug)]
pub(crate) struct Lease {
    pub(crate) epoch: Epoch,
    pub(crate) ballot: Ballot,
    pub(crate) until: Time,
}

/// A release that is being said.
#[derive(Clone, Debug)]
pub(crate) struct Release {
    pub(crate) notice: ReleaseNotice,
    pub(crate) since: Time,
    pub(crate) repeats: VecDeque<Time>,
}

/// What the kernel was told about the resource addresses, and what it has confirmed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addresses {
    /// They may be on an interface of this node
    pub(crate) held: bool,
    /// The last command was to add them
    wished: bool,
    /// Removals not yet confirmed
    removals: u32,
}

/// One node of the pair: who may serve, until when, in which epoch.
///
/// **One input, then drain the outputs until [`Output::Timeout`]**, and come back with [`Input::Timeout`] at that
/// time at the latest. A shell that comes late loses the gate (DESIGN section 6).
#[derive(Clone, Debug)]
pub struct Membership {
    pub(crate) setup: Setup,
    pub(crate) timers: Timers,
    pub(crate) electorate: Electorate,
    pub(crate) started_at: Time,
    pub(crate) now: Time,
    pub(crate) next_tick: Time,
    /// After a late tick: before this time no silence is believed
    pub(crate) listen_until: Time,
    pub(crate) stage: Stage,
    pub(crate) reason: &'static str,
    pub(crate) links: Links,
    pub(crate) peer: Option<Peer>,
    pub(crate) voter: Voter,
    pub(crate) counter: EpochCounter,
    pub(crate) damping: Damping,
    pub(crate) lease: Option<Lease>,
    pub(crate) addresses: Addresses,
    pub(crate) score: u32,
    pub(crate) sequence: u64,
    /// Say something at the end of this input, not only at the next tick
    pub(crate) speak: bool,
    /// Since when both nodes could talk and none served
    pub(crate) idle_since: Option<Time>,
    /// Some node has served since this one started
    pub(crate) service_seen: bool,
    pub(crate) withheld: Option<&'static str>,
    /// Since when a peer with a lower epoch is heard serving beside this node
    pub(crate) conflict_since: Option<Time>,
    pub(crate) wish: Option<Wish>,
    pub(crate) wishes: u64,
    pub(crate) wish_served: Option<(Incarnation, u64)>,
    pub(crate) release: Option<Release>,
    /// The agent shall end, at this time at the latest
    pub(crate) stopping: Option<Time>,
    pub(crate) warnings: u64,
    pub(crate) heartbeats_refused: u64,
    pub(crate) jitter: ChaCha8Rng,
    outputs: VecDeque<Output>,
}

impl Membership {
    /// A node that has just started at `now`. Its first output is [`Output::Release`], which cleans up what an
    /// earlier start of the agent may have left.
    ///
    /// # Errors
    /// The setup names no path to its peer, gives both nodes one name, or a lease too short to be renewed.
    pub fn new(now: Time, setup: Setup) -> Result<Self, SetupError> {
        setup.check()?;
        let links = Links::new(now, setup.links.clone());
        let own = Incarnation::from(setup.incarnation);
        let mut membership = Membership {
            timers: Timers::new(setup.dead, setup.warning, setup.initialisation),
            electorate: Electorate::new(setup.peer.is_some(), setup.mode),
            started_at: now,
            now,
            next_tick: now,
            listen_until: now,
            stage: Stage::Initialising,
            reason: "started",
            peer: setup.peer.clone().map(|name| Peer::new(now, name, own, links.len())),
            links,
            voter: Voter::default(),
            counter: EpochCounter::new(setup.node.as_str(), setup.counter_reserved),
            damping: Damping::default(),
            lease: None,
            addresses: Addresses { held: true, wished: false, removals: 0 },
            score: SCORE_INITIAL,
            sequence: 0,
            speak: false,
            idle_since: None,
            service_seen: false,
            withheld: None,
            conflict_since: None,
            wish: None,
            wishes: 0,
            wish_served: None,
            release: None,
            stopping: None,
            warnings: 0,
            heartbeats_refused: 0,
            jitter: ChaCha8Rng::seed_from_u64(setup.seed),
            outputs: VecDeque::new(),
            setup,
        };
        membership.remove_addresses();
        membership.advance(now);
        Ok(membership)
    }

    /// Takes one input; then drain [`Self::poll_output`] until [`Output::Timeout`].
    ///
    /// # Errors
    /// The caller's mistakes only: a link that does not exist, time that runs backwards. Nothing has happened then.
    pub fn handle_input(&mut self, now: Time, input: Input) -> Result<(), InputError> {
        if now < self.now {
            return Err(InputError::TimeRanBackwards { now, last: self.now });
        }
        if let Input::Heartbeat { link, .. } | Input::LinkState { link, .. } | Input::Reachable { link, .. } =
            &input
            && link.0 >= self.links.len()
        {
            return Err(InputError::UnknownLink { index: link.0, count: self.links.len() });
        }
        if matches!(self.stage, Stage::Stopped) {
            return Ok(());
        }
        self.now = now;
        let late = now.since(self.next_tick);
        if late > self.timers.heartbeat {
            self.wake_late(now, late, late > self.timers.listen);
        }
        self.dispatch(now, input);
        self.advance(now);
        Ok(())
    }

    /// The next output; [`Output::Timeout`] when there is none.
    pub fn poll_output(&mut self) -> Output {
        self.outputs.pop_front().unwrap_or_else(|| Output::Timeout(self.next_wake()))
    }

    fn dispatch(&mut self, now: Time, input: Input) {
        match input {
            Input::Timeout => {}
            Input::Heartbeat { link, message } => self.hear(now, link, &message),
            Input::LinkState { link, up } => self.set_carrier(now, link, up),
            Input::Reachable { link, targets, stations_seen } => {
                self.links.report(now, link, targets, stations_seen);
            }
            Input::AddressesHeld => {
                if matches!(self.stage, Stage::Taking) && self.addresses.wished {
                    self.enter(Stage::Active, self.reason);
                }
            }
            Input::AddressesReleased => {
                self.addresses.removals = self.addresses.removals.saturating_sub(1);
                if self.addresses.removals == 0 && !self.addresses.wished {
                    self.addresses.held = false;
                    self.speak = true;
                }
            }
            Input::Persisted { counter } => self.counter.persisted(counter),
            Input::Flushed => self.flushed(now),
            Input::Health { score } => self.score = score,
            Input::Switch => self.switch(now),
            Input::PeerOff => self.state_peer_off(now),
            Input::ClockJump => self.wake_late(now, Duration::ZERO, true),
            Input::Stop => self.stop(now),
        }
    }

    fn set_carrier(&mut self, now: Time, link: LinkIndex, up: bool) {
        let before = self.links.required_up();
        let comes_up = up && !self.links.iter().nth(link.0).is_some_and(|link| link.up);
        self.links.set_carrier(now, link, up);
        self.speak |= before != self.links.required_up();
        if comes_up && self.peer.as_ref().is_some_and(|peer| peer.lost) {
            // Behind this cable the peer may have gone on; it is heard first.
            self.listen_until = self.listen_until.max(now + self.timers.listen);
        }
    }

    /// Everything that follows from an input or from time alone.
    fn advance(&mut self, now: Time) {
        self.watch_peer(now);
        for _ in 0..STEPS_MAX {
            let before = mem::discriminant(&self.stage);
            self.step(now);
            if before == mem::discriminant(&self.stage) {
                break;
            }
        }
        if let Some(counter) = self.counter.reserve() {
            self.push(Output::Persist { counter });
        }
        self.speak_if_due(now);
        self.stop_if_clean(now);
    }

    fn step(&mut self, now: Time) {
        match self.stage {
            Stage::Initialising => self.leave_initialising(now),
            Stage::Standby => self.consider_claim(now),
            Stage::Claiming(_) => self.count_votes(now),
            Stage::Active => self.consider_handover(now),
            Stage::Yielding(_) => self.continue_handover(now),
            Stage::Taking | Stage::Stopped => {}
        }
    }

    /// This node was not scheduled for `late`, or its clock jumped. Nobody's silence is believed before it has
    /// listened for T/2; a holder whose `gate` must close asks for its votes anew.
    fn wake_late(&mut self, now: Time, late: Duration, gate: bool) {
        let listen_until = now + self.timers.listen;
        if let Some(peer) = &mut self.peer {
            peer.silent_from = now;
        }
        self.listen_until = listen_until;
        if !gate {
            return;
        }
        if let Some(lease) = self.lease.take_if(|_| self.electorate.grants_by_timer()) {
            self.push(Output::Event(Event::LateTick { late }));
            self.remove_addresses();
            self.claim_again(lease.epoch);
        } else if self.lease.is_some() {
            // The other vote cannot have gone elsewhere meanwhile: the own one, renewed below, opens the gate again.
            self.push(Output::Event(Event::LateTick { late }));
        }
    }

    /// Changes the stage, and tells when that changes the role.
    pub(crate) fn enter(&mut self, stage: Stage, reason: &'static str) {
        let (from, to) = (self.stage.role(), stage.role());
        self.stage = stage;
        self.reason = reason;
        self.speak = true;
        self.idle_since = None;
        if from != to {
            self.withheld = None;
            self.push(Output::Event(Event::RoleChanged { from, to, reason }));
        }
    }

    pub(crate) fn push(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    /// Closes the gate and takes the addresses off.
    pub(crate) fn remove_addresses(&mut self) {
        self.addresses.wished = false;
        self.addresses.removals += 1;
        self.push(Output::Release);
    }

    /// Adds the addresses under the lease.
    pub(crate) fn add_addresses(&mut self) {
        if let Some(lease) = &self.lease {
            let epoch = lease.epoch.clone();
            self.addresses.held = true;
            self.addresses.wished = true;
            self.push(Output::Hold { epoch });
        }
    }

    /// Renews the own vote and the permission. The lease counts from the sending of a heartbeat, so one leaves with it:
    /// a permission longer than what the peer has heard of would outlast its voter's promise.
    pub(crate) fn renew(&mut self, now: Time) {
        let Some(lease) = &mut self.lease else { return };
        lease.ballot.grant(Member::Own, Vote::Until(now + self.timers.lease));
        if let Some(until) = lease.ballot.lease_end(&self.electorate) {
            lease.until = lease.until.max(until);
            let permit = Output::Permit { until: lease.until, epoch: lease.epoch.clone() };
            self.speak = true;
            self.push(permit);
        }
    }

    /// This node has the lease and has not let go.
    pub(crate) const fn serves(&self) -> bool {
        matches!(self.stage, Stage::Taking | Stage::Active | Stage::Yielding(_))
    }

    /// The peer has answered nothing for D, and this node has listened: it is silent, or it does not hear this node.
    pub(crate) fn is_unanswered(&self, now: Time) -> bool {
        let since_answer = |peer: &Peer| now >= peer.unanswered_from(self.timers.promise);
        now >= self.listen_until && self.peer.as_ref().is_none_or(since_answer)
    }

    fn next_wake(&self) -> Time {
        if matches!(self.stage, Stage::Stopped) {
            return Time::MAX;
        }
        let promise = self.timers.promise;
        let peer = self.peer.as_ref();
        let warning = self.timers.warning;
        [
            self.voter.deadline(),
            peer.map(|peer| peer.unanswered_from(promise)),
            peer.map(|peer| peer.silent_from + warning),
            peer.map(|peer| peer.silent_from + promise),
            matches!(self.stage, Stage::Initialising).then(|| self.started_at + self.timers.initialisation),
            Some(self.listen_until),
            if let Stage::Yielding(handover) = &self.stage { Some(handover.deadline()) } else { None },
            self.release.as_ref().and_then(|release| release.repeats.front().copied()),
            self.release.as_ref().map(|release| release.since + self.timers.listen),
            self.conflict_since.map(|since| since + promise),
            self.stopping,
        ]
        .into_iter()
        .flatten()
        .filter(|deadline| *deadline > self.now)
        .fold(self.next_tick, Time::min)
    }
}
