//! The promises, checked on what the machines do.
//!
//! 1. *Safe* mode: never two owners.
//! 2. *Available* mode: never two owners while some path has worked both ways for [`HEALED_MS`] and both agents have
//!    run all that time, or for [`SOUND_MS`] whatever happened to the agents (here the gate's deadline, D and the
//!    bound of the clocks' drift do their work); never longer than [`ONE_WAY_MS`] while some path has worked one way
//!    and both agents have run. What remains, and is counted: two owners in mutual silence on every path.
//! 3. A node uses no epoch before it is on its disk, none in two starts, and none below an earlier one of its own.
//! 4. After the last fault exactly one machine owns the addresses within [`RECOVERY_MS`], and keeps them.
//! 5. Under power cuts alone (available mode) no gap is longer than [`TAKEOVER_MS`], under switchovers alone none
//!    longer than [`SWITCHOVER_MS`].

use std::collections::BTreeMap;
use std::time::Duration;

use model::{HaMode, Time};
use wire::heartbeat::Epoch;

use super::faults::{MACHINES, Storm};
use super::network::LINKS;
use super::{INITIALISATION_MS, LEASE_MS, Plan, Tally};

/// After so many milliseconds of a sound path nobody serves beside the other: two heartbeats and the kernel's work.
pub const HEALED_MS: u64 = LEASE_MS / 3 + 20;
/// After so many milliseconds of a sound path nobody serves beside the other, even if agents crash, stop or are not
/// scheduled: the lease of one that does not run ends.
pub const SOUND_MS: u64 = 3 * LEASE_MS;
/// Two owners, one of whom hears the other, last no longer: D to see that the other is deaf, D to see that it stays,
/// two heartbeats, in milliseconds.
pub const ONE_WAY_MS: u64 = 2 * LEASE_MS + LEASE_MS / 3 + 50;
/// Time in which the pair recovers after the last fault, in milliseconds: initialisation, a release that expires, a
/// claim.
pub const RECOVERY_MS: u64 = INITIALISATION_MS + 3 * LEASE_MS;
/// Longest gap of a takeover in milliseconds: D at the largest drift, and the kernel.
pub const TAKEOVER_MS: u64 = LEASE_MS + 25;
/// Longest gap of a planned switchover in milliseconds.
pub const SWITCHOVER_MS: u64 = 50;
/// Calm in which nothing may move any more, in milliseconds.
pub const CALM_MS: u64 = 5_000;

/// A stretch of time.
#[derive(Clone, Copy, Debug, Default)]
struct Since(Option<Time>);

impl Since {
    fn update(&mut self, now: Time, holds: bool) {
        self.0 = if holds { self.0.or(Some(now)) } else { None };
    }

    fn lasts(self, now: Time) -> Duration {
        self.0.map_or(Duration::ZERO, |since| now.since(since))
    }
}

/// What the checker is shown at each step.
#[derive(Clone, Copy, Debug)]
pub struct View {
    pub owns: [bool; MACHINES],
    pub awake: [bool; MACHINES],
    /// `sound[link][sender]`: nothing is done to messages of this path
    pub sound: [[bool; MACHINES]; LINKS],
}

/// The promises of one run.
#[derive(Debug)]
pub struct Checker {
    plan: Plan,
    /// Time of the end of the last fault
    calm_from: Time,
    sound: [Since; LINKS],
    both_ways: [Since; LINKS],
    one_way: [[Since; MACHINES]; LINKS],
    overlap: Since,
    unowned: Since,
    owner: Option<usize>,
    last: Time,
    /// Epochs used per machine: counter and start of the agent
    epochs: [BTreeMap<u64, u64>; MACHINES],
    pub tally: Tally,
}

impl Checker {
    pub fn new(plan: Plan, calm_from: Time) -> Self {
        Checker {
            plan,
            calm_from,
            sound: [Since::default(); LINKS],
            both_ways: [Since::default(); LINKS],
            one_way: [[Since::default(); MACHINES]; LINKS],
            overlap: Since::default(),
            unowned: Since::default(),
            owner: None,
            last: Time::ZERO,
            epochs: [BTreeMap::new(), BTreeMap::new()],
            tally: Tally::default(),
        }
    }

