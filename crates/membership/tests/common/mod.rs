//! Two cores `a` and `b` on a clock of their own, over two links (`lan`, required, and `sync`) that a test cuts.
//!
//! Delays are fixed and small: faults at random are the business of the `sim` crate.
#![allow(dead_code, reason = "each behaviour uses its part")]

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use membership::{Event, Input, Link, LinkIndex, Membership, Output, Role, Setup};
use model::{HaMode, NodeName, Time};
use wire::heartbeat::{Epoch, Heartbeat};

/// Index of node `a` and of node `b`.
pub const A: usize = 0;
pub const B: usize = 1;
/// The link with a resource address, and the synchronisation link.
pub const LAN: usize = 0;
pub const SYNC: usize = 1;
/// Delay of a message, of a kernel confirmation, of a disk.
const WIRE: Duration = Duration::from_millis(1);
const KERNEL: Duration = Duration::from_millis(1);
const DISK: Duration = Duration::from_millis(20);

pub fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub fn at(ms: u64) -> Time {
    Time::from_millis(ms)
}

/// A setup as the lab uses it: T = 1 s, warning 500 ms, initialisation 3 s, `a` the coordinator.
pub fn setup(node: usize) -> Setup {
    let name = |index: usize| ["a", "b"][index].parse::<NodeName>().expect("a node name");
    let link = |name: &str, required| Link { name: name.to_owned(), required, has_ping_group: false };
    Setup {
        node: name(node),
        peer: Some(name(1 - node)),
        links: vec![link("lan", true), link("sync", false)],
        mode: HaMode::Available,
        dead: ms(1_000),
        warning: ms(500),
        initialisation: ms(3_000),
        default_active: None,
        coordinator: node == A,
        counter_reserved: 0,
        incarnation: 0xa0 + node as u128,
        seed: node as u64,
    }
}

/// One node: the core, what its kernel has, what its disk has.
pub struct Node {
    pub core: Membership,
    pub setup: Setup,
    pub alive: bool,
    pub asleep: bool,
    pub permit: Option<(Time, Epoch)>,
    pub held: bool,
    pub disk: u64,
    pub stopped: bool,
    /// Answers [`Output::Freeze`]
    pub flushes: bool,
    /// Confirms [`Output::Release`]
    pub releases: bool,
    pub events: Vec<(Time, Event)>,
    pub outputs: Vec<(Time, Output)>,
    wake: Time,
}

impl Node {
    /// Serves: addresses on, and the gate open.
    pub fn serves(&self, now: Time) -> bool {
        self.held && self.permit.as_ref().is_some_and(|(until, _)| *until > now)
    }

    pub fn has(&self, wanted: impl Fn(&Event) -> bool) -> Option<Time> {
        self.events.iter().find(|(_, event)| wanted(event)).map(|(time, _)| *time)
    }

    pub fn count(&self, wanted: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|(_, event)| wanted(event)).count()
    }
}

/// The pair.
pub struct Pair {
    pub now: Time,
    pub nodes: Vec<Node>,
    /// `open[link][from]`: what `from` sends over `link` arrives
    pub open: [[bool; 2]; 2],
    pending: BTreeMap<(Time, u64), (usize, Input)>,
    inputs: u64,
    /// Time at which two nodes served, if ever
    pub overlap: Duration,
    /// Longest time without a serving node since the last [`Pair::forget_gap`]
    pub gap: Duration,
    unserved_since: Option<Time>,
}

impl Pair {
    pub fn new() -> Self {
        Pair::with(|_| {})
    }

    /// Both nodes start at 0, their setups changed by `change`.
    pub fn with(change: impl Fn(&mut Setup)) -> Self {
        let mut pair = Pair {
            now: Time::ZERO,
            nodes: Vec::new(),
            open: [[true; 2]; 2],
            pending: BTreeMap::new(),
            inputs: 0,
            overlap: Duration::ZERO,
            gap: Duration::ZERO,
            unserved_since: None,
        };
        for index in [A, B] {
            let mut setup = setup(index);
            change(&mut setup);
            pair.nodes.push(Node {
                core: Membership::new(Time::ZERO, setup.clone()).expect("a good setup"),
                setup,
                alive: true,
                asleep: false,
                permit: None,
                held: false,
                disk: 0,
                stopped: false,
                flushes: true,
                releases: true,
                events: Vec::new(),
                outputs: Vec::new(),
                wake: Time::ZERO,
            });
        }
        for index in [A, B] {
            pair.links_up(index);
        }
        pair
    }

    /// A pair in which `a` serves and all is calm.
    pub fn serving() -> Self {
        Pair::serving_with(|_| {})
    }

    pub fn serving_with(change: impl Fn(&mut Setup)) -> Self {
        let mut pair = Pair::with(change);
        pair.run(ms(5_000));
        assert_eq!(pair.role(A), Role::Active, "{:?}", pair.nodes[A].events);
        assert_eq!(pair.role(B), Role::Standby, "{:?}", pair.nodes[B].events);
        pair.forget_gap();
        pair
    }

    fn links_up(&mut self, index: usize) {
        self.drain(index);
        for link in [LAN, SYNC] {
            self.input(index, Input::LinkState { link: LinkIndex(link), up: true });
        }
    }

    pub fn role(&self, index: usize) -> Role {
        self.nodes[index].core.status(self.now).role
    }

    pub fn epoch(&self, index: usize) -> u64 {
        self.nodes[index].core.status(self.now).epoch.counter
    }

    /// Gives an input now.
    pub fn input(&mut self, index: usize, input: Input) {
        if self.nodes[index].alive && !self.nodes[index].asleep {
            self.nodes[index].core.handle_input(self.now, input).expect("a good input");
            self.drain(index);
        }
    }

