//! Which addresses of the configuration this node listens on, and where media may go.

use std::net::{IpAddr, SocketAddr};

use daemon::NodeIdentity;
use exchange::LocalAddress;
use media::Policy;
use model::Config;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::SockaddrStorage;

/// Where SIP is received: the resource addresses. Without any (a single box), the node's own addresses apart from the
/// synchronisation interface; without those, the address that `node.toml` names.
#[must_use]
pub fn signalling(config: &Config, identity: &NodeIdentity) -> Vec<LocalAddress> {
    let port = config.sip.port;
    let local = |(ip, prefix_bits)| LocalAddress { socket: SocketAddr::new(ip, port), prefix_bits };
    let resource: Vec<LocalAddress> = config
        .cluster
        .interfaces
        .values()
        .filter_map(|interface| interface.resource_address)
        .map(local)
        .collect();
    if !resource.is_empty() {
        return resource;
    }
    let mut own = own_addresses(config, identity);
    if own.is_empty() {
        own.push(identity.listen);
    }
    own.into_iter().map(|ip| local((ip, prefix_bits(ip)))).collect()
}

/// This node's own addresses where phones may be.
fn own_addresses(config: &Config, identity: &NodeIdentity) -> Vec<IpAddr> {
    let Some(node) = config.cluster.nodes.get(&identity.name) else {
        return Vec::new();
    };
    let is_synchronisation =
        |name: &str| config.cluster.interfaces.get(name).is_some_and(|interface| interface.synchronisation);
    node.addresses.iter().filter(|(name, _)| !is_synchronisation(name)).map(|(_, ip)| *ip).collect()
}

/// Where media may go: to nobody of the pair, on no interface. Phones may be on this machine when SIP itself is received
/// on loopback, as in tests.
#[must_use]
pub fn media_policy(config: &Config, identity: &NodeIdentity, signalling: &[LocalAddress]) -> Policy {
    let nodes = config.cluster.nodes.values().flat_map(|node| node.addresses.values().copied());
    let peer = identity.peer.iter().flat_map(|peer| peer.addresses.iter().copied());
    let mut own_addresses: Vec<IpAddr> = signalling
        .iter()
        .map(|local| local.socket.ip())
        .chain([identity.listen])
        .chain(nodes)
        .chain(peer)
        .collect();
    own_addresses.sort_unstable();
    own_addresses.dedup();
    Policy {
        own_addresses,
        media_ports: config.media.port_min..=config.media.port_max,
        local_phones: signalling.iter().all(|local| local.socket.ip().is_loopback()),
    }
}

/// Length of the network prefix that the kernel has with an address; the whole address when it has none.
fn prefix_bits(ip: IpAddr) -> u8 {
    let whole = if ip.is_ipv4() { 32 } else { 128 };
    let Ok(interfaces) = getifaddrs() else {
        return whole;
    };
    interfaces
        .filter(|entry| entry.address.as_ref().and_then(ip_of) == Some(ip))
        .find_map(|entry| entry.netmask.as_ref().and_then(ip_of))
        .map_or(whole, mask_bits)
}

fn mask_bits(mask: IpAddr) -> u8 {
    let bits = match mask {
        IpAddr::V4(mask) => mask.to_bits().count_ones(),
        IpAddr::V6(mask) => mask.to_bits().count_ones(),
    };
    u8::try_from(bits).expect("an address has at most 128 bits")
}

fn ip_of(storage: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = storage.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
    v4.or_else(|| storage.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
}
