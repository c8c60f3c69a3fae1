//! Who this node is: serial number, name, and `node.toml` for the daemons. Pure.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};

use model::NodeName;
use toml::Value;

use crate::network_file::NetworkFile;
use crate::setup::Setup;

/// Octets of randomness in a serial number of our own.
pub const SERIAL_NUMBER_SEED_BYTES: usize = 8;
/// Longest serial number taken from the firmware.
const SERIAL_NUMBER_BYTES_MAX: usize = 64;
/// Letters and digits of the serial number that stand in the name of a box without setup.
const NAME_LETTERS: usize = 6;
/// What firmware says when nobody entered a serial number, in lower case.
const PLACEHOLDERS: &[&str] = &[
    "to be filled by o.e.m.",
    "to be filled by oem",
    "default string",
    "system serial number",
    "chassis serial number",
    "base board serial number",
    "serial number",
    "not specified",
    "not applicable",
    "not available",
    "unspecified",
    "unknown",
    "invalid",
    "oem",
    "none",
    "null",
    "n/a",
    "na",
    "0123456789",
    "123456789",
    "1234567890",
];

/// The first serial number of the firmware that somebody has entered.
#[must_use]
pub fn serial_number<'a>(firmware: impl IntoIterator<Item = &'a str>) -> Option<String> {
    firmware.into_iter().map(str::trim).find(|text| is_serial_number(text)).map(str::to_owned)
}

fn is_serial_number(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let mut letters = text.bytes().filter(u8::is_ascii_alphanumeric);
    let first = letters.next();
    // "0000", "......", "xxxxxx" say nothing.
    let varied = letters.any(|letter| Some(letter) != first);
    let printable = text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    let long_enough = text.len() <= SERIAL_NUMBER_BYTES_MAX;
    varied && printable && long_enough && !PLACEHOLDERS.contains(&lower.as_str())
}

/// A serial number for a box whose firmware has none: `TD-` and eight letters or digits (base32, RFC 4648).
#[must_use]
pub fn own_serial_number(seed: [u8; SERIAL_NUMBER_SEED_BYTES]) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let letters = seed.iter().map(|octet| char::from(LETTERS[usize::from(octet % 32)]));
    format!("TD-{}", letters.collect::<String>())
}

/// The name of a box that no setup has named: `tandem-` and the end of its serial number.
#[must_use]
pub fn default_name(serial_number: &str) -> NodeName {
    let mut letters: Vec<u8> = serial_number
        .bytes()
        .rev()
        .filter(u8::is_ascii_alphanumeric)
        .take(NAME_LETTERS)
        .map(|letter| letter.to_ascii_lowercase())
        .collect();
    letters.reverse();
    let name = match String::from_utf8(letters) {
        Ok(letters) if !letters.is_empty() => format!("tandem-{letters}"),
        _ => "tandem".to_owned(),
    };
    name.parse().expect("lower-case letters, digits and a hyphen, fewer than 32")
}

/// What `node.toml` is made of.
#[derive(Clone, Debug)]
pub struct Node<'a> {
    /// What the setup medium said; `None`: a single box without any
    pub setup: Option<&'a Setup>,
    /// Serial number
    pub serial_number: &'a str,
    /// Addresses in force
    pub network: &'a NetworkFile,
    /// Where durable state lies
    pub data: &'a str,
    /// Where runtime files lie
    pub run: &'a str,
    /// Where the files of the credentials lie
    pub credentials: &'a str,
}

