//! From text to [`Setup`] and back.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::IpAddr;

use daemon::table::Reader;
use model::NodeName;
use toml::{Table, Value};

use super::{
    CredentialFiles, INTERFACES_MAX, Interface, PEER_ADDRESSES_MAX, Peer, SETUP_BYTES_MAX, Setup, SetupError,
};

/// Reads every part before it gives up.
pub(super) fn parse(text: &str) -> Result<Setup, SetupError> {
    if text.len() > SETUP_BYTES_MAX {
        let problem = format!("the file is longer than {SETUP_BYTES_MAX} octets");
        return Err(SetupError { problems: vec![problem] });
    }
    // A byte order mark, as some editors leave, is no content.
    let table = text.trim_start_matches('\u{feff}').parse::<Table>().map_err(|error| {
        let lines: Vec<&str> = error.message().lines().collect();
        let line = error.span().map(|span| 1 + text[..span.start.min(text.len())].matches('\n').count());
        let place = line.map_or(String::new(), |line| format!("line {line}: "));
        SetupError { problems: vec![format!("{place}no TOML: {}", lines.join(", "))] }
    })?;
    let mut problems = Vec::new();
    match read(&table, &mut problems) {
        Some(setup) if problems.is_empty() => Ok(setup),
        _ => Err(SetupError { problems }),
    }
}

fn read(table: &Table, problems: &mut Vec<String>) -> Option<Setup> {
    let mut root = Reader::new(table, "", problems);
    let name = root.parsed::<NodeName>("name");
    let coordinator = root.flag("coordinator");
    let gateway = root.optional::<IpAddr>("gateway");
    let interface_tables = root.table("interface");
    let peer_table = root.table("peer");
    let credentials_table = root.table("credentials");
    root.end();

    let interfaces = interface_tables.map_or_else(BTreeMap::new, |table| read_interfaces(table, problems));
    let peer = peer_table.map(|table| read_peer(Reader::new(table, "peer.", problems)));
    let credentials =
        credentials_table.map(|table| read_credentials(Reader::new(table, "credentials.", problems)));
    if peer.is_some() && credentials.is_none() {
        problems.push("credentials: missing, but there is a peer to prove ourselves to".to_owned());
    }
    if peer.is_none() && coordinator == Some(false) {
        problems.push("coordinator: a box without a peer is its own coordinator".to_owned());
    }
    let coordinator = coordinator.unwrap_or(peer.is_none());
    let (peer, credentials) = (peer.flatten(), credentials.flatten());
    check_gateway(gateway, &interfaces, problems);
    check_interfaces(&interfaces, problems);
    if let Some(peer) = &peer {
        check_peer(peer, name.as_ref(), &interfaces, problems);
    }
    if credentials.iter().flat_map(CredentialFiles::entries).any(|(_, file)| file == "setup.toml") {
        problems.push("credentials: setup.toml itself is named as one of the files".to_owned());
    }
    Some(Setup { name: name?, coordinator, gateway, interfaces, peer, credentials })
}

fn read_interfaces(tables: &Table, problems: &mut Vec<String>) -> BTreeMap<String, Interface> {
    let mut interfaces = BTreeMap::new();
    if tables.len() > INTERFACES_MAX {
        problems.push(format!("interface: at most {INTERFACES_MAX} are possible"));
        return interfaces;
    }
    for (name, value) in tables {
        if !is_link_name(name) {
            problems
                .push(format!("interface.{name}: interfaces are called lan0, lan1, … and sync0, sync1, …"));
        }
        let Value::Table(table) = value else {
            problems.push(format!("interface.{name}: a table [interface.{name}] is wanted"));
            continue;
        };
        let mut reader = Reader::new(table, format!("interface.{name}."), problems);
        let address = reader.parsed("address");
        let hardware_address = reader.optional("hardware-address");
        reader.end();
        if let Some(address) = address {
            interfaces.insert(name.clone(), Interface { address, hardware_address });
        }
    }
    interfaces
}

/// `lan` or `sync` and a number below 100 without leading zeros.
fn is_link_name(name: &str) -> bool {
    let number = name.strip_prefix("lan").or_else(|| name.strip_prefix("sync"));
    number.is_some_and(|number| {
        matches!(number.len(), 1 | 2)
            && number.bytes().all(|byte| byte.is_ascii_digit())
            && (number.len() == 1 || !number.starts_with('0'))
    })
}

