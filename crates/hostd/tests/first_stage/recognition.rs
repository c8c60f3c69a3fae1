//! What real tools leave on disks is told apart: what is not ours is never touched.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::Path;

use hostd::prepare::devices::edges;
use hostd::prepare::disk::{Content, Edges, ExtState, SECTOR_BYTES};

use crate::bench::{Bench, DISK_BYTES, run};

fn content(disk: &Path) -> Content {
    edges(disk).unwrap().content()
}

fn write_at(disk: &Path, octets: &[u8], at: u64) {
    OpenOptions::new().write(true).open(disk).unwrap().write_all_at(octets, at).unwrap();
}

fn mkfs(disk: &Path, options: &[&str]) {
    run("mkfs.ext4", &[&["-q", "-F"], options, &[disk.to_str().unwrap()]].concat());
}

/// The disk of durable state is known by its label, and by nothing less.
#[test]
fn the_data_disk_is_known_by_its_label() {
    let bench = Bench::new();
    let disk = bench.blank("disk", DISK_BYTES);
    assert_eq!(content(&disk), Content::Blank);
    mkfs(&disk, &["-L", "TANDEM-DATA"]);
    assert_eq!(content(&disk), Content::Data(ExtState { clean: true }));
    mkfs(&disk, &["-L", "TANDEM-DATA2"]);
    assert_eq!(content(&disk), Content::Foreign("another ext file system"));
    mkfs(&disk, &[]);
    assert_eq!(content(&disk), Content::Foreign("another ext file system"));
    mkfs(&disk, &["-L", "TANDEM-DATA", "-O", "^has_journal"]);
    assert_eq!(content(&disk), Content::Foreign("an ext file system without a journal"));
}

/// A file system with errors, or one that was not unmounted, is checked before its use.
#[test]
fn a_data_disk_that_was_not_left_in_order_is_dirty() {
    let bench = Bench::new();
    let disk = bench.blank("disk", DISK_BYTES);
    mkfs(&disk, &["-L", "TANDEM-DATA"]);
    run("debugfs", &["-w", "-R", "set_super_value state 2", disk.to_str().unwrap()]);
    assert_eq!(content(&disk), Content::Data(ExtState { clean: false }));
    mkfs(&disk, &["-L", "TANDEM-DATA"]);
    run("debugfs", &["-w", "-R", "feature needs_recovery", disk.to_str().unwrap()]);
    assert_eq!(content(&disk), Content::Data(ExtState { clean: false }));
}

/// One octet at either end makes a disk somebody else's.
#[test]
fn one_octet_makes_a_disk_foreign() {
    let bench = Bench::new();
    for at in [0, 300_000, 1024 * 1024 - 1, DISK_BYTES - 1024 * 1024, DISK_BYTES - 1] {
        let disk = bench.blank("disk", DISK_BYTES);
        write_at(&disk, &[1], at);
        assert_eq!(content(&disk), Content::Foreign("something unknown"), "octet {at}");
    }
    assert_eq!(content(&bench.blank("empty", 0)), Content::Foreign("something unknown"));
    assert_eq!(content(&bench.blank("small", 4096)), Content::Blank);
}

/// What other systems write is named, so that a person knows which disk is meant.
#[test]
fn disks_of_others_are_named() {
    let bench = Bench::new();
    for (what, octets, at) in [
        ("a GPT partition table", &b"EFI PART"[..], 512),
        ("an encrypted volume (LUKS)", b"LUKS\xba\xbe", 0),
        ("an NTFS file system", b"\xebR\x90NTFS    ", 0),
        ("an LVM physical volume", b"LVM2 001", 536),
        ("a boot sector or partition table", &[0x55, 0xAA], 510),
    ] {
        let disk = bench.blank("disk", DISK_BYTES);
        write_at(&disk, octets, at);
        assert_eq!(content(&disk), Content::Foreign(what));
    }
    let swap = bench.blank("swap", DISK_BYTES);
    run("mkswap", &[swap.to_str().unwrap()]);
    assert_eq!(content(&swap), Content::Foreign("swap space"));
}

/// FAT in its three sizes, as `mkfs.vfat` makes it.
#[test]
fn fat_is_known_in_every_size() {
    let bench = Bench::new();
    for (bits, mebibytes) in [("12", 4), ("16", 32), ("32", 64)] {
        let disk = bench.blank("disk", mebibytes * 1024 * 1024);
        run("mkfs.vfat", &["-F", bits, "-n", "STICK", disk.to_str().unwrap()]);
        assert_eq!(content(&disk), Content::Fat("STICK".to_owned()), "FAT{bits}");
    }
}

/// Whatever moment the power goes while we format: the disk is blank, marked, or done; never somebody else's.
#[test]
fn an_interrupted_formatting_is_known() {
    let bench = Bench::new();
    let disk = bench.blank("disk", DISK_BYTES);
    let mark = Edges::formatting_sector(DISK_BYTES);
    let end = DISK_BYTES - SECTOR_BYTES as u64;
    write_at(&disk, &mark, end);
    assert_eq!(content(&disk), Content::HalfFormatted, "before the first step");
    run("mkfs.ext4", &["-q", "-F", "-L", "TANDEM-DATA", disk.to_str().unwrap(), "299M"]);
    assert_eq!(content(&disk), Content::HalfFormatted, "all but the last step");
    write_at(&disk, &[0; 1024], 1024);
    assert_eq!(content(&disk), Content::HalfFormatted, "groups are there, the superblock is not");
    write_at(&disk, &[0; SECTOR_BYTES], end);
    assert!(matches!(content(&disk), Content::Foreign(_)), "the same without the mark");
}

/// The mark alone is no licence: somebody may have taken the disk in the meantime, or copied it to a larger one.
#[test]
fn a_marked_disk_that_others_use_is_theirs() {
    let bench = Bench::new();
    let disk = bench.blank("disk", DISK_BYTES);
    let end = DISK_BYTES - SECTOR_BYTES as u64;
    write_at(&disk, &Edges::formatting_sector(DISK_BYTES), end);
    run("mkfs.ext4", &["-q", "-F", "-L", "PHOTOS", disk.to_str().unwrap(), "299M"]);
    assert_eq!(content(&disk), Content::Foreign("another ext file system"));
    let disk = bench.blank("disk", DISK_BYTES);
    write_at(&disk, &Edges::formatting_sector(DISK_BYTES), end);
    write_at(&disk, b"\x00\x00\x55\xAA", 508);
    assert_eq!(content(&disk), Content::Foreign("a boot sector or partition table"));
    let larger = bench.blank("larger", 2 * DISK_BYTES);
    write_at(&larger, &Edges::formatting_sector(DISK_BYTES), 2 * DISK_BYTES - SECTOR_BYTES as u64);
    assert_eq!(content(&larger), Content::Foreign("something unknown"));
}
