//! Two ledgers on disks that lose power, over a link that loses, repeats, delays and parts, with roles that move.
//!
//! Clients at both nodes change settings and leave entries, and write down what they were told. When all has healed:
//! what was said to be on both disks is on both; what was said to be stored is in the settings, in the registers or
//! "made while apart"; nothing is there that nobody asked for; and both nodes show the same hash.

use std::collections::BTreeMap;

use ledger::{
    Entry, Epoch, Event, Input, InputError, Ledger, Output, Record, Request, Setup, Stream, Transaction,
};
use model::{Private, Time};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::clients::Clients;
use super::disk::{Defect, DiskHandle, Temper};

/// Simulated time of trouble, milliseconds.
const TROUBLE_MS: u64 = 40_000;
/// Simulated time in which the pair must have agreed once nothing fails any more, milliseconds.
const QUIET_MS: u64 = 60_000;
/// Small, so that segments follow each other often, octets.
const SEGMENT_BYTES_MAX: u64 = 8 * 1024;
/// 2026-11-30T23:59:30Z in milliseconds since 1970: the month changes during the run.
const TIME_UNIX_MS: u64 = 1_796_083_170_000;
/// Time after which nothing is held any more and the ends of all streams are noted on the disk, milliseconds.
const QUIET_UNTIL_MARKED_MS: u64 = 5_000;
const NAMES: [&str; 2] = ["a", "b"];

/// What to run.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Seed of the first run; the next ones count on
    pub seed: u64,
    /// Runs
    pub runs: u64,
    /// A planted defect of both disks
    pub defect: Defect,
}

/// What was seen in all runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Runs
    pub runs: u64,
    /// Requests answered "stored"
    pub committed: u64,
    /// Of these, on both disks
    pub protected: u64,
    /// Requests refused
    pub refused: u64,
    /// Records parked
    pub parked: u64,
    /// Ends of a process, by power cut or failed sync
    pub crashes: u64,
    /// Bits turned over, then healed from the peer
    pub flipped: u64,
}

/// A promise was broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "seed {seed}, at {at_ms} ms: {what}\nreplay: cargo run -p sim -- ledger --seed {seed} --cuts 0 --pairs 1"
)]
pub struct Broken {
    /// Seed of the run
    pub seed: u64,
    /// Simulated time
    pub at_ms: u64,
    /// What was lost, invented or different
    pub what: String,
}

/// Runs the plan.
///
/// # Errors
/// A promise was broken.
pub fn run(plan: Plan) -> Result<Tally, Broken> {
    let mut tally = Tally::default();
    for seed in (plan.seed..).take(usize::try_from(plan.runs).unwrap_or(usize::MAX)) {
        let mut pair = Pair::new(seed, plan.defect);
        let done = pair.trouble().and_then(|()| pair.heal()).and_then(|()| pair.flip_a_bit());
        let at_ms = pair.now_ms;
        done.map_err(|what| Broken { seed, at_ms, what })?;
        tally.runs += 1;
        pair.count(&mut tally);
    }
    Ok(tally)
}

/// One frame on its way.
#[derive(Debug)]
struct Flying {
    at_ms: u64,
    to: usize,
    frame: Vec<u8>,
}

#[derive(Debug)]
struct Node {
    disk: DiskHandle,
    ledger: Option<Ledger<DiskHandle>>,
    /// What the outputs say is stored: must be what the journal says
    view: BTreeMap<(Stream, u64), Record>,
    timeout: Time,
    restart_at_ms: u64,
    /// What the HA agent has said last, and what it will say
    role: (Epoch, bool),
    told: Option<(Epoch, bool)>,
    link_up: bool,
}

#[derive(Debug)]
struct Pair {
    random: ChaCha8Rng,
    now_ms: u64,
    nodes: [Node; 2],
    flying: Vec<Flying>,
    link: bool,
    /// Chances in a thousand of a frame
    loss: u32,
    repetition: u32,
    counter: u64,
    clients: Clients,
    crashes: u64,
    flipped: u64,
    calm: bool,
}

