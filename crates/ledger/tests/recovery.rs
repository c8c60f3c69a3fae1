//! What opening a journal finds: corruption is told from a torn tail, named, put aside, and healed from the peer.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

mod common;

use common::{MemoryDisk, Node, TIME_UNIX_MS, connect, entry, exchange, pair, transaction};
use ledger::{
    Body, Entry, Epoch, Event, Fields, Gap, Input, Journal, OpenError, Position, Record, SEGMENT_BYTES_MAX,
    Stream,
};
use model::{NodeName, Private};
use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, proptest};
use std::time::Duration;

const SETTINGS: &str = "settings/00000001.journal";

fn node(name: &str) -> NodeName {
    name.parse().unwrap()
}

/// A pair with five transactions and five entries on both disks.
fn filled() -> (Node, Node) {
    let (mut a, mut b) = pair();
    for n in 0..5 {
        a.input(Input::Submit(transaction(&format!("t{n}"))));
        a.input(Input::Record(entry(&format!("c{n}"))));
        exchange(&mut a, &mut b);
    }
    (a, b)
}

fn flip(disk: &MemoryDisk, segment: &str, offset: usize) {
    disk.segments.borrow_mut().get_mut(segment).unwrap()[offset] ^= 0x10;
}

fn octets(disk: &MemoryDisk, segment: &str) -> Vec<u8> {
    disk.segments.borrow()[segment].clone()
}

/// Promise 3, DESIGN 5.1: a bit turned over in the middle is found and said, with segment, octet and what is missing; the
/// segment goes to quarantine, the good records stay, the peer gives back the rest.
#[test]
fn flipped_bit_is_found_and_healed() {
    let (mut a, mut b) = filled();
    let hash = a.ledger.status().state_hash;
    let damaged = octets(&a.disk, SETTINGS);
    flip(&a.disk, SETTINGS, damaged.len() / 2);
    a.restart();
    let [corruption] = a.recovery.corruptions.as_slice() else { panic!("{:?}", a.recovery) };
    assert_eq!(corruption.segment, SETTINGS);
    let bad = corruption.offset as usize..(corruption.offset + corruption.bytes) as usize;
    assert!(bad.contains(&(damaged.len() / 2)));
    let quarantined = corruption.quarantined_as.clone().unwrap();
    assert!(a.recovery.quarantined.contains(&quarantined));
    assert_eq!(octets(&a.disk, &quarantined).len(), damaged.len(), "kept for people to look at");
    assert_eq!(a.recovery.missing, [Gap { stream: Stream::Settings, first: 3, last: 3 }]);
    assert_eq!(a.recovery.records, 9);
    assert_ne!(a.ledger.status().state_hash, hash, "a node with a gap does not agree");

    b.input(Input::LinkDown);
    a.serve(1, "a", true);
    connect(&mut a, &mut b);
    assert!(a.events().contains(&Event::Repaired(a.recovery.missing[0].clone())));
    assert_eq!(a.ledger.status().missing, []);
    assert_eq!(a.ledger.status().state_hash, hash);
    a.restart();
    assert_eq!((a.recovery.corruptions.len(), a.recovery.missing.len()), (0, 0));
    assert_eq!(a.ledger.status().state_hash, hash, "and it lasts");
}

/// DESIGN 5.1: after a quiet time even damage to the very last record is noticed: the mark behind it says that it was there.
#[test]
fn damage_to_the_last_record_is_noticed_after_a_quiet_time() {
    let (mut a, mut b) = filled();
    a.pass(Duration::from_secs(1));
    let end = a.ledger.status().settings;
    let text = octets(&a.disk, SETTINGS);
    let last = text.windows(2).rposition(|octets| octets == b"t4").unwrap();
    flip(&a.disk, SETTINGS, last);
    a.restart();
    assert_eq!(a.recovery.missing, [Gap { stream: Stream::Settings, first: 5, last: 5 }]);
    assert_eq!(a.ledger.status().settings, end, "its place is not given to another");
    b.input(Input::LinkDown);
    connect(&mut a, &mut b);
    assert_eq!(a.ledger.status().missing, []);
    assert_eq!(a.ledger.status().state_hash, b.ledger.status().state_hash);
}

