//! Ethernet addresses as text.

use std::fmt;
use std::str::FromStr;

/// An Ethernet address, e.g. `52:54:00:20:00:01`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HardwareAddress(pub [u8; 6]);

/// A text that is no Ethernet address of one card.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no hardware address of a card, as in 52:54:00:20:00:01")]
pub struct HardwareAddressError {
    /// What was given
    pub text: String,
}

impl FromStr for HardwareAddress {
    type Err = HardwareAddressError;
    fn from_str(text: &str) -> Result<Self, HardwareAddressError> {
        let parse = || {
            let mut octets = [0; 6];
            let mut parts = text.split([':', '-']);
            for octet in &mut octets {
                let part = parts.next().filter(|part| part.len() == 2)?;
                *octet = u8::from_str_radix(part, 16).ok()?;
            }
            let group = octets[0] & 1 == 1;
            (parts.next().is_none() && !group && octets != [0; 6]).then_some(HardwareAddress(octets))
        };
        parse().ok_or_else(|| HardwareAddressError { text: text.to_owned() })
    }
}

impl fmt::Display for HardwareAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, f] = self.0;
        write!(formatter, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
    }
}
