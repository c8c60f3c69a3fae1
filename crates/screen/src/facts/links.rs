//! Ethernet interfaces with their addresses: what hostd knows of the link, joined with what the agent knows of its part
//! in the pair (rows H15 to H19).

use daemon::bus::cluster::{ClusterStatus, InterfaceStatus};

use crate::sample::Sample;
use crate::words::clean;

/// An Ethernet interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkFacts {
    /// Name
    pub name: String,
    /// Carrier present
    pub carrier: bool,
    /// Hardware address; empty while hostd is away
    pub hardware_address: String,
    /// Own addresses with prefix length where known
    pub addresses: Vec<String>,
    /// Resource address with who holds it; empty when there is none
    pub resource: String,
}

/// Every link, in hostd's order; those that only the agent knows come last.
pub(super) fn links(sample: &Sample) -> Vec<LinkFacts> {
    let cluster = sample.cluster.here();
    let interfaces = cluster.map(|cluster| cluster.interfaces.as_slice()).unwrap_or_default();
    let links = sample.host.here().map(|host| host.links.as_slice()).unwrap_or_default();
    let of = |name: &str| interfaces.iter().find(|interface| interface.name == name);
    let mut facts: Vec<LinkFacts> = links
        .iter()
        .map(|link| {
            let resource = of(&link.name).map_or("", |interface| interface.resource_address.as_str());
            // The agent adds it as a host address (/32): only the part before the slash tells.
            let is_resource = |address: &str| bare(address) == bare(resource);
            let own = link.addresses.iter().filter(|own| !is_resource(own) && !is_link_local(own));
            LinkFacts {
                name: clean(&link.name),
                carrier: link.carrier,
                hardware_address: clean(&link.hardware_address),
                addresses: own.map(|address| clean(address)).collect(),
                resource: held(cluster, of(&link.name)),
            }
        })
        .collect();
    let only_agent =
        interfaces.iter().filter(|interface| links.iter().all(|link| link.name != interface.name));
    facts.extend(only_agent.map(|interface| LinkFacts {
        name: clean(&interface.name),
        carrier: interface.up,
        hardware_address: String::new(),
        addresses:
            Some(clean(&interface.local_address)).filter(|address| !address.is_empty()).into_iter().collect(),
        resource: held(cluster, Some(interface)),
    }));
    facts
}

/// An address without its prefix length.
fn bare(address: &str) -> &str {
    address.split_once('/').map_or(address, |(address, _)| address)
}

fn held(cluster: Option<&ClusterStatus>, interface: Option<&InterfaceStatus>) -> String {
    let (Some(cluster), Some(interface)) = (cluster, interface) else { return String::new() };
    if interface.resource_address.is_empty() {
        return String::new();
    }
    let holder = if interface.held {
        "HELD HERE".to_owned()
    } else if cluster.active_node.is_empty() || cluster.active_node == cluster.node {
        "not held here".to_owned()
    } else {
        format!("held by {}", clean(&cluster.active_node))
    };
    format!("{} {holder}", clean(&interface.resource_address))
}

/// An address that every link makes for itself: nobody looks for it.
fn is_link_local(address: &str) -> bool {
    address.to_ascii_lowercase().starts_with("fe80:")
}
