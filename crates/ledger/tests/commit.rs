//! From a request to its outcome: commit order, repetition, forwarding, fencing, flush.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

mod common;

use std::time::Duration;

use common::{Node, connect, deliver, disconnect, entry, exchange, pair, transaction};
use ledger::{
    Epoch, Event, FLUSH_WAIT, Input, InputError, Outcome, Output, PEER_WAIT, Problem, RECORD_BYTES_MAX,
    Refusal,
};

const PROTECTED: Option<Outcome> = Some(Outcome::Committed { sequence: 1, protected: true });
const UNPROTECTED: Option<Outcome> = Some(Outcome::Committed { sequence: 1, protected: false });

fn refused(refusal: Refusal) -> Option<Outcome> {
    Some(Outcome::Refused { refusal, problems: vec![] })
}

/// DESIGN 5.1: local sync, then the peer's append and sync, then its acknowledgement, then the answer; the peer never
/// receives what is not on the sender's disk.
#[test]
fn commit_order() {
    let (mut a, mut b) = pair();
    a.ledger.handle_input(a.now, Input::Submit(transaction("t1"))).unwrap();
    let (a_syncs, b_syncs) = (*a.disk.syncs.borrow(), *b.disk.syncs.borrow());
    a.drain();
    assert!(*a.disk.syncs.borrow() > a_syncs, "synced before anything leaves");
    assert_eq!(a.sent.len(), 1);
    assert!(a.said.iter().any(|output| matches!(output, Output::Stored(_))));
    assert_eq!(a.transaction_outcome("t1"), None, "the peer has not acknowledged");
    deliver(&mut a, &mut b);
    assert!(*b.disk.syncs.borrow() > b_syncs, "the peer syncs before it acknowledges");
    assert_eq!(a.transaction_outcome("t1"), None);
    deliver(&mut b, &mut a);
    assert_eq!(a.transaction_outcome("t1"), PROTECTED);
    assert_eq!(a.ledger.status().unprotected, 0);
    assert_eq!(a.ledger.status().state_hash, b.ledger.status().state_hash);
}

/// DESIGN 5.1: any number of inputs before the outputs are one group with one sync of each segment.
#[test]
fn group_commit() {
    let (mut a, mut b) = pair();
    a.input(Input::Submit(transaction("first")));
    exchange(&mut a, &mut b);
    let before = *a.disk.syncs.borrow();
    for n in 0..5 {
        a.ledger.handle_input(a.now, Input::Submit(transaction(&format!("t{n}")))).unwrap();
    }
    a.drain();
    assert_eq!(*a.disk.syncs.borrow(), before + 1);
}

/// DESIGN 5.1: the wait for the peer is bounded, then the answer says that only this disk has it; the acknowledgement that
/// comes later clears the count of unprotected records.
#[test]
fn slow_peer_means_unprotected() {
    let (mut a, mut b) = pair();
    a.input(Input::Submit(transaction("t1")));
    assert_eq!(a.timeout, a.now + PEER_WAIT);
    a.pass(PEER_WAIT - Duration::from_millis(1));
    assert_eq!(a.transaction_outcome("t1"), None);
    a.pass(Duration::from_millis(1));
    assert_eq!(a.transaction_outcome("t1"), UNPROTECTED);
    assert_eq!(a.ledger.status().unprotected, 1);
    exchange(&mut a, &mut b);
    assert_eq!(a.ledger.status().unprotected, 0);
}

/// DESIGN 5.1: while the peer is away nobody waits for it; when the link breaks, what waited is answered at once.
#[test]
fn absent_peer_costs_no_time() {
    let (mut a, mut b) = pair();
    a.input(Input::Submit(transaction("t1")));
    disconnect(&mut a, &mut b);
    assert_eq!(a.transaction_outcome("t1"), UNPROTECTED);
    a.input(Input::Submit(transaction("t2")));
    assert_eq!(a.transaction_outcome("t2"), Some(Outcome::Committed { sequence: 2, protected: false }));
    a.input(Input::Record(entry("c1")));
    assert_eq!(a.entry_outcome("c1"), UNPROTECTED);
    connect(&mut a, &mut b);
    assert_eq!(a.ledger.status().state_hash, b.ledger.status().state_hash);
}

