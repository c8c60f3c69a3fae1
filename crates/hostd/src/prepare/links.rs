//! Which Ethernet link is `lan0`, which `sync0`: by what the setup says, else as it was before, else by the order of
//! the slots. Pure but for [`list`].

use std::collections::BTreeMap;
use std::fs;

use super::devices::Slot;
use super::place::Place;
use crate::setup::{HardwareAddress, Interface, Setup};

/// Most links that get a name.
const LINKS_MAX: usize = 32;
/// `ARPHRD_ETHER` of `<linux/if_arp.h>`.
const ETHERNET: &str = "1";
/// Name in between when two links exchange theirs.
const TEMPORARY: &str = "tandem-link";

/// An Ethernet card as found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its name now
    pub name: String,
    /// Its address
    pub hardware_address: HardwareAddress,
    /// Where it is plugged in
    pub slot: Slot,
}

/// Lists the Ethernet cards; virtual and wireless links are none.
#[must_use]
pub fn list(place: &Place) -> Vec<Link> {
    let Ok(entries) = fs::read_dir(place.path("/sys/class/net")) else { return Vec::new() };
    let link = |entry: fs::DirEntry| {
        let path = entry.path();
        let text = |file: &str| fs::read_to_string(path.join(file)).ok().map(|text| text.trim().to_owned());
        let slot =
            fs::canonicalize(path.join("device")).ok()?.to_str()?.split_once("/devices/")?.1.to_owned();
        let wired = text("type")? == ETHERNET && !path.join("phy80211").exists();
        let hardware_address = text("address")?.parse().ok()?;
        let name = entry.file_name().into_string().ok()?;
        wired.then_some(Link { name, hardware_address, slot: Slot(slot) })
    };
    entries.flatten().take(LINKS_MAX).filter_map(link).collect()
}

/// Names of links by their hardware address, as kept in `interfaces.toml`.
pub type Names = BTreeMap<HardwareAddress, String>;

/// Reads `interfaces.toml`: hardware address = name. What is no such line is left out.
#[must_use]
pub fn parse_names(text: &str) -> Names {
    let table = text.parse::<toml::Table>().unwrap_or_default();
    let entry =
        |(address, name): (String, toml::Value)| Some((address.parse().ok()?, name.as_str()?.to_owned()));
    table.into_iter().filter_map(entry).collect()
}

/// The text of `interfaces.toml`.
#[must_use]
pub fn names_text(names: &Names) -> String {
    let mut text = "# Names of the Ethernet interfaces: made at the first start, they stay when a card is added or moved.\n".to_owned();
    for (address, name) in names {
        text.push_str(&format!("\"{address}\" = \"{name}\"\n"));
    }
    text
}

/// Gives each of `found` a name. A name whose card is not here goes to a card that has none; cards that are not here
/// keep an entry as long as nobody else has their name.
#[must_use]
pub fn assign(found: &[Link], setup: Option<&Setup>, kept: &Names) -> Names {
    let interfaces = setup.iter().flat_map(|setup| &setup.interfaces);
    let tied = interfaces.clone().filter_map(|(name, interface)| Some((interface.hardware_address?, name)));
    let here = |address| found.iter().any(|link| link.hardware_address == address);
    let mut names = Names::new();
    for (address, name) in tied.chain(kept.iter().map(|(address, name)| (*address, name))) {
        if here(address) {
            give(&mut names, address, name);
        }
    }
    let mut nameless: Vec<&Link> =
        found.iter().filter(|link| !names.contains_key(&link.hardware_address)).collect();
    nameless.sort_by(|one, other| one.slot.cmp(&other.slot));
    let usual = ["lan0".to_owned(), "sync0".to_owned()];
    let further = (1..=LINKS_MAX).map(|number| format!("lan{number}"));
    let mut free = interfaces.map(|(name, _)| name.clone()).chain(usual).chain(further);
    for link in nameless {
        while !names.contains_key(&link.hardware_address)
            && let Some(name) = free.next()
        {
            give(&mut names, link.hardware_address, &name);
        }
    }
    for (address, name) in kept {
        give(&mut names, *address, name);
    }
    names
}

/// What of the setup does not fit the cards that are here, in words.
#[must_use]
pub fn missing(found: &[Link], setup: Option<&Setup>, names: &Names) -> Vec<String> {
    let interfaces = setup.iter().flat_map(|setup| &setup.interfaces);
    let holder = |name: &str| {
        found.iter().find(|link| names.get(&link.hardware_address).is_some_and(|given| given == name))
    };
    let problem = |(name, interface): (&String, &Interface)| match (holder(name), interface.hardware_address)
    {
        (None, _) => Some(format!("there is no card for {name}")),
        (Some(link), Some(wanted)) if link.hardware_address != wanted => Some(format!(
            "{name} was to be the card {wanted}, which is not here; it is {}",
            link.hardware_address
        )),
        _ => None,
    };
    interfaces.filter_map(problem).collect()
}

/// Gives a card a name, unless the card has one or the name is given.
fn give(names: &mut Names, address: HardwareAddress, name: &str) {
    if !names.values().any(|given| given == name) {
        names.entry(address).or_insert_with(|| name.to_owned());
    }
}

/// One renaming after the other, from the names now to those of `names`; exchanges go through a temporary name.
#[must_use]
pub fn renamings(found: &[Link], names: &Names) -> Vec<(String, String)> {
    let mut current: BTreeMap<&str, String> = BTreeMap::new();
    let mut steps = Vec::new();
    let mut pending: Vec<(&str, &str)> = Vec::new();
    for link in found {
        current.insert(&link.name, link.name.clone());
        if let Some(name) = names.get(&link.hardware_address).filter(|name| **name != link.name) {
            pending.push((&link.name, name));
        }
    }
    while !pending.is_empty() {
        let free = |name: &str| !current.values().any(|taken| taken == name);
        let next = pending.iter().position(|(_, wanted)| free(wanted));
        let (origin, wanted) = match next {
            Some(index) => {
                let (origin, wanted) = pending.remove(index);
                (origin, wanted.to_owned())
            }
            // All wait for each other: one steps aside. Should its name not be free either, the kernel says so.
            None if free(TEMPORARY) => (pending[0].0, TEMPORARY.to_owned()),
            None => break,
        };
        let before = current.insert(origin, wanted.clone()).unwrap_or_else(|| origin.to_owned());
        steps.push((before, wanted));
    }
    steps
}
