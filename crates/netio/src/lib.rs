//! Sockets, links, addresses, packets: every system call of the house that `tokio` and `std` do not bring.
//!
//! The only crate where `unsafe` is allowed, and only where `nix`, `socket2` and `rtnetlink` have no safe call.

pub mod frames;
pub mod tls;