/// U8, DESIGN 5.1: a repeated name returns the first outcome, also while under way and after a restart.
#[test]
fn repetition_returns_the_first_outcome() {
    let (mut a, mut b) = pair();
    a.input(Input::Submit(transaction("t1")));
    a.input(Input::Submit(transaction("t1")));
    exchange(&mut a, &mut b);
    assert_eq!(a.transaction_outcome("t1"), PROTECTED);
    a.input(Input::Record(entry("c1")));
    exchange(&mut a, &mut b);
    a.restart();
    a.serve(1, "a", true);
    a.input(Input::Submit(transaction("t1")));
    a.input(Input::Record(entry("c1")));
    assert_eq!(a.transaction_outcome("t1"), UNPROTECTED, "nobody has said yet what the peer has");
    assert_eq!(a.entry_outcome("c1"), UNPROTECTED);
    b.input(Input::LinkDown);
    connect(&mut a, &mut b);
    a.input(Input::Submit(transaction("t1")));
    assert_eq!(a.transaction_outcome("t1"), PROTECTED);
    assert_eq!(a.ledger.status().settings.sequence, 1);
    // The name also holds at the other node, which has it by replication.
    b.input(Input::Submit(transaction("t1")));
    assert_eq!(b.transaction_outcome("t1"), PROTECTED);
}

/// H10, H11, DESIGN 5.1: who does not write forwards to the writer and returns its outcome, also a refusal in detail.
#[test]
fn forwarding() {
    let (mut a, mut b) = pair();
    b.input(Input::Submit(transaction("t1")));
    exchange(&mut a, &mut b);
    assert_eq!(b.transaction_outcome("t1"), PROTECTED);
    assert_eq!(a.transaction_outcome("t1"), None, "nobody asked here");
    assert_eq!(b.ledger.status().settings, a.ledger.status().settings);
    b.input(Input::Submit(transaction("t2")));
    let frames = std::mem::take(&mut b.sent);
    frames.iter().for_each(|frame| a.input(Input::Frame(frame)));
    assert!(a.said.iter().any(|output| matches!(output, Output::Review(t) if t.id == "t2")));
    let problems = vec![Problem { path: "account.101".into(), line: 0, message: "exists".into() }];
    a.input(Input::Refuse { id: "t2".into(), problems: problems.clone() });
    deliver(&mut a, &mut b);
    let outcome = Outcome::Refused { refusal: Refusal::Invalid, problems };
    assert_eq!(b.transaction_outcome("t2"), Some(outcome));
}

/// DESIGN 5.1: without the writer a transaction is refused with the reason; with a writer that does not answer the client
/// learns that it must repeat the name.
#[test]
fn forwarding_has_an_end() {
    let (mut a, mut b) = pair();
    b.input(Input::Submit(transaction("t1")));
    b.sent.clear();
    b.pass(Duration::from_secs(3));
    assert_eq!(b.transaction_outcome("t1"), refused(Refusal::Unknown));
    disconnect(&mut a, &mut b);
    b.input(Input::Submit(transaction("t2")));
    assert_eq!(b.transaction_outcome("t2"), refused(Refusal::WriterAway));
}

/// DESIGN 6: a writer of an older epoch is refused and learns that it is none; what it wrote is kept.
#[test]
fn older_epoch_is_fenced() {
    let (mut a, mut b) = pair();
    b.input(Input::Role { epoch: Epoch { counter: 2, node: "b".into() }, writer: true });
    b.sent.clear(); // its hello with the new epoch is lost
    a.input(Input::Submit(transaction("t1")));
    let frames = std::mem::take(&mut a.sent);
    frames.iter().for_each(|frame| b.input(Input::Frame(frame)));
    assert_eq!(b.ledger.status().settings.sequence, 0, "not taken");
    b.pass(Duration::from_secs(1));
    exchange(&mut a, &mut b);
    assert!(a.events().contains(&Event::Fenced { epoch: Epoch { counter: 2, node: "b".into() } }));
    assert!(!a.ledger.status().writer);
    assert_eq!(a.ledger.status().state_hash, b.ledger.status().state_hash);
    assert_eq!(b.ledger.status().settings.sequence, 1, "B had nothing else: it caught up");
}