    fn later(&mut self, index: usize, delay: Duration, input: Input) {
        self.inputs += 1;
        self.pending.insert((self.now + delay, self.inputs), (index, input));
    }

    fn drain(&mut self, index: usize) {
        loop {
            let output = self.nodes[index].core.poll_output();
            if let Output::Timeout(wake) = output {
                assert!(wake > self.now, "a timeout in the past would spin");
                self.nodes[index].wake = wake;
                return;
            }
            self.nodes[index].outputs.push((self.now, output.clone()));
            self.act(index, output);
        }
    }

    fn act(&mut self, index: usize, output: Output) {
        let node = &mut self.nodes[index];
        match output {
            Output::Send { link, message } => {
                if self.open[link.0][index] {
                    self.later(1 - index, WIRE, Input::Heartbeat { link, message });
                }
            }
            Output::Persist { counter } => self.later(index, DISK, Input::Persisted { counter }),
            Output::Permit { until, epoch } => node.permit = Some((until, epoch)),
            Output::Hold { .. } => {
                node.held = true;
                self.later(index, KERNEL, Input::AddressesHeld);
            }
            Output::Release => {
                node.permit = None;
                node.held = false;
                if node.releases {
                    self.later(index, KERNEL, Input::AddressesReleased);
                }
            }
            Output::Freeze if node.flushes => self.later(index, KERNEL, Input::Flushed),
            Output::Freeze | Output::Announce | Output::Timeout(_) => {}
            Output::Stopped => node.stopped = true,
            Output::Event(event) => node.events.push((self.now, event)),
        }
    }

    /// Lets `duration` pass.
    pub fn run(&mut self, duration: Duration) {
        self.run_until(self.now + duration, |_| false);
    }

    /// Runs until `done`, at most to `end`; says whether it was done.
    pub fn run_until(&mut self, end: Time, done: impl Fn(&Pair) -> bool) -> bool {
        loop {
            if done(self) {
                return true;
            }
            let wakes = self.nodes.iter().filter(|node| node.alive && !node.asleep).map(|node| node.wake);
            let gates = self.nodes.iter().filter_map(|node| node.permit.as_ref()).map(|(until, _)| *until);
            let inputs = self.pending.keys().map(|(time, _)| *time);
            let next = wakes.chain(gates).chain(inputs).filter(|time| *time > self.now).min();
            let next = next.unwrap_or(Time::MAX).min(end);
            self.pass(next);
            if self.now >= end {
                return done(self);
            }
        }
    }

    fn pass(&mut self, next: Time) {
        let passed = next.since(self.now);
        let serving = self.nodes.iter().filter(|node| node.serves(self.now)).count();
        if serving > 1 {
            self.overlap += passed;
        }
        let unserved_since = if serving == 0 { self.unserved_since.or(Some(self.now)) } else { None };
        self.now = next;
        if let Some(since) = unserved_since {
            self.gap = self.gap.max(next.since(since));
        }
        self.unserved_since = unserved_since;
        let due: Vec<_> = self.pending.range(..=(next, u64::MAX)).map(|(key, _)| *key).collect();
        let mut kept = VecDeque::new();
        for key in due {
            let Some((index, input)) = self.pending.remove(&key) else { continue };
            if self.nodes[index].asleep {
                kept.push_back((key, (index, input)));
            } else {
                self.input(index, input);
            }
        }
        self.pending.extend(kept);
        for index in [A, B] {
            if self.nodes[index].wake <= next {
                self.input(index, Input::Timeout);
            }
        }
    }

    pub fn forget_gap(&mut self) {
        self.gap = Duration::ZERO;
    }

    /// Cuts every path, both ways.
    pub fn partition(&mut self) {
        self.open = [[false; 2]; 2];
    }

    pub fn heal(&mut self) {
        self.open = [[true; 2]; 2];
    }

    /// Loses everything that is under way.
    pub fn lose_in_flight(&mut self) {
        self.pending.retain(|_, (_, input)| !matches!(input, Input::Heartbeat { .. }));
    }

    /// Power cut.
    pub fn crash(&mut self, index: usize) {
        let node = &mut self.nodes[index];
        node.alive = false;
        node.held = false;
        node.permit = None;
        self.pending.retain(|_, (to, _)| *to != index);
    }

    /// Starts a crashed node again.
    pub fn restart(&mut self, index: usize) {
        let now = self.now;
        let node = &mut self.nodes[index];
        node.setup.incarnation += 0x100;
        // Whatever was asked to be stored may have been stored.
        node.setup.counter_reserved = node
            .outputs
            .iter()
            .filter_map(
                |(_, output)| if let Output::Persist { counter } = output { Some(*counter) } else { None },
            )
            .max()
            .unwrap_or(0);
        node.core = Membership::new(now, node.setup.clone()).expect("a good setup");
        node.alive = true;
        self.links_up(index);
    }

    /// The machine sleeps (its kernel's gate does not), or wakes.
    pub fn sleep(&mut self, index: usize, asleep: bool) {
        self.nodes[index].asleep = asleep;
    }

    /// The first thing that a node said of the wanted kind.
    pub fn first_heartbeat(&self, index: usize, wanted: impl Fn(&Heartbeat) -> bool) -> Heartbeat {
        let sent = self.nodes[index].outputs.iter().find_map(|(_, output)| match output {
            Output::Send { message, .. } if wanted(message) => Some(message.clone()),
            _ => None,
        });
        sent.expect("it has spoken")
    }

    /// What a node last said.
    pub fn last_heartbeat(&self, index: usize) -> Heartbeat {
        let sent = self.nodes[index].outputs.iter().rev().find_map(|(_, output)| match output {
            Output::Send { message, .. } => Some(message.clone()),
            _ => None,
        });
        sent.expect("it has spoken")
    }
}
