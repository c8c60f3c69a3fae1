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
