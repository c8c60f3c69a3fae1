//! How the boxes reach everything else (row H12): gateway, name servers, time servers, time zone; and the subnets of
//! the nodes' own addresses.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{Check, below, limits, syntax};
use crate::subnet::bits_of;
use crate::{Config, HaInterface, InterfaceAddress, NodeName};

pub(super) fn check(config: &Config, check: &mut Check) {
    for (name, interface) in &config.cluster.interfaces {
        check_subnet(config, name, interface, check);
    }
    if let Some(gateway) = config.network.gateway {
        check_gateway(config, gateway, check);
    }
    check_name_servers(config, check);
    check_time_servers(&config.network.time_servers, check);
    if let Some(zone) = &config.network.time_zone
        && !syntax::is_time_zone(zone)
    {
        let message = format!("is {zone:?}; write a name of the IANA database, e.g. \"Europe/Rome\"");
        check.add("network.time-zone", message);
    }
}

/// The subnet of an interface fits its resource address and the nodes' own addresses.
fn check_subnet(config: &Config, name: &str, interface: &HaInterface, check: &mut Check) {
    let path = format!("{}.prefix-length", below("cluster.interface", name));
    if let (Some(bits), Some((resource, resource_bits))) =
        (interface.prefix_length, interface.resource_address)
        && bits != resource_bits
        && resource_bits != bits_of(resource)
    {
        check.add(&path, format!("is {bits}, but the resource address says {resource_bits}; leave it away"));
        return;
    }
    for node in config.cluster.nodes.keys() {
        let Some(own) = config.cluster.own_address(node, name) else { continue };
        // Reported where nodes are checked; and a node on loopback is one of a test.
        if own.address.is_unspecified() || own.address.is_multicast() || own.address.is_loopback() {
            continue;
        }
        let full = bits_of(own.address);
        match (interface.prefix_length, own.problem()) {
            (Some(bits), _) if bits > full => {
                let message =
                    format!("is {bits}, but node {node} has {} here; write at most {full}", own.address);
                check.add(&path, message);
            }
            (_, Some(problem)) => {
                let path = below(&format!("{}.addresses", below("cluster.node", node.as_str())), name);
                check.add(path, format!("is {own}: {problem}"));
            }
            (_, None) => {}
        }
    }
}

/// A router can be reached without a router.
fn check_gateway(config: &Config, gateway: IpAddr, check: &mut Check) {
    const PATH: &str = "network.gateway";
    if gateway.is_unspecified() || gateway.is_multicast() || gateway.is_loopback() {
        check.add(PATH, format!("is {gateway}; write the address of the router"));
        return;
    }
    let cluster = &config.cluster;
    let owner = cluster.nodes.iter().find(|(_, node)| node.addresses.values().any(|own| *own == gateway));
    let resource = |(_, interface): &(&String, &HaInterface)| {
        interface.resource_address.is_some_and(|(address, _)| address == gateway)
    };
    if let Some((node, _)) = owner {
        check.add(PATH, format!("is {gateway}, the address of node {node}; write that of the router"));
    } else if let Some((name, _)) = cluster.interfaces.iter().find(resource) {
        let message = format!("is {gateway}, the resource address of {name}; write that of the router");
        check.add(PATH, message);
    } else {
        for node in cluster.nodes.keys() {
            let own = cluster.own_addresses(node);
            if !own.values().any(|own| own.reaches(gateway)) {
                check.add(PATH, out_of_reach(gateway, node, own.values().copied()));
            }
        }
    }
}

fn out_of_reach(gateway: IpAddr, node: &NodeName, own: impl Iterator<Item = InterfaceAddress>) -> String {
    let own: Vec<String> = own.map(|own| own.to_string()).collect();
    let own = if own.is_empty() { "no address".to_owned() } else { own.join(" and ") };
    format!("is {gateway}, but node {node} has {own}; write a router in a subnet of each node")
}

fn check_name_servers(config: &Config, check: &mut Check) {
    const PATH: &str = "network.name-servers";
    let servers = &config.network.name_servers;
    let max = limits::NAME_SERVERS_MAX;
    if servers.len() > max {
        check.add(PATH, format!("has {} addresses, at most {max} are asked", servers.len()));
    }
    let mut seen = BTreeSet::new();
    for server in servers.iter().take(max) {
        if server.is_unspecified() || server.is_multicast() {
            check.add(PATH, format!("has {server}; write the address of a name server"));
        } else if !seen.insert(server) {
            check.add(PATH, format!("has {server} twice; write it once"));
        }
    }
}

fn check_time_servers(servers: &[String], check: &mut Check) {
    const PATH: &str = "network.time-servers";
    let max = limits::TIME_SERVERS_MAX;
    if servers.len() > max {
        check.add(PATH, format!("has {} servers, at most {max} are asked", servers.len()));
    }
    let mut seen = BTreeSet::new();
    for server in servers.iter().take(max) {
        let problem = match server.parse::<IpAddr>() {
            Ok(address) if address.is_unspecified() || address.is_multicast() => {
                Some(format!("is {address}; write the address of a time server"))
            }
            Ok(_) => None,
            Err(_) => syntax::host_problem(server, "write a host name or an address"),
        };
        if let Some(problem) = problem {
            check.add(PATH, format!("has an entry that {problem}"));
        } else if !seen.insert(server) {
            check.add(PATH, format!("has {server} twice; write it once"));
        }
    }
}
