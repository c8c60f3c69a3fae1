//! The configuration of a pair: one typed value, every field documented with its text form and default.
//!
//! The text form is TOML, table by table in the order of [`Config`]; keys are the field names with hyphens.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::subnet::{InterfaceAddress, bits_of, prefix_bits_default};
use crate::{NodeName, Private};

/// The whole configuration. Two equal values mean the same exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `[system]`
    pub system: System,
    /// `[cluster]`, `[cluster.node.NAME]`, `[cluster.interface.NAME]`
    pub cluster: Cluster,
    /// `[network]`
    pub network: Network,
    /// `[sip]`
    pub sip: Sip,
    /// `[media]`
    pub media: Media,
    /// `[account.NAME]`: what a phone registers as
    pub accounts: BTreeMap<AccountName, Account>,
    /// `[extension.NUMBER]`: what a person dials
    pub extensions: BTreeMap<ExtensionNumber, Extension>,
    /// `[trunk.NAME]`
    pub trunks: BTreeMap<TrunkName, Trunk>,
    /// `[route.PREFIX]`, keyed by the dialled prefix; the longest matching prefix wins
    pub routes: BTreeMap<String, Route>,
}

/// `[system]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct System {
    /// `domain`: the SIP domain and digest realm, e.g. `pbx.example.com`; mandatory
    pub domain: String,
}

/// `[cluster]`: the pair. With no or one entry in `nodes` the box is a single node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// `mode`: `"available"` (default) or `"safe"`
    pub mode: HaMode,
    /// `warning`: silence of the peer after which a warning is raised; default 500 ms (row H23)
    pub warning: Duration,
    /// `dead`: silence after which the peer counts as dead = the lease T; default 1 s (row H24)
    pub dead: Duration,
    /// `initialisation`: wait after boot before a node may take; at least `dead`; default 3 s (row H25)
    pub initialisation: Duration,
    /// `default-active`: who takes in case of indecision (row H22)
    pub default_active: Option<NodeName>,
    /// `[cluster.node.NAME]`
    pub nodes: BTreeMap<NodeName, Node>,
    /// `[cluster.interface.NAME]`, keyed by the name of the link, e.g. `lan0`
    pub interfaces: BTreeMap<String, HaInterface>,
}

/// `[cluster.node.NAME]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// `serial-number` (rows H13, H28)
    pub serial_number: String,
    /// `addresses = { lan0 = "10.20.0.1", sync0 = "10.30.0.1" }`: own address per interface (rows H17, H18)
    pub addresses: BTreeMap<String, IpAddr>,
}

/// `[cluster.interface.NAME]` (rows H15 to H21)
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HaInterface {
    /// `resource-address = "10.20.0.10/24"`: the address and prefix length that the active node holds here
    pub resource_address: Option<(IpAddr, u8)>,
    /// `prefix-length`: of the subnet of the nodes' own addresses here; default: that of the resource address, else 24
    /// for IPv4 and 64 for IPv6
    pub prefix_length: Option<u8>,
    /// `synchronisation`: node-to-node traffic runs here; exactly one interface says true (row H21)
    pub synchronisation: bool,
    /// `required`: without this link a node may not serve; default true where there is a resource address
    pub required: bool,
    /// `ping-group = "10.20.0.254 10.20.0.253"`: addresses separated by spaces (row H20)
    pub ping_group: Vec<IpAddr>,
}

/// `[network]`: what both boxes need to reach everything else
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// `gateway = "10.20.0.254"`: router of the default route; default: none. One route for the box (row H12)
    pub gateway: Option<IpAddr>,
    /// `name-servers = ["10.20.0.53"]`: asked in this order (rows H12, P16, P17); default: none
    pub name_servers: Vec<IpAddr>,
    /// `time-servers = ["10.20.0.123", "ntp.example.com"]`: addresses or host names; default: none, and nobody is asked
    pub time_servers: Vec<String>,
    /// `time-zone = "Europe/Rome"`: how people read times, a name of the IANA database; default: UTC
    pub time_zone: Option<String>,
}

/// What a pair without a witness does when the nodes lose sight of each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HaMode {
    /// `"available"`: the standby takes after the peer's silence
    #[default]
    Available,
    /// `"safe"`: the standby takes only after a release or a named statement
    Safe,
}

/// `[sip]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sip {
    /// `port`: UDP and TCP; default 5060 (row A14)
    pub port: u16,
    /// `registration-min`, default 30 s: shorter wishes get 423 with Min-Expires
    pub registration_min: Duration,
    /// `registration-default`, default 1 h
    pub registration_default: Duration,
    /// `registration-max`, default 2 h: longer wishes are shortened
    pub registration_max: Duration,
    /// `contacts-max`: bindings per account; default 8
    pub contacts_max: usize,
    /// `nonce`: life of a digest nonce before `stale=true`; default 5 m
    pub nonce_life: Duration,
}

/// `[media]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// `port-min`: first RTP port, even; default 10000 (row A18)
    pub port_min: u16,
    /// `port-max`: last port of the range; default 20000
    pub port_max: u16,
}

/// `[account.NAME]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// `password`: digest secret
    pub password: Private<String>,
    /// `digest`: `"md5"` (default), `"sha-256"` or `"both"`
    pub digest: DigestChoice,
}

/// Which digest challenges an account is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DigestChoice {
    /// One MD5 challenge (RFC 2617 phones)
    #[default]
    Md5,
    /// One SHA-256 challenge (RFC 7616, RFC 8760)
    Sha256,
    /// SHA-256 first, then MD5
    Both,
}