/// DESIGN 5.1: the tail that nobody was told about is cut; nothing counts as corrupt or missing.
#[test]
fn torn_tail_is_cut() {
    let (mut a, _b) = filled();
    let whole = octets(&a.disk, SETTINGS).len();
    a.disk.segments.borrow_mut().get_mut(SETTINGS).unwrap().truncate(whole - 3);
    a.restart();
    assert_eq!((a.recovery.corruptions.len(), a.recovery.missing.len()), (0, 0));
    assert_eq!(a.recovery.cuts.len(), 1);
    assert_eq!(a.ledger.status().settings.sequence, 4);
    a.restart();
    assert_eq!(a.recovery.cuts, [], "the cut is durable");
}

/// DESIGN 5.1: each header and the identity may be damaged: what stands behind is still read.
#[test]
fn damaged_headers_lose_nothing() {
    for (segment, offset) in [(SETTINGS, 3), (SETTINGS, 13), (SETTINGS, 20), ("identity", 9)] {
        let (mut a, _b) = filled();
        let hash = a.ledger.status().state_hash;
        flip(&a.disk, segment, offset);
        a.restart();
        assert_eq!(a.recovery.corruptions.len(), 1, "{segment} {offset}");
        assert_eq!(a.ledger.status().state_hash, hash, "{segment} {offset}");
    }
}

/// DESIGN 5.1: a segment that vanished, or that is shorter than the next one says, is damage and is healed.
#[test]
fn missing_segments_are_noticed() {
    for cut in [None, Some(200)] {
        let (mut a, mut b) = pair();
        for n in 0..60 {
            a.input(Input::Submit(transaction(&format!("t{n}"))));
            exchange(&mut a, &mut b);
        }
        let name = "settings/00000002.journal";
        assert!(a.disk.segments.borrow().contains_key("settings/00000003.journal"));
        match cut {
            None => drop(a.disk.segments.borrow_mut().remove(name)),
            Some(bytes) => a.disk.segments.borrow_mut().get_mut(name).unwrap().truncate(bytes),
        }
        a.restart();
        assert!(!a.recovery.corruptions.is_empty() && !a.recovery.missing.is_empty(), "{:?}", a.recovery);
        b.input(Input::LinkDown);
        a.serve(1, "a", true);
        connect(&mut a, &mut b);
        assert_eq!(a.ledger.status().missing, []);
        assert_eq!(a.ledger.status().state_hash, b.ledger.status().state_hash);
    }
}

/// DESIGN 3: what a newer build wrote is not taken for damage: it is left alone, and the message says what to do.
#[test]
fn newer_formats_are_left_alone() {
    let (a, _b) = filled();
    let mut header = octets(&a.disk, SETTINGS)[..44].to_vec();
    header[8] = 2;
    let crc = crc32fast::hash(&header).to_le_bytes();
    a.disk.segments.borrow_mut().get_mut(SETTINGS).unwrap()[..48]
        .copy_from_slice(&[&header[..], &crc].concat());
    let before = octets(&a.disk, SETTINGS);
    let error = Journal::open(a.disk.clone(), &node("a"), 1, SEGMENT_BYTES_MAX, &mut |_| {}).unwrap_err();
    assert!(matches!(&error, OpenError::Version { version: 2, .. }), "{error}");
    assert_eq!(octets(&a.disk, SETTINGS), before);
}

/// A disk that was put into another node is refused: two writers of one register would contradict each other.
#[test]
fn another_nodes_journal_is_refused() {
    let (a, _b) = filled();
    let error = Journal::open(a.disk.clone(), &node("b"), 1, SEGMENT_BYTES_MAX, &mut |_| {}).unwrap_err();
    assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
}

