//! After absence: catch-up, both registers, and settings "made while apart".
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

mod common;

use std::time::Duration;

use common::{MemoryDisk, Node, connect, deliver, disconnect, entry, exchange, pair, transaction};
use ledger::{Body, Event, Input, Outcome, Output, Record, Request, Stream, Transaction};
use model::Private;

fn agree(a: &Node, b: &Node) {
    let (a, b) = (a.ledger.status(), b.ledger.status());
    assert_eq!(a.state_hash, b.state_hash, "{a:?} {b:?}");
    assert_eq!((a.unprotected, b.unprotected), (0, 0));
}

fn parked(node: &Node) -> Vec<Transaction> {
    let mut found = Vec::new();
    let mut collect = |record: &Record| {
        if let Body::Parked(parked) = &record.fields().body {
            found.extend(Record::decode(parked.octets.clone()).unwrap().transaction().cloned());
        }
    };
    node.ledger.journal().for_each(&mut collect).unwrap();
    found
}

/// H21, DESIGN 5.1: a node that was away catches up with settings and registers of any length, in bounded pieces, and
/// both say that they agree.
#[test]
fn catch_up_in_bounded_pieces() {
    let (mut a, mut b) = pair();
    disconnect(&mut a, &mut b);
    let body = Private::new("z".repeat(50_000));
    for n in 0..100 {
        a.input(Input::Submit(transaction(&format!("t{n}"))));
        a.input(Input::Record(ledger::Entry { body: body.clone(), ..entry(&format!("c{n}")) }));
        b.input(Input::Record(entry(&format!("d{n}"))));
    }
    a.input(Input::LinkUp);
    b.input(Input::LinkUp);
    deliver(&mut a, &mut b);
    deliver(&mut b, &mut a);
    let mut under_way_max = 0;
    while !(a.sent.is_empty() && b.sent.is_empty()) {
        under_way_max = under_way_max.max(a.sent.iter().map(Vec::len).sum());
        assert!(a.sent.iter().all(|frame| frame.len() < 512 * 1024), "a piece is small");
        deliver(&mut a, &mut b);
        deliver(&mut b, &mut a);
    }
    assert!((512 * 1024..2 * 1024 * 1024).contains(&under_way_max), "{under_way_max}: flow control");
    agree(&a, &b);
    assert_eq!(b.ledger.status().entries, 200);
    assert!(a.events().contains(&Event::Agreed) && b.events().contains(&Event::Agreed));
}

/// DESIGN 5.1: registers are a union in both directions; a node with a fresh disk gets its own old entries back and goes on
/// in a register of its own.
#[test]
fn a_fresh_disk_is_filled() {
    let (mut a, mut b) = pair();
    for n in 0..5 {
        a.input(Input::Record(entry(&format!("c{n}"))));
        b.input(Input::Record(entry(&format!("d{n}"))));
        a.input(Input::Submit(transaction(&format!("t{n}"))));
        exchange(&mut a, &mut b);
    }
    disconnect(&mut a, &mut b);
    let disk = MemoryDisk::default();
    a = Node::open("a", disk);
    a.serve(1, "a", true);
    a.input(Input::Record(entry("c-new")));
    connect(&mut a, &mut b);
    // The seed of the test gives the fresh disk the same identity as the old one, the worst case: what it wrote before
    // it met the peer contradicts the old entries. It is kept, parked, and visible on both.
    agree(&a, &b);
    assert_eq!(a.ledger.status().settings.sequence, 5);
    assert_eq!(a.ledger.status().entries, 10);
    assert_eq!((a.ledger.status().parked, b.ledger.status().parked), (1, 1));
    a.input(Input::Record(entry("c-after")));
    exchange(&mut a, &mut b);
    agree(&a, &b);
}

/// Promise 3, DESIGN 5.1: settings written on both sides of a split: the writer's count, the other's are parked on
/// both nodes, whole, and their names are free again.
#[test]
fn made_while_apart() {
    let (mut a, mut b) = pair();
    a.input(Input::Submit(transaction("common")));
    exchange(&mut a, &mut b);
    disconnect(&mut a, &mut b);
    b.serve(2, "b", true);
    for id in ["a1", "a2", "a3"] {
        a.input(Input::Submit(transaction(id)));
        assert!(matches!(a.transaction_outcome(id), Some(Outcome::Committed { protected: false, .. })));
    }
    b.input(Input::Submit(transaction("b1")));
    a.serve(2, "b", false);
    connect(&mut a, &mut b);
    agree(&a, &b);
    assert_eq!(b.ledger.status().settings.sequence, 2);
    for node in [&a, &b] {
        let ids: Vec<String> = parked(node).into_iter().map(|transaction| transaction.id).collect();
        assert_eq!(ids, ["a1", "a2", "a3"]);
        assert_eq!(parked(node)[0].rows, transaction("a1").rows, "whole");
    }
    assert!(a.events().contains(&Event::Parked { stream: Stream::Settings, first: 2, last: 4 }));
    assert!(a.said.contains(&Output::Withdrawn { stream: Stream::Settings, after: 1 }));
    // Who resolves it submits again; the name is not taken.
    b.input(Input::Submit(transaction("a2")));
    exchange(&mut a, &mut b);
    assert_eq!(b.transaction_outcome("a2"), Some(Outcome::Committed { sequence: 3, protected: true }));
    a.restart();
    assert_eq!(a.ledger.status().state_hash, b.ledger.status().state_hash, "and it lasts");
}

