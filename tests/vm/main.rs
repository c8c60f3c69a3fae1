//! Tier *vm*: the pair as virtual machines that boot the lab's image, real peers, real power cuts. Needs root.
//!
//! One file for each behaviour. A boot takes half a minute, so all tests share one pair (`bench.rs`), which each finds
//! settled and leaves in whatever state; they run one after the other (`--test-threads=1`).

mod bench;
mod boot;
mod daemons;
mod factory;
mod freeze;
mod links;
mod power_cuts;
mod reboot;
mod takeover;