/// A record inside a text of a record is not a record, also when damage makes the reader look for the next one.
#[test]
fn embedded_records_are_not_found() {
    let (mut a, _b) = filled();
    let image: String = octets(&a.disk, SETTINGS).iter().map(|octet| char::from(*octet & 0x7f)).collect();
    let body = Private::new(image);
    let long = Entry { id: "long".into(), kind: "call".into(), time_unix_ms: TIME_UNIX_MS, body };
    a.input(Input::Record(long));
    a.input(Input::Record(entry("after")));
    let name = "registers/2026-11/00000001.journal";
    let at = octets(&a.disk, name).windows(4).rposition(|octets| octets == b"long").unwrap();
    flip(&a.disk, name, at);
    let before = a.recovery.records;
    a.restart();
    assert_eq!(before, 0);
    assert_eq!(a.recovery.missing.len(), 1, "{:?}", a.recovery);
    assert_eq!(a.ledger.status().entries, 6);
}

#[derive(Clone, Debug)]
enum Damage {
    Flip(usize, u8),
    Truncate(usize),
    Overwrite(usize, Vec<u8>),
}

fn damages() -> impl Strategy<Value = Damage> {
    proptest::prop_oneof![
        (any::<usize>(), 0..8_u8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        any::<usize>().prop_map(Damage::Truncate),
        (any::<usize>(), proptest::collection::vec(any::<u8>(), 1..600))
            .prop_map(|(at, o)| Damage::Overwrite(at, o)),
    ]
}

fn register(identity: u64, end: Position, body: &str, time_unix_ms: u64) -> Record {
    Record::encode(Fields {
        stream: Stream::Register { node: "a".into(), journal: identity },
        sequence: end.sequence + 1,
        epoch: Epoch::default(),
        node: "a".into(),
        time_unix_ms,
        previous: end.hash,
        body: Body::Entry(Entry {
            id: format!("c{}", end.sequence),
            kind: "call".into(),
            time_unix_ms,
            body: Private::new(body.to_owned()),
        }),
    })
}

proptest! {
    /// DESIGN 5.1: whatever damage a disk suffers, opening never panics, never invents a record, and a second opening finds
    /// the same records and no further damage.
    #[test]
    fn any_damage_is_survived(
        bodies in proptest::collection::vec(("[ -~]{0,80}", 0..4_000_000_000_u64), 1..40),
        damages in proptest::collection::vec((any::<usize>(), damages()), 1..4),
    ) {
        let disk = MemoryDisk::default();
        let (mut journal, _) = Journal::open(disk.clone(), &node("a"), 7, 900, &mut |_| {}).unwrap();
        let stream = Stream::Register { node: "a".into(), journal: 7 };
        let mut written = Vec::new();
        for (body, offset) in &bodies {
            let record = register(7, journal.end(&stream), body, TIME_UNIX_MS + offset);
            journal.append(record.clone()).unwrap();
            journal.sync().unwrap();
            written.push(record);
        }
        for (which, damage) in damages {
            let mut segments = disk.segments.borrow_mut();
            let count = segments.len();
            let octets = segments.values_mut().nth(which % count).unwrap();
            let length = octets.len().max(1);
            match damage {
                Damage::Flip(at, bit) => if let Some(octet) = octets.get_mut(at % length) { *octet ^= 1 << bit },
                Damage::Truncate(at) => octets.truncate(at % length),
                Damage::Overwrite(at, with) => octets.iter_mut().skip(at % length).zip(with).for_each(|(o, w)| *o = w),
            }
        }
        let read = |disk: &MemoryDisk| {
            let mut records = Vec::new();
            let opened = Journal::open(disk.clone(), &node("a"), 7, 900, &mut |r| records.push(r.clone()));
            records.sort_by_key(|record: &Record| record.fields().sequence);
            (records, opened.unwrap().1)
        };
        let (first, _) = read(&disk);
        prop_assert!(first.iter().all(|record| written.contains(record)), "invented");
        let (second, recovery) = read(&disk);
        prop_assert_eq!(first, second);
        prop_assert!(recovery.cuts.is_empty(), "{:?}", recovery);
    }
}
