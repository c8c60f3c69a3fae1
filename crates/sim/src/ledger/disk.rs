//! A disk from a seed: it forgets what was not synced, as unkindly as a real one may.
//!
//! What a power cut does here: any subset of the unsynced sectors survives, one of them torn in the middle; a segment's
//! length is anything between the durable and the last one; octets that were never written are zeros or rubbish; of
//! the unsynced creations, renames and removals only the first few survive. A failed sync makes a part durable and
//! forgets that the rest was ever dirty, as Linux does.

use std::cell::{RefCell, RefMut};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use ledger::{Attempt, Disk, DiskError, Segment};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Octets that a disk writes at once or not at all, except for the one torn by the power cut.
const SECTOR_BYTES: usize = 512;

/// How bad the disk is, as chances in a thousand.
#[derive(Clone, Copy, Debug, Default)]
pub struct Temper {
    /// A sync fails
    pub sync_fails: u32,
    /// An append finds no room, after a part of it
    pub append_full: u32,
}

/// A defect planted on purpose, to see that it is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Defect {
    /// None
    #[default]
    None,
    /// `sync` says yes and does nothing
    SyncForgotten,
    /// `sync_folder` says yes and does nothing
    SyncFolderForgotten,
    /// A failed `sync` says yes
    SyncErrorHidden,
}

#[derive(Clone, Debug, Default)]
struct Contents {
    cached: Vec<u8>,
    durable: Vec<u8>,
    dirty: BTreeSet<usize>,
}

impl Contents {
    fn touch(&mut self, from: usize, to: usize) {
        self.dirty.extend(from / SECTOR_BYTES..to.div_ceil(SECTOR_BYTES));
    }

    /// Makes the sectors durable that `survives` picks; what was never written is filled.
    fn settle(
        &mut self,
        length: usize,
        survives: &mut dyn FnMut(usize) -> usize,
        filler: &mut dyn FnMut() -> u8,
    ) {
        let known = self.durable.len().min(length);
        self.durable.truncate(length);
        self.durable.extend((known..length).map(|_| filler()));
        for &sector in &self.dirty {
            let from = sector * SECTOR_BYTES;
            let to = (from + survives(sector).min(SECTOR_BYTES)).min(self.cached.len()).min(length);
            if from < to {
                self.durable[from..to].copy_from_slice(&self.cached[from..to]);
            }
        }
        self.dirty.clear();
    }
}

#[derive(Clone, Debug)]
enum NameChange {
    Link(String, usize),
    Unlink(String),
    Rename(String, String),
}

impl NameChange {
    fn touches(&self, folder: &str) -> bool {
        let within = |name: &str| name.rsplit_once('/').map_or("", |(folder, _)| folder) == folder;
        match self {
            NameChange::Link(name, _) | NameChange::Unlink(name) => within(name),
            NameChange::Rename(from, to) => within(from) || within(to),
        }
    }

    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            NameChange::Link(name, contents) => {
                names.insert(name.clone(), *contents);
            }
            NameChange::Unlink(name) => {
                names.remove(name);
            }
            NameChange::Rename(from, to) => {
                if let Some(contents) = names.remove(from) {
                    names.insert(to.clone(), contents);
                }
            }
        }
    }
}

/// A disk that outlives the process which works on it: each start of the process gets a handle to the same disk.
#[derive(Clone, Debug)]
pub struct DiskHandle(Rc<RefCell<SeededDisk>>);

impl DiskHandle {
    /// A handle to an empty disk.
    #[must_use]
    pub fn new(seed: u64, temper: Temper, defect: Defect) -> DiskHandle {
        DiskHandle(Rc::new(RefCell::new(SeededDisk::new(seed, temper, defect))))
    }

    /// The disk itself, for its fate.
    #[must_use]
    pub fn fate(&self) -> RefMut<'_, SeededDisk> {
        self.0.borrow_mut()
    }
}

