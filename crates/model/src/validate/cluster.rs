//! The pair: timers, nodes, interfaces and how their addresses fit together (rows H13, H15 to H25).

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{Check, below, limits, syntax};
use crate::subnet::bits_of;
use crate::text::format_duration;
use crate::{Cluster, Config, HaInterface, InterfaceAddress, Node, NodeName};

pub(super) fn check(config: &Config, check: &mut Check) {
    let cluster = &config.cluster;
    check_timers(cluster, check);
    check_nodes(cluster, check);
    check_synchronisation(cluster, check);
    let mut owners = own_addresses(cluster, check);
    for (name, interface) in &cluster.interfaces {
        check_interface(cluster, name, interface, &mut owners, check);
    }
}

/// Rows H23 to H25.
fn check_timers(cluster: &Cluster, check: &mut Check) {
    let (warning, dead, initialisation) = (cluster.warning, cluster.dead, cluster.initialisation);
    check.duration("cluster.warning", warning, &limits::WARNING);
    check.duration("cluster.dead", dead, &limits::DEAD);
    check.duration("cluster.initialisation", initialisation, &limits::INITIALISATION);
    if warning >= dead {
        let (warning, dead) = (format_duration(warning), format_duration(dead));
        let message =
            format!("is {warning}; a warning must come before the peer is dead: write less than {dead}");
        check.add("cluster.warning", message);
    }
    if initialisation < dead {
        let (initialisation, dead) = (format_duration(initialisation), format_duration(dead));
        let message =
            format!("is {initialisation}; a starting node must wait for a living peer: write {dead} or more");
        check.add("cluster.initialisation", message);
    }
}

fn check_nodes(cluster: &Cluster, check: &mut Check) {
    if cluster.nodes.len() > limits::NODES_MAX {
        let message =
            format!("has {} nodes; a pair has {}: remove the others", cluster.nodes.len(), limits::NODES_MAX);
        check.add("cluster.node", message);
    }
    if let Some(name) = cluster.default_active.as_ref().filter(|name| !cluster.nodes.contains_key(name)) {
        let nodes = listed(cluster.nodes.keys());
        let message = format!("is {:?}, no node of this pair; write {nodes}", name.as_str());
        check.add_absent("cluster.default-active", below("cluster.node", name.as_str()), message);
    }
    let mut serial_numbers = BTreeMap::new();
    for (name, node) in &cluster.nodes {
        let path = format!("{}.serial-number", below("cluster.node", name.as_str()));
        let serial_number = &node.serial_number;
        let fits = (1..=limits::SERIAL_NUMBER_BYTES_MAX).contains(&serial_number.len())
            && serial_number.bytes().all(|b| b.is_ascii_graphic());
        if !fits {
            let max = limits::SERIAL_NUMBER_BYTES_MAX;
            check.add(
                path,
                format!("is {serial_number:?}; write the number on the box: 1 to {max} letters, no space"),
            );
        } else if let Some(other) = serial_numbers.insert(serial_number, name) {
            check.add(path, format!("is {serial_number:?}, that of node {other} too; each box has its own"));
        }
        for interface in
            node.addresses.keys().filter(|interface| !cluster.interfaces.contains_key(*interface))
        {
            let path = below(&format!("{}.addresses", below("cluster.node", name.as_str())), interface);
            let absent = below("cluster.interface", interface);
            let message =
                format!("names no interface; write [{absent}] or {}", listed(cluster.interfaces.keys()));
            check.add_absent(path, absent, message);
        }
    }
}

/// Row H21: exactly one interface carries what the nodes say to each other.
fn check_synchronisation(cluster: &Cluster, check: &mut Check) {
    let mut carriers = cluster.interfaces.iter().filter(|(_, interface)| interface.synchronisation);
    match (carriers.next(), carriers.next()) {
        (None, _) if cluster.nodes.len() == limits::NODES_MAX => {
            check.add(
                "cluster.interface",
                "has no synchronisation = true; a pair needs it on exactly one interface",
            );
        }
        (Some((first, _)), Some((second, _))) => {
            let path = format!("{}.synchronisation", below("cluster.interface", second));
            check.add(path, format!("is true on {first} too; exactly one interface synchronises"));
        }
        _ => {}
    }
}

/// Who has which address; reports doubles and addresses that no node can have.
fn own_addresses(cluster: &Cluster, check: &mut Check) -> BTreeMap<IpAddr, String> {
    let mut owners = BTreeMap::new();
    for (name, node) in &cluster.nodes {
        for (interface, address) in &node.addresses {
            let path = address_path(name, interface);
            if address.is_unspecified() || address.is_multicast() {
                check.add(path, format!("is {address}; write the address of this node on {interface}"));
            } else if let Some(other) = owners.insert(*address, format!("node {name} on {interface}")) {
                check.add(path, format!("is {address}, which {other} has already; each needs its own"));
            }
        }
    }
    owners
}

