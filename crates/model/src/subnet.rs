//! An address together with its subnet, as people write it: `10.20.0.1/24`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Prefix length of an IPv4 subnet that nobody says.
const PREFIX_BITS_DEFAULT_IPV4: u8 = 24;
/// Prefix length of an IPv6 subnet that nobody says (RFC 4291 section 2.5.4).
const PREFIX_BITS_DEFAULT_IPV6: u8 = 64;

/// An address of a host and the length of its subnet's prefix (RFC 4632 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceAddress {
    /// The address
    pub address: IpAddr,
    /// Length of the prefix in bits, from 1 to 32 or 128
    pub prefix_length: u8,
}

/// A text that is no address of a host with its prefix length.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} {reason}")]
pub struct InterfaceAddressError {
    /// What was given
    pub text: String,
    /// What is wrong and what to write
    pub reason: String,
}

impl InterfaceAddress {
    /// `other` lies in the same subnet: it can be reached without a router.
    #[must_use]
    pub fn reaches(self, other: IpAddr) -> bool {
        self.address.is_ipv4() == other.is_ipv4() && self.network(self.address) == self.network(other)
    }

    /// The two subnets share an address.
    #[must_use]
    pub fn overlaps(self, other: InterfaceAddress) -> bool {
        self.reaches(other.address) || other.reaches(self.address)
    }

    /// Why no host can have this address; `None` when one can.
    #[must_use]
    pub fn problem(self) -> Option<String> {
        let bits = bits_of(self.address);
        if !(1..=bits).contains(&self.prefix_length) {
            return Some(format!("has the prefix length {}; write one from 1 to {bits}", self.prefix_length));
        }
        if self.address.is_unspecified() || self.address.is_multicast() || self.address.is_loopback() {
            return Some("is no address of a host; write one of the network".to_owned());
        }
        let host_bits = u32::from(bits - self.prefix_length);
        let host = number(self.address) & ones(host_bits);
        let reserved = self.address.is_ipv4() && host_bits > 1 && (host == 0 || host == ones(host_bits));
        reserved.then(|| "is the network itself or its broadcast address; write a host's".to_owned())
    }

    fn network(self, address: IpAddr) -> u128 {
        let host_bits = bits_of(address).saturating_sub(self.prefix_length);
        number(address).checked_shr(u32::from(host_bits)).unwrap_or(0)
    }
}

impl fmt::Display for InterfaceAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.address, self.prefix_length)
    }
}

impl FromStr for InterfaceAddress {
    type Err = InterfaceAddressError;

    fn from_str(text: &str) -> Result<Self, InterfaceAddressError> {
        let parts = text.split_once('/');
        let read = parts.and_then(|(address, prefix)| {
            Some(InterfaceAddress { address: address.parse().ok()?, prefix_length: prefix.parse().ok()? })
        });
        let wanted = "is no address with its prefix length; write e.g. \"10.20.0.1/24\"";
        let reason = match read {
            Some(address) => match address.problem() {
                None => return Ok(address),
                Some(problem) => problem,
            },
            None => wanted.to_owned(),
        };
        Err(InterfaceAddressError { text: text.to_owned(), reason })
    }
}

/// Bits of an address of this family.
pub(crate) fn bits_of(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// Prefix length of the subnet of `address` that nobody says.
pub(crate) fn prefix_bits_default(address: IpAddr) -> u8 {
    if address.is_ipv4() { PREFIX_BITS_DEFAULT_IPV4 } else { PREFIX_BITS_DEFAULT_IPV6 }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The lowest `bits` bits; `bits` is below 128, since a prefix has at least one bit.
fn ones(bits: u32) -> u128 {
    (1_u128 << bits) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> InterfaceAddress {
        text.parse().unwrap()
    }

    /// RFC 4632 section 3.1: what is written is read, and written again.
    #[test]
    fn reads_addresses_of_hosts_only() {
        for good in ["10.20.0.1/24", "192.0.2.0/31", "192.0.2.7/32", "2001:db8::1/64", "10.21.0.0/15"] {
            assert_eq!(address(good).to_string(), good);
        }
        for bad in [
            "",
            "10.20.0.1",
            "10.20.0.1/",
            "10.20.0.1/0",
            "10.20.0.1/33",
            "10.20.0.0/24",
            "10.20.0.255/24",
            "0.0.0.0/8",
            "127.0.0.1/8",
            "224.0.0.1/24",
            "::1/128",
            "ff02::1/64",
            "pbx/24",
        ] {
            assert!(bad.parse::<InterfaceAddress>().is_err(), "{bad}");
        }
    }

    /// The subnet decides who is a neighbour.
    #[test]
    fn subnets_are_told_apart() {
        let inside = |own: &str, other: &str| address(own).reaches(other.parse().unwrap());
        assert!(inside("10.20.0.1/24", "10.20.0.254"));
        assert!(!inside("10.20.0.1/24", "10.20.1.254"));
        assert!(inside("10.20.0.1/16", "10.20.1.254"));
        assert!(!inside("10.20.0.1/32", "10.20.0.2"));
        assert!(inside("2001:db8::1/64", "2001:db8::ffff"));
        assert!(!inside("2001:db8::1/64", "10.20.0.1"));
        assert!(address("10.20.0.1/24").overlaps(address("10.20.200.1/16")));
        assert!(!address("10.20.0.1/24").overlaps(address("10.20.1.1/24")));
    }
}