impl Disk for DiskHandle {
    fn list(&self) -> Result<Vec<Segment>, DiskError> {
        self.0.borrow().list()
    }
    fn create(&mut self, name: &str) -> Result<(), DiskError> {
        self.fate().create(name)
    }
    fn append(&mut self, name: &str, octets: &[u8]) -> Result<(), DiskError> {
        self.fate().append(name, octets)
    }
    fn read(&self, name: &str, offset: u64, bytes_max: usize) -> Result<Vec<u8>, DiskError> {
        self.0.borrow().read(name, offset, bytes_max)
    }
    fn truncate(&mut self, name: &str, bytes: u64) -> Result<(), DiskError> {
        self.fate().truncate(name, bytes)
    }
    fn sync(&mut self, name: &str) -> Result<(), DiskError> {
        self.fate().sync(name)
    }
    fn remove(&mut self, name: &str) -> Result<(), DiskError> {
        self.fate().remove(name)
    }
    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        self.fate().rename(from, to)
    }
    fn sync_folder(&mut self, folder: &str) -> Result<(), DiskError> {
        self.fate().sync_folder(folder)
    }
}

/// The disk.
#[derive(Clone, Debug)]
pub struct SeededDisk {
    random: ChaCha8Rng,
    temper: Temper,
    defect: Defect,
    contents: Vec<Contents>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    changes: Vec<NameChange>,
    /// Changing operations until the power goes; `None`: it stays
    operations_left: Option<u64>,
}

impl SeededDisk {
    /// An empty disk.
    #[must_use]
    pub fn new(seed: u64, temper: Temper, defect: Defect) -> SeededDisk {
        SeededDisk {
            random: ChaCha8Rng::seed_from_u64(seed),
            temper,
            defect,
            contents: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            changes: Vec::new(),
            operations_left: None,
        }
    }

    /// Makes the disk better or worse.
    pub fn set_temper(&mut self, temper: Temper) {
        self.temper = temper;
    }

    /// The power goes after this many more changing operations: the next one and all after it fail.
    pub fn cut_after(&mut self, operations: u64) {
        self.operations_left = Some(operations);
    }

    /// The power is off.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.operations_left == Some(0)
    }

    /// The power goes (if it has not yet) and comes back: what was not synced is decided now.
    pub fn power_cycle(&mut self) {
        self.operations_left = None;
        let changes = std::mem::take(&mut self.changes);
        let kept = self.random.random_range(0..=changes.len());
        changes[..kept].iter().for_each(|change| change.apply(&mut self.durable_names));
        self.names = self.durable_names.clone();
        for contents in &mut self.contents {
            settle_after_cut(contents, &mut self.random);
            contents.cached = contents.durable.clone();
        }
    }

    /// Turns over one bit, durably.
    ///
    /// # Panics
    /// There is no such octet.
    pub fn flip_bit(&mut self, name: &str, offset: u64, bit: u8) {
        let contents = &mut self.contents[self.names[name]];
        let offset = usize::try_from(offset).expect("segments fit into memory");
        for copy in [&mut contents.cached, &mut contents.durable] {
            copy[offset] ^= 1 << bit;
        }
    }

    fn operation(&mut self, attempt: Attempt, name: &str) -> Result<(), DiskError> {
        match &mut self.operations_left {
            None => Ok(()),
            Some(0) => Err(failed(attempt, name, "the power is off")),
            Some(left) => {
                *left -= 1;
                if *left == 0 { Err(failed(attempt, name, "the power went")) } else { Ok(()) }
            }
        }
    }

    fn find(&self, attempt: Attempt, name: &str) -> Result<usize, DiskError> {
        self.names.get(name).copied().ok_or_else(|| failed(attempt, name, "no such segment"))
    }

    fn chance(&mut self, in_a_thousand: u32) -> bool {
        in_a_thousand > 0 && self.random.random_ratio(in_a_thousand, 1000)
    }
}

fn settle_after_cut(contents: &mut Contents, random: &mut ChaCha8Rng) {
    if contents.dirty.is_empty() && contents.cached.len() == contents.durable.len() {
        return;
    }
    let (short, long) = (contents.cached.len().min(contents.durable.len()), contents.cached.len());
    let (short, long) = (short, long.max(contents.durable.len()));
    let length = match random.random_range(0..4_u32) {
        0 => short,
        1 => long,
        _ => random.random_range(short..=long),
    };
    let likely = [0, 1, 2, 3, 4][random.random_range(0..5)];
    let torn = contents.dirty.iter().copied().nth(random.random_range(0..=contents.dirty.len()));
    let torn_at = random.random_range(0..SECTOR_BYTES);
    let rubbish = random.random_ratio(1, 2);
    let mut coin = ChaCha8Rng::seed_from_u64(random.next_u64());
    let mut bytes = ChaCha8Rng::seed_from_u64(random.next_u64());
    contents.settle(
        length,
        &mut |sector| match torn {
            Some(torn) if torn == sector => torn_at,
            _ if coin.random_ratio(likely, 4) => SECTOR_BYTES,
            _ => 0,
        },
        &mut || if rubbish { bytes.random() } else { 0 },
    );
}

