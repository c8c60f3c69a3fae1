//! Row H22: which node takes in case of indecision, and that it does not take for that alone.

mod common;

use common::{A, B, LAN, Pair, ms};
use membership::{Input, LinkIndex, Role, Setup};

fn prefer_b(setup: &mut Setup) {
    setup.default_active = Some("b".parse().expect("a node name"));
}

/// H22: at a common start the named node takes, otherwise the coordinator.
#[test]
fn the_preferred_node_takes_after_boot() {
    let pair = Pair::serving();
    assert_eq!(pair.role(A), Role::Active, "the coordinator");
    let mut pair = Pair::with(prefer_b);
    pair.run(ms(5_000));
    assert_eq!((pair.role(A), pair.role(B)), (Role::Standby, Role::Active), "the named one");
}

/// H22: a preferred node that starts a little later is waited for.
#[test]
fn the_preferred_node_is_waited_for() {
    let mut pair = Pair::new();
    pair.crash(A);
    pair.run(ms(2_000));
    pair.restart(A);
    pair.run(ms(6_000));
    assert_eq!((pair.role(A), pair.role(B)), (Role::Active, Role::Standby));
}

/// H22: a preferred node that never comes is not waited for.
#[test]
fn the_other_node_takes_alone() {
    let mut pair = Pair::new();
    pair.crash(A);
    pair.run(ms(3_100));
    assert_eq!(pair.role(B), Role::Active);
}

/// H22: a returning preferred node does not preempt the serving one: no ping-pong.
#[test]
fn a_returning_preferred_node_does_not_preempt() {
    let mut pair = Pair::serving();
    pair.crash(A);
    pair.run(ms(2_000));
    pair.restart(A);
    pair.forget_gap();
    pair.run(ms(60_000));
    assert_eq!((pair.role(A), pair.role(B)), (Role::Standby, Role::Active));
    assert_eq!(pair.gap, ms(0));
}

/// H22, H20: what the nodes see and their health come before the preference.
#[test]
fn targets_and_health_come_before_preference() {
    let sees = |targets| Input::Reachable { link: LinkIndex(LAN), targets, stations_seen: false };
    let cases = [(sees(1), sees(2)), (Input::Health { score: 50 }, Input::Health { score: 60 })];
    for (of_a, of_b) in cases {
        let mut pair = Pair::new();
        pair.input(A, of_a.clone());
        pair.input(B, of_b);
        // Reports come again and again, as the shell makes them.
        for _ in 0..10 {
            pair.run(ms(500));
            if let Input::Reachable { .. } = of_a {
                pair.input(A, sees(1));
                pair.input(B, sees(2));
            }
        }
        assert_eq!((pair.role(A), pair.role(B)), (Role::Standby, Role::Active), "{of_a:?}");
        assert_eq!(pair.overlap, ms(0));
    }
}