fn check_interface(
    cluster: &Cluster,
    name: &str,
    interface: &HaInterface,
    owners: &mut BTreeMap<IpAddr, String>,
    check: &mut Check,
) {
    let path = below("cluster.interface", name);
    if !syntax::is_link_name(name) {
        let max = limits::LINK_NAME_BYTES_MAX;
        check.add(&path, format!("is no name of a link; use 1 to {max} letters without space, / and :"));
    }
    let families: Vec<(&NodeName, IpAddr)> =
        cluster.nodes.iter().filter_map(|(node, value)| Some((node, *value.addresses.get(name)?))).collect();
    if let [(first, one), (second, two)] = families.as_slice()
        && one.is_ipv4() != two.is_ipv4()
    {
        let message = format!("is {two}, but node {first} has {one} here; both must be IPv4 or both IPv6");
        check.add(address_path(second, name), message);
    }
    check_addresses_present(cluster, name, check);
    if let Some((address, prefix)) = interface.resource_address {
        check_resource_address(&path, (address, prefix), &families, owners, check);
        if let Some(other) = owners.insert(address, format!("interface {name} as resource address")) {
            let message =
                format!("is {address}, which {other} has already; a resource address is nobody's own");
            check.add(format!("{path}.resource-address"), message);
        }
    }
    check_ping_group(&path, interface, owners, check);
}

/// Rows H17, H18: in a pair each node has an address on each interface.
fn check_addresses_present(cluster: &Cluster, interface: &str, check: &mut Check) {
    let lacks = |node: &Node| !node.addresses.contains_key(interface);
    if cluster.nodes.len() != limits::NODES_MAX {
        return;
    }
    for (name, _) in cluster.nodes.iter().filter(|(_, node)| lacks(node)) {
        let path = format!("{}.addresses", below("cluster.node", name.as_str()));
        let message = format!("lacks interface {interface}; add the address of node {name} there");
        check.add_absent(&path, below(&path, interface), message);
    }
}

/// Row H19: the resource address is a host of the network that the nodes are in.
fn check_resource_address(
    interface: &str,
    (address, prefix): (IpAddr, u8),
    nodes: &[(&NodeName, IpAddr)],
    owners: &BTreeMap<IpAddr, String>,
    check: &mut Check,
) {
    let path = format!("{interface}.resource-address");
    let bits = bits_of(address);
    if !(1..=bits).contains(&prefix) {
        check.add(path, format!("has the prefix length {prefix}; write one from 1 to {bits}"));
        return;
    }
    if address.is_unspecified() || address.is_multicast() {
        check.add(path, format!("is {address}; write a free address of the network"));
        return;
    }
    let resource = InterfaceAddress { address, prefix_length: prefix };
    if let Some(problem) = resource.problem().filter(|_| !address.is_loopback()) {
        check.add(&path, format!("is {resource}; {problem}"));
    }
    // A prefix of full length says nothing about the network.
    for (name, node) in nodes.iter().filter(|(_, node)| prefix < bits && !resource.reaches(*node)) {
        if owners.contains_key(node) {
            let message =
                format!("is {address}/{prefix}, but node {name} has {node} here, outside that network");
            check.add(&path, message);
        }
    }
}

/// Row H20.
fn check_ping_group(
    interface: &str,
    value: &HaInterface,
    owners: &BTreeMap<IpAddr, String>,
    check: &mut Check,
) {
    let path = format!("{interface}.ping-group");
    if value.ping_group.len() > limits::PING_GROUP_MAX {
        let message = format!(
            "has {} addresses, at most {} are pinged",
            value.ping_group.len(),
            limits::PING_GROUP_MAX
        );
        check.add(&path, message);
    }
    for (index, target) in value.ping_group.iter().take(limits::PING_GROUP_MAX).enumerate() {
        if target.is_unspecified() || target.is_multicast() {
            check.add(&path, format!("has {target}; write the address of a device that answers"));
        } else if let Some(owner) = owners.get(target) {
            check.add(&path, format!("has {target}, the address of {owner}; write devices outside the pair"));
        } else if value.ping_group[..index].contains(target) {
            check.add(&path, format!("has {target} twice; write it once"));
        }
    }
}

fn address_path(node: &NodeName, interface: &str) -> String {
    below(&format!("{}.addresses", below("cluster.node", node.as_str())), interface)
}

fn listed(names: impl Iterator<Item: ToString>) -> String {
    let names: Vec<String> = names.map(|name| name.to_string()).collect();
    if names.is_empty() { "nothing (none is configured)".to_owned() } else { names.join(" or ") }
}
