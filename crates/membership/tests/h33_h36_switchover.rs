//! Rows H33 and H36: planned switchover, wished for on either node, and the automatic kinds of it.

mod common;

use common::{A, B, LAN, Pair, ms};
use membership::{Event, Input, LinkIndex, Output, Role};

fn refused(event: &Event) -> bool {
    matches!(event, Event::SwitchRefused { .. })
}

fn carrier(up: bool) -> Input {
    Input::LinkState { link: LinkIndex(LAN), up }
}

/// H33, H36: wished for on the active or on the standby node, the service moves with a gap below 50 ms.
#[test]
fn moves_with_a_short_gap() {
    for asked in [A, B] {
        let mut pair = Pair::serving();
        pair.input(asked, Input::Switch);
        pair.run(ms(1_000));
        assert_eq!((pair.role(A), pair.role(B)), (Role::Standby, Role::Active), "asked on {asked}");
        assert!(pair.gap > ms(0) && pair.gap <= ms(10), "gap {:?}", pair.gap);
        assert_eq!(pair.overlap, ms(0));
        pair.run(ms(10_000));
        assert_eq!(pair.role(B), Role::Active, "and stays");
    }
}

/// H36: freeze, flush, addresses off and confirmed, and only then the release.
#[test]
fn keeps_the_order_of_steps() {
    let mut pair = Pair::serving();
    pair.nodes[A].outputs.clear();
    pair.nodes[A].flushes = false;
    pair.nodes[A].releases = false;
    pair.input(A, Input::Switch);
    pair.run(ms(300));
    assert_eq!(pair.role(A), Role::Yielding);
    assert!(pair.nodes[A].serves(pair.now), "it serves while it flushes");
    pair.input(A, Input::Flushed);
    pair.run(ms(300));
    assert!(!pair.nodes[A].serves(pair.now));
    assert_eq!(pair.last_heartbeat(A).release, None, "the kernel has not confirmed");
    assert_eq!(pair.role(B), Role::Standby);
    pair.input(A, Input::AddressesReleased);
    let release = pair.last_heartbeat(A).release.expect("said at once");
    assert_eq!(release.successor, "b");
    pair.run(ms(10));
    assert_eq!(pair.role(B), Role::Active);
    let step = |wanted: fn(&Output) -> bool| {
        pair.nodes[A].outputs.iter().position(|(_, output)| wanted(output)).expect("a step")
    };
    let freeze = step(|output| *output == Output::Freeze);
    let close = step(|output| *output == Output::Release);
    let said = step(|output| matches!(output, Output::Send { message, .. } if message.release.is_some()));
    assert!(freeze < close && close < said);
}

/// H36: the first release is lost: it is said again within milliseconds.
#[test]
fn a_lost_release_is_repeated() {
    let mut pair = Pair::serving();
    pair.input(A, Input::Switch);
    let end = pair.now + ms(100);
    assert!(pair.run_until(end, |pair| !pair.nodes[A].serves(pair.now)));
    pair.partition();
    pair.run(ms(12));
    pair.heal();
    pair.run(ms(1_000));
    assert_eq!((pair.role(A), pair.role(B)), (Role::Standby, Role::Active));
    assert!(pair.gap < ms(50), "gap {:?}", pair.gap);
}

/// H36: without a peer that can take, nothing begins, and the operator is told why.
#[test]
fn is_refused_without_a_successor() {
    let mut pair = Pair::serving();
    pair.crash(B);
    pair.run(ms(600));
    pair.input(A, Input::Switch);
    assert_eq!(pair.role(A), Role::Active);
    assert_eq!(pair.nodes[A].count(refused), 1);
    let mut pair = Pair::serving();
    pair.input(B, carrier(false));
    pair.run(ms(10));
    for asked in [A, B] {
        pair.input(asked, Input::Switch);
        assert_eq!(pair.nodes[asked].count(refused), 1, "node {asked}");
    }
    pair.run(ms(5_000));
    assert_eq!(pair.role(A), Role::Active);
}

/// H36: the peer disappears before the release: the holder serves on.
#[test]
fn goes_back_when_the_peer_disappears() {
    for after_removal in [false, true] {
        let mut pair = Pair::serving();
        pair.nodes[A].flushes = false;
        pair.nodes[A].releases = !after_removal;
        pair.input(A, Input::Switch);
        if after_removal {
            pair.input(A, Input::Flushed);
        }
        pair.crash(B);
        pair.run(ms(600));
        if after_removal {
            pair.input(A, Input::AddressesReleased);
        }
        pair.run(ms(2_000));
        assert_eq!(pair.role(A), Role::Active, "after removal: {after_removal}");
        assert_eq!(pair.nodes[A].count(refused), 1);
        assert!(pair.nodes[A].serves(pair.now));
    }
}

