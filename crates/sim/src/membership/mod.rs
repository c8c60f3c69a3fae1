//! Two membership cores on two machines, through everything that links, disks, schedulers and clocks do to them.
//!
//! The cores are the real ones. Around each stands a simulated machine: a kernel that holds addresses and a gate with
//! an absolute deadline, a disk that keeps the epoch counter, a clock of its own rate (up to ρ off), an agent that can
//! crash, stop or be paused. [`checker`] looks at the machines only, never at what a core says of itself.

mod checker;
mod faults;
mod machine;
mod network;
mod world;

use std::time::Duration;

use model::{HaMode, Time};

pub use faults::Storm;
pub use machine::Defect;

/// Lease T of the simulated pair, in milliseconds.
pub const LEASE_MS: u64 = 1_000;
/// Initialisation timeout of the simulated pair, in milliseconds.
pub const INITIALISATION_MS: u64 = 3_000;

/// What to simulate; everything follows from it.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Seed of all that is random
    pub seed: u64,
    /// Mode of the pair
    pub mode: HaMode,
    /// Which faults happen
    pub storm: Storm,
    /// A planted defect that the checker must find
    pub defect: Defect,
}

/// What a run saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Faults that struck
    pub faults: u64,
    /// Heartbeats sent, counted per path
    pub heartbeats: u64,
    /// Changes of the owner
    pub moves: u64,
    /// Times that two machines owned the addresses
    pub overlaps: u64,
    /// Time in which they did
    pub overlap: Duration,
    /// Longest time without an owner, once there was one
    pub gap_max: Duration,
    /// Time without an owner, once there was one
    pub gap: Duration,
}

impl Tally {
    /// Adds the figures of another run.
    pub fn add(&mut self, other: &Tally) {
        self.faults += other.faults;
        self.heartbeats += other.heartbeats;
        self.moves += other.moves;
        self.overlaps += other.overlaps;
        self.overlap += other.overlap;
        self.gap_max = self.gap_max.max(other.gap_max);
        self.gap += other.gap;
    }
}

/// A promise was broken.
#[derive(Clone, Debug, thiserror::Error)]
#[error(
    "seed {seed}, {mode:?} mode, {storm:?}, at {at}: {what}\nthe last steps:\n{trace}\nreplay: cargo run -p sim -- membership --seed {seed} --runs 1"
)]
pub struct Failure {
    /// Seed of the run
    pub seed: u64,
    /// Mode of the run
    pub mode: HaMode,
    /// Faults of the run
    pub storm: Storm,
    /// Simulated time
    pub at: Time,
    /// Which promise, and how
    pub what: String,
    /// Steps before it
    pub trace: String,
}

/// Simulates one plan to its end.
///
/// # Errors
/// A promise was broken.
pub fn run(plan: Plan) -> Result<Tally, Failure> {
    world::World::new(plan).run()
}

/// Simulates `runs` seeds from `seed` on, each in both modes and under every storm.
///
/// # Errors
/// The first promise that was broken.
pub fn run_all(seed: u64, runs: u64) -> Result<Tally, Failure> {
    let mut sum = Tally::default();
    for seed in seed..seed.saturating_add(runs) {
        for mode in [HaMode::Available, HaMode::Safe] {
            for storm in Storm::ALL {
                sum.add(&run(Plan { seed, mode, storm, defect: Defect::None })?);
            }
        }
    }
    Ok(sum)
}