/// H11, DESIGN 6: a writer that serves in a later epoch is not fenced by itself; the one that it took over from is.
#[test]
fn own_later_epoch_fences_nobody() {
    let (mut a, _b) = pair();
    let later = |node: &str, counter| Epoch { counter, node: node.into() };
    a.input(Input::Role { epoch: later("a", 2), writer: true });
    assert!(a.ledger.status().writer && !a.events().iter().any(|e| matches!(e, Event::Fenced { .. })));
    a.input(Input::Role { epoch: later("b", 3), writer: false });
    assert!(!a.ledger.status().writer && a.events().contains(&Event::Fenced { epoch: later("b", 3) }));
}

/// H33, DESIGN 6: a flush refuses new transactions and is answered when the peer has everything.
#[test]
fn flush_before_a_switchover() {
    let (mut a, mut b) = pair();
    a.input(Input::Submit(transaction("t1")));
    a.input(Input::Record(entry("c1")));
    a.input(Input::Flush);
    assert!(!a.said.iter().any(|output| matches!(output, Output::Flushed { .. })));
    a.input(Input::Submit(transaction("t2")));
    assert_eq!(a.transaction_outcome("t2"), refused(Refusal::Frozen));
    exchange(&mut a, &mut b);
    assert!(a.said.contains(&Output::Flushed { unacknowledged: 0 }));
    a.input(Input::Thaw);
    a.input(Input::Submit(transaction("t2")));
    exchange(&mut a, &mut b);
    assert_eq!(a.transaction_outcome("t2"), Some(Outcome::Committed { sequence: 2, protected: true }));
}

/// DESIGN 6: the flush ends after its bound and says what is missing.
#[test]
fn flush_has_an_end() {
    let (mut a, _b) = pair();
    a.input(Input::Submit(transaction("t1")));
    a.input(Input::Flush);
    a.pass(FLUSH_WAIT);
    assert!(a.said.contains(&Output::Flushed { unacknowledged: 1 }));
}

/// DESIGN 5.1: a failed sync ends it: nobody is answered, nothing leaves, no input is taken.
#[test]
fn failed_sync_is_fatal() {
    let (mut a, _b) = pair();
    *a.disk.sync_fails.borrow_mut() = true;
    a.said.clear();
    a.input(Input::Submit(transaction("t1")));
    assert!(matches!(a.said.as_slice(), [Output::Stop(_)]), "{:?}", a.said);
    assert!(a.sent.is_empty());
    assert_eq!(a.ledger.handle_input(a.now, Input::Timeout), Err(InputError::Stopped));
}

/// A full disk refuses the request and harms nothing; too large a request, or one without a name, likewise.
#[test]
fn refusals() {
    let mut a = Node::open("a", common::MemoryDisk::default());
    a.serve(1, "a", true);
    *a.disk.full.borrow_mut() = true;
    a.input(Input::Submit(transaction("t1")));
    assert_eq!(a.transaction_outcome("t1"), refused(Refusal::DiskFull));
    *a.disk.full.borrow_mut() = false;
    let large = ledger::Transaction { description: "x".repeat(RECORD_BYTES_MAX), ..transaction("t2") };
    a.input(Input::Submit(large));
    assert_eq!(a.transaction_outcome("t2"), refused(Refusal::TooLarge));
    a.input(Input::Submit(transaction("")));
    assert!(matches!(
        a.transaction_outcome(""),
        Some(Outcome::Refused { refusal: Refusal::Invalid, problems }) if !problems.is_empty()
    ));
    a.input(Input::Submit(transaction("t1")));
    assert_eq!(a.transaction_outcome("t1"), UNPROTECTED);
}

/// DESIGN 3: junk from the link is a counted event, never an error or a panic.
#[test]
fn junk_is_an_event() {
    let (mut a, _b) = pair();
    for length in 0..64_usize {
        let junk: Vec<u8> = (0..length).map(|n| (n * 37 + length) as u8).collect();
        a.input(Input::Frame(&junk));
    }
    assert!(a.events().iter().any(|event| matches!(event, Event::BadFrame { .. })));
    assert_eq!(a.ledger.status().settings.sequence, 0);
}

/// Secrets of a row never show in a log.
#[test]
fn secrets_do_not_print() {
    assert!(!format!("{:?} {:?}", transaction("t"), entry("c")).contains("secret"));
    assert!(!format!("{:?}", entry("c")).contains("101"));
}