fn read_peer(mut reader: Reader<'_, '_>) -> Option<Peer> {
    let name = reader.parsed::<NodeName>("name");
    let addresses = reader.parsed_list::<IpAddr>("addresses");
    if addresses.as_ref().is_some_and(|addresses| addresses.len() > PEER_ADDRESSES_MAX) {
        reader.problem("addresses", format!("1 to {PEER_ADDRESSES_MAX} entries are wanted"));
    }
    reader.end();
    Some(Peer { name: name?, addresses: addresses? })
}

fn read_credentials(mut reader: Reader<'_, '_>) -> Option<CredentialFiles> {
    let authority = file_name(&mut reader, "authority");
    let certificate = file_name(&mut reader, "certificate");
    let key = file_name(&mut reader, "key");
    let secret = file_name(&mut reader, "secret");
    reader.end();
    Some(CredentialFiles { authority: authority?, certificate: certificate?, key: key?, secret: secret? })
}

/// The name of a file beside `setup.toml`, or below its folder: never one elsewhere on the reader's own disk.
fn file_name(reader: &mut Reader<'_, '_>, key: &'static str) -> Option<String> {
    let text = reader.text(key)?;
    let mut parts = text.split('/');
    let wild = |part: &str| part.is_empty() || part == "." || part == ".." || part.contains('\\');
    if parts.any(wild) || text.contains(char::is_control) {
        reader.problem(key, format!("{text:?} is no name of a file on the medium"));
        return None;
    }
    Some(text.to_owned())
}

/// Addresses and cards are each one interface's.
fn check_interfaces(interfaces: &BTreeMap<String, Interface>, problems: &mut Vec<String>) {
    let mut addresses = BTreeSet::new();
    let mut cards = BTreeSet::new();
    for (name, interface) in interfaces {
        if !addresses.insert(interface.address.address) {
            problems.push(format!("interface.{name}.address: another interface has this address too"));
        }
        if interface.hardware_address.is_some_and(|card| !cards.insert(card)) {
            problems
                .push(format!("interface.{name}.hardware-address: another interface names this card too"));
        }
    }
}

/// The gateway is another station of a network of ours.
fn check_gateway(
    gateway: Option<IpAddr>,
    interfaces: &BTreeMap<String, Interface>,
    problems: &mut Vec<String>,
) {
    let Some(gateway) = gateway else { return };
    let mut own = interfaces.values().map(|interface| interface.address);
    if own.clone().any(|own| own.address == gateway) {
        problems.push(format!("gateway: {gateway} is an address of this node"));
    } else if !own.any(|own| own.reaches(gateway)) {
        problems.push(format!("gateway: {gateway} lies in the network of no interface"));
    }
}

/// The peer is somebody else, and can be reached.
fn check_peer(
    peer: &Peer,
    name: Option<&NodeName>,
    interfaces: &BTreeMap<String, Interface>,
    problems: &mut Vec<String>,
) {
    if Some(&peer.name) == name {
        problems.push(format!("peer.name: {} is the name of this node", peer.name));
    }
    let is_own = |address: &&IpAddr| interfaces.values().any(|own| own.address.address == **address);
    for address in peer.addresses.iter().filter(is_own) {
        problems.push(format!("peer.addresses: {address} is an address of this node"));
    }
    if interfaces.is_empty() {
        problems.push("interface: at least one is needed to reach the peer".to_owned());
    }
}

/// In the order and with the spacing that people write.
pub(super) fn write(setup: &Setup) -> String {
    let mut text = format!("name = \"{}\"\ncoordinator = {}\n", setup.name, setup.coordinator);
    let mut line = |words: std::fmt::Arguments<'_>| writeln!(text, "{words}").expect("a String takes it");
    if let Some(gateway) = setup.gateway {
        line(format_args!("gateway = \"{gateway}\""));
    }
    for (name, interface) in &setup.interfaces {
        line(format_args!("\n[interface.{name}]\naddress = \"{}\"", interface.address));
        if let Some(card) = interface.hardware_address {
            line(format_args!("hardware-address = \"{card}\""));
        }
    }
    if let Some(peer) = &setup.peer {
        let addresses: Vec<String> = peer.addresses.iter().map(|address| format!("\"{address}\"")).collect();
        line(format_args!("\n[peer]\nname = \"{}\"\naddresses = [{}]", peer.name, addresses.join(", ")));
    }
    if let Some(credentials) = &setup.credentials {
        line(format_args!("\n[credentials]"));
        for (key, file) in credentials.entries() {
            line(format_args!("{key} = {}", Value::from(file)));
        }
    }
    text
}
