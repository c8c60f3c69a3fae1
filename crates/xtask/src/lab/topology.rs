//! Names and addresses of a lab: everything follows from its name and from whether both interfaces share one switch.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::bail;
use serde::{Deserialize, Serialize};

/// Name of the lab unless told otherwise.
pub const NAME_DEFAULT: &str = "pair";
/// Longest name: it stands in names of namespaces and in the path of a socket.
const NAME_BYTES_MAX: usize = 20;
/// Length of the prefix of both networks.
pub const PREFIX_LENGTH: u8 = 24;
/// The interface towards phones, in every namespace but the bridge's.
pub const LAN: &str = "lan0";
/// The interface between the nodes.
pub const SYNCHRONISATION: &str = "sync0";
/// SIP domain of the sample configuration.
pub const DOMAIN: &str = "pbx.example.com";
/// SIP port of the sample configuration.
pub const SIP_PORT: u16 = 5060;

/// One of the two nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The coordinator (row H10)
    A,
    /// The other one
    B,
}

impl Side {
    /// Both, in order.
    pub const BOTH: [Side; 2] = [Side::A, Side::B];

    /// The other node.
    #[must_use]
    pub const fn other(self) -> Side {
        match self {
            Side::A => Side::B,
            Side::B => Side::A,
        }
    }

    /// Its name, as in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Side::A => "a",
            Side::B => "b",
        }
    }

    /// The node of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Side> {
        Side::BOTH.into_iter().find(|side| side.as_str() == name)
    }

    /// Serial number (rows H13, H28).
    #[must_use]
    pub const fn serial_number(self) -> &'static str {
        match self {
            Side::A => "TD-A",
            Side::B => "TD-B",
        }
    }

    const fn host(self) -> u8 {
        match self {
            Side::A => 1,
            Side::B => 2,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// One of the namespaces of a lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namespace {
    /// A node
    Node(Side),
    /// Phones and the trunk
    Phones,
    /// The switches
    Bridge,
}

impl Namespace {
    /// All of a lab.
    pub const ALL: [Namespace; 4] =
        [Namespace::Node(Side::A), Namespace::Node(Side::B), Namespace::Phones, Namespace::Bridge];

    /// The last part of its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Namespace::Node(side) => side.as_str(),
            Namespace::Phones => "phones",
            Namespace::Bridge => "bridge",
        }
    }
}

/// The plan of a lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topology {
    /// Name of the lab
    pub name: String,
    /// Both interfaces of a node sit on one switch (row H12)
    pub one_switch: bool,
}

impl Topology {
    /// The plan of the lab `name`.
    ///
    /// # Errors
    /// The name does not fit into names of namespaces.
    pub fn new(name: &str, one_switch: bool) -> anyhow::Result<Topology> {
        let letters_fit = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !letters_fit || !(1..=NAME_BYTES_MAX).contains(&name.len()) {
            bail!(
                "{name:?} is no name for a lab: use 1 to {NAME_BYTES_MAX} lower-case letters, digits and hyphens"
            );
        }
        Ok(Topology { name: name.to_owned(), one_switch })
    }

    /// Name of a namespace.
    #[must_use]
    pub fn namespace(&self, namespace: Namespace) -> String {
        format!("tandem-{}-{}", self.name, namespace.as_str())
    }

    /// A node's own address towards phones.
    #[must_use]
    pub const fn lan(side: Side) -> IpAddr {
        lan_host(side.host())
    }

    /// A node's address on the synchronisation network.
    #[must_use]
    pub const fn synchronisation(side: Side) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(10, 30, 0, side.host()))
    }

    /// The address that the active node holds.
    #[must_use]
    pub const fn resource() -> IpAddr {
        lan_host(10)
    }

    /// Address of the phones.
    #[must_use]
    pub const fn phones() -> IpAddr {
        lan_host(100)
    }

    /// Address and port of the trunk, in the namespace of the phones.
    #[must_use]
    pub const fn trunk() -> SocketAddr {
        SocketAddr::new(lan_host(200), SIP_PORT)
    }
}

const fn lan_host(host: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 20, 0, host))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Issue 2, contract: names of namespaces come from the name of the lab.
    #[test]
    fn namespaces_are_named_after_the_lab() {
        let topology = Topology::new("pair", false).expect("a fine name");
        let names = Namespace::ALL.map(|namespace| topology.namespace(namespace));
        assert_eq!(names, ["tandem-pair-a", "tandem-pair-b", "tandem-pair-phones", "tandem-pair-bridge"]);
    }

    /// A name that would end up in a path or a shell is refused.
    #[test]
    fn strange_names_are_refused() {
        for name in ["", "../x", "Pair", "a b", "a-name-that-is-far-too-long"] {
            assert!(Topology::new(name, false).is_err(), "{name}");
        }
    }
}
