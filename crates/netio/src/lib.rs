//! Sockets, links, addresses, packets: every system call of the house that `tokio` and `std` do not bring.
//!
//! The only crate where `unsafe` is allowed, and only where `nix`, `socket2` and `rtnetlink` have no safe call.

pub mod addresses;
pub mod announce;
pub mod clock;
pub mod frames;
pub mod freebind;
pub mod links;
mod netlink;
pub mod own;
pub mod ping;
mod raw;
pub mod realtime;
pub mod seal;
pub mod stations;
pub mod tls;

pub use netlink::NetlinkError;
