//! Rows H3, H5, H24: the standby takes over from a dead active node, after D and not later.

mod common;

use common::{A, B, LAN, Pair, ms};
use membership::{Event, Input, LinkIndex, Output, Role};

fn hear_target(pair: &mut Pair, index: usize, targets: usize) {
    pair.input(index, Input::Reachable { link: LinkIndex(LAN), targets, stations_seen: false });
}

/// H3, H5, H24: power off at any phase of the heartbeat: the gap is at least T less a heartbeat, at most D.
#[test]
fn takes_within_d_of_the_last_heartbeat() {
    for phase_ms in (0..170).step_by(13) {
        let mut pair = Pair::serving();
        pair.run(ms(phase_ms));
        pair.crash(A);
        let cut = pair.now;
        assert!(
            pair.run_until(cut + ms(1_015), |pair| pair.nodes[B].serves(pair.now)),
            "phase {phase_ms} ms"
        );
        assert!(
            pair.now.since(cut) >= ms(1_000 - 167),
            "phase {phase_ms} ms: after {:?}",
            pair.now.since(cut)
        );
        pair.run(ms(5));
        assert_eq!(pair.role(B), Role::Active);
    }
}

/// H24: permission precedes the addresses, and both leave in the same instant: no disk is waited for.
#[test]
fn permission_comes_before_the_addresses() {
    let mut pair = Pair::serving();
    pair.crash(A);
    pair.run(ms(1_500));
    let outputs = &pair.nodes[B].outputs;
    let permit = outputs.iter().position(|(_, output)| matches!(output, Output::Permit { .. }));
    let hold = outputs.iter().position(|(_, output)| matches!(output, Output::Hold { .. }));
    let (permit, hold) = (permit.expect("a permission"), hold.expect("addresses"));
    assert!(permit < hold);
    assert_eq!(outputs[permit].0, outputs[hold].0);
}

/// H24: the lease counts from the sending of a heartbeat: whatever extends the permission speaks in the same instant,
/// also when it is not a tick (here the holder takes a higher epoch as soon as that is on its disk).
#[test]
fn no_permission_is_extended_in_silence() {
    let mut pair = Pair::serving();
    pair.crash(B);
    pair.run(ms(100));
    pair.restart(B);
    pair.run(ms(1_000));
    let outputs = &pair.nodes[A].outputs;
    for (time, _) in outputs.iter().filter(|(_, output)| matches!(output, Output::Permit { .. })) {
        let speaks = |(sent, output): &(_, Output)| sent == time && matches!(output, Output::Send { .. });
        assert!(outputs.iter().any(speaks), "permitted in silence at {time}");
    }
}

/// H24: one lost heartbeat in three does not lead to a takeover.
#[test]
fn loss_below_the_threshold_changes_nothing() {
    let mut pair = Pair::serving();
    for round in 0..60 {
        let open = round % 3 == 0;
        pair.open = [[open; 2]; 2];
        pair.run(ms(167));
    }
    assert_eq!((pair.role(A), pair.role(B)), (Role::Active, Role::Standby));
    assert_eq!(pair.nodes[B].has(|event| *event == Event::PeerLost), None);
}

/// H3: with a ping group set, a standby that sees nothing at all does not take: it may be the cut-off one. As soon
/// as it sees a target it takes.
#[test]
fn a_blind_standby_does_not_take() {
    let mut pair = Pair::serving_with(|setup| setup.links[LAN].has_ping_group = true);
    pair.partition();
    pair.run(ms(5_000));
    assert_eq!(pair.role(B), Role::Standby);
    assert_eq!(pair.nodes[B].count(|event| matches!(event, Event::Withheld { .. })), 1);
    hear_target(&mut pair, B, 1);
    pair.run(ms(10));
    assert_eq!(pair.role(B), Role::Active);
}

/// H3: a frame of any other station counts as much as a target.
#[test]
fn a_standby_that_sees_a_phone_takes() {
    let mut pair = Pair::serving_with(|setup| setup.links[LAN].has_ping_group = true);
    pair.crash(A);
    let station = Input::Reachable { link: LinkIndex(LAN), targets: 0, stations_seen: true };
    pair.input(B, station);
    pair.run(ms(1_100));
    assert_eq!(pair.role(B), Role::Active);
}

/// H3: without a required interface, or with health 0, the standby cannot serve and does not take.
#[test]
fn an_unfit_standby_does_not_take() {
    let link_down = Input::LinkState { link: LinkIndex(LAN), up: false };
    let link_up = Input::LinkState { link: LinkIndex(LAN), up: true };
    let cases = [(link_down, link_up), (Input::Health { score: 0 }, Input::Health { score: 1 })];
    for (ill, well) in cases {
        let mut pair = Pair::serving();
        pair.input(B, ill.clone());
        pair.crash(A);
        pair.run(ms(5_000));
        assert_eq!(pair.role(B), Role::Standby, "{ill:?}");
        pair.input(B, well);
        // Half a lease, for a peer that speaks behind a cable that was out.
        pair.run(ms(520));
        assert_eq!(pair.role(B), Role::Active, "{ill:?}");
    }
}

/// H3: when only the agent of the active node crashes and starts again, its addresses are taken off first, and the
/// standby takes with the vote of the restarted one, before D.
#[test]
fn a_restarted_agent_gives_its_vote() {
    let mut pair = Pair::serving();
    pair.crash(A);
    pair.run(ms(100));
    pair.restart(A);
    let restarted = pair.now;
    assert!(pair.run_until(restarted + ms(50), |pair| pair.nodes[B].serves(pair.now)));
    pair.run(ms(10_000));
    assert_eq!((pair.role(A), pair.role(B)), (Role::Standby, Role::Active));
    assert_eq!(pair.overlap, ms(0));
}

/// H3: a single box serves at once, as soon as its interface is up, and without a peer nothing is sent.
#[test]
fn a_single_box_serves_at_once() {
    let mut pair = Pair::with(|setup| setup.peer = None);
    pair.run(ms(50));
    assert_eq!(pair.role(A), Role::Active);
    pair.run(ms(5_000));
    assert!(pair.nodes[A].serves(pair.now));
    assert!(!pair.nodes[A].outputs.iter().any(|(_, output)| matches!(output, Output::Send { .. })));
}

/// H3: when the dead node comes back it is standby, and stays it.
#[test]
fn the_dead_node_comes_back_as_standby() {
    let mut pair = Pair::serving();
    pair.crash(A);
    pair.run(ms(2_000));
    pair.forget_gap();
    pair.restart(A);
    pair.run(ms(20_000));
    assert_eq!((pair.role(A), pair.role(B)), (Role::Standby, Role::Active));
    assert_eq!(pair.gap, ms(0));
}

/// H3, H19: a node that was cut off on every path listens before it takes: what serves behind the cable goes on.
#[test]
fn a_cable_that_comes_back_is_listened_to_first() {
    let mut pair = Pair::serving();
    for up in [false, true] {
        for link in 0..2 {
            pair.input(A, Input::LinkState { link: LinkIndex(link), up });
        }
        pair.run(ms(45));
        if up {
            pair.heal();
        } else {
            pair.partition();
        }
        pair.run(ms(3_000));
        assert_eq!((pair.role(A), pair.role(B)), (Role::Standby, Role::Active), "links up: {up}");
    }
    let two_owners = |event: &Event| matches!(event, Event::TwoOwners { .. });
    assert_eq!(pair.nodes[B].count(two_owners), 0);
    assert_eq!(pair.overlap, ms(0));
}
