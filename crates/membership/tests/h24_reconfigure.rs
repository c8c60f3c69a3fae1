//! Another revision of the configuration is adopted while the pair serves (rows H20 to H25).

mod common;

use common::{A, B, Pair, ms};
use membership::{Event, Input, Role, Setup, SetupError};
use model::HaMode;

/// Gives one node another setup; the other adopts it when the test says so.
fn adopt(pair: &mut Pair, index: usize, change: impl Fn(&mut Setup)) {
    let now = pair.now;
    let node = &mut pair.nodes[index];
    change(&mut node.setup);
    node.core.reconfigure(now, node.setup.clone()).expect("a good setup");
    pair.input(index, Input::Timeout);
}

fn calm(pair: &Pair) -> bool {
    pair.role(A) == Role::Active
        && pair.role(B) == Role::Standby
        && pair.gap.is_zero()
        && pair.overlap.is_zero()
}

/// H24: shorter timers, the standby first: the service stays where it is, and the next death is noticed sooner.
#[test]
fn shorter_timers_are_adopted_without_a_move() {
    let mut pair = Pair::serving();
    let shorter = |setup: &mut Setup| (setup.dead, setup.warning) = (ms(300), ms(100));
    adopt(&mut pair, B, shorter);
    pair.run(ms(500));
    adopt(&mut pair, A, shorter);
    pair.run(ms(3_000));
    assert!(calm(&pair), "gap {:?}, {:?}", pair.gap, pair.nodes[B].events);
    pair.crash(A);
    pair.run(ms(400));
    assert_eq!(pair.role(B), Role::Active, "taken within the new threshold");
    assert!(pair.gap < ms(350), "{:?}", pair.gap);
}

/// H24: longer timers on the holder alone (replication is down): the standby still hears it often enough.
#[test]
fn longer_timers_of_one_node_do_no_harm() {
    let mut pair = Pair::serving();
    adopt(&mut pair, A, |setup| (setup.dead, setup.warning) = (ms(20_000), ms(10_000)));
    pair.run(ms(30_000));
    assert!(calm(&pair), "{:?}", pair.nodes[B].events);
    assert_eq!(pair.nodes[B].count(|event| *event == Event::PeerLate), 0);
}

/// H15: links come, go and change places; what is known of those that stay, stays.
#[test]
fn links_are_known_by_their_names() {
    let mut pair = Pair::serving();
    for index in [A, B] {
        adopt(&mut pair, index, |setup| setup.links.reverse());
    }
    pair.run(ms(3_000));
    assert!(calm(&pair), "{:?}", pair.nodes[A].events);
    let status = pair.nodes[A].core.status(pair.now);
    assert_eq!(status.links[0].name, "sync");
    assert!(status.links.iter().all(|link| link.up && link.silent.is_some_and(|silent| silent < ms(1_000))));
    // A shell knows by its sockets what a message came over; this one has numbers of before on the way.
    pair.lose_in_flight();
    for index in [A, B] {
        adopt(&mut pair, index, |setup| setup.links.retain(|link| link.name == "lan"));
    }
    pair.run(ms(3_000));
    assert!(calm(&pair), "{:?}", pair.nodes[A].events);
}

/// The mode can be changed while the peer is away: *safe* keeps the service from a silent peer, *available* takes it.
#[test]
fn the_mode_decides_from_now_on() {
    let mut pair = Pair::serving_with(|setup| setup.mode = HaMode::Safe);
    pair.crash(A);
    pair.run(ms(5_000));
    assert_eq!(pair.role(B), Role::Standby, "safe: the silent peer may serve");
    adopt(&mut pair, B, |setup| setup.mode = HaMode::Available);
    pair.run(ms(2_000));
    assert_eq!(pair.role(B), Role::Active);
}

/// Another peer, or none, is another pair: refused, and nothing has changed.
#[test]
fn another_pair_is_refused() {
    let mut pair = Pair::serving();
    let mut setup = pair.nodes[A].setup.clone();
    setup.peer = None;
    let now = pair.now;
    assert!(matches!(pair.nodes[A].core.reconfigure(now, setup), Err(SetupError::OtherNodes { .. })));
    pair.run(ms(3_000));
    assert!(calm(&pair));
}
