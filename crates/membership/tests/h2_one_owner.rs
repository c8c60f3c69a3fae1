//! Row H2: only one node is operative at any instant.

mod common;

use common::{A, B, LAN, Pair, SYNC, at, ms};
use membership::{Event, LinkIndex, Output, Role};

/// H2: two nodes that start together and hear each other: exactly one serves, without an overlap.
#[test]
fn one_of_two_serves_after_boot() {
    let pair = Pair::serving();
    assert_eq!(pair.overlap, ms(0));
    assert!(pair.nodes[A].serves(pair.now) && !pair.nodes[B].serves(pair.now));
}

/// H2: one path of two is enough, whichever: the standby does not take.
#[test]
fn one_path_is_enough() {
    for cut in [LAN, SYNC] {
        let mut pair = Pair::serving();
        pair.open[cut] = [false; 2];
        pair.run(ms(10_000));
        assert_eq!((pair.role(A), pair.role(B)), (Role::Active, Role::Standby), "link {cut} cut");
    }
}

/// H2, available mode: two nodes cut off from each other both serve (the documented price); when they hear each
/// other the lower epoch lets go within a heartbeat, and the other announces itself again.
#[test]
fn the_lower_epoch_lets_go_when_a_split_heals() {
    let mut pair = Pair::serving();
    pair.partition();
    pair.run(ms(5_000));
    assert_eq!((pair.role(A), pair.role(B)), (Role::Active, Role::Active));
    pair.heal();
    let healed = pair.now;
    assert!(pair.run_until(healed + ms(200), |pair| !pair.nodes[A].serves(pair.now)));
    pair.run(ms(2_000));
    assert_eq!((pair.role(A), pair.role(B)), (Role::Standby, Role::Active));
    assert!(pair.nodes[A].has(|event| matches!(event, Event::TwoOwners { .. })).is_some());
    let announced = |(time, output): &(_, Output)| *time > healed && *output == Output::Announce;
    assert!(pair.nodes[B].outputs.iter().any(announced), "the winner announces again");
}

/// H2: a holder that hears nobody but is heard keeps the service: its heartbeats bind the standby's voter.
#[test]
fn a_deaf_holder_keeps_the_service() {
    let mut pair = Pair::serving();
    pair.open = [[true, false], [true, false]];
    pair.run(ms(10_000));
    assert_eq!((pair.role(A), pair.role(B)), (Role::Active, Role::Standby));
}

/// H2: a standby that hears nobody but is heard takes, and the holder, which hears its higher epoch, lets go.
#[test]
fn a_deaf_standby_takes_and_the_holder_lets_go() {
    let mut pair = Pair::serving();
    pair.open = [[false, true], [false, true]];
    pair.run(ms(5_000));
    assert_eq!((pair.role(A), pair.role(B)), (Role::Standby, Role::Active));
    assert!(pair.overlap <= ms(2), "overlap of {:?}", pair.overlap);
}

/// H2: a holder with the higher epoch lets go after D when the other one serves and cannot hear it.
#[test]
fn the_one_that_hears_lets_go_of_a_conflict() {
    let mut pair = Pair::serving();
    pair.partition();
    pair.run(ms(5_000));
    // Only b hears: a, with the lower epoch, cannot know.
    pair.open = [[true, false], [true, false]];
    pair.run(ms(3_000));
    assert_eq!((pair.role(A), pair.role(B)), (Role::Active, Role::Standby));
}

/// H2: no epoch is used twice by a node, also over power cuts, and each is on disk before it is used.
#[test]
fn epochs_only_grow() {
    let mut pair = Pair::serving();
    let mut last = pair.epoch(A);
    for round in 0..6 {
        let (victim, other) = if round % 2 == 0 { (A, B) } else { (B, A) };
        pair.crash(victim);
        pair.run(ms(3_000));
        assert_eq!(pair.role(other), Role::Active, "round {round}");
        assert!(pair.epoch(other) > last, "round {round}");
        last = pair.epoch(other);
        pair.restart(victim);
        pair.run(ms(5_000));
    }
    for node in &pair.nodes {
        let mut stored = 0;
        for (_, output) in &node.outputs {
            match output {
                Output::Persist { counter } => stored = *counter,
                Output::Permit { epoch, .. } => assert!(epoch.counter <= stored, "{epoch:?} before {stored}"),
                _ => {}
            }
        }
    }
}

/// H2: a holder that hears of a higher epoch takes one above it, so that nothing it writes counts as old; and the
/// service does not notice.
#[test]
fn a_holder_stays_above_all_known_epochs() {
    let mut pair = Pair::serving();
    pair.partition();
    pair.run(ms(5_000));
    let of_the_split = pair.epoch(B);
    assert!(of_the_split > pair.epoch(A), "both serve, b under the higher epoch");
    pair.crash(B);
    pair.heal();
    pair.forget_gap();
    pair.restart(B);
    pair.run(ms(500));
    assert_eq!((pair.role(A), pair.role(B)), (Role::Active, Role::Standby));
    assert!(pair.epoch(A) > of_the_split);
    assert_eq!(pair.gap, ms(0));
}

