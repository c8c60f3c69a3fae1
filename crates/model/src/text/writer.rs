//! The canonical text of each object: one table with every value written, in a fixed order of keys.

use std::fmt::Display;
use std::net::IpAddr;
use std::time::Duration;

use super::duration::format_duration;
use super::path::{join, quote, quote_key};
use crate::objects::{ObjectKey, ObjectType};
use crate::{Cluster, Config, HaInterface, Media, Network, Node, Sip};

/// Keys whose values are secrets.
pub(crate) const SECRET_KEYS: [&str; 1] = ["password"];

/// Every object of the configuration with its text, in canonical order.
pub(crate) fn fragments(config: &Config) -> Vec<(ObjectKey, String)> {
    let single = |object_type, table: Table| (ObjectKey::new(object_type, ""), table.0);
    let named = |object_type, key: &str, table: Table| (ObjectKey::new(object_type, key), table.0);
    let mut fragments = vec![
        single(ObjectType::System, Table::new("system").text("domain", &config.system.domain)),
        single(ObjectType::Cluster, cluster(&config.cluster)),
    ];
    let nodes = config.cluster.nodes.iter();
    fragments.extend(
        nodes.map(|(name, value)| named(ObjectType::Node, name.as_str(), node(name.as_str(), value))),
    );
    let interfaces = config.cluster.interfaces.iter();
    fragments
        .extend(interfaces.map(|(name, value)| named(ObjectType::Interface, name, interface(name, value))));
    if config.network != Network::default() {
        fragments.push(single(ObjectType::Network, network(&config.network)));
    }
    fragments.push(single(ObjectType::Sip, sip(&config.sip)));
    fragments.push(single(ObjectType::Media, media(&config.media)));
    fragments.extend(config.accounts.iter().map(|(name, account)| {
        let table = Table::below("account", name.as_str())
            .text("password", account.password.reveal())
            .text("digest", account.digest.as_str());
        named(ObjectType::Account, name.as_str(), table)
    }));
    fragments.extend(config.extensions.iter().map(|(number, extension)| {
        let table = Table::below("extension", number.as_str())
            .text("name", extension.name.reveal())
            .list("accounts", extension.accounts.iter())
            .duration("ring", extension.ring_timeout);
        named(ObjectType::Extension, number.as_str(), table)
    }));
    fragments.extend(config.trunks.iter().map(|(name, trunk)| {
        let table = Table::below("trunk", name.as_str())
            .text("address", &trunk.address.to_string())
            .text("transport", trunk.transport.as_str())
            .list("sources", trunk.sources.iter())
            .bare("transit", &trunk.transit);
        named(ObjectType::Trunk, name.as_str(), table)
    }));
    fragments.extend(config.routes.iter().map(|(prefix, route)| {
        let table =
            Table::below("route", prefix).text("trunk", route.trunk.as_str()).bare("strip", &route.strip);
        named(ObjectType::Route, prefix, table)
    }));
    fragments
}

fn cluster(cluster: &Cluster) -> Table {
    let table = Table::new("cluster")
        .text("mode", cluster.mode.as_str())
        .duration("warning", cluster.warning)
        .duration("dead", cluster.dead)
        .duration("initialisation", cluster.initialisation);
    match &cluster.default_active {
        Some(node) => table.text("default-active", node.as_str()),
        None => table,
    }
}

fn node(name: &str, node: &Node) -> Table {
    let address =
        |(interface, address): (&String, &IpAddr)| format!("{} = \"{address}\"", quote_key(interface));
    let addresses: Vec<String> = node.addresses.iter().map(address).collect();
    let addresses =
        if addresses.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", addresses.join(", ")) };
    Table::below("cluster.node", name)
        .text("serial-number", &node.serial_number)
        .bare("addresses", &addresses)
}

fn interface(name: &str, interface: &HaInterface) -> Table {
    let table = Table::below("cluster.interface", name);
    let table = match interface.resource_address {
        Some((address, prefix)) => table.text("resource-address", &format!("{address}/{prefix}")),
        None => table,
    };
    let table = match interface.prefix_length {
        Some(bits) => table.bare("prefix-length", &bits),
        None => table,
    };
    let ping_group: Vec<String> = interface.ping_group.iter().map(ToString::to_string).collect();
    table
        .bare("synchronisation", &interface.synchronisation)
        .bare("required", &interface.required)
        .text("ping-group", &ping_group.join(" "))
}

fn network(network: &Network) -> Table {
    let table = Table::new("network");
    let table = match network.gateway {
        Some(gateway) => table.text("gateway", &gateway.to_string()),
        None => table,
    };
    let table = table
        .list("name-servers", network.name_servers.iter())
        .list("time-servers", network.time_servers.iter());
    match &network.time_zone {
        Some(zone) => table.text("time-zone", zone),
        None => table,
    }
}

fn sip(sip: &Sip) -> Table {
    Table::new("sip")
        .bare("port", &sip.port)
        .duration("registration-min", sip.registration_min)
        .duration("registration-default", sip.registration_default)
        .duration("registration-max", sip.registration_max)
        .bare("contacts-max", &sip.contacts_max)
        .duration("nonce", sip.nonce_life)
}

fn media(media: &Media) -> Table {
    Table::new("media").bare("port-min", &media.port_min).bare("port-max", &media.port_max)
}

/// A table being written.
struct Table(String);

impl Table {
    fn new(path: &str) -> Self {
        Table(format!("[{path}]\n"))
    }

    fn below(path: &str, key: &str) -> Self {
        // `path` itself is dotted and bare
        Table(format!("[{path}.{}]\n", join("", key)))
    }

    fn bare(mut self, key: &str, value: &impl Display) -> Self {
        self.0.push_str(&format!("{key} = {value}\n"));
        self
    }

    fn text(self, key: &str, value: &str) -> Self {
        self.bare(key, &quote(value))
    }

    fn duration(self, key: &str, value: Duration) -> Self {
        self.text(key, &format_duration(value))
    }

    fn list(self, key: &str, values: impl Iterator<Item: ToString>) -> Self {
        let values: Vec<String> = values.map(|value| quote(&value.to_string())).collect();
        self.bare(key, &format!("[{}]", values.join(", ")))
    }
}
