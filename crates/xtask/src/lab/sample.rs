//! The sample configuration of a lab: accounts 101 to 120 with random passwords, each with an extension, and a trunk
//! behind the prefix 9. Typed, so that it is as valid as the model says.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use anyhow::Context;
use model::{
    Account, AccountName, Cluster, Config, DigestChoice, Extension, ExtensionNumber, HaInterface, HaMode,
    Media, Network, Node, NodeName, Route, Sip, System, Transport, Trunk, TrunkName,
};

use super::secrets;
use super::topology::{DOMAIN, LAN, PREFIX_LENGTH, SIP_PORT, SYNCHRONISATION, Side, Topology};

/// First and last account.
const ACCOUNTS: std::ops::RangeInclusive<u16> = 101..=120;
/// What is dialled before a number outside.
pub(super) const TRUNK_PREFIX: &str = "9";
const TRUNK_NAME: &str = "carrier";

/// Addresses that the sample is made for.
#[derive(Clone, Debug)]
pub(crate) struct Addresses {
    /// Own addresses of each node on lan0 and sync0, in the order of [`Side::BOTH`]
    pub(crate) nodes: [[IpAddr; 2]; 2],
    /// What the active node holds on lan0
    pub(crate) resource: IpAddr,
}

impl Default for Addresses {
    fn default() -> Self {
        Addresses {
            nodes: Side::BOTH.map(|side| [Topology::lan(side), Topology::synchronisation(side)]),
            resource: Topology::resource(),
        }
    }
}

/// A fresh sample configuration.
pub(crate) fn configuration(addresses: &Addresses) -> anyhow::Result<Config> {
    let mut accounts = BTreeMap::new();
    let mut extensions = BTreeMap::new();
    for number in ACCOUNTS {
        let name = AccountName::new(number.to_string());
        let extension = Extension {
            name: format!("Phone {number}").into(),
            accounts: vec![name.clone()],
            ring_timeout: Duration::from_secs(60),
        };
        accounts.insert(name, Account { password: secrets::password()?.into(), digest: digest(number) });
        extensions.insert(ExtensionNumber::new(number.to_string()), extension);
    }
    let trunk = Trunk {
        address: Topology::trunk(),
        transport: Transport::Udp,
        sources: vec![Topology::trunk().ip()],
        transit: true,
    };
    Ok(Config {
        system: System { domain: DOMAIN.to_owned() },
        cluster: cluster(addresses)?,
        network: Network::default(),
        sip: Sip {
            port: SIP_PORT,
            registration_min: Duration::from_secs(30),
            registration_default: Duration::from_hours(1),
            registration_max: Duration::from_hours(2),
            contacts_max: 32,
            nonce_life: Duration::from_mins(5),
        },
        media: Media { port_min: 10_000, port_max: 20_000 },
        accounts,
        extensions,
        trunks: BTreeMap::from([(TrunkName::new(TRUNK_NAME), trunk)]),
        routes: BTreeMap::from([(
            TRUNK_PREFIX.to_owned(),
            Route { trunk: TrunkName::new(TRUNK_NAME), strip: 1 },
        )]),
    })
}

/// Most phones know MD5 only; the last few accounts exercise the rest.
fn digest(number: u16) -> DigestChoice {
    match number {
        115..=117 => DigestChoice::Sha256,
        118..=120 => DigestChoice::Both,
        _ => DigestChoice::Md5,
    }
}

fn cluster(addresses: &Addresses) -> anyhow::Result<Cluster> {
    let mut nodes = BTreeMap::new();
    for (side, [lan, synchronisation]) in Side::BOTH.into_iter().zip(addresses.nodes) {
        let name: NodeName = side.as_str().parse().context("naming a node")?;
        let own = BTreeMap::from([(LAN.to_owned(), lan), (SYNCHRONISATION.to_owned(), synchronisation)]);
        nodes.insert(name, Node { serial_number: side.serial_number().to_owned(), addresses: own });
    }
    let lan = HaInterface {
        resource_address: Some((addresses.resource, PREFIX_LENGTH)),
        prefix_length: None,
        synchronisation: false,
        required: true,
        ping_group: Vec::new(),
    };
    let synchronisation = HaInterface {
        resource_address: None,
        prefix_length: Some(PREFIX_LENGTH),
        synchronisation: true,
        required: false,
        ping_group: Vec::new(),
    };
    Ok(Cluster {
        mode: HaMode::Available,
        warning: Duration::from_millis(500),
        dead: Duration::from_secs(1),
        initialisation: Duration::from_secs(2),
        default_active: None,
        nodes,
        interfaces: BTreeMap::from([(LAN.to_owned(), lan), (SYNCHRONISATION.to_owned(), synchronisation)]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Issue 2, contract: at least 20 accounts; and the model accepts the text of the sample.
    #[test]
    fn sample_is_valid_and_large_enough() {
        let config = configuration(&Addresses::default()).expect("sample");
        assert!(config.accounts.len() >= 20);
        assert_eq!(Config::parse(&config.to_text()), Ok(config));
    }
}