    /// Looks at the machines after each step, and before time passes.
    pub fn look(&mut self, now: Time, view: View) -> Result<(), String> {
        let passed = now.since(self.last);
        self.last = now;
        if self.overlap.0.is_some() {
            self.tally.overlap += passed;
        }
        if self.unowned.0.is_some() && self.owner.is_some() {
            self.tally.gap += passed;
        }
        self.note_paths(now, &view);
        self.check_gap(now)?;
        let both = view.owns == [true; MACHINES];
        if both && self.overlap.0.is_none() {
            self.tally.overlaps += 1;
        }
        self.overlap.update(now, both);
        if both {
            self.check_overlap(now)?;
        }
        self.check_recovery(now, view)?;
        self.unowned.update(now, view.owns == [false; MACHINES]);
        if let [true, false] | [false, true] = view.owns {
            let owner = usize::from(view.owns[1]);
            if self.owner.is_some_and(|before| before != owner) {
                self.tally.moves += 1;
            }
            self.owner = Some(owner);
        }
        Ok(())
    }

    fn note_paths(&mut self, now: Time, view: &View) {
        let awake = view.awake == [true; MACHINES];
        for link in 0..LINKS {
            let sound = view.sound[link] == [true; MACHINES];
            self.sound[link].update(now, sound);
            self.both_ways[link].update(now, awake && sound);
            for sender in 0..MACHINES {
                self.one_way[link][sender].update(now, awake && view.sound[link][sender]);
            }
        }
    }

    fn check_overlap(&self, now: Time) -> Result<(), String> {
        if self.plan.mode == HaMode::Safe {
            return Err("two owners in safe mode".to_owned());
        }
        let longest = |paths: &[Since]| paths.iter().map(|since| since.lasts(now)).max().unwrap_or_default();
        let (sound, healed) = (longest(&self.sound), longest(&self.both_ways));
        if sound >= Duration::from_millis(SOUND_MS) || healed >= Duration::from_millis(HEALED_MS) {
            return Err(format!(
                "two owners; a path was sound for {sound:?}, both agents ran for {healed:?} of it"
            ));
        }
        let heard = longest(self.one_way.as_flattened());
        let lasts = heard.min(self.overlap.lasts(now));
        if lasts >= Duration::from_millis(ONE_WAY_MS) {
            return Err(format!("two owners for {lasts:?} while one hears the other"));
        }
        Ok(())
    }

    fn check_gap(&mut self, now: Time) -> Result<(), String> {
        if self.owner.is_none() {
            return Ok(());
        }
        let gap = self.unowned.lasts(now);
        self.tally.gap_max = self.tally.gap_max.max(gap);
        let limit_ms = match (self.plan.storm, self.plan.mode) {
            (Storm::Switches, _) => SWITCHOVER_MS,
            (Storm::PowerCuts, HaMode::Available) => TAKEOVER_MS,
            (Storm::PowerCuts | Storm::All, _) => return Ok(()),
        };
        if gap > Duration::from_millis(limit_ms) {
            return Err(format!("no owner for {gap:?}"));
        }
        Ok(())
    }

    fn check_recovery(&self, now: Time, view: View) -> Result<(), String> {
        if now < self.calm_from + Duration::from_millis(RECOVERY_MS) {
            return Ok(());
        }
        let owner = view.owns.iter().position(|owns| *owns);
        match owner {
            None => Err("no owner although all faults are over".to_owned()),
            Some(owner)
                if self.owner != Some(owner) && now > self.calm_from + Duration::from_millis(RECOVERY_MS) =>
            {
                Err("the owner changed although all faults are over".to_owned())
            }
            Some(_) => Ok(()),
        }
    }

    /// A core permitted its machine to serve under `epoch`.
    pub fn permitted(&mut self, machine: usize, start: u64, disk: u64, epoch: &Epoch) -> Result<(), String> {
        let counter = epoch.counter;
        if counter > disk {
            return Err(format!("epoch {counter} used with {disk} on disk"));
        }
        let used = &mut self.epochs[machine];
        if let Some((latest, _)) = used.last_key_value()
            && *latest > counter
        {
            return Err(format!("epoch {counter} used after {latest}"));
        }
        let first_start = *used.entry(counter).or_insert(start);
        if first_start != start {
            return Err(format!(
                "epoch {counter} used by start {first_start} and start {start} of the agent"
            ));
        }
        Ok(())
    }
}
