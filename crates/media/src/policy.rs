//! Where packets may go. An SDP is written by anyone who may call: it must not aim our packets at ourselves, at the
//! other node or at nobody.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;

/// Addresses that a side may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Addresses of this node and its peer, the resource addresses included; no phone lives there
    pub own_addresses: Vec<IpAddr>,
    /// The ports of our own media (row A18)
    pub media_ports: RangeInclusive<u16>,
    /// Phones may run on this very machine, at a loopback or own address, though never at one of our media ports: for
    /// tests and single-machine demonstrations
    pub local_phones: bool,
}

impl Policy {
    /// Whether a phone may be there.
    #[must_use]
    pub fn permits(&self, address: SocketAddr) -> bool {
        let ip = address.ip().to_canonical();
        if address.port() == 0 || ip.is_unspecified() || ip.is_multicast() || ip == Ipv4Addr::BROADCAST {
            return false;
        }
        let is_ours = ip.is_loopback() || self.own_addresses.contains(&ip);
        !is_ours || (self.local_phones && !self.media_ports.contains(&address.port()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(local_phones: bool) -> Policy {
        Policy {
            own_addresses: vec!["192.0.2.10".parse().unwrap()],
            media_ports: 10_000..=20_000,
            local_phones,
        }
    }

    fn permits(policy: &Policy, address: &str) -> bool {
        policy.permits(address.parse().unwrap())
    }

    /// Row A18: packets are never aimed at ourselves (also when written as a mapped address), loopback or nobody.
    #[test]
    fn own_and_empty_addresses_are_refused() {
        let policy = policy(false);
        assert!(permits(&policy, "192.0.2.11:4000"));
        assert!(permits(&policy, "[2001:db8::1]:4000"));
        for refused in [
            "192.0.2.10:4000",
            "[::ffff:192.0.2.10]:4000",
            "127.0.0.1:4000",
            "[::1]:4000",
            "0.0.0.0:4000",
            "[::]:4000",
            "224.0.0.1:4000",
            "255.255.255.255:4000",
            "192.0.2.11:0",
        ] {
            assert!(!permits(&policy, refused), "{refused}");
        }
    }

    /// Row A18: even where phones may be local, a packet never goes to one of our own media ports (a loop).
    #[test]
    fn local_phones_stand_outside_of_our_media_ports() {
        let policy = policy(true);
        assert!(permits(&policy, "127.0.0.1:4000"));
        assert!(permits(&policy, "192.0.2.10:4000"));
        assert!(!permits(&policy, "127.0.0.1:10000"));
        assert!(!permits(&policy, "192.0.2.10:20000"));
    }
}
