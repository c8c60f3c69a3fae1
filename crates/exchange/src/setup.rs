//! What an exchange is made from, and the bounds it keeps.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use model::NodeName;

/// One address that the shell receives SIP on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalAddress {
    /// Address and port of the listener, UDP and TCP alike; the resource address in a pair
    pub socket: SocketAddr,
    /// Length of the network prefix in bits: a trunk in this network is called from this address
    pub prefix_bits: u8,
}

impl LocalAddress {
    /// Whether `other` lies in the network of this address.
    pub(crate) fn shares_network(&self, other: IpAddr) -> bool {
        let same_bits = |own: u128, other: u128, width: u32| {
            let host_bits = width.saturating_sub(self.prefix_bits.into());
            own.checked_shr(host_bits).unwrap_or(0) == other.checked_shr(host_bits).unwrap_or(0)
        };
        match (self.socket.ip(), other) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                same_bits(own.to_bits().into(), other.to_bits().into(), 32)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => same_bits(own.to_bits(), other.to_bits(), 128),
            _ => false,
        }
    }
}

/// What an exchange is made from.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Name of this node: part of the unique ids of calls
    pub node: NodeName,
    /// Seed of tags, branches and Call-IDs; fresh randomness of the operating system in a daemon, fixed in tests
    pub seed: [u8; 32],
    /// Key of the digest nonces; the same on both nodes, so that no phone is asked twice after a takeover
    pub nonce_key: [u8; 32],
    /// Unix time at [`model::Time::ZERO`]: nonces carry civil time, which both nodes share
    pub unix_at_start: Duration,
    /// Addresses that the shell receives SIP on; [`crate::Input::LocalAddresses`] replaces them
    pub local_addresses: Vec<LocalAddress>,
    /// Bounds on what is kept
    pub limits: Limits,
}

/// Bounds on what an exchange keeps; what goes beyond is refused with 503 and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Calls that are being set up, talking or being ended
    pub calls_max: usize,
    /// Server and client transactions together
    pub transactions_max: usize,
    /// Bindings of all accounts together
    pub registrations_max: usize,
    /// Phones that one call may ring at the same time
    pub branches_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { calls_max: 5_000, transactions_max: 200_000, registrations_max: 50_000, branches_max: 32 }
    }
}
