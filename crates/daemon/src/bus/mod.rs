//! The D-Bus vocabulary: names, data and client proxies of every daemon's interface, written once.
//!
//! D-Bus has no null: an absent text is empty, an absent number is said so at its field.

pub mod cluster;
pub mod pbx;
pub mod store;
