//! What a disk has not flushed is lost with the power.
//!
//! A killed QEMU is kinder than a power cut: what the machine has written, flushed or not, is in the page cache of this
//! machine and survives. So QEMU keeps a log of all writes and flushes (`blklogwrites`, the format of the kernel's
//! `dm-log-writes`) beside a copy of the disk as it was at power-on, and after a cut the disk is made again: everything
//! up to the last flush, and of what came later a random half, as a real disk may have reordered its cache.
//!
//! ```text
//!   copy at power-on ─► W W W F W W F W W W ✂ power cut
//!                       └─ all of it ─┘ └─┴─┘ each write kept or lost by the toss of a coin
//! ```

use std::fs::{self, File};
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};

use super::files::MachineFiles;
use crate::process;

/// Octets of a sector of the log, as QEMU is told.
pub(super) const SECTOR_BYTES: u64 = 512;
/// The log may become this long; it is sparse.
const LOG_BYTES_MAX: u64 = 64 * 1_024 * 1_024 * 1_024;
/// Magic number of the first sector.
const MAGIC: u64 = 0x006a_7366_7773_6872;
/// The disk has written everything before this entry.
const FLUSH: u64 = 1;
/// The write was on the disk before it was answered.
const DURABLE: u64 = 2;
/// Octets are given back: the machine is not offered that, as QEMU's log of it can be torn apart.
const DISCARD: u64 = 4;
/// Copying a data disk takes less.
const COPY_LIMIT: Duration = Duration::from_secs(120);

/// Before power-on: a copy of the disk, and an empty log.
pub(super) fn prepare(files: &MachineFiles) -> anyhow::Result<()> {
    let mut copy = Command::new("cp");
    copy.args(["--sparse=always", "--reflink=auto"]).arg(files.data()).arg(files.data_before());
    process::output(&mut copy, COPY_LIMIT).context("copying the data disk")?;
    let log = files.data_log();
    File::create(&log)
        .and_then(|file| file.set_len(LOG_BYTES_MAX))
        .with_context(|| format!("making {}", log.display()))
}

/// What was done to a disk after a power cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loss {
    /// Writes since power-on
    pub writes: u64,
    /// Of these, writes after the last flush
    pub unflushed: u64,
    /// Of these, writes that are lost
    pub lost: u64,
}

/// After a power cut: makes the disk as it is without what was not flushed. `seed` tosses the coins.
pub(super) fn lose(files: &MachineFiles, seed: u64) -> anyhow::Result<Loss> {
    let (before, log) = (files.data_before(), files.data_log());
    let loss = replay(&log, &before, seed)
        .with_context(|| format!("replaying {} onto {}", log.display(), before.display()))?;
    fs::rename(&before, files.data()).context("putting the disk in its place")?;
    fs::remove_file(&log).context("removing the log")?;
    Ok(loss)
}

/// An entry of the log, with the place of its data.
#[derive(Clone, Copy, Debug)]
struct Entry {
    sector: u64,
    sectors: u64,
    flags: u64,
    data_at: u64,
}

fn replay(log: &Path, disk: &Path, seed: u64) -> anyhow::Result<Loss> {
    let entries = entries(&mut BufReader::new(File::open(log)?))?;
    let (log, disk) = (File::open(log)?, File::options().write(true).open(disk)?);
    let durable = entries.iter().rposition(|entry| entry.flags & FLUSH != 0).map_or(0, |at| at + 1);
    let mut coins = Coins(seed);
    let mut loss = Loss::default();
    for (index, entry) in entries.iter().enumerate().filter(|(_, entry)| entry.sectors > 0) {
        loss.writes += 1;
        if index >= durable && entry.flags & DURABLE == 0 {
            loss.unflushed += 1;
            if coins.toss() {
                loss.lost += 1;
                continue;
            }
        }
        apply(*entry, &log, &disk)?;
    }
    disk.sync_all()?;
    Ok(loss)
}

fn apply(entry: Entry, log: &File, disk: &File) -> std::io::Result<()> {
    let mut buffer = [0; 65_536];
    let (mut from, mut to) = (entry.data_at, entry.sector * SECTOR_BYTES);
    let end = to + entry.sectors * SECTOR_BYTES;
    while to < end {
        let length = usize::try_from(end - to).unwrap_or(usize::MAX).min(buffer.len());
        log.read_exact_at(&mut buffer[..length], from)?;
        disk.write_all_at(&buffer[..length], to)?;
        let length = u64::try_from(length).unwrap_or_default();
        (from, to) = (from + length, to + length);
    }
    Ok(())
}