/// `[extension.NUMBER]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// `name`: shown to the called party; default: none, then the number is shown
    pub name: Private<String>,
    /// `accounts = ["101"]`: who rings when the number is dialled, all contacts of each; whoever calls from one of
    /// them is shown as this number
    pub accounts: Vec<AccountName>,
    /// `ring`: no answer after this; default 60 s
    pub ring_timeout: Duration,
}

/// `[trunk.NAME]`: a peer exchange or provider, known by its source address
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trunk {
    /// `address = "192.0.2.1:5060"`: where calls are sent; port 5060 when none is given
    pub address: SocketAddr,
    /// `transport`: `"udp"` (default) or `"tcp"`
    pub transport: Transport,
    /// `sources = ["192.0.2.1"]`: addresses whose INVITE needs no digest; default: the host of `address`
    pub sources: Vec<IpAddr>,
    /// `transit`: calls from this trunk may leave by a route; default false, else only extensions can be reached
    pub transit: bool,
}

/// `[route.PREFIX]`: an empty prefix takes every number that nothing else matches
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// `trunk`
    pub trunk: TrunkName,
    /// `strip`: how many leading characters of the prefix are not sent; default 0
    pub strip: usize,
}

/// Transport of a trunk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// UDP
    #[default]
    Udp,
    /// TCP
    Tcp,
}

/// A name that is a key of the configuration.
macro_rules! key {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Takes a text that has passed validation.
            #[must_use]
            pub fn new(text: impl Into<String>) -> Self {
                $name(text.into())
            }

            /// The key as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

key!(
    /// The user part a phone registers with.
    AccountName
);
key!(
    /// A number people dial inside the exchange.
    ExtensionNumber
);
key!(
    /// The name of a trunk.
    TrunkName
);

/// The words of a choice in the text form.
macro_rules! words {
    ($name:ident, $count:literal, $($variant:ident => $word:literal),+) => {
        impl $name {
            /// Every value with its word in the text form.
            pub const WORDS: [(&'static str, $name); $count] = [$(($word, $name::$variant)),+];

            /// The word in the text form.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $($name::$variant => $word),+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(self.as_str())
            }
        }
    };
}

words!(HaMode, 2, Available => "available", Safe => "safe");
words!(DigestChoice, 3, Md5 => "md5", Sha256 => "sha-256", Both => "both");
words!(Transport, 2, Udp => "udp", Tcp => "tcp");

impl Config {
    /// The smallest configuration: a domain and every default.
    #[must_use]
    pub fn new(domain: impl Into<String>) -> Self {
        Config {
            system: System { domain: domain.into() },
            cluster: Cluster::default(),
            network: Network::default(),
            sip: Sip::default(),
            media: Media::default(),
            accounts: BTreeMap::new(),
            extensions: BTreeMap::new(),
            trunks: BTreeMap::new(),
            routes: BTreeMap::new(),
        }
    }
}

impl Cluster {
    /// The own address of `node` on `interface` with its subnet; `None` where it has none.
    #[must_use]
    pub fn own_address(&self, node: &NodeName, interface: &str) -> Option<InterfaceAddress> {
        let address = *self.nodes.get(node)?.addresses.get(interface)?;
        let prefix_length = match self.interfaces.get(interface) {
            Some(interface) => interface.prefix_bits(address),
            None => prefix_bits_default(address),
        };
        Some(InterfaceAddress { address, prefix_length })
    }

    /// Every own address of `node`, by interface.
    #[must_use]
    pub fn own_addresses(&self, node: &NodeName) -> BTreeMap<String, InterfaceAddress> {
        let interfaces = self.nodes.get(node).into_iter().flat_map(|node| node.addresses.keys());
        interfaces
            .filter_map(|interface| Some((interface.clone(), self.own_address(node, interface)?)))
            .collect()
    }
}

impl HaInterface {
    /// Length of the prefix of the subnet that an own address is in here.
    #[must_use]
    pub fn prefix_bits(&self, own: IpAddr) -> u8 {
        // A resource address of full length says nothing about the network.
        let of_resource = self
            .resource_address
            .filter(|(address, bits)| address.is_ipv4() == own.is_ipv4() && *bits < bits_of(*address))
            .map(|(_, bits)| bits);
        self.prefix_length.or(of_resource).unwrap_or_else(|| prefix_bits_default(own))
    }
}

impl Default for Cluster {
    fn default() -> Self {
        Cluster {
            mode: HaMode::default(),
            warning: Duration::from_millis(500),
            dead: Duration::from_secs(1),
            initialisation: Duration::from_secs(3),
            default_active: None,
            nodes: BTreeMap::new(),
            interfaces: BTreeMap::new(),
        }
    }
}

impl Default for Sip {
    fn default() -> Self {
        Sip {
            port: 5060,
            registration_min: Duration::from_secs(30),
            registration_default: Duration::from_hours(1),
            registration_max: Duration::from_hours(2),
            contacts_max: 8,
            nonce_life: Duration::from_mins(5),
        }
    }
}

impl Default for Media {
    fn default() -> Self {
        Media { port_min: 10_000, port_max: 20_000 }
    }
}

impl Extension {
    /// How long it rings when the text does not say.
    pub const RING_TIMEOUT_DEFAULT: Duration = Duration::from_mins(1);
}
