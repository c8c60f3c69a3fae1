//! The journal on a disk that loses power: what was acknowledged must be there, and nothing that was never written.

use std::collections::BTreeMap;

use ledger::{
    Action, AppendError, Body, Entry, Epoch, Fields, Journal, OpenError, ParkedRecord, Position, Record, Row,
    Stream, Transaction,
};
use model::{NodeName, Private};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::disk::{Defect, DiskHandle, Temper};

/// Power cuts that one disk lives through before a fresh one takes its place.
const CUTS_PER_DISK: u64 = 25;
/// Small, so that segments follow each other often, octets.
const SEGMENT_BYTES_MAX: u64 = 6 * 1024;
/// 2026-11-15, in milliseconds since 1970: times of entries lie around it, in several months.
const TIME_UNIX_MS: u64 = 1_794_700_800_000;
const WEEK_MS: u64 = 7 * 86_400_000;

/// What to run.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Everything follows from it
    pub seed: u64,
    /// Power cuts
    pub cuts: u64,
    /// A planted defect
    pub defect: Defect,
}

/// What was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Power cuts
    pub cuts: u64,
    /// Records acknowledged (synced) before one
    pub acknowledged: u64,
    /// Records written and never acknowledged that survived all the same
    pub survived: u64,
    /// Torn tails cut
    pub torn: u64,
    /// Syncs that failed
    pub syncs_failed: u64,
    /// Tails withdrawn
    pub withdrawn: u64,
}

/// A promise was broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "seed {seed}, disk {disk}, power cut {cut}: {what}\nreplay: cargo run -p sim -- ledger --seed {seed} --cuts {cuts} --pairs 0"
)]
pub struct Broken {
    /// Seed of the run
    pub seed: u64,
    /// Number of the disk in the run
    pub disk: u64,
    /// Number of the power cut in the run
    pub cut: u64,
    /// Power cuts to replay
    pub cuts: u64,
    /// What was lost or invented
    pub what: String,
}

/// Runs the plan.
///
/// # Errors
/// A promise was broken.
pub fn run(plan: Plan) -> Result<Tally, Broken> {
    let mut tally = Tally::default();
    let mut disk = 0;
    while tally.cuts < plan.cuts {
        let mut life = Life::new(plan.seed, disk, plan.defect);
        for _ in 0..CUTS_PER_DISK.min(plan.cuts - tally.cuts) {
            tally.cuts += 1;
            life.until_the_next_cut(&mut tally).map_err(|what| Broken {
                seed: plan.seed,
                disk,
                cut: tally.cuts,
                cuts: tally.cuts,
                what,
            })?;
        }
        disk += 1;
    }
    Ok(tally)
}

/// What the outside knows of a stream.
#[derive(Debug, Default)]
struct Expected {
    records: Vec<Record>,
    /// The first so many were acknowledged
    acknowledged: usize,
}

/// One disk and what must be on it.
#[derive(Debug)]
struct Life {
    random: ChaCha8Rng,
    node: NodeName,
    disk: DiskHandle,
    expected: BTreeMap<Stream, Expected>,
}

impl Life {
    fn new(seed: u64, number: u64, defect: Defect) -> Life {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(number);
        let temper =
            Temper { sync_fails: random.random_range(0..20), append_full: random.random_range(0..10) };
        let disk = DiskHandle::new(random.next_u64(), temper, defect);
        let node = "a".parse().expect("a is a node name");
        Life { random, node, disk, expected: BTreeMap::new() }
    }

    /// Opens (perhaps losing power while recovering), checks, works, and loses power.
    fn until_the_next_cut(&mut self, tally: &mut Tally) -> Result<(), String> {
        if self.random.random_ratio(1, 4) {
            let operations = self.random.random_range(1..12);
            self.disk.fate().cut_after(operations);
        }
        let mut attempts = 0;
        let mut journal = loop {
            match self.open(tally)? {
                Some(journal) => break journal,
                None => self.disk.fate().power_cycle(),
            }
            attempts += 1;
            if attempts > 100 {
                return Err("recovery never ends".to_owned());
            }
        };
        if !self.disk.fate().is_off() {
            let operations = self.random.random_range(1..120);
            self.disk.fate().cut_after(operations);
            while !self.disk.fate().is_off() && self.step(&mut journal, tally)? {}
        }
        // Sometimes only the process ends (a failed sync makes it): the machine's memory still has what the disk lacks.
        if self.disk.fate().is_off() || self.random.random_ratio(1, 2) {
            self.disk.fate().power_cycle();
        }
        Ok(())
    }

    /// Recovers the journal and compares it with what is expected. `None`: the power went, or a sync failed.
    fn open(&mut self, tally: &mut Tally) -> Result<Option<Journal<DiskHandle>>, String> {
        let mut seen: BTreeMap<Stream, Vec<Record>> = BTreeMap::new();
        let seed = self.random.next_u64();
        let opened = Journal::open(self.disk.clone(), &self.node, seed, SEGMENT_BYTES_MAX, &mut |record| {
            seen.entry(record.fields().stream.clone()).or_default().push(record.clone());
        });
        let (journal, recovery) = match opened {
            Ok(opened) => opened,
            Err(OpenError::Disk(_)) => return Ok(None),
            Err(error) => return Err(format!("the journal does not open: {error}")),
        };
        if !recovery.corruptions.is_empty() || !recovery.missing.is_empty() {
            return Err(format!("a power cut looks like corruption: {recovery:?}"));
        }
        tally.torn += recovery.cuts.len() as u64;
        for stream in seen.keys() {
            if !self.expected.contains_key(stream) {
                return Err(format!("invented: {stream:?}"));
            }
        }
        for (stream, expected) in &mut self.expected {
            let mut found = seen.remove(stream).unwrap_or_default();
            found.sort_by_key(|record| record.fields().sequence); // registers come month by month
            expected.compare(stream, found, journal.end(stream), tally)?;
        }
        Ok(Some(journal))
    }