/// DESIGN 6: when the new writer has written nothing itself, it catches up with what the returning node confirmed, before it
/// writes anything else.
#[test]
fn writer_behind_catches_up_first() {
    let (mut a, mut b) = pair();
    disconnect(&mut a, &mut b);
    for id in ["a1", "a2"] {
        a.input(Input::Submit(transaction(id)));
    }
    b.serve(2, "b", true);
    a.serve(2, "b", false);
    a.input(Input::LinkUp);
    b.input(Input::LinkUp);
    deliver(&mut a, &mut b); // A's hello: it has more
    b.input(Input::Submit(transaction("b1")));
    assert_eq!(b.transaction_outcome("b1"), None, "held");
    exchange(&mut a, &mut b);
    assert_eq!(b.transaction_outcome("b1"), Some(Outcome::Committed { sequence: 3, protected: true }));
    assert_eq!(b.ledger.status().parked, 0);
    agree(&a, &b);
}

/// DESIGN 5.1: frames that come twice, in another order, or only after a reconnection do no harm.
#[test]
fn repeated_and_late_frames_do_no_harm() {
    let (mut a, mut b) = pair();
    let mut all = Vec::new();
    for n in 0..10 {
        a.input(Input::Submit(transaction(&format!("t{n}"))));
        b.input(Input::Record(entry(&format!("d{n}"))));
        all.extend(a.sent.iter().cloned());
        exchange(&mut a, &mut b);
    }
    for frame in all.iter().rev().chain(&all) {
        b.input(Input::Frame(frame));
    }
    exchange(&mut a, &mut b);
    agree(&a, &b);
    disconnect(&mut a, &mut b);
    connect(&mut a, &mut b);
    all.iter().for_each(|frame| b.input(Input::Frame(frame)));
    exchange(&mut a, &mut b);
    agree(&a, &b);
    assert_eq!(b.ledger.status().settings.sequence, 10);
}

/// DESIGN 5.1: what is lost on a connection that stays is sent again.
#[test]
fn lost_frames_are_repeated() {
    let (mut a, mut b) = pair();
    a.input(Input::Submit(transaction("t1")));
    a.sent.clear();
    a.pass(Duration::from_secs(1));
    b.pass(Duration::from_secs(1));
    exchange(&mut a, &mut b);
    agree(&a, &b);
    b.input(Input::Submit(transaction("t2")));
    exchange(&mut a, &mut b);
    assert!(b.outcome(&Request::Transaction("t2".into())).is_some());
}

/// DESIGN 5.1: the hash does not depend on the order in which the nodes' registers grew.
#[test]
fn hash_is_independent_of_order() {
    let (mut a, mut b) = pair();
    disconnect(&mut a, &mut b);
    for n in 0..3 {
        a.input(Input::Record(entry(&format!("c{n}"))));
        b.input(Input::Record(entry(&format!("d{n}"))));
        let differ = a.ledger.status().state_hash != b.ledger.status().state_hash;
        assert!(differ);
    }
    connect(&mut a, &mut b);
    agree(&a, &b);
}

/// DESIGN 5.1: a tail is parked as a whole, from where the two part: an append from further on that comes first (the one
/// before it was lost) neither moves a part of the tail nor makes the rest count as acknowledged.
#[test]
fn parting_begins_where_the_two_part() {
    let (mut a, mut b) = pair();
    disconnect(&mut a, &mut b);
    b.serve(2, "b", true);
    for n in 1..=3 {
        a.input(Input::Submit(transaction(&format!("a{n}"))));
    }
    for n in 1..=2 {
        b.input(Input::Submit(transaction(&format!("b{n}"))));
    }
    a.serve(2, "b", false);
    a.input(Input::LinkUp);
    b.input(Input::LinkUp);
    deliver(&mut a, &mut b);
    b.drain();
    let hello = b.sent.remove(0);
    b.sent.clear(); // its first append is lost
    a.input(Input::Frame(&hello));
    deliver(&mut a, &mut b);
    b.sent.clear();
    b.input(Input::Submit(transaction("b3")));
    deliver(&mut b, &mut a);
    assert_eq!(a.ledger.status().parked, 0);
    assert_eq!(a.ledger.status().unprotected, 3);
    for node in [&mut a, &mut b] {
        node.pass(Duration::from_secs(2));
    }
    exchange(&mut a, &mut b);
    agree(&a, &b);
    assert_eq!((a.ledger.status().parked, b.ledger.status().settings.sequence), (3, 3));
}