/// H2: a claimant that gets no answer, and no vote by timer because it sees nothing, gives up: the other node, whose
/// voter it has bound, can take then.
#[test]
fn a_claimant_without_an_answer_gives_up() {
    let sees = |targets| membership::Input::Reachable { link: LinkIndex(LAN), targets, stations_seen: false };
    let mut pair = Pair::with(|setup| setup.links[LAN].has_ping_group = true);
    for index in [A, B] {
        pair.input(index, membership::Input::Health { score: 0 });
    }
    pair.run(ms(5_000));
    // From now on a hears nothing, and sees nothing either.
    pair.open = [[true, false], [true, false]];
    pair.lose_in_flight();
    pair.input(A, membership::Input::Health { score: 1 });
    pair.run(ms(500));
    assert_eq!(pair.role(A), Role::Taking, "it asks");
    pair.input(B, membership::Input::Health { score: 1 });
    pair.input(B, sees(1));
    pair.run(ms(2_000));
    assert_eq!((pair.role(A), pair.role(B)), (Role::Standby, Role::Active));
}

/// H2, safe mode: cut off from each other, the standby does not take, however long it lasts.
#[test]
fn safe_mode_never_takes_on_silence() {
    let mut pair = Pair::serving_with(|setup| setup.mode = model::HaMode::Safe);
    pair.partition();
    pair.run(ms(60_000));
    assert_eq!((pair.role(A), pair.role(B)), (Role::Active, Role::Standby));
    assert_eq!(pair.overlap, ms(0));
    assert!(pair.nodes[B].has(|event| matches!(event, Event::Withheld { .. })).is_some());
}

/// H2, safe mode: when the dead holder is back and says that it holds nothing, the standby takes with its vote.
#[test]
fn safe_mode_takes_when_the_peer_says_that_it_does_not_serve() {
    let mut pair = Pair::serving_with(|setup| setup.mode = model::HaMode::Safe);
    pair.crash(A);
    pair.run(ms(20_000));
    assert_eq!(pair.role(B), Role::Standby);
    pair.restart(A);
    pair.run(ms(200));
    assert_eq!(pair.role(B), Role::Active);
    pair.run(ms(10_000));
    assert_eq!((pair.role(A), pair.role(B)), (Role::Standby, Role::Active));
}

/// H2, safe mode: the holder serves on alone when the standby dies, and a node that starts alone does not serve.
#[test]
fn safe_mode_serves_on_alone_but_does_not_start_alone() {
    let mut pair = Pair::serving_with(|setup| setup.mode = model::HaMode::Safe);
    pair.crash(B);
    pair.run(ms(20_000));
    assert_eq!(pair.role(A), Role::Active);
    pair.crash(A);
    pair.restart(A);
    pair.run(ms(20_000));
    assert_eq!(pair.role(A), Role::Standby);
    pair.input(A, membership::Input::PeerOff);
    pair.run(ms(10));
    assert_eq!(pair.role(A), Role::Active, "an operator's statement is the other vote");
}

/// H2: messages of an earlier start, of a stranger and copies change nothing.
#[test]
fn old_and_strange_messages_are_refused() {
    let mut pair = Pair::serving();
    let overtaken = pair.first_heartbeat(A, |message| {
        message.activity == wire::heartbeat::Activity::Initialising && !message.holds
    });
    pair.input(B, membership::Input::Heartbeat { link: LinkIndex(LAN), message: overtaken });
    assert_eq!(pair.role(B), Role::Standby, "an overtaken message says that a does not serve");
    let mut stranger = pair.last_heartbeat(B);
    stranger.node = "c".to_owned();
    let old = pair.last_heartbeat(B);
    pair.crash(B);
    pair.restart(B);
    pair.run(ms(5_000));
    let before = pair.nodes[A].core.status(pair.now).heartbeats_refused;
    for message in [stranger, old] {
        pair.input(A, membership::Input::Heartbeat { link: LinkIndex(LAN), message });
    }
    assert_eq!(pair.nodes[A].core.status(pair.now).heartbeats_refused, before + 2);
    assert_eq!(pair.role(A), Role::Active);
}

/// The shell's mistakes are errors, and change nothing.
#[test]
fn mistakes_of_the_shell_are_errors() {
    let mut pair = Pair::serving();
    let core = &mut pair.nodes[A].core;
    assert!(core.handle_input(at(1), membership::Input::Timeout).is_err(), "time ran backwards");
    let unknown = membership::Input::LinkState { link: LinkIndex(2), up: true };
    assert!(core.handle_input(pair.now, unknown).is_err());
}