    /// One random action; false: the process has ended.
    fn step(&mut self, journal: &mut Journal<DiskHandle>, tally: &mut Tally) -> Result<bool, String> {
        match self.random.random_range(0..100_u32) {
            0..70 => self.append(journal),
            70..94 => Ok(self.sync(journal, tally)),
            94..98 => Ok(self.sync(journal, tally) && journal.mark().is_ok()),
            _ => Ok(self.withdraw(journal, tally)),
        }
    }

    fn append(&mut self, journal: &mut Journal<DiskHandle>) -> Result<bool, String> {
        let stream = match self.random.random_range(0..4_u32) {
            0 => Stream::Settings,
            1 => Stream::Register { node: "a".into(), journal: 1 },
            2 => Stream::Register { node: "b".into(), journal: 2 },
            _ => Stream::Parked { node: "b".into(), journal: 2 },
        };
        let record = random_record(&mut self.random, &stream, journal.end(&stream));
        let expected = self.expected.entry(stream).or_default();
        match journal.append(record.clone()) {
            Ok(()) => {
                expected.records.push(record);
                Ok(true)
            }
            Err(AppendError::Full(_)) => Ok(true),
            // The record may or may not be on the disk.
            Err(AppendError::Fatal(_)) => {
                expected.records.push(record);
                Ok(false)
            }
            Err(error) => Err(format!("an append was refused: {error}")),
        }
    }

    fn sync(&mut self, journal: &mut Journal<DiskHandle>, tally: &mut Tally) -> bool {
        if journal.sync().is_err() {
            tally.syncs_failed += u64::from(!self.disk.fate().is_off());
            return false;
        }
        for expected in self.expected.values_mut() {
            tally.acknowledged += (expected.records.len() - expected.acknowledged) as u64;
            expected.acknowledged = expected.records.len();
        }
        true
    }

    /// Takes the last records out of the settings, as parking does.
    fn withdraw(&mut self, journal: &mut Journal<DiskHandle>, tally: &mut Tally) -> bool {
        if !self.sync(journal, tally) {
            return false;
        }
        let Some(expected) = self.expected.get_mut(&Stream::Settings) else { return true };
        let stays = expected.records.len() - self.random.random_range(0..=expected.records.len().min(8));
        let end = stays.checked_sub(1).map_or(Position::default(), |last| expected.records[last].position());
        // From here on the tail may be gone, or a part of it.
        expected.acknowledged = stays;
        if journal.withdraw(&Stream::Settings, end).is_err() {
            return false;
        }
        expected.records.truncate(stays);
        tally.withdrawn += 1;
        true
    }
}

impl Expected {
    /// What recovery found must hold all that was acknowledged, and be the beginning of what was written.
    fn compare(
        &mut self,
        stream: &Stream,
        found: Vec<Record>,
        end: Position,
        tally: &mut Tally,
    ) -> Result<(), String> {
        if found.len() < self.acknowledged {
            let acknowledged = self.acknowledged;
            return Err(format!(
                "lost: {stream:?} has {} records of {acknowledged} acknowledged",
                found.len()
            ));
        }
        if found.len() > self.records.len() || found != self.records[..found.len()] {
            return Err(format!("invented: {stream:?} has records that were never written"));
        }
        if found.last().map_or(Position::default(), Record::position) != end {
            return Err(format!("the end of {stream:?} is not its last record"));
        }
        tally.survived += (found.len() - self.acknowledged) as u64;
        // Recovery has synced what it found.
        self.acknowledged = found.len();
        self.records = found;
        Ok(())
    }
}

fn random_record(random: &mut ChaCha8Rng, stream: &Stream, end: Position) -> Record {
    let length = if random.random_ratio(1, 20) { 3_000 } else { 60 };
    let text: String = (0..random.random_range(0..length)).map(|_| random.random_range(' '..='~')).collect();
    let id = format!("{:016x}", random.next_u64());
    let time_unix_ms = TIME_UNIX_MS + random.random_range(0..8 * WEEK_MS);
    let body = match stream {
        Stream::Settings => Body::Transaction(Transaction {
            id,
            epoch: Epoch::default(),
            author: "admin".into(),
            source_address: "192.0.2.1".into(),
            time_unix_ms,
            description: "change".into(),
            rows: vec![Row {
                action: Action::Change,
                object_type: "account".into(),
                object_key: "101".into(),
                description: String::new(),
                before: None,
                after: Some(Private::new(text)),
            }],
        }),
        Stream::Register { .. } => {
            Body::Entry(Entry { id, kind: "call".into(), time_unix_ms, body: Private::new(text) })
        }
        Stream::Parked { .. } => Body::Parked(ParkedRecord { octets: text.into_bytes() }),
    };
    Record::encode(Fields {
        stream: stream.clone(),
        sequence: end.sequence + 1,
        epoch: Epoch::default(),
        node: "a".into(),
        time_unix_ms,
        previous: end.hash,
        body,
    })
}
