//! From tables to the typed configuration. Values that cannot be read are reported and replaced by their default, so
//! that everything else is still looked at; the caller refuses the whole.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use toml::de::DeTable;

use super::section::{Report, Section};
use crate::validate::limits;
use crate::{
    Account, AccountName, Cluster, Config, DigestChoice, Extension, ExtensionNumber, HaInterface, HaMode,
    Media, Network, Node, NodeName, Private, Route, Sip, System, Transport, Trunk, TrunkName,
};

/// Port of a trunk whose address names none (RFC 3261 section 19.1.2).
const TRUNK_PORT_DEFAULT: u16 = 5060;

pub(super) fn config(table: &DeTable<'_>, report: &Report) -> Config {
    let root = Section::root(table, report);
    let config = Config {
        system: system(&root),
        cluster: cluster(&root),
        network: network(&root),
        sip: sip(&root),
        media: media(&root),
        accounts: accounts(&root),
        extensions: extensions(&root),
        trunks: trunks(&root),
        routes: routes(&root),
    };
    root.finish();
    config
}

fn system(root: &Section<'_>) -> System {
    let section = root.section("system");
    let domain = section.text("domain");
    let domain = section.required("domain", domain, "\"pbx.example.com\" below [system]").unwrap_or_default();
    section.finish();
    System { domain: domain.to_ascii_lowercase() }
}

fn cluster(root: &Section<'_>) -> Cluster {
    let section = root.section("cluster");
    let default = Cluster::default();
    let cluster = Cluster {
        mode: section.choice("mode", &HaMode::WORDS).unwrap_or_default(),
        warning: section.duration("warning").unwrap_or(default.warning),
        dead: section.duration("dead").unwrap_or(default.dead),
        initialisation: section.duration("initialisation").unwrap_or(default.initialisation),
        default_active: section.parsed("default-active", "the name of a node", |text| text.parse().ok()),
        nodes: nodes(&section),
        interfaces: section.sections("interface").into_iter().map(interface).collect(),
    };
    section.finish();
    cluster
}

fn nodes(cluster: &Section<'_>) -> BTreeMap<NodeName, Node> {
    let mut nodes = BTreeMap::new();
    for (name, section) in cluster.sections("node") {
        let serial_number = section.text("serial-number");
        let node = Node {
            serial_number: section.required("serial-number", serial_number, "\"TD-…\"").unwrap_or_default(),
            addresses: section
                .texts("addresses", "\"10.20.0.1\"", |text| text.parse().ok())
                .unwrap_or_default(),
        };
        match name.parse::<NodeName>() {
            Ok(name) => {
                nodes.insert(name, node);
            }
            Err(error) => section.refuse(error.to_string()),
        }
        section.finish();
    }
    nodes
}