fn failed(attempt: Attempt, name: &str, reason: &str) -> DiskError {
    DiskError::Failed { attempt, name: name.to_owned(), reason: reason.to_owned() }
}

impl Disk for SeededDisk {
    fn list(&self) -> Result<Vec<Segment>, DiskError> {
        let segment = |(name, contents): (&String, &usize)| Segment {
            name: name.clone(),
            bytes: self.contents[*contents].cached.len() as u64,
        };
        Ok(self.names.iter().map(segment).collect())
    }

    fn create(&mut self, name: &str) -> Result<(), DiskError> {
        self.operation(Attempt::Create, name)?;
        if self.names.contains_key(name) {
            return Err(failed(Attempt::Create, name, "it exists"));
        }
        self.contents.push(Contents::default());
        let change = NameChange::Link(name.to_owned(), self.contents.len() - 1);
        change.apply(&mut self.names);
        self.changes.push(change);
        Ok(())
    }

    fn append(&mut self, name: &str, octets: &[u8]) -> Result<(), DiskError> {
        let off = self.operation(Attempt::Append, name);
        let contents = self.find(Attempt::Append, name)?;
        let full = self.chance(self.temper.append_full);
        let taken =
            if off.is_err() || full { self.random.random_range(0..=octets.len()) } else { octets.len() };
        let contents = &mut self.contents[contents];
        let from = contents.cached.len();
        contents.cached.extend_from_slice(&octets[..taken]);
        contents.touch(from, from + taken);
        off?;
        if full { Err(DiskError::Full { attempt: Attempt::Append, name: name.to_owned() }) } else { Ok(()) }
    }

    fn read(&self, name: &str, offset: u64, bytes_max: usize) -> Result<Vec<u8>, DiskError> {
        if self.is_off() {
            return Err(failed(Attempt::Read, name, "the power is off"));
        }
        let cached = &self.contents[self.find(Attempt::Read, name)?].cached;
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(cached.len());
        let to = from.saturating_add(bytes_max).min(cached.len());
        Ok(cached[from..to].to_vec())
    }

    fn truncate(&mut self, name: &str, bytes: u64) -> Result<(), DiskError> {
        self.operation(Attempt::Truncate, name)?;
        let contents = self.find(Attempt::Truncate, name)?;
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        self.contents[contents].cached.truncate(bytes);
        Ok(())
    }

    fn sync(&mut self, name: &str) -> Result<(), DiskError> {
        self.operation(Attempt::Sync, name)?;
        let contents = self.find(Attempt::Sync, name)?;
        if self.defect == Defect::SyncForgotten {
            return Ok(());
        }
        let fails = self.chance(self.temper.sync_fails);
        if fails {
            settle_after_cut(&mut self.contents[contents], &mut self.random);
            let hidden = self.defect == Defect::SyncErrorHidden;
            return if hidden { Ok(()) } else { Err(failed(Attempt::Sync, name, "input/output error")) };
        }
        // Only what is known to be dirty is written: what an earlier failure forgot stays forgotten.
        let contents = &mut self.contents[contents];
        contents.settle(contents.cached.len(), &mut |_| SECTOR_BYTES, &mut || 0);
        Ok(())
    }

    fn remove(&mut self, name: &str) -> Result<(), DiskError> {
        self.operation(Attempt::Remove, name)?;
        self.find(Attempt::Remove, name)?;
        let change = NameChange::Unlink(name.to_owned());
        change.apply(&mut self.names);
        self.changes.push(change);
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        self.operation(Attempt::Rename, from)?;
        self.find(Attempt::Rename, from)?;
        let change = NameChange::Rename(from.to_owned(), to.to_owned());
        change.apply(&mut self.names);
        self.changes.push(change);
        Ok(())
    }

    fn sync_folder(&mut self, folder: &str) -> Result<(), DiskError> {
        self.operation(Attempt::SyncFolder, folder)?;
        if self.defect == Defect::SyncFolderForgotten {
            return Ok(());
        }
        let durable =
            self.changes.iter().rposition(|change| change.touches(folder)).map_or(0, |last| last + 1);
        for change in self.changes.drain(..durable) {
            change.apply(&mut self.durable_names);
        }
        Ok(())
    }
}
