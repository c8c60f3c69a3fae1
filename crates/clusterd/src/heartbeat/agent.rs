//! What the heartbeat thread does with each command, datagram and tick.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use daemon::NodeIdentity;
use membership::{Input, Membership, Output, Setup, SetupError, Status};
use model::Time;
use netio::links::Link;
use netio::seal::{Keyring, OVERHEAD_BYTES, PLAIN_BYTES_MAX};
use tokio::sync::{broadcast, mpsc, watch};
use wire::heartbeat::Heartbeat;

use super::paths::Paths;
use super::{Command, Notice, Order, Report, Standing, Traffic};
use crate::clock::Clock;
use crate::plan::{Plan, Start};

/// How often missing sockets are tried again.
const REOPEN_INTERVAL: Duration = Duration::from_millis(250);

/// Where the thread leaves what it has to say.
pub(super) struct Outlets {
    pub(super) orders: watch::Sender<Order>,
    pub(super) counters: watch::Sender<u64>,
    pub(super) standing: watch::Sender<Standing>,
    pub(super) notices: broadcast::Sender<Notice>,
}

/// The state of the thread.
pub(super) struct Agent {
    identity: NodeIdentity,
    clock: Clock,
    start: Start,
    core: Option<Membership>,
    plan: Option<Arc<Plan>>,
    keyring: Option<Keyring>,
    paths: Paths,
    /// All interfaces, as last told
    links: Vec<Link>,
    outlets: Outlets,
    traffic: Traffic,
    /// Removals that the core awaits confirmation of
    removals: u32,
    sealed: Vec<u8>,
    stopped: bool,
}

impl Agent {
    pub(super) fn new(identity: NodeIdentity, clock: Clock, start: Start, outlets: Outlets) -> Self {
        let keyring =
            identity.peer.as_ref().map(|peer| Keyring::new(identity.name.as_str(), peer.name.as_str()));
        let paths = Paths::new(identity.ports.cluster);
        Agent {
            identity,
            clock,
            start,
            core: None,
            plan: None,
            keyring,
            paths,
            links: Vec::new(),
            outlets,
            traffic: Traffic::default(),
            removals: 0,
            sealed: Vec::with_capacity(PLAIN_BYTES_MAX + OVERHEAD_BYTES),
            stopped: false,
        }
    }

    /// Serves until [`Command::End`].
    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut buffer = [0; PLAIN_BYTES_MAX + OVERHEAD_BYTES + 1];
        let mut reopening = tokio::time::interval(REOPEN_INTERVAL);
        loop {
            let wake = self.drain();
            self.publish();
            let tick = async {
                match self.clock.instant(wake) {
                    Some(instant) => tokio::time::sleep_until(instant).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                // The clock first: no flood of commands or datagrams makes a heartbeat late.
                biased;
                () = tick => self.input(Input::Timeout),
                command = commands.recv() => match command {
                    Some(Command::End) | None => return,
                    Some(command) => self.obey(command),
                },
                (link, length) = poll_fn(|context| self.paths.poll_receive(context, &mut buffer)) => {
                    self.receive(link, &mut buffer[..length]);
                }
                _ = reopening.tick() => self.paths.open_missing(),
            }
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Plan(plan) => self.adopt(plan),
            Command::Key { secret, turn } => {
                if let Some(keyring) = &mut self.keyring {
                    keyring.install(&secret, turn);
                }
            }
            Command::Links(links) => {
                self.links = links;
                self.tell_links();
            }
            Command::Reachable { interface, targets, stations_seen } => {
                if let Some(link) = self.paths.index_of(&interface) {
                    self.input(Input::Reachable { link, targets, stations_seen });
                }
            }
            Command::Addresses { number, held } => {
                // A confirmation of an order that has been overtaken says nothing about the one in force.
                if number == self.outlets.orders.borrow().number {
                    self.confirm(held);
                }
            }
            Command::Persisted { counter } => {
                self.start.counter_reserved = self.start.counter_reserved.max(counter);
                self.input(Input::Persisted { counter });
            }
            Command::Flushed => self.input(Input::Flushed),
            Command::Switch => self.input(Input::Switch),
            Command::Stop if self.core.is_none() => self.stopped = true,
            Command::Stop => self.input(Input::Stop),
            Command::End => {}
            // Whoever asked may have gone; that is no concern of this thread.
            Command::Status(answer) => drop(answer.send(self.report())),
        }
    }

    /// The core counts its removals; one look at the kernel confirms all that came before it.
    fn confirm(&mut self, held: bool) {
        if held {
            self.input(Input::AddressesHeld);
        } else {
            for _ in 0..std::mem::take(&mut self.removals) {
                self.input(Input::AddressesReleased);
            }
        }
    }

    /// Tells the core which of its links have carrier.
    fn tell_links(&mut self) {
        for (link, up) in self.paths.update_links(&self.links) {
            self.input(Input::LinkState { link, up });
        }
    }

