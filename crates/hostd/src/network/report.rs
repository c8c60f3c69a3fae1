//! What the keeper of the network shows: the links as they are, and what is wrong with them.

use std::fmt::Write;

use daemon::bus::host::LinkStatus;
use netio::links::{Link, MAC_BYTES};
use netio::own::PresentAddress;

use crate::network_file::NetworkFile;

/// State of the network, published after each change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkReport {
    /// Revision that the network comes from; 0: none
    pub revision: u64,
    /// Ethernet links
    pub links: Vec<LinkStatus>,
    /// Router of the default route; empty when none
    pub gateway: String,
    /// Time servers are configured
    pub has_time_servers: bool,
    /// What is wrong, worst first
    pub problems: Vec<String>,
}

/// The Ethernet links with their addresses, by name.
#[must_use]
pub fn link_status(links: &[Link], present: &[PresentAddress]) -> Vec<LinkStatus> {
    let addresses = |name: &str| {
        let here = present.iter().filter(|present| present.global && present.place.interface == name);
        here.map(|present| format!("{}/{}", present.place.address, present.place.prefix_bits)).collect()
    };
    let mut status: Vec<_> = links
        .iter()
        .filter(|link| link.ethernet)
        .map(|link| LinkStatus {
            name: link.name.clone(),
            hardware_address: link.permanent_mac.map(hardware_address).unwrap_or_default(),
            carrier: link.up,
            addresses: addresses(&link.name),
        })
        .collect();
    status.sort_by(|one, other| one.name.cmp(&other.name));
    status
}

/// What is wrong with the links that `wanted` names.
#[must_use]
pub fn link_problems(wanted: &NetworkFile, links: &[Link]) -> Vec<String> {
    if wanted.interfaces.is_empty() {
        let set = "`tandemctl host network set`";
        return vec![format!("this node has no address of its own: set one on its screen or with {set}")];
    }
    let problem = |name: &String| match links.iter().find(|link| link.name == *name) {
        None => Some(format!("{name} has an address in the configuration, but there is no such link")),
        Some(link) if !link.up => Some(format!("{name} has no carrier: look at both ends of its cable")),
        Some(_) => None,
    };
    wanted.interfaces.keys().filter_map(problem).collect()
}

/// `52:54:00:20:00:01`
fn hardware_address(octets: [u8; MAC_BYTES]) -> String {
    octets.iter().enumerate().fold(String::new(), |mut text, (index, octet)| {
        let separator = if index == 0 { "" } else { ":" };
        write!(text, "{separator}{octet:02x}").expect("a text takes everything");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use netio::own::OwnAddress;

    fn link(name: &str, up: bool) -> Link {
        let mac = Some([0x52, 0x54, 0, 0x20, 0, 1]);
        Link {
            index: 1,
            name: name.to_owned(),
            enabled: true,
            up,
            mac,
            permanent_mac: mac,
            ethernet: name != "lo",
        }
    }

    /// H16: a person sees which cable to look at.
    #[test]
    fn missing_carriers_and_links_are_named() {
        let text = "[interface.lan0]\naddress = '10.20.0.1/24'\n[interface.sync0]\naddress = '10.30.0.1/24'\n\
                    [interface.wan0]\naddress = '192.0.2.1/24'\n";
        let wanted = NetworkFile::parse(text).unwrap();
        let problems = link_problems(&wanted, &[link("lan0", true), link("sync0", false)]);
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].starts_with("sync0 has no carrier"), "{problems:?}");
        assert!(problems[1].starts_with("wan0"), "{problems:?}");
        assert_eq!(
            link_problems(&NetworkFile::default(), &[link("lan0", true)]).len(),
            1,
            "no address at all"
        );
    }

    /// H16 to H19: every Ethernet link with all its addresses, also the resource address.
    #[test]
    fn links_are_shown_with_their_addresses() {
        let present = |address: &str, prefix_bits, global| PresentAddress {
            place: OwnAddress {
                interface: "lan0".to_owned(),
                address: address.parse().unwrap(),
                prefix_bits,
            },
            ours: false,
            global,
        };
        let present =
            [present("10.20.0.1", 24, true), present("10.20.0.10", 32, true), present("fe80::1", 64, false)];
        let status = link_status(&[link("sync0", false), link("lo", true), link("lan0", true)], &present);
        assert_eq!(status.iter().map(|link| link.name.as_str()).collect::<Vec<_>>(), ["lan0", "sync0"]);
        assert_eq!(status[0].addresses, ["10.20.0.1/24", "10.20.0.10/32"]);
        assert_eq!(status[0].hardware_address, "52:54:00:20:00:01");
        assert!(status[0].carrier && !status[1].carrier);
    }
}
