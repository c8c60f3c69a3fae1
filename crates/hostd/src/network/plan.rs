//! What the network of this node should be, from a configuration or from a person at the box. Pure.

use std::collections::BTreeMap;
use std::net::IpAddr;

use model::{Config, InterfaceAddress, NodeName};

use crate::network_file::{InterfaceNetwork, NetworkFile};

/// The configuration is that of another pair.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the configuration names the nodes {configured}, and this one is {own}: its network stays as it was")]
pub struct NotAMember {
    /// This node
    pub own: NodeName,
    /// Those of the configuration
    pub configured: String,
}

/// A wish of a person that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WishError {
    /// No such link
    #[error("there is no link {link:?}; this box has {}", present.join(", "))]
    NoLink {
        /// What was given
        link: String,
        /// What there is
        present: Vec<String>,
    },
    /// No address
    #[error(transparent)]
    Address(#[from] model::InterfaceAddressError),
    /// Another link is in that subnet already
    #[error("{wanted} is in the subnet of {other}, which has {has}: two links need two subnets")]
    SameSubnet {
        /// What was given
        wanted: InterfaceAddress,
        /// The other link
        other: String,
        /// Its address
        has: InterfaceAddress,
    },
    /// No address of a router
    #[error("{text:?} is no address of a gateway; write e.g. 10.20.0.254, or nothing")]
    Gateway {
        /// What was given
        text: String,
    },
    /// A router behind a router
    #[error("the gateway {gateway} lies in no subnet of this node; write one in {}", subnets.join(" or "))]
    OutOfReach {
        /// What was given
        gateway: IpAddr,
        /// Own addresses
        subnets: Vec<String>,
    },
}

/// The network that revision `revision` of the configuration wants for the node `own`.
///
/// A configuration without nodes is that of a single box: where it says nothing of addresses and gateway, those of
/// `before` stay.
///
/// # Errors
/// [`NotAMember`]: what is in force should stay.
pub fn of_configuration(
    own: &NodeName,
    revision: u64,
    config: &Config,
    before: &NetworkFile,
) -> Result<NetworkFile, NotAMember> {
    let network = &config.network;
    let wanted = NetworkFile {
        revision,
        gateway: network.gateway,
        name_servers: network.name_servers.clone(),
        time_servers: network.time_servers.clone(),
        time_zone: network.time_zone.clone(),
        interfaces: BTreeMap::new(),
    };
    if config.cluster.nodes.is_empty() {
        let gateway = network.gateway.or(before.gateway);
        return Ok(NetworkFile { gateway, interfaces: before.interfaces.clone(), ..wanted });
    }
    if !config.cluster.nodes.contains_key(own) {
        let configured: Vec<_> = config.cluster.nodes.keys().map(NodeName::as_str).collect();
        return Err(NotAMember { own: own.clone(), configured: configured.join(" and ") });
    }
    let addresses = config.cluster.own_addresses(own).into_iter();
    let interfaces = addresses.map(|(name, address)| (name, InterfaceNetwork { address })).collect();
    Ok(NetworkFile { interfaces, ..wanted })
}

/// The nodes of the pair and an address of each, for `/etc/hosts`: that of the synchronisation interface, else the first.
#[must_use]
pub fn hosts(config: &Config) -> BTreeMap<NodeName, IpAddr> {
    let cluster = &config.cluster;
    let synchronisation = cluster.interfaces.iter().find(|(_, interface)| interface.synchronisation);
    let address = |node: &model::Node| {
        let preferred = synchronisation.and_then(|(name, _)| node.addresses.get(name));
        preferred.or_else(|| node.addresses.values().next()).copied()
    };
    cluster.nodes.iter().filter_map(|(name, node)| Some((name.clone(), address(node)?))).collect()
}