/// H36: replication that does not flush in time: the wish is given up, the holder serves on.
#[test]
fn goes_back_when_replication_does_not_flush() {
    let mut pair = Pair::serving();
    pair.nodes[A].flushes = false;
    pair.input(A, Input::Switch);
    pair.run(ms(1_500));
    assert_eq!(pair.role(A), Role::Active);
    assert_eq!(pair.nodes[A].count(refused), 1);
    assert_eq!(pair.gap, ms(0));
}

/// H36: the successor dies with the release in its hand: after D the old holder takes again.
#[test]
fn takes_again_when_the_successor_dies() {
    let mut pair = Pair::serving();
    pair.input(A, Input::Switch);
    let end = pair.now + ms(100);
    assert!(pair.run_until(end, |pair| pair.role(A) == Role::Standby));
    pair.crash(B);
    pair.run(ms(1_200));
    assert_eq!(pair.role(A), Role::Active);
    assert!(pair.epoch(A) > 1, "under a new epoch");
}

/// H3, H36: a required interface goes down on the holder while the peer's is up: the service moves, each time.
#[test]
fn a_holder_without_its_interface_hands_over() {
    let mut pair = Pair::serving();
    for round in 0..6 {
        let (holder, other) = if round % 2 == 0 { (A, B) } else { (B, A) };
        pair.forget_gap();
        pair.open[LAN] = [false; 2];
        pair.input(holder, carrier(false));
        pair.run(ms(100));
        assert_eq!(pair.role(other), Role::Active, "round {round}");
        assert!(pair.gap <= ms(10), "round {round}: {:?}", pair.gap);
        pair.open[LAN] = [true; 2];
        pair.input(holder, carrier(true));
        pair.run(ms(2_000));
        assert_eq!(pair.role(other), Role::Active, "round {round}: no way back by itself");
    }
}

/// H6: health 0 on the holder moves the service to a peer that is better, and only to one; the third time waits.
#[test]
fn health_moves_the_service_damped() {
    let mut pair = Pair::serving();
    for (round, moves) in [(0, true), (1, true), (2, false)] {
        let (holder, other) = if round % 2 == 0 { (A, B) } else { (B, A) };
        pair.input(holder, Input::Health { score: 0 });
        pair.run(ms(1_000));
        assert_eq!(pair.role(other) == Role::Active, moves, "round {round}");
        if moves {
            pair.input(holder, Input::Health { score: 100 });
            pair.run(ms(1_000));
        }
    }
    assert_eq!(pair.nodes[A].count(|event| matches!(event, Event::Damped { .. })), 1);
    pair.run(ms(30_000));
    assert_eq!(pair.role(B), Role::Active, "after the hold-down");
    pair.input(A, Input::Health { score: 0 });
    pair.input(B, Input::Health { score: 0 });
    pair.run(ms(60_000));
    assert_eq!(pair.role(B), Role::Active, "never to one that is not better");
}

/// H20: a holder that sees nothing on a required interface for T, while its peer does, hands over.
#[test]
fn a_blind_holder_hands_over() {
    let mut pair = Pair::serving_with(|setup| setup.links[LAN].has_ping_group = true);
    pair.open[LAN] = [false; 2];
    for _ in 0..6 {
        for (index, targets) in [(A, 0), (B, 1)] {
            let report = Input::Reachable { link: LinkIndex(LAN), targets, stations_seen: false };
            pair.input(index, report);
        }
        pair.run(ms(500));
    }
    assert_eq!((pair.role(A), pair.role(B)), (Role::Standby, Role::Active));
}

/// H36: the agent of the active node is stopped: the peer takes at once, and then the agent may end.
#[test]
fn stopping_hands_over() {
    let mut pair = Pair::serving();
    pair.input(A, Input::Stop);
    pair.run(ms(200));
    assert!(pair.nodes[A].stopped);
    assert_eq!(pair.role(B), Role::Active);
    assert!(pair.gap <= ms(10), "gap {:?}", pair.gap);
}

/// H36: stopping alone, or as standby, leaves nothing behind and is quick.
#[test]
fn stopping_without_a_successor_leaves_nothing() {
    let mut pair = Pair::serving();
    pair.input(B, Input::Stop);
    assert!(pair.nodes[B].stopped, "a standby ends at once");
    pair.crash(B);
    pair.run(ms(2_000));
    pair.input(A, Input::Stop);
    pair.run(ms(600));
    assert!(pair.nodes[A].stopped && !pair.nodes[A].held, "{:#?}", pair.nodes[A].events);
}