impl Pair {
    fn new(seed: u64, defect: Defect) -> Pair {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let temper = Temper { sync_fails: random.random_range(0..3), append_full: random.random_range(0..3) };
        let nodes = std::array::from_fn(|index| Node {
            disk: DiskHandle::new(random.next_u64(), temper, defect),
            ledger: None,
            view: BTreeMap::new(),
            timeout: Time::ZERO,
            restart_at_ms: random.random_range(0..200),
            role: (Epoch::default(), index == 0),
            told: None,
            link_up: false,
        });
        let (loss, repetition) = (random.random_range(0..100), random.random_range(0..100));
        Pair {
            random,
            now_ms: 0,
            nodes,
            flying: Vec::new(),
            link: false,
            loss,
            repetition,
            counter: 0,
            clients: Clients::default(),
            crashes: 0,
            flipped: 0,
            calm: false,
        }
    }

    fn trouble(&mut self) -> Result<(), String> {
        while self.now_ms < TROUBLE_MS {
            self.now_ms += 10;
            let node = self.random.random_range(0..2);
            // Sometimes a client repeats a request, a setting at the same node or at the other.
            let name = self.random.random_range(self.now_ms / 20..=self.now_ms / 10);
            match self.random.random_range(0..2_000_u32) {
                0..4 => self.power_cut(node),
                4..12 => self.link = !self.link,
                12..24 => self.link = true,
                24..32 => self.move_role(),
                32..36 => self.flush(node)?,
                36..200 => self.change_settings(node, name)?,
                200..400 => self.leave_entry(node, name)?,
                _ => {}
            }
            self.tick()?;
        }
        Ok(())
    }

    /// Nothing fails any more; one node serves; soon both must agree.
    fn heal(&mut self) -> Result<(), String> {
        self.calm = true;
        self.link = true;
        self.loss = 0;
        for node in &mut self.nodes {
            node.disk.fate().set_temper(Temper::default());
        }
        let server = self.random.random_range(0..2);
        self.serve(server);
        self.settle()?;
        self.check()
    }

    /// When all agree and it is quiet, a bit of a disk turns over. The node finds out at its next start, goes on working
    /// alone, and gets back from the other what it lacks.
    fn flip_a_bit(&mut self) -> Result<(), String> {
        self.run_for(QUIET_UNTIL_MARKED_MS)?;
        let node = self.random.random_range(0..2);
        self.power_cut(node);
        let segments = ledger::Disk::list(&self.nodes[node].disk).map_err(|error| error.to_string())?;
        let segments: Vec<_> =
            segments.into_iter().filter(|s| s.bytes > 0 && !s.name.starts_with("quarantine")).collect();
        let segment = &segments[self.random.random_range(0..segments.len())];
        let (offset, bit) = (self.random.random_range(0..segment.bytes), self.random.random_range(0..8));
        self.nodes[node].disk.fate().flip_bit(&segment.name, offset, bit);
        self.flipped += 1;
        self.link = false;
        self.run_for(1_000)?;
        // New names: that of a record which the damage took is not known until the peer has given it back.
        self.leave_entry(node, self.now_ms)?;
        self.change_settings(node, self.now_ms)?;
        self.link = true;
        let healed = self.settle().and_then(|()| self.check());
        healed.map_err(|what| format!("after bit {bit} of octet {offset} of {}: {what}", segment.name))
    }

