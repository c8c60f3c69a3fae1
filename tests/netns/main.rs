//! Tier *netns*: the pair in network namespaces, real peers, real faults. Needs root.
//!
//! One file for each behaviour. Every test brings up a pair of its own name, so that tests leave nothing to each
//! other; they run one after the other (`--test-threads=1`), since they measure time.

mod baresip;
mod configuration;
mod load;
mod one_switch;
mod phones;
mod pjsip;
mod power_cuts;
mod registration;
mod status;
mod switchover;
mod torture;