impl Node<'_> {
    /// Name of the node.
    #[must_use]
    pub fn name(&self) -> NodeName {
        self.setup.map_or_else(|| default_name(self.serial_number), |setup| setup.name.clone())
    }

    /// Where the peer reaches this node: on the first synchronisation interface, else the first of all; a box without
    /// a peer listens to itself.
    fn listen(&self) -> IpAddr {
        let own = &self.network.interfaces;
        let named = |prefix: &str| own.iter().find(|(name, _)| name.starts_with(prefix));
        let peer = self.setup.and_then(|setup| setup.peer.as_ref());
        peer.and_then(|_| named("sync").or_else(|| own.iter().next()))
            .map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |(_, interface)| interface.address.address)
    }

    /// The text of `node.toml`, as `daemon::NodeIdentity` reads it.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let mut line = |words: std::fmt::Arguments<'_>| writeln!(text, "{words}").expect("a String takes it");
        line(format_args!("name = \"{}\"", self.name()));
        line(format_args!("serial-number = {}", Value::from(self.serial_number)));
        line(format_args!("coordinator = {}", self.setup.is_none_or(|setup| setup.coordinator)));
        line(format_args!("data = {}", Value::from(self.data)));
        line(format_args!("run = {}", Value::from(self.run)));
        line(format_args!("listen = \"{}\"", self.listen()));
        if let Some(peer) = self.setup.and_then(|setup| setup.peer.as_ref()) {
            let addresses: Vec<String> =
                peer.addresses.iter().map(|address| format!("\"{address}\"")).collect();
            line(format_args!("\n[peer]\nname = \"{}\"\naddresses = [{}]", peer.name, addresses.join(", ")));
        }
        if let Some(files) = self.setup.and_then(|setup| setup.credentials.as_ref()) {
            line(format_args!("\n[credentials]"));
            for (key, file) in files.entries() {
                line(format_args!("{key} = {}", Value::from(format!("{}/{file}", self.credentials))));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use daemon::NodeIdentity;

    use super::*;

    const SETUP: &str = "name = \"b\"\n[interface.lan0]\naddress = \"10.20.0.2/24\"\n[interface.sync0]\n\
        address = \"10.30.0.2/24\"\n[peer]\nname = \"a\"\naddresses = [\"10.30.0.1\", \"10.20.0.1\"]\n\
        [credentials]\nauthority = \"ca.pem\"\ncertificate = \"b.pem\"\nkey = \"b.key\"\nsecret = \"pair.key\"\n";

    fn node<'a>(setup: Option<&'a Setup>, network: &'a NetworkFile, credentials: &'a str) -> Node<'a> {
        Node {
            setup,
            serial_number: "TD-\"B\"",
            network,
            data: "/data/tandem",
            run: "/run/tandem",
            credentials,
        }
    }

    /// H13, H28: firmware's word counts, unless it is the word of a maker who left the field as it was.
    #[test]
    fn placeholders_are_no_serial_numbers() {
        let firmware = ["To Be Filled By O.E.M.", " Default string\n", "CZ1234567X\n"];
        assert_eq!(serial_number(firmware).as_deref(), Some("CZ1234567X"));
        for nothing in
            ["", "\n", "0000000000", "........", "x", "None", "System Serial Number", "\u{fffd}\u{1}ab"]
        {
            assert_eq!(serial_number([nothing]), None, "{nothing:?}");
        }
    }

    /// H13: without firmware's word the number is eight letters that nobody mistakes for each other on a console.
    #[test]
    fn an_own_serial_number_is_base32() {
        assert_eq!(own_serial_number([0, 1, 25, 26, 31, 32, 63, 255]), "TD-ABZ27A77");
    }

    /// The name of a box that nobody has named fits everywhere, whatever its serial number looks like.
    #[test]
    fn a_box_without_setup_has_a_name() {
        for (serial, name) in [
            ("TD-7QK2M4XA", "tandem-k2m4xa"),
            ("CZ 12/34", "tandem-cz1234"),
            ("---", "tandem"),
            ("TD-A", "tandem-tda"),
        ] {
            assert_eq!(default_name(serial).as_str(), name);
        }
    }

    /// The daemons read what is written here: a member of a pair, with its credentials.
    #[test]
    fn node_toml_of_a_pair_is_what_the_daemons_read() {
        let folder = tempfile::tempdir().unwrap();
        for (file, content) in
            [("ca.pem", "CA"), ("b.pem", "B"), ("b.key", "K"), ("pair.key", &"07".repeat(32))]
        {
            std::fs::write(folder.path().join(file), content).unwrap();
        }
        let setup = Setup::parse(SETUP).unwrap();
        let text = node(Some(&setup), &setup.network(), folder.path().to_str().unwrap()).to_text();
        let identity = NodeIdentity::parse(&text, Path::new("/run/tandem/node.toml")).unwrap();
        assert_eq!(identity.name.as_str(), "b");
        assert_eq!(identity.serial_number, "TD-\"B\"");
        assert!(!identity.coordinator);
        assert_eq!(identity.data, Path::new("/data/tandem"));
        assert_eq!(identity.listen.to_string(), "10.30.0.2");
        assert_eq!(identity.peer.unwrap().addresses, setup.peer.unwrap().addresses);
        assert_eq!(identity.credentials.unwrap().certificate_pem, "B");
    }

    /// A box alone listens to itself; a pair without a synchronisation interface talks over the other, at the address
    /// that is in force and not the one of the first day.
    #[test]
    fn the_peer_finds_this_node_at_the_address_in_force() {
        let nothing = NetworkFile::default();
        let text = node(None, &nothing, "/data/identity").to_text();
        let alone = NodeIdentity::parse(&text, Path::new("/run/tandem/node.toml")).unwrap();
        assert!(alone.coordinator && alone.peer.is_none());
        assert_eq!(alone.listen, IpAddr::V4(Ipv4Addr::LOCALHOST));
        let setup = Setup::parse(SETUP).unwrap();
        let network = NetworkFile::parse("[interface.lan0]\naddress = \"10.99.0.2/24\"\n").unwrap();
        assert_eq!(node(Some(&setup), &network, "/").listen().to_string(), "10.99.0.2");
    }
}
