//! Seeded simulation: pairs, disks and links that fail as a seed says, and the promises checked against them.
//!
//! Everything follows from the seed: a failing run prints it with the command that replays it.

pub mod ledger;
pub mod membership;
