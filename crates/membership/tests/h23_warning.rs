//! Row H23: the warning threshold, and the way back.

mod common;

use common::{A, B, Pair, at, ms};
use membership::Event;

/// H23: silence for the warning threshold raises one warning, and its end is told; nobody takes.
#[test]
fn a_late_peer_is_warned_of_once() {
    let mut pair = Pair::serving();
    let from = pair.now;
    pair.partition();
    pair.run(ms(800));
    pair.heal();
    pair.run(ms(2_000));
    for index in [A, B] {
        let node = &pair.nodes[index];
        assert_eq!(node.count(|event| *event == Event::PeerLate), 1, "node {index}");
        assert_eq!(node.count(|event| *event == Event::PeerHeard), 1, "node {index}");
        assert_eq!(node.count(|event| *event == Event::PeerLost), 0, "node {index}");
        let warned = node.has(|event| *event == Event::PeerLate).expect("a warning");
        let silent = warned.since(from);
        assert!((ms(500 - 167)..=ms(501)).contains(&silent), "node {index} after {silent:?}");
        assert_eq!(node.core.status(pair.now).warnings, 1);
    }
}

/// H23, H24: late comes before lost, and both count.
#[test]
fn late_comes_before_lost() {
    let mut pair = Pair::serving();
    pair.crash(A);
    pair.run(ms(2_000));
    let node = &pair.nodes[B];
    let late = node.has(|event| *event == Event::PeerLate).expect("late");
    let lost = node.has(|event| *event == Event::PeerLost).expect("lost");
    assert_eq!(lost.since(late).as_millis(), 512, "D - warning");
    assert_eq!(node.core.status(pair.now).warnings, 2);
}

/// H23: before the peer was ever heard its silence is no warning until the initialisation ends.
#[test]
fn a_starting_node_does_not_warn_early() {
    let mut pair = Pair::new();
    pair.crash(B);
    pair.lose_in_flight();
    pair.run(ms(2_900));
    assert!(pair.nodes[A].has(|event| matches!(event, Event::PeerLate | Event::PeerLost)).is_none());
    pair.run(ms(200));
    assert!(pair.nodes[A].has(|event| *event == Event::PeerLost).is_some_and(|time| time >= at(3_000)));
}
