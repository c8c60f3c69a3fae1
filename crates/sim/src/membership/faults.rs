//! What strikes, when and for how long: a schedule drawn from the seed.

use std::time::Duration;

use model::Time;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::network::{Impairment, LINKS};

/// Machines of the pair.
pub const MACHINES: usize = 2;
/// No fault strikes before: both machines have started.
const CALM_START_S: u64 = 8;
/// Shortest absence of a crashed agent in milliseconds: longer than a write to the disk.
const ABSENCE_MS_MIN: u64 = 250;

/// Which faults happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storm {
    /// All kinds, overlapping
    All,
    /// Power cuts of whichever machine, one after the other, the network is sound
    PowerCuts,
    /// Operators' switchovers on whichever machine, the network is sound
    Switches,
}

impl Storm {
    /// Every storm.
    pub const ALL: [Storm; 3] = [Storm::All, Storm::PowerCuts, Storm::Switches];
}

/// What strikes.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// The machine loses power, and gets it back at the end
    PowerCut { machine: usize },
    /// The agent is killed, and started again at the end; its kernel keeps what it has
    AgentCrash { machine: usize },
    /// The agent is asked to stop, and started again at the end
    AgentStop { machine: usize },
    /// The agent is not scheduled
    Pause { machine: usize },
    /// The host's clock jumps
    ClockJump { machine: usize },
    /// An interface loses carrier
    CarrierDown { machine: usize, link: usize },
    /// A service of the machine is ill
    Ill { machine: usize },
    /// An operator wants the other node
    Switch { machine: usize },
    /// Links do something to messages
    Network(Impairment),
}

/// One fault.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    pub kind: Kind,
    pub from: Time,
    pub to: Time,
}

/// Draws the faults of a run, and the time at which the last one is over.
pub fn schedule(storm: Storm, random: &mut ChaCha8Rng) -> (Vec<Fault>, Time) {
    let faults = match storm {
        Storm::All => (0..random.random_range(5..25)).map(|_| any_fault(random)).collect(),
        Storm::PowerCuts => sequence(random, 15, |random, machine| {
            (Kind::PowerCut { machine }, Duration::from_millis(random.random_range(1_500..4_000)))
        }),
        Storm::Switches => sequence(random, 3, |_, machine| (Kind::Switch { machine }, Duration::ZERO)),
    };
    let end = faults.iter().map(|fault| fault.to).max().unwrap_or(Time::ZERO);
    (faults, end)
}

/// Ten faults, each `spacing_s` seconds and a bit after the one before.
fn sequence(
    random: &mut ChaCha8Rng,
    spacing_s: u64,
    draw: impl Fn(&mut ChaCha8Rng, usize) -> (Kind, Duration),
) -> Vec<Fault> {
    let mut from = Time::from_millis(CALM_START_S * 1_000);
    (0..10)
        .map(|_| {
            let machine = random.random_range(0..MACHINES);
            let (kind, lasts) = draw(random, machine);
            let fault = Fault { kind, from, to: from + lasts };
            from =
                from + Duration::from_secs(spacing_s) + Duration::from_millis(random.random_range(0..1_000));
            fault
        })
        .collect()
}

fn any_fault(random: &mut ChaCha8Rng) -> Fault {
    let from = Time::from_millis(random.random_range(CALM_START_S * 1_000..90_000));
    let machine = random.random_range(0..MACHINES);
    let link = random.random_range(0..LINKS);
    let (kind, lasts_ms) = match random.random_range(0..13) {
        0 => (Kind::PowerCut { machine }, random.random_range(500..8_000)),
        1 => (Kind::AgentCrash { machine }, random.random_range(ABSENCE_MS_MIN..3_000)),
        2 => (Kind::AgentStop { machine }, random.random_range(3_500..6_000)),
        3 => (Kind::Pause { machine }, random.random_range(20..4_000)),
        4 => (Kind::ClockJump { machine }, 0),
        5 => (Kind::CarrierDown { machine, link }, random.random_range(50..10_000)),
        6 => (Kind::Ill { machine }, random.random_range(100..10_000)),
        7 => (Kind::Switch { machine }, 0),
        8 => (Kind::Network(Impairment::partition()), random.random_range(100..15_000)),
        9 => (Kind::Network(Impairment::deaf(machine)), random.random_range(100..15_000)),
        _ => (Kind::Network(Impairment::draw(random)), random.random_range(100..20_000)),
    };
    Fault { kind, from, to: from + Duration::from_millis(lasts_ms) }
}
