//! The ledger under power cuts, failing disks and a link that loses, repeats and parts.

mod clients;
pub mod disk;
pub mod journal;
pub mod pair;
