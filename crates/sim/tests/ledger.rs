//! The promises of the ledger under simulation. A failing test prints the seed and the command that replays it.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use sim::ledger::disk::Defect;
use sim::ledger::{journal, pair};

/// Promise 3, DESIGN 5.1: 10,000 power cuts with dropped and torn sectors, full disks and failing syncs lose no
/// acknowledged record, invent none, and never look like corruption.
#[test]
fn power_cuts_lose_nothing_acknowledged() {
    let tally = journal::run(journal::Plan { seed: 1, cuts: 10_000, defect: Defect::None }).unwrap();
    println!("{tally:?}");
    assert_eq!(tally.cuts, 10_000);
    assert!(
        tally.acknowledged > 100_000
            && tally.torn > 1_000
            && tally.syncs_failed > 100
            && tally.withdrawn > 100
    );
}

/// DESIGN 9: the simulation finds what it is there to find. Each defect of the disk shows as a broken promise.
#[test]
fn planted_defects_are_found() {
    for defect in [Defect::SyncForgotten, Defect::SyncFolderForgotten, Defect::SyncErrorHidden] {
        let broken = journal::run(journal::Plan { seed: 1, cuts: 2_000, defect }).unwrap_err();
        println!("{defect:?}: {broken}");
        assert!(broken.to_string().contains("cargo run -p sim -- ledger --seed 1"), "{broken}");
        // The command replays it: the same seed, up to the same cut, breaks in the same way.
        let plan = journal::Plan { seed: broken.seed, cuts: broken.cuts, defect };
        assert_eq!(journal::run(plan).unwrap_err(), broken);
    }
}

/// Promise 3, DESIGN 5.1 and 6: through loss, repetition, splits, power cuts and changes of the writer, what was said to be
/// on both disks is on both, what was said to be stored is in force or parked on both, nothing is invented, both
/// nodes end with the same state hash, and a bit turned over afterwards is healed from the peer.
#[test]
fn pairs_keep_their_word() {
    let tally = pair::run(pair::Plan { seed: 1, runs: 150, defect: Defect::None }).unwrap();
    println!("{tally:?}");
    assert!(tally.protected > 10_000 && tally.parked > 1_000 && tally.crashes > 500 && tally.flipped == 150);
}

/// DESIGN 9: a disk that only says it has synced is found out by the pair as well.
#[test]
fn a_lying_disk_breaks_a_pair() {
    for defect in [Defect::SyncForgotten, Defect::SyncFolderForgotten] {
        let broken = pair::run(pair::Plan { seed: 1, runs: 50, defect }).unwrap_err();
        println!("{defect:?}: {broken}");
        assert_eq!(pair::run(pair::Plan { seed: broken.seed, runs: 1, defect }).unwrap_err(), broken);
    }
}