    fn run_for(&mut self, ms: u64) -> Result<(), String> {
        let end = self.now_ms + ms;
        while self.now_ms < end {
            self.now_ms += 10;
            self.tick()?;
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<(), String> {
        let end = self.now_ms + QUIET_MS;
        while self.now_ms < end {
            self.now_ms += 10;
            self.tick()?;
            if self.agree() {
                return Ok(());
            }
        }
        let states: Vec<_> = self.nodes.iter().map(|n| n.ledger.as_ref().map(Ledger::status)).collect();
        Err(format!("the nodes do not agree after {QUIET_MS} ms of quiet: {states:?}"))
    }

    fn agree(&self) -> bool {
        let [Some(a), Some(b)] = [&self.nodes[0].ledger, &self.nodes[1].ledger] else { return false };
        let (a, b) = (a.status(), b.status());
        let whole = a.missing.is_empty() && b.missing.is_empty() && a.peer_connected && b.peer_connected;
        whole && a.state_hash == b.state_hash && a.writer != b.writer
    }

    /// Everything that is due at this moment.
    fn tick(&mut self) -> Result<(), String> {
        for index in 0..2 {
            let node = &self.nodes[index];
            if node.ledger.is_none() && node.restart_at_ms <= self.now_ms {
                self.start(index)?;
            }
            self.tell(index)?;
            if self.nodes[index].ledger.is_some()
                && self.nodes[index].timeout <= Time::from_millis(self.now_ms)
            {
                self.input(index, Input::Timeout)?;
            }
        }
        let due: Vec<Flying>;
        (due, self.flying) =
            std::mem::take(&mut self.flying).into_iter().partition(|flying| flying.at_ms <= self.now_ms);
        for flying in due {
            self.input(flying.to, Input::Frame(&flying.frame))?;
        }
        Ok(())
    }

    /// Role and link reach a node when it is up, not at the same moment as the other.
    fn tell(&mut self, index: usize) -> Result<(), String> {
        if self.nodes[index].ledger.is_none() || !(self.calm || self.random.random_ratio(1, 8)) {
            return Ok(());
        }
        let role = self.nodes[index].role.clone();
        if self.nodes[index].told.as_ref() != Some(&role) {
            self.nodes[index].told = Some(role.clone());
            self.input(index, Input::Role { epoch: role.0, writer: role.1 })?;
        }
        let link = self.link && self.nodes.iter().all(|node| node.ledger.is_some());
        if self.nodes[index].link_up != link {
            self.nodes[index].link_up = link;
            self.input(index, if link { Input::LinkUp } else { Input::LinkDown })?;
        }
        Ok(())
    }

    fn start(&mut self, index: usize) -> Result<(), String> {
        let setup = Setup {
            node: NAMES[index].parse().expect("a node name"),
            peer: Some(NAMES[1 - index].parse().expect("a node name")),
            seed: self.random.next_u64(),
            segment_bytes_max: SEGMENT_BYTES_MAX,
        };
        let node = &mut self.nodes[index];
        node.view.clear();
        let view = &mut node.view;
        let opened = Ledger::open(node.disk.clone(), setup, &mut |record| {
            view.insert((record.fields().stream.clone(), record.fields().sequence), record.clone());
        });
        match opened {
            Ok((ledger, recovery)) => {
                if !recovery.corruptions.is_empty() && self.flipped == 0 {
                    return Err(format!("a power cut looks like corruption: {recovery:?}"));
                }
                node.ledger = Some(ledger);
                node.timeout = Time::ZERO;
                node.told = None;
                node.link_up = false;
                Ok(())
            }
            Err(ledger::OpenError::Disk(_)) => {
                node.restart_at_ms = self.now_ms + 100;
                Ok(())
            }
            Err(error) => Err(format!("node {} does not open: {error}", NAMES[index])),
        }
    }

    fn power_cut(&mut self, index: usize) {
        self.crash(index);
        self.nodes[index].disk.fate().power_cycle();
    }

    fn crash(&mut self, index: usize) {
        let delay = if self.calm { 100 } else { self.random.random_range(50..6_000) };
        let node = &mut self.nodes[index];
        node.ledger = None;
        node.restart_at_ms = self.now_ms + delay;
        self.crashes += 1;
    }

    /// The HA agent lets the other node serve; the one that did hears of it, or (a split) does not.
    fn move_role(&mut self) {
        let server = self.random.random_range(0..2);
        let split = self.random.random_ratio(1, 2) && !self.link;
        let other = self.nodes[1 - server].role.clone();
        self.serve(server);
        if split {
            self.nodes[1 - server].role = other;
        }
    }

    fn serve(&mut self, server: usize) {
        self.counter += 1;
        let epoch = Epoch { counter: self.counter, node: NAMES[server].into() };
        for (index, node) in self.nodes.iter_mut().enumerate() {
            node.role = (epoch.clone(), index == server);
        }
    }

    fn flush(&mut self, node: usize) -> Result<(), String> {
        self.input(node, Input::Flush)?;
        self.input(node, Input::Thaw)
    }

    fn change_settings(&mut self, node: usize, number: u64) -> Result<(), String> {
        let transaction = Transaction {
            id: format!("t{number}"),
            epoch: Epoch::default(),
            author: "admin".into(),
            source_address: "local".into(),
            time_unix_ms: TIME_UNIX_MS + self.now_ms,
            description: "x".repeat(self.random.random_range(0..400)),
            rows: Vec::new(),
        };
        if self.nodes[node].ledger.is_some() {
            self.clients.asked.insert(Request::Transaction(transaction.id.clone()));
        }
        self.input(node, Input::Submit(transaction))
    }

    fn leave_entry(&mut self, node: usize, number: u64) -> Result<(), String> {
        let id = format!("{}-{number}", NAMES[node]);
        let time_unix_ms = TIME_UNIX_MS + self.now_ms - self.random.random_range(0..500);
        let body = Private::new("y".repeat(self.random.random_range(0..300)));
        if self.nodes[node].ledger.is_some() {
            self.clients.asked.insert(Request::Entry(id.clone()));
        }
        self.input(node, Input::Record(Entry { id, kind: "call".into(), time_unix_ms, body }))
    }

    fn input(&mut self, index: usize, input: Input<'_>) -> Result<(), String> {
        let now = Time::from_millis(self.now_ms);
        let Some(ledger) = &mut self.nodes[index].ledger else { return Ok(()) };
        hand_in(ledger, now, input)?;
        // Sometimes more comes before the outputs are fetched: a group.
        if !self.calm && self.random.random_ratio(1, 5) {
            return Ok(());
        }
        loop {
            let Some(ledger) = &mut self.nodes[index].ledger else { return Ok(()) };
            match ledger.poll_output() {
                Output::Timeout(at) => {
                    self.nodes[index].timeout = at;
                    return Ok(());
                }
                output => self.output(index, output)?,
            }
        }
    }

    fn output(&mut self, index: usize, output: Output) -> Result<(), String> {
        let node = &mut self.nodes[index];
        match output {
            Output::Send(frame) => self.fly(1 - index, frame),
            Output::Stored(record) => {
                let key = (record.fields().stream.clone(), record.fields().sequence);
                if node.view.insert(key.clone(), *record).is_some() {
                    return Err(format!("{key:?} was stored twice"));
                }
            }
            Output::Withdrawn { stream, after } => {
                node.view.retain(|(of, sequence), _| *of != stream || *sequence <= after);
            }
            Output::Finished { request, outcome } => self.clients.answered(request, &outcome),
            Output::Review(transaction) => {
                if let Some(ledger) = &mut node.ledger {
                    let now = Time::from_millis(self.now_ms);
                    ledger
                        .handle_input(now, Input::Submit(*transaction))
                        .map_err(|error| error.to_string())?;
                }
            }
            Output::Stop(_) => self.crash(index),
            Output::Event(Event::BadFrame { reason }) => return Err(format!("a bad frame: {reason}")),
            Output::CloseLink => return Err("the peer speaks another version".to_owned()),
            Output::Event(_) | Output::Flushed { .. } | Output::Timeout(_) => {}
        }
        Ok(())
    }

    fn fly(&mut self, to: usize, frame: Vec<u8>) {
        if !self.link || self.random.random_ratio(self.loss, 1_000) {
            return;
        }
        let at_ms = self.now_ms + self.random.random_range(0..40);
        if self.random.random_ratio(self.repetition, 1_000) {
            let at_ms = self.now_ms + self.random.random_range(0..3_000);
            self.flying.push(Flying { at_ms, to, frame: frame.clone() });
        }
        self.flying.push(Flying { at_ms, to, frame });
    }

    /// What clients were told must be true on both nodes.
    fn check(&self) -> Result<(), String> {
        for (node, name) in self.nodes.iter().zip(NAMES) {
            let ledger = node.ledger.as_ref().ok_or("not started")?;
            let mut journal = BTreeMap::new();
            ledger
                .journal()
                .for_each(&mut |record| {
                    journal
                        .insert((record.fields().stream.clone(), record.fields().sequence), record.clone());
                })
                .map_err(|error| error.to_string())?;
            if journal != node.view {
                return Err(format!("the view of {name} is not what its journal says"));
            }
            self.clients.check(name, &journal)?;
        }
        Ok(())
    }

    fn count(&self, tally: &mut Tally) {
        tally.committed += self.clients.committed.len() as u64;
        tally.protected += self.clients.protected.len() as u64;
        tally.refused += self.clients.refused;
        tally.parked += self.nodes[0].ledger.as_ref().map_or(0, |ledger| ledger.status().parked);
        tally.crashes += self.crashes;
        tally.flipped += self.flipped;
    }
}

/// A ledger that has stopped says so among its outputs.
fn hand_in(ledger: &mut Ledger<DiskHandle>, now: Time, input: Input<'_>) -> Result<(), String> {
    match ledger.handle_input(now, input) {
        Ok(()) | Err(InputError::Stopped) => Ok(()),
        Err(error @ InputError::TimeRanBackwards { .. }) => Err(error.to_string()),
    }
}
