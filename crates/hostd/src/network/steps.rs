//! What is missing between the network as it is and as it should be. Pure.
//!
//! Level-triggered: the steps follow from what is there now, whatever happened before. So a link that appears late, an
//! address that somebody took away and a daemon that starts again are all one case.

use std::collections::BTreeMap;

use netio::links::Link;
use netio::own::{OwnAddress, PresentAddress};

use crate::network_file::{InterfaceNetwork, NetworkFile};

/// One change of the kernel's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Switch a link on
    SwitchOn(String),
    /// Remove an address that we have put there
    Remove(OwnAddress),
    /// Add an address
    Add(OwnAddress),
}

/// The steps from what is there to `wanted`, in their order. Only Ethernet links that exist are touched, and only
/// addresses removed that are ours.
#[must_use]
pub fn steps(wanted: &NetworkFile, links: &[Link], present: &[PresentAddress]) -> Vec<Step> {
    let wanted = places(&wanted.interfaces);
    let switch_on = links
        .iter()
        .filter(|link| link.ethernet && !link.enabled)
        .map(|link| Step::SwitchOn(link.name.clone()));
    let remove = present
        .iter()
        .filter(|present| present.ours && !wanted.contains(&present.place))
        .map(|present| Step::Remove(present.place.clone()));
    let exists = |place: &&OwnAddress| links.iter().any(|link| link.name == place.interface);
    let is_present = |place: &OwnAddress| present.iter().any(|present| present.place == *place);
    let add =
        wanted.iter().filter(exists).filter(|place| !is_present(place)).map(|place| Step::Add(place.clone()));
    switch_on.chain(remove).chain(add).collect()
}

/// The gateway of `wanted` can be reached from an address that is there.
#[must_use]
pub fn gateway_in_reach(wanted: &NetworkFile, present: &[PresentAddress]) -> bool {
    let is_present = |place: &OwnAddress| present.iter().any(|present| present.place == *place);
    wanted.gateway.is_some_and(|gateway| {
        wanted
            .interfaces
            .iter()
            .any(|(name, own)| own.address.reaches(gateway) && is_present(&place(name, own)))
    })
}

fn places(interfaces: &BTreeMap<String, InterfaceNetwork>) -> Vec<OwnAddress> {
    interfaces.iter().map(|(name, own)| place(name, own)).collect()
}

fn place(interface: &str, own: &InterfaceNetwork) -> OwnAddress {
    let InterfaceNetwork { address } = own;
    OwnAddress {
        interface: interface.to_owned(),
        address: address.address,
        prefix_bits: address.prefix_length,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(name: &str, enabled: bool) -> Link {
        let ethernet = name != "lo";
        Link {
            index: 1,
            name: name.to_owned(),
            enabled,
            up: enabled,
            mac: None,
            permanent_mac: None,
            ethernet,
        }
    }

    fn at(interface: &str, address: &str) -> OwnAddress {
        let address: model::InterfaceAddress = address.parse().unwrap();
        place(interface, &InterfaceNetwork { address })
    }

    fn present(interface: &str, address: &str, ours: bool) -> PresentAddress {
        PresentAddress { place: at(interface, address), ours, global: true }
    }

    fn wanted() -> NetworkFile {
        let text = "gateway = '10.20.0.254'\n[interface.lan0]\naddress = '10.20.0.1/24'\n\
                    [interface.sync0]\naddress = '10.30.0.1/24'\n";
        NetworkFile::parse(text).unwrap()
    }

    /// H12, H16: links go on and get their addresses; a link that is not there yet is waited for.
    #[test]
    fn what_is_missing_is_done() {
        let links = [link("lo", false), link("lan0", false)];
        assert_eq!(
            steps(&wanted(), &links, &[]),
            [Step::SwitchOn("lan0".to_owned()), Step::Add(at("lan0", "10.20.0.1/24"))]
        );
        let links = [link("lan0", true), link("sync0", true)];
        let here = [present("lan0", "10.20.0.1/24", true)];
        assert_eq!(steps(&wanted(), &links, &here), [Step::Add(at("sync0", "10.30.0.1/24"))]);
        let all = [present("lan0", "10.20.0.1/24", true), present("sync0", "10.30.0.1/24", true)];
        assert_eq!(steps(&wanted(), &links, &all), []);
    }

    /// H19: what is not ours stays, above all the resource addresses; a wanted address that somebody else has put there
    /// is neither added nor ours.
    #[test]
    fn foreign_addresses_stay() {
        let links = [link("lan0", true), link("sync0", true)];
        let here = [
            present("lan0", "10.20.0.10/32", false),
            present("lan0", "10.20.0.1/24", false),
            present("sync0", "10.30.0.9/24", true),
            present("sync0", "10.30.0.1/25", true),
        ];
        assert_eq!(
            steps(&wanted(), &links, &here),
            [
                Step::Remove(at("sync0", "10.30.0.9/24")),
                Step::Remove(at("sync0", "10.30.0.1/25")),
                Step::Add(at("sync0", "10.30.0.1/24"))
            ]
        );
    }

    /// A route is asked for only when its router can be reached: before, the kernel would refuse it.
    #[test]
    fn gateway_waits_for_its_address() {
        assert!(!gateway_in_reach(&wanted(), &[present("sync0", "10.30.0.1/24", true)]));
        assert!(gateway_in_reach(&wanted(), &[present("lan0", "10.20.0.1/24", true)]));
        let none = NetworkFile { gateway: None, ..wanted() };
        assert!(!gateway_in_reach(&none, &[present("lan0", "10.20.0.1/24", true)]));
    }
}