fn interface((name, section): (String, Section<'_>)) -> (String, HaInterface) {
    let resource_address = section.parsed(
        "resource-address",
        "an address with its prefix length, e.g. \"10.20.0.10/24\"",
        |text| {
            let (address, prefix) = text.split_once('/')?;
            Some((address.parse::<IpAddr>().ok()?, prefix.parse::<u8>().ok()?))
        },
    );
    let interface = HaInterface {
        resource_address,
        prefix_length: section
            .number("prefix-length", 1..=limits::PREFIX_BITS_MAX)
            .and_then(|bits| bits.try_into().ok()),
        synchronisation: section.flag("synchronisation").unwrap_or(false),
        required: section.flag("required").unwrap_or(resource_address.is_some()),
        ping_group: section
            .parsed("ping-group", "addresses separated by spaces, e.g. \"10.20.0.254 10.20.0.253\"", |text| {
                text.split_whitespace().map(|address| address.parse().ok()).collect()
            })
            .unwrap_or_default(),
    };
    section.finish();
    (name, interface)
}

fn network(root: &Section<'_>) -> Network {
    let section = root.section("network");
    let network = Network {
        gateway: section
            .parsed("gateway", "the address of the router, e.g. \"10.20.0.254\"", |text| text.parse().ok()),
        name_servers: section.list("name-servers", "\"10.20.0.53\"").unwrap_or_default(),
        time_servers: section.list("time-servers", "\"ntp.example.com\"").unwrap_or_default(),
        time_zone: section.text("time-zone"),
    };
    section.finish();
    network
}

fn sip(root: &Section<'_>) -> Sip {
    let section = root.section("sip");
    let default = Sip::default();
    let sip = Sip {
        port: port(&section, "port", default.port),
        registration_min: section.duration("registration-min").unwrap_or(default.registration_min),
        registration_default: section
            .duration("registration-default")
            .unwrap_or(default.registration_default),
        registration_max: section.duration("registration-max").unwrap_or(default.registration_max),
        contacts_max: count(&section, "contacts-max", limits::CONTACTS_MAX, default.contacts_max),
        nonce_life: section.duration("nonce").unwrap_or(default.nonce_life),
    };
    section.finish();
    sip
}

fn media(root: &Section<'_>) -> Media {
    let section = root.section("media");
    let default = Media::default();
    let media = Media {
        port_min: port(&section, "port-min", default.port_min),
        port_max: port(&section, "port-max", default.port_max),
    };
    section.finish();
    media
}

fn accounts(root: &Section<'_>) -> BTreeMap<AccountName, Account> {
    let read = |(name, section): (String, Section<'_>)| {
        let password = section.text("password");
        let account = Account {
            password: Private::new(section.required("password", password, "\"…\"").unwrap_or_default()),
            digest: section.choice("digest", &DigestChoice::WORDS).unwrap_or_default(),
        };
        section.finish();
        (AccountName::new(name), account)
    };
    root.sections("account").into_iter().map(read).collect()
}

fn extensions(root: &Section<'_>) -> BTreeMap<ExtensionNumber, Extension> {
    let read = |(number, section): (String, Section<'_>)| {
        let accounts = section.list("accounts", "\"101\"").map(|names: Vec<String>| names);
        let accounts = section.required("accounts", accounts, "[\"NAME\"]: who rings").unwrap_or_default();
        let extension = Extension {
            name: Private::new(section.text("name").unwrap_or_default()),
            accounts: accounts.into_iter().map(AccountName::new).collect(),
            ring_timeout: section.duration("ring").unwrap_or(Extension::RING_TIMEOUT_DEFAULT),
        };
        section.finish();
        (ExtensionNumber::new(number), extension)
    };
    root.sections("extension").into_iter().map(read).collect()
}

fn trunks(root: &Section<'_>) -> BTreeMap<TrunkName, Trunk> {
    let mut trunks = BTreeMap::new();
    for (name, section) in root.sections("trunk") {
        let wanted = "an IP address and a port, e.g. \"192.0.2.1:5060\"";
        let address = section.parsed("address", wanted, |text| {
            let without_port =
                || text.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, TRUNK_PORT_DEFAULT));
            text.parse().ok().or_else(without_port)
        });
        let address = section.required("address", address, "\"192.0.2.1:5060\"");
        let sources = section.list("sources", "\"192.0.2.1\"");
        let transport = section.choice("transport", &Transport::WORDS).unwrap_or_default();
        let transit = section.flag("transit").unwrap_or(false);
        section.finish();
        // A trunk whose address is wrong stays known, so that its routes are not called dangling.
        let address = address.unwrap_or_else(|| SocketAddr::new([0, 0, 0, 0].into(), TRUNK_PORT_DEFAULT));
        let sources = sources.unwrap_or_else(|| vec![address.ip()]);
        trunks.insert(TrunkName::new(name), Trunk { address, transport, sources, transit });
    }
    trunks
}

fn routes(root: &Section<'_>) -> BTreeMap<String, Route> {
    let read = |(prefix, section): (String, Section<'_>)| {
        let trunk = section.text("trunk");
        let route = Route {
            trunk: TrunkName::new(section.required("trunk", trunk, "\"NAME\"").unwrap_or_default()),
            strip: count(&section, "strip", limits::NUMBER_BYTES_MAX, 0),
        };
        section.finish();
        (prefix, route)
    };
    root.sections("route").into_iter().map(read).collect()
}

fn port(section: &Section<'_>, key: &'static str, default: u16) -> u16 {
    section.number(key, 1..=u64::from(u16::MAX)).and_then(|port| port.try_into().ok()).unwrap_or(default)
}

fn count(section: &Section<'_>, key: &'static str, max: usize, default: usize) -> usize {
    let max = u64::try_from(max).unwrap_or(u64::MAX);
    section.number(key, 0..=max).and_then(|count| count.try_into().ok()).unwrap_or(default)
}
