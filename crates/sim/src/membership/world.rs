//! The loop: true time passes from event to event, machines act, the checker looks.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::time::Duration;

use membership::{Event, Input, LinkIndex, Output};
use model::Time;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use wire::heartbeat::Heartbeat;

use super::checker::{CALM_MS, Checker, RECOVERY_MS, View};
use super::faults::{Fault, Kind, MACHINES, schedule};
use super::machine::{Defect, Machine, NAMES};
use super::network::{LINKS, deliveries};
use super::{Failure, Plan, Tally};

/// Largest deviation of a clock's rate, in millionths: the ρ that the core assumes.
const DRIFT_PPM: i32 = 1_000;
/// Longest time that the kernel takes for a command, in microseconds.
const KERNEL_US_MAX: u64 = 4_000;
/// Longest write to the disk, in milliseconds.
const DISK_MS_MAX: u64 = 200;
/// Longest flush of replication before a switchover, in milliseconds.
const FLUSH_MS_MAX: u64 = 300;
/// Time in which the service manager starts an agent that has ended and shall not be stopped.
const SERVICE_MANAGER: Duration = Duration::from_millis(300);
/// Steps that a failure shows.
const TRACE_MAX: usize = 60;

/// Something that will happen.
#[derive(Debug)]
enum Happening {
    Begin(usize),
    End(usize),
    Arrive { machine: usize, link: usize, message: Box<Heartbeat> },
    Kernel { machine: usize, boot: u64, start: u64, add: bool },
    Written { machine: usize, start: u64, counter: u64, survives: bool },
    Flushed { machine: usize, start: u64 },
    Start { machine: usize },
}

/// The pair and all that surrounds it.
pub struct World {
    plan: Plan,
    now: Time,
    end: Time,
    random: ChaCha8Rng,
    machines: [Machine; MACHINES],
    faults: Vec<Fault>,
    striking: Vec<bool>,
    queue: BTreeMap<(Time, u64), Happening>,
    queued: u64,
    checker: Checker,
    trace: VecDeque<String>,
}