/// `before` with another address on `link` and, where `gateway` is not empty, another gateway. `links` are those that
/// the box has.
///
/// # Errors
/// [`WishError`].
pub fn of_wish(
    before: &NetworkFile,
    links: &[String],
    (link, address, gateway): (&str, &str, &str),
) -> Result<NetworkFile, WishError> {
    if !links.iter().any(|present| present == link) {
        return Err(WishError::NoLink { link: link.to_owned(), present: links.to_vec() });
    }
    let wanted: InterfaceAddress = address.trim().parse()?;
    let mut network = before.clone();
    for (other, has) in network.interfaces.iter().filter(|(other, _)| *other != link) {
        if wanted.overlaps(has.address) {
            return Err(WishError::SameSubnet { wanted, other: other.clone(), has: has.address });
        }
    }
    network.interfaces.insert(link.to_owned(), InterfaceNetwork { address: wanted });
    let reached = |gateway: &IpAddr| {
        network
            .interfaces
            .values()
            .any(|own| own.address.reaches(*gateway) && own.address.address != *gateway)
    };
    network.gateway = match gateway.trim() {
        // A gateway of a subnet that the box has left leads nowhere.
        "" => before.gateway.filter(reached),
        text => {
            let gateway: IpAddr = text.parse().map_err(|_| WishError::Gateway { text: text.to_owned() })?;
            if !reached(&gateway) {
                let subnets = network.interfaces.values().map(|own| own.address.to_string()).collect();
                return Err(WishError::OutOfReach { gateway, subnets });
            }
            Some(gateway)
        }
    };
    Ok(network)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAIR: &str = "
        [cluster.node.a]
        serial-number = 'TD-A'
        addresses = { lan0 = '10.20.0.1', sync0 = '10.30.0.1' }
        [cluster.node.b]
        serial-number = 'TD-B'
        addresses = { lan0 = '10.20.0.2', sync0 = '10.30.0.2' }
        [cluster.interface.lan0]
        resource-address = '10.20.0.10/16'
        [cluster.interface.sync0]
        synchronisation = true
    ";

    fn config(text: &str) -> Config {
        Config::parse(&format!("[system]\ndomain = 'pbx.example.com'\n{text}")).unwrap()
    }

    fn before() -> NetworkFile {
        let text = "gateway = '192.0.2.254'\n[interface.lan0]\naddress = '192.0.2.7/24'\n";
        NetworkFile::parse(text).unwrap()
    }

    /// H12, H17, H18: a node has its own addresses of the configuration, and nothing of before.
    #[test]
    fn configuration_says_what_a_node_has() {
        let pair =
            config(&format!("{PAIR}\n[network]\nname-servers = ['10.20.0.53']\ntime-zone = 'Europe/Rome'\n"));
        let network = of_configuration(&"b".parse().unwrap(), 7, &pair, &before()).unwrap();
        assert_eq!(network.interfaces["lan0"].address.to_string(), "10.20.0.2/16");
        assert_eq!(network.interfaces["sync0"].address.to_string(), "10.30.0.2/24");
        assert_eq!((network.revision, network.gateway), (7, None));
        assert_eq!(network.name_servers, ["10.20.0.53".parse::<IpAddr>().unwrap()]);
        assert_eq!(network.time_zone.as_deref(), Some("Europe/Rome"));
        assert_eq!(hosts(&pair)[&"a".parse().unwrap()].to_string(), "10.30.0.1");
    }

    /// A single box keeps the address that a person gave it when the configuration names none.
    #[test]
    fn single_box_keeps_its_addresses() {
        let single = config("[network]\ntime-servers = ['ntp.example.com']\n");
        let network = of_configuration(&"a".parse().unwrap(), 1, &single, &before()).unwrap();
        assert_eq!(network.interfaces, before().interfaces);
        assert_eq!(network.gateway, before().gateway);
        assert_eq!(network.time_servers, ["ntp.example.com"]);
    }

    /// A configuration of another pair does not take this node off the network.
    #[test]
    fn other_pairs_change_nothing() {
        let refusal = of_configuration(&"c".parse().unwrap(), 1, &config(PAIR), &before()).unwrap_err();
        assert!(refusal.to_string().contains("a and b"), "{refusal}");
    }

    /// The first address is given at the box: whatever is wrong is said, nothing is guessed.
    #[test]
    fn wishes_are_checked() {
        let links = ["lan0".to_owned(), "sync0".to_owned()];
        let wish = |link, address, gateway| of_wish(&before(), &links, (link, address, gateway));
        let network = wish("lan0", "10.20.0.1/24", "10.20.0.254").unwrap();
        assert_eq!(network.interfaces["lan0"].address.to_string(), "10.20.0.1/24");
        assert_eq!(network.gateway.unwrap().to_string(), "10.20.0.254");
        assert_eq!(wish("lan0", "10.20.0.1/24", "").unwrap().gateway, None, "the old one is out of reach");
        assert_eq!(wish("lan0", "192.0.2.8/24", "").unwrap().gateway, before().gateway);
        assert_eq!(wish("sync0", "10.30.0.1/24", "").unwrap().interfaces.len(), 2);
        for (link, address, gateway, said) in [
            ("eth0", "10.20.0.1/24", "", "this box has lan0, sync0"),
            ("lan0", "10.20.0.1", "", "prefix length"),
            ("lan0", "10.20.0.0/24", "", "network itself"),
            ("sync0", "192.0.2.8/24", "", "two subnets"),
            ("lan0", "10.20.0.1/24", "router", "no address of a gateway"),
            ("lan0", "10.20.0.1/24", "10.21.0.254", "no subnet of this node"),
            ("lan0", "10.20.0.1/24", "10.20.0.1", "no subnet of this node"),
        ] {
            let refusal = wish(link, address, gateway).unwrap_err().to_string();
            assert!(refusal.contains(said), "{refusal}");
        }
    }
}
