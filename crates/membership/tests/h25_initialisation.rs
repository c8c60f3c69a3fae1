//! Row H25: the wait after boot, in case a node is already active.

mod common;

use common::{A, B, Pair, ms};
use membership::Role;

/// H25: both nodes wait the initialisation timeout, not less and not much more.
#[test]
fn both_nodes_wait_it() {
    for initialisation_ms in [1_500, 3_000, 8_000] {
        let mut pair = Pair::with(|setup| setup.initialisation = ms(initialisation_ms));
        pair.run(ms(initialisation_ms - 1));
        assert_eq!((pair.role(A), pair.role(B)), (Role::Initialising, Role::Initialising));
        pair.run(ms(50));
        assert_eq!(pair.role(A), Role::Active, "{initialisation_ms} ms");
    }
}

/// H25: a node that starts beside an active one is standby as soon as it hears it, and takes nothing.
#[test]
fn a_starting_node_finds_the_active_one() {
    let mut pair = Pair::serving();
    pair.crash(B);
    pair.run(ms(2_000));
    pair.restart(B);
    pair.run(ms(400));
    assert_eq!((pair.role(A), pair.role(B)), (Role::Active, Role::Standby));
    pair.run(ms(10_000));
    assert_eq!((pair.role(A), pair.role(B)), (Role::Active, Role::Standby));
    assert_eq!(pair.overlap, ms(0));
}

/// H25: an initialisation timeout shorter than D is D: a voter that may have promised waits that out.
#[test]
fn it_is_never_shorter_than_d() {
    let mut pair = Pair::with(|setup| setup.initialisation = ms(0));
    pair.run(ms(1_010));
    assert_eq!(pair.role(A), Role::Initialising);
    pair.run(ms(50));
    assert_eq!(pair.role(A), Role::Active);
}