impl World {
    pub fn new(plan: Plan) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(plan.seed);
        let (faults, calm_from) = schedule(plan.storm, &mut random);
        let mut drift = || random.random_range(-DRIFT_PPM..=DRIFT_PPM);
        let machines = [0, 1].map(|index| Machine::new(index, drift(), plan.mode, plan.defect));
        let mut world = World {
            plan,
            now: Time::ZERO,
            end: calm_from + Duration::from_millis(RECOVERY_MS + CALM_MS),
            random,
            machines,
            striking: vec![false; faults.len()],
            faults,
            queue: BTreeMap::new(),
            queued: 0,
            checker: Checker::new(plan, calm_from),
            trace: VecDeque::new(),
        };
        for index in 0..world.faults.len() {
            let (from, to) = (world.faults[index].from, world.faults[index].to);
            world.at(from, Happening::Begin(index));
            world.at(to, Happening::End(index));
        }
        world
    }

    /// Runs to the end.
    pub fn run(mut self) -> Result<Tally, Failure> {
        self.steps().map_err(|what| Failure {
            seed: self.plan.seed,
            mode: self.plan.mode,
            storm: self.plan.storm,
            at: self.now,
            what,
            trace: self.trace.iter().fold(String::new(), |mut text, line| {
                let _ = writeln!(text, "  {line}");
                text
            }),
        })?;
        Ok(self.checker.tally)
    }

    fn steps(&mut self) -> Result<(), String> {
        for machine in 0..MACHINES {
            self.start_agent(machine)?;
        }
        while self.now < self.end {
            let next = self.next_time();
            self.now = next;
            self.look()?;
            while let Some(entry) = self.queue.first_entry()
                && entry.key().0 <= next
            {
                let happening = entry.remove();
                self.happen(happening)?;
            }
            for machine in 0..MACHINES {
                if self.wake_time(machine).is_some_and(|wake| wake <= next) {
                    self.input(machine, Input::Timeout)?;
                }
            }
            self.look()?;
        }
        Ok(())
    }

    /// The next moment at which anything happens; a gate that closes is one.
    fn next_time(&self) -> Time {
        let queued = self.queue.first_key_value().map(|((time, _), _)| *time);
        let wakes = (0..MACHINES).filter_map(|machine| self.wake_time(machine));
        let gates = self.machines.iter().map(|machine| machine.true_time(machine.kernel.open_until));
        let next = wakes.chain(gates.filter(|time| *time > self.now)).chain(queued).min();
        next.unwrap_or(self.end).clamp(self.now, self.end)
    }

    fn wake_time(&self, machine: usize) -> Option<Time> {
        let machine = &self.machines[machine];
        machine.agent.as_ref().filter(|agent| !agent.paused).map(|agent| machine.true_time(agent.wake))
    }

    fn look(&mut self) -> Result<(), String> {
        let sound = |link: usize, sender: usize| {
            self.machines.iter().all(|machine| machine.carrier[link])
                && self.impairments(link, sender).next().is_none()
        };
        let mut view = View {
            owns: [0, 1].map(|index: usize| self.machines[index].owns(self.now)),
            awake: [0, 1].map(|index: usize| self.machines[index].is_awake()),
            sound: [[false; MACHINES]; LINKS],
        };
        for link in 0..LINKS {
            view.sound[link] = [0, 1].map(|sender| sound(link, sender));
        }
        self.checker.look(self.now, view)
    }

    fn impairments(&self, link: usize, sender: usize) -> impl Iterator<Item = &super::network::Impairment> {
        self.faults.iter().zip(&self.striking).filter_map(move |(fault, striking)| match &fault.kind {
            Kind::Network(impairment) if *striking && impairment.touches(link, sender) => Some(impairment),
            _ => None,
        })
    }

    fn at(&mut self, time: Time, happening: Happening) {
        self.queued += 1;
        self.queue.insert((time, self.queued), happening);
    }

    fn note(&mut self, line: &str) {
        if self.trace.len() == TRACE_MAX {
            self.trace.pop_front();
        }
        self.trace.push_back(format!("{} {line}", self.now));
    }

    fn happen(&mut self, happening: Happening) -> Result<(), String> {
        match happening {
            Happening::Begin(fault) => {
                self.striking[fault] = true;
                self.checker.tally.faults += 1;
                let kind = self.faults[fault].kind.clone();
                self.note(&format!("begins: {kind:?}"));
                self.begin(&kind)
            }
            Happening::End(fault) => {
                self.striking[fault] = false;
                let kind = self.faults[fault].kind.clone();
                self.note(&format!("ends:   {kind:?}"));
                self.finish(&kind)
            }
            Happening::Arrive { machine, link, message } => self.arrive(machine, link, *message),
            Happening::Kernel { machine, boot, start, add } => self.kernel_done(machine, boot, start, add),
            Happening::Written { machine, start, counter, survives } => {
                let running = self.machines[machine].runs(start);
                if running || survives {
                    let disk = &mut self.machines[machine].disk;
                    *disk = counter.max(*disk);
                }
                if running { self.input(machine, Input::Persisted { counter }) } else { Ok(()) }
            }
            Happening::Flushed { machine, start } => {
                if self.machines[machine].runs(start) {
                    self.input(machine, Input::Flushed)
                } else {
                    Ok(())
                }
            }
            Happening::Start { machine } => {
                let stop = Kind::AgentStop { machine };
                let stopped =
                    self.faults.iter().zip(&self.striking).any(|(fault, on)| *on && fault.kind == stop);
                if stopped { Ok(()) } else { self.start_agent(machine) }
            }
        }
    }

    /// A message reaches an interface; without carrier there is none.
    fn arrive(&mut self, machine: usize, link: usize, message: Heartbeat) -> Result<(), String> {
        if !self.machines[machine].carrier[link] {
            return Ok(());
        }
        self.input(machine, Input::Heartbeat { link: LinkIndex(link), message })
    }

    fn begin(&mut self, kind: &Kind) -> Result<(), String> {
        match *kind {
            Kind::PowerCut { machine } => self.machines[machine].lose_power(),
            Kind::AgentCrash { machine } => self.machines[machine].agent = None,
            Kind::AgentStop { machine } => return self.input(machine, Input::Stop),
            Kind::Pause { machine } => {
                if let Some(agent) = &mut self.machines[machine].agent {
                    agent.paused = true;
                }
            }
            Kind::ClockJump { machine } => return self.input(machine, Input::ClockJump),
            Kind::CarrierDown { machine, link } => {
                self.machines[machine].carrier[link] = false;
                return self.input(machine, Input::LinkState { link: LinkIndex(link), up: false });
            }
            Kind::Ill { machine } => {
                self.machines[machine].score = 0;
                return self.input(machine, Input::Health { score: 0 });
            }
            Kind::Switch { machine } => return self.input(machine, Input::Switch),
            Kind::Network(_) => {}
        }
        Ok(())
    }

    fn finish(&mut self, kind: &Kind) -> Result<(), String> {
        match *kind {
            Kind::PowerCut { machine } => {
                self.machines[machine].powered = true;
                self.start_agent(machine)
            }
            Kind::AgentCrash { machine } | Kind::AgentStop { machine } => self.start_agent(machine),
            Kind::Pause { machine } => self.resume(machine),
            Kind::CarrierDown { machine, link } => {
                self.machines[machine].carrier[link] = true;
                self.input(machine, Input::LinkState { link: LinkIndex(link), up: true })
            }
            Kind::Ill { machine } => {
                self.machines[machine].score = 100;
                self.input(machine, Input::Health { score: 100 })
            }
            Kind::ClockJump { .. } | Kind::Switch { .. } | Kind::Network(_) => Ok(()),
        }
    }

    /// Starts the agent of a machine that has power and none.
    fn start_agent(&mut self, index: usize) -> Result<(), String> {
        let machine = &mut self.machines[index];
        if !machine.powered || machine.agent.is_some() {
            return Ok(());
        }
        machine.start_agent(self.now);
        let (carrier, score) = (machine.carrier, machine.score);
        for (link, up) in carrier.into_iter().enumerate() {
            self.input(index, Input::LinkState { link: LinkIndex(link), up })?;
        }
        self.input(index, Input::Health { score })
    }

    /// A paused agent runs again; its timer and its socket are ready in any order.
    fn resume(&mut self, index: usize) -> Result<(), String> {
        let timer_first = self.random.random_bool(0.5);
        let Some(agent) = &mut self.machines[index].agent else { return Ok(()) };
        agent.paused = false;
        let inbox = std::mem::take(&mut agent.inbox);
        if timer_first {
            self.input(index, Input::Timeout)?;
        }
        for input in inbox {
            self.input(index, input)?;
        }
        Ok(())
    }

    fn kernel_done(&mut self, index: usize, boot: u64, start: u64, add: bool) -> Result<(), String> {
        let machine = &mut self.machines[index];
        if machine.boot != boot {
            return Ok(());
        }
        if add || self.plan.defect != Defect::LyingKernel {
            machine.kernel.held = add;
        }
        if !machine.runs(start) {
            return Ok(());
        }
        self.input(index, if add { Input::AddressesHeld } else { Input::AddressesReleased })
    }

    fn input(&mut self, index: usize, input: Input) -> Result<(), String> {
        let outputs = self.machines[index].input(self.now, input);
        for output in outputs {
            self.act(index, output)?;
        }
        Ok(())
    }

    fn act(&mut self, index: usize, output: Output) -> Result<(), String> {
        let machine = &mut self.machines[index];
        let (boot, start) = (machine.boot, machine.start);
        match output {
            Output::Send { link, message } => self.send(index, link.0, &message),
            Output::Permit { until, epoch } => {
                machine.kernel.open_until = until;
                return self.checker.permitted(index, start, machine.disk, &epoch);
            }
            Output::Hold { .. } => self.command_kernel(index, boot, start, true),
            Output::Release => {
                if self.plan.defect != Defect::LyingKernel {
                    machine.kernel.open_until = Time::ZERO;
                }
                self.command_kernel(index, boot, start, false);
            }
            Output::Persist { counter } => {
                let done = self.now + Duration::from_millis(self.random.random_range(1..DISK_MS_MAX));
                let survives = self.random.random_bool(0.5);
                self.at(done, Happening::Written { machine: index, start, counter, survives });
            }
            Output::Freeze => {
                let done = self.now + Duration::from_millis(self.random.random_range(1..FLUSH_MS_MAX));
                self.at(done, Happening::Flushed { machine: index, start });
            }
            Output::Stopped => {
                machine.agent = None;
                // Whoever stopped it has perhaps asked for its start already.
                self.at(self.now + SERVICE_MANAGER, Happening::Start { machine: index });
            }
            Output::Event(event) => self.note_event(index, &event),
            Output::Announce | Output::Timeout(_) => {}
        }
        Ok(())
    }

    fn note_event(&mut self, index: usize, event: &Event) {
        let epoch = self.machines[index].agent.as_ref().map(|agent| {
            let local = self.machines[index].local(self.now);
            agent.core.status(local).epoch.counter
        });
        self.note(&format!("{} (epoch {epoch:?}): {event:?}", NAMES[index]));
    }

    fn command_kernel(&mut self, index: usize, boot: u64, start: u64, add: bool) {
        let takes = Duration::from_micros(self.random.random_range(20..KERNEL_US_MAX));
        let machine = &mut self.machines[index];
        let done = machine.kernel_busy_until.max(self.now) + takes;
        machine.kernel_busy_until = done;
        self.at(done, Happening::Kernel { machine: index, boot, start, add });
    }

    fn send(&mut self, index: usize, link: usize, message: &Heartbeat) {
        self.checker.tally.heartbeats += 1;
        let impairments: Vec<_> = self.impairments(link, index).cloned().collect();
        if !self.machines[index].carrier[link] {
            return;
        }
        for delay in deliveries(&mut self.random, impairments.iter()) {
            let arrival = Happening::Arrive { machine: 1 - index, link, message: Box::new(message.clone()) };
            self.at(self.now + delay, arrival);
        }
    }
}
