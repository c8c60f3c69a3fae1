//! One machine: a clock, a kernel, a disk, and an agent with the real core.

use std::collections::VecDeque;

use membership::{Input, Link, Membership, Output, Setup};
use model::{HaMode, Time};

use super::{INITIALISATION_MS, LEASE_MS, network::LINKS};

/// Messages that wait in the socket of a paused agent; more are lost.
const SOCKET_MESSAGES_MAX: usize = 200;

/// A planted defect of what surrounds a core. The core under test stays as it is; each of these breaks one assumption
/// that it rests on, and the checker must find it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Defect {
    /// None: every promise must hold
    #[default]
    None,
    /// The disk confirms a counter and does not keep it over a power cut
    ForgetfulDisk,
    /// The kernel confirms a release that it has not done
    LyingKernel,
    /// The agent reads every heartbeat as one of a peer that does not serve
    BlindToService,
    /// Machine `b` has a quarter of the lease configured that `a` has
    UnequalLease,
}

/// Names of the machines.
pub const NAMES: [&str; 2] = ["a", "b"];

/// What the kernel has.
#[derive(Clone, Copy, Debug, Default)]
pub struct Kernel {
    /// The resource addresses are on an interface
    pub held: bool,
    /// The gate is open before this time of the machine's clock
    pub open_until: Time,
}

/// The running agent.
#[derive(Debug)]
pub struct Agent {
    pub core: Membership,
    /// Next wake-up, on the machine's clock
    pub wake: Time,
    pub paused: bool,
    /// What waits for it while it is paused
    pub inbox: VecDeque<Input>,
}

/// A machine.
#[derive(Debug)]
pub struct Machine {
    pub index: usize,
    /// Deviation of its clock's rate, in millionths
    drift_ppm: i128,
    mode: HaMode,
    defect: Defect,
    pub powered: bool,
    pub agent: Option<Agent>,
    pub kernel: Kernel,
    /// Epoch counter on disk
    pub disk: u64,
    /// Starts of the machine: what belongs to an earlier one is void
    pub boot: u64,
    /// Starts of the agent
    pub start: u64,
    pub carrier: [bool; LINKS],
    pub score: u32,
    /// The kernel does one thing after the other: when it will be done with what it was told
    pub kernel_busy_until: Time,
}

impl Machine {
    pub fn new(index: usize, drift_ppm: i32, mode: HaMode, defect: Defect) -> Self {
        Machine {
            index,
            drift_ppm: i128::from(drift_ppm),
            mode,
            defect,
            powered: true,
            agent: None,
            kernel: Kernel::default(),
            disk: 0,
            boot: 0,
            start: 0,
            carrier: [true; LINKS],
            score: 100,
            kernel_busy_until: Time::ZERO,
        }
    }

    /// The machine's clock at the true time `now`.
    pub fn local(&self, now: Time) -> Time {
        let nanos = i128::from(now.as_nanos());
        Time::from_nanos(u64::try_from(nanos + nanos * self.drift_ppm / 1_000_000).unwrap_or(u64::MAX))
    }

    /// The first true time at which the machine's clock shows `local`.
    pub fn true_time(&self, local: Time) -> Time {
        if local == Time::MAX {
            return Time::MAX;
        }
        let nanos = i128::from(local.as_nanos()) * 1_000_000 / (1_000_000 + self.drift_ppm);
        let guess = Time::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        if self.local(guess) < local { Time::from_nanos(guess.as_nanos() + 2) } else { guess }
    }

    /// It answers for the resource addresses.
    pub fn owns(&self, now: Time) -> bool {
        self.powered && self.kernel.held && self.kernel.open_until > self.local(now)
    }

    /// The agent runs and is scheduled.
    pub fn is_awake(&self) -> bool {
        self.agent.as_ref().is_some_and(|agent| !agent.paused)
    }

    /// The agent of this start still exists.
    pub fn runs(&self, start: u64) -> bool {
        self.agent.is_some() && self.start == start
    }

    fn setup(&self) -> Setup {
        let name = |index: usize| NAMES[index].parse().expect("a node name");
        let link = |name: &str, required| Link { name: name.to_owned(), required, has_ping_group: false };
        let shortened = self.defect == Defect::UnequalLease && self.index == 1;
        let lease_ms = if shortened { LEASE_MS / 4 } else { LEASE_MS };
        Setup {
            node: name(self.index),
            peer: Some(name(1 - self.index)),
            links: vec![link("lan", true), link("sync", false)],
            mode: self.mode,
            dead: std::time::Duration::from_millis(lease_ms),
            warning: std::time::Duration::from_millis(lease_ms / 2),
            initialisation: std::time::Duration::from_millis(INITIALISATION_MS),
            default_active: None,
            coordinator: self.index == 0,
            counter_reserved: self.disk,
            incarnation: u128::from(self.start) * 2 + self.index as u128,
            seed: self.start,
        }
    }

    /// Starts the agent; the shell reports carriers and health first of all.
    pub fn start_agent(&mut self, now: Time) {
        self.start += 1;
        let local = self.local(now);
        let core = Membership::new(local, self.setup()).expect("a good setup");
        self.agent = Some(Agent { core, wake: local, paused: false, inbox: VecDeque::new() });
    }

    /// Power is gone, and with it everything but the disk.
    pub fn lose_power(&mut self) {
        self.powered = false;
        self.agent = None;
        self.kernel = Kernel::default();
        self.boot += 1;
        self.kernel_busy_until = Time::ZERO;
        if self.defect == Defect::ForgetfulDisk {
            self.disk = 0;
        }
    }

    /// Gives the core an input, or lets it wait in the socket of a paused agent; returns what the core wants.
    pub fn input(&mut self, now: Time, mut input: Input) -> Vec<Output> {
        let local = self.local(now);
        if let (Defect::BlindToService, Input::Heartbeat { message, .. }) = (self.defect, &mut input) {
            message.activity = wire::heartbeat::Activity::Standby;
            message.holds = false;
        }
        let Some(agent) = &mut self.agent else { return Vec::new() };
        if agent.paused {
            let is_message = matches!(input, Input::Heartbeat { .. });
            if !is_message || agent.inbox.len() < SOCKET_MESSAGES_MAX {
                agent.inbox.push_back(input);
            }
            return Vec::new();
        }
        agent.core.handle_input(local, input).expect("the simulated shell makes no mistake");
        Self::drain(agent)
    }

    fn drain(agent: &mut Agent) -> Vec<Output> {
        let mut outputs = Vec::new();
        loop {
            match agent.core.poll_output() {
                Output::Timeout(wake) => {
                    agent.wake = wake;
                    return outputs;
                }
                output => outputs.push(output),
            }
        }
    }
}
