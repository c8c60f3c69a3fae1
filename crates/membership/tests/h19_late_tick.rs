//! Row H19 (the address moves, and is on one node): a node that was not scheduled lets go before it does anything else.

mod common;

use common::{A, B, Pair, ms};
use membership::{Event, Input, Output, Role};

fn is_late(event: &Event) -> bool {
    matches!(event, Event::LateTick { .. })
}

/// H19: a holder that slept past its lease closes its gate with the first thing it does, and hears of the new
/// holder; the other one is not disturbed.
#[test]
fn a_sleeping_holder_wakes_up_as_standby() {
    let mut pair = Pair::serving();
    pair.sleep(A, true);
    pair.run(ms(5_000));
    assert_eq!(pair.role(B), Role::Active);
    pair.forget_gap();
    pair.sleep(A, false);
    pair.run(ms(3_000));
    assert_eq!((pair.role(A), pair.role(B)), (Role::Standby, Role::Active));
    assert!(pair.nodes[A].has(is_late).is_some());
    assert_eq!((pair.overlap, pair.gap), (ms(0), ms(0)));
}

/// H19: late by more than T/2 but not superseded: the peer's vote opens the gate again within a round trip.
#[test]
fn a_late_holder_gets_its_vote_again() {
    let mut pair = Pair::serving();
    let epoch = pair.epoch(A);
    pair.sleep(A, true);
    pair.run(ms(750));
    pair.forget_gap();
    pair.sleep(A, false);
    pair.run(ms(1_000));
    assert_eq!(pair.nodes[A].count(is_late), 1);
    assert_eq!((pair.role(A), pair.role(B)), (Role::Active, Role::Standby));
    assert_eq!(pair.epoch(A), epoch, "it goes on with its epoch");
    assert!(pair.gap <= ms(20), "closed for {:?}", pair.gap);
}

/// H19: alone (the peer is dead), a late holder listens for T/2 before its timers grant the vote again.
#[test]
fn a_late_holder_alone_listens_first() {
    let mut pair = Pair::serving();
    pair.crash(B);
    pair.run(ms(3_000));
    pair.sleep(A, true);
    pair.run(ms(2_000));
    pair.sleep(A, false);
    let woke = pair.now;
    pair.run(ms(5));
    assert!(!pair.nodes[A].serves(pair.now));
    assert!(pair.run_until(woke + ms(520), |pair| pair.nodes[A].serves(pair.now)));
    assert!(pair.now.since(woke) >= ms(500));
}

/// H19: what the peer said before the late holder asked again is no vote, even if it is read afterwards.
#[test]
fn an_old_promise_is_no_vote() {
    let mut pair = Pair::serving();
    pair.sleep(A, true);
    pair.run(ms(300));
    let promise = pair.last_heartbeat(B).promise.expect("b's voter is bound to a");
    assert_eq!(promise.counter, pair.epoch(A));
    pair.crash(B);
    pair.run(ms(600));
    pair.sleep(A, false);
    pair.run(ms(20));
    assert_eq!(pair.role(A), Role::Taking);
    assert!(!pair.nodes[A].serves(pair.now));
}

/// H19: a tick late by less than T/2 changes nothing.
#[test]
fn a_small_delay_changes_nothing() {
    let mut pair = Pair::serving();
    pair.sleep(A, true);
    pair.run(ms(400));
    pair.sleep(A, false);
    pair.run(ms(1_000));
    assert_eq!(pair.nodes[A].count(is_late), 0);
    assert_eq!(pair.gap, ms(0));
}

/// H19: a standby that slept does not take its own sleep for the peer's silence.
#[test]
fn a_sleeping_standby_does_not_take() {
    let mut pair = Pair::serving();
    pair.sleep(B, true);
    pair.run(ms(5_000));
    pair.sleep(B, false);
    pair.run(ms(3_000));
    assert_eq!((pair.role(A), pair.role(B)), (Role::Active, Role::Standby));
    assert_eq!(pair.overlap, ms(0));
}

/// H19: a jump of the host's clock closes the gate like a late tick.
#[test]
fn a_clock_jump_closes_the_gate() {
    let mut pair = Pair::serving();
    pair.nodes[A].outputs.clear();
    pair.input(A, Input::ClockJump);
    assert!(matches!(pair.nodes[A].outputs[..], [(_, Output::Event(_)), (_, Output::Release), ..]));
    pair.run(ms(20));
    assert!(pair.nodes[A].serves(pair.now));
    assert_eq!(pair.role(B), Role::Standby);
}

/// H19, safe mode: the other vote cannot have gone elsewhere, so the gate opens again at once.
#[test]
fn safe_mode_goes_on_after_a_late_tick() {
    let mut pair = Pair::serving_with(|setup| setup.mode = model::HaMode::Safe);
    pair.partition();
    pair.sleep(A, true);
    pair.run(ms(5_000));
    assert!(!pair.nodes[A].serves(pair.now), "the kernel's gate closed at the end of the lease");
    pair.sleep(A, false);
    pair.run(ms(10));
    assert!(pair.nodes[A].serves(pair.now));
    assert_eq!(pair.nodes[A].count(is_late), 1);
}