    /// Another plan. The core goes on under it, so that a setting does not move the service; only when the node gets
    /// another peer, or loses its own, does a new core begin, which first takes every address off.
    fn adopt(&mut self, plan: Arc<Plan>) {
        let setup = plan.setup(&self.identity, &self.start);
        let now = self.clock.now();
        let adopted = match &mut self.core {
            Some(core) => core.reconfigure(now, setup.clone()),
            None => Membership::new(now, setup.clone()).map(|core| self.core = Some(core)),
        };
        let adopted = match adopted {
            Err(SetupError::OtherNodes { before, now: after }) => {
                log::warn!(before = before.as_str(), now = after.as_str(); "another pair: the agent begins anew");
                self.begin_anew(setup)
            }
            other => other,
        };
        if let Err(failure) = adopted {
            log::error!(failure:%; "this configuration gives no cluster");
            return;
        }
        self.paths.configure(&plan.paths);
        self.outlets.orders.send_modify(|order| order.resources = plan.resources.clone().into());
        self.plan = Some(plan);
        self.drain();
        // Whatever was said before there was a core, or these links.
        self.tell_links();
    }

    fn begin_anew(&mut self, setup: Setup) -> Result<(), SetupError> {
        // To the peer it is another start: its messages are counted from the beginning again.
        self.start.incarnation = self.start.incarnation.wrapping_add(1);
        let setup = Setup { incarnation: self.start.incarnation, ..setup };
        self.core = Some(Membership::new(self.clock.now(), setup)?);
        self.removals = 0;
        Ok(())
    }

    fn input(&mut self, input: Input) {
        let now = self.clock.now();
        let Some(core) = &mut self.core else { return };
        if let Err(failure) = core.handle_input(now, input) {
            log::error!(failure:%; "the core refused an input");
        }
        self.drain();
    }

    /// Carries out what the core wants; returns when it wants to be woken.
    fn drain(&mut self) -> Time {
        loop {
            let Some(core) = &mut self.core else { return Time::MAX };
            match core.poll_output() {
                Output::Timeout(at) => return at,
                Output::Send { link, message } => self.send(link, &message),
                Output::Persist { counter } => drop(self.outlets.counters.send_replace(counter)),
                Output::Permit { until, epoch: _ } => {
                    self.outlets.orders.send_modify(|order| order.until = order.until.max(until));
                }
                Output::Hold { epoch: _ } => self.order(true),
                Output::Release => {
                    self.removals += 1;
                    self.order(false);
                }
                Output::Announce => self.outlets.orders.send_modify(|order| order.announcement += 1),
                Output::Freeze => self.notify(Notice::Freeze),
                Output::Event(event) => self.notify(Notice::Event(event)),
                Output::Stopped => self.stopped = true,
            }
        }
    }

    fn order(&mut self, hold: bool) {
        self.outlets.orders.send_modify(|order| {
            order.number += 1;
            order.hold = hold;
            if !hold {
                // The next lease brings its own end; what is left of this one permits nothing.
                order.until = Time::ZERO;
            }
        });
    }

    fn notify(&self, notice: Notice) {
        // Fails only while nobody listens.
        let _ = self.outlets.notices.send(notice);
    }

    fn send(&mut self, link: membership::LinkIndex, message: &Heartbeat) {
        let Some(keyring) = &mut self.keyring else { return };
        let plain = minicbor::to_vec(message).expect("encoding into memory cannot fail");
        let left =
            keyring.seal(&plain, &mut self.sealed).is_ok() && self.paths.send(link, &self.sealed).is_ok();
        *(if left { &mut self.traffic.sent } else { &mut self.traffic.unsent }) += 1;
    }

    fn receive(&mut self, link: membership::LinkIndex, datagram: &mut [u8]) {
        let plain = self.keyring.as_mut().and_then(|keyring| keyring.open(datagram).ok());
        let message = plain.and_then(|plain| minicbor::decode::<Heartbeat>(plain).ok());
        let Some(message) = message else {
            self.traffic.dropped += 1;
            return;
        };
        self.traffic.received += 1;
        self.input(Input::Heartbeat { link, message });
    }

    fn status(&self) -> Option<Status> {
        self.core.as_ref().map(|core| core.status(self.clock.now()))
    }

    fn report(&self) -> Report {
        Report { status: self.status(), plan: self.plan.clone(), traffic: self.traffic }
    }

    /// Tells who serves, when that has changed.
    fn publish(&self) {
        let status = self.status();
        self.outlets.standing.send_if_modified(|standing| {
            let before = standing.clone();
            if let Some(status) = status {
                standing.role = status.role;
                standing.epoch = status.epoch;
                standing.active_node = status.active_node;
                standing.peer_heard = status.peer.is_some_and(|peer| peer.activity.is_some());
            }
            standing.stopped = self.stopped;
            *standing != before
        });
    }
}