/// All entries, in the order in which QEMU was asked.
fn entries(log: &mut (impl Read + Seek)) -> anyhow::Result<Vec<Entry>> {
    let header = words(log).context("reading the first sector")?;
    // Written with the first flush: before it everything is lost.
    if header[0] == 0 {
        return Ok(Vec::new());
    }
    if header[0] != MAGIC {
        bail!("it is no log of writes");
    }
    let mut entries = Vec::new();
    let mut at = SECTOR_BYTES;
    loop {
        log.seek(SeekFrom::Start(at))?;
        let [sector, sectors, flags, _] = words(log).context("reading an entry")?;
        // The rest of the log was never written.
        if sectors == 0 && flags == 0 {
            break;
        }
        let data_at = at + SECTOR_BYTES;
        if flags & DISCARD != 0 {
            bail!("it holds a discard, at {at}");
        }
        entries.push(Entry { sector, sectors, flags, data_at });
        at = data_at + sectors * SECTOR_BYTES;
    }
    // A request that failed leaves a gap, and what follows it would be taken for lost.
    let counted = usize::try_from(header[2]).unwrap_or(usize::MAX);
    if entries.len() < counted {
        bail!("it ends after {} of {counted} entries: a write has failed", entries.len());
    }
    Ok(entries)
}

/// Four numbers of 64 bits, low octets first.
fn words(log: &mut impl Read) -> std::io::Result<[u64; 4]> {
    let mut words = [0; 4];
    for word in &mut words {
        let mut octets = [0; 8];
        log.read_exact(&mut octets)?;
        *word = u64::from_le_bytes(octets);
    }
    Ok(words)
}

/// Coins from a seed (SplitMix64), so that a loss can be repeated.
struct Coins(u64);

impl Coins {
    fn toss(&mut self) -> bool {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn empty(path: &Path, length: u64) {
        File::create(path).and_then(|file| file.set_len(length)).expect("a file");
    }

    /// A log as QEMU writes it.
    fn log(entries: &[(u64, u64, &[u8])]) -> Vec<u8> {
        let sector = |words: [u64; 4]| {
            let mut octets: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            octets.resize(512, 0);
            octets
        };
        let mut log = sector([MAGIC, 1, entries.len() as u64, 0]);
        for (at, flags, data) in entries {
            let sectors = data.len().div_ceil(512) as u64;
            log.extend(sector([*at, sectors, *flags, data.len() as u64]));
            log.extend(*data);
        }
        log.extend([0; 512]);
        log
    }

    fn run(entries: &[(u64, u64, &[u8])], seed: u64) -> (Loss, Vec<u8>) {
        let folder = tempfile::tempdir().expect("temporary folder");
        let (disk, path) = (folder.path().join("disk"), folder.path().join("log"));
        empty(&disk, 4 * 512);
        File::create(&path).and_then(|mut file| file.write_all(&log(entries))).expect("log");
        let loss = replay(&path, &disk, seed).expect("replayed");
        let disk = fs::read(&disk).expect("disk");
        (loss, disk.chunks(512).map(|sector| sector[0]).collect())
    }

    /// H5: a power cut loses what was not flushed, and nothing that was.
    #[test]
    fn flushed_writes_stay() {
        let sector = |value| vec![value; 512];
        let (one, two, three) = (sector(1), sector(2), sector(3));
        let entries =
            [(0, 0, &one[..]), (1, 0, &one[..]), (0, FLUSH, &[][..]), (1, 0, &two[..]), (2, 0, &three[..])];
        let outcomes: Vec<_> = (0..64).map(|seed| run(&entries, seed)).collect();
        for (loss, disk) in &outcomes {
            assert_eq!((loss.writes, loss.unflushed, disk[0]), (4, 2, 1));
            assert!([1, 2].contains(&disk[1]) && [0, 3].contains(&disk[2]));
        }
        // Every outcome that a real disk has, so also one write without the one before it.
        for wanted in [[1, 0], [2, 0], [1, 3], [2, 3]] {
            assert!(outcomes.iter().any(|(_, disk)| disk[1..3] == wanted), "{wanted:?}");
        }
        assert_eq!(run(&entries, 7), run(&entries, 7));
    }

    /// The log of a machine that wrote nothing is no error; something else and a gap are.
    #[test]
    fn empty_logs_are_told_from_broken_ones() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let (disk, path) = (folder.path().join("disk"), folder.path().join("log"));
        empty(&disk, 512);
        empty(&path, 4_096);
        assert_eq!(replay(&path, &disk, 0).expect("replayed"), Loss::default());
        assert!(entries(&mut std::io::Cursor::new(vec![1; 4_096])).is_err());
        let mut gap = log(&[]);
        gap[16] = 1;
        assert!(entries(&mut std::io::Cursor::new(gap)).is_err());
    }
}
