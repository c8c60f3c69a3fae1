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

#[cfg(test)]
mod tests {
    use super::*;

    fn card(last: u8) -> HardwareAddress {
        HardwareAddress([0x52, 0x54, 0, 0, 0, last])
    }

    /// A card with the kernel's name `eth` + its place in the list, in the slot of that number.
    fn cards(lasts: &[u8]) -> Vec<Link> {
        let link = |(place, last): (usize, &u8)| Link {
            name: format!("eth{place}"),
            hardware_address: card(*last),
            slot: Slot(format!("pci0000:00/0000:00:{place:02x}.0/net")),
        };
        lasts.iter().enumerate().map(link).collect()
    }

    fn names(entries: &[(u8, &str)]) -> Names {
        entries.iter().map(|(last, name)| (card(*last), (*name).to_owned())).collect()
    }

    fn setup(interfaces: &[(&str, Option<u8>)]) -> Setup {
        let mut text = "name = \"a\"\n".to_owned();
        for (number, (name, last)) in interfaces.iter().enumerate() {
            text += &format!("[interface.{name}]\naddress = \"10.{number}.0.1/24\"\n");
            if let Some(last) = last {
                text += &format!("hardware-address = \"{}\"\n", card(*last));
            }
        }
        Setup::parse(&text).unwrap()
    }

    /// H12, H16: the first slot is lan0, the second sync0, whatever order the kernel found them in.
    #[test]
    fn without_any_word_slots_decide() {
        let mut found = cards(&[1, 2, 3]);
        found.reverse();
        assert_eq!(assign(&found, None, &Names::new()), names(&[(1, "lan0"), (2, "sync0"), (3, "lan1")]));
    }

    /// The setup's word counts most, what was before comes next.
    #[test]
    fn a_card_named_by_the_setup_gets_its_name() {
        let wish = setup(&[("lan0", Some(2)), ("sync0", None)]);
        let kept = names(&[(1, "lan0"), (2, "sync0")]);
        assert_eq!(assign(&cards(&[1, 2]), Some(&wish), &kept), names(&[(1, "sync0"), (2, "lan0")]));
        assert_eq!(assign(&cards(&[3, 1, 2]), None, &kept), names(&[(1, "lan0"), (2, "sync0"), (3, "lan1")]));
    }

    /// A broken card is replaced without a keyboard: the new one takes the name of the one that is gone; the old one's
    /// entry goes only when its name is needed.
    #[test]
    fn a_new_card_takes_the_place_of_one_that_is_gone() {
        let kept = names(&[(1, "lan0"), (2, "sync0")]);
        assert_eq!(assign(&cards(&[9, 2]), None, &kept), names(&[(9, "lan0"), (2, "sync0")]));
        assert_eq!(assign(&cards(&[2]), None, &kept), kept);
    }

    /// What the setup wanted and the machine has not is said.
    #[test]
    fn cards_that_are_not_here_are_named() {
        let wish = setup(&[("lan0", Some(1)), ("sync0", None)]);
        let found = cards(&[7]);
        let names = assign(&found, Some(&wish), &Names::new());
        assert_eq!(
            missing(&found, Some(&wish), &names),
            [
                "lan0 was to be the card 52:54:00:00:00:01, which is not here; it is 52:54:00:00:00:07",
                "there is no card for sync0"
            ]
        );
    }

    /// Plays renamings and checks that no two links have one name at any time.
    fn play(found: &[Link], names: &Names) -> Vec<String> {
        let mut now: Vec<String> = found.iter().map(|link| link.name.clone()).collect();
        for (before, after) in renamings(found, names) {
            assert!(!now.contains(&after), "{after} is taken");
            let place = now.iter().position(|name| *name == before).expect("it is there");
            now[place] = after;
        }
        now
    }

    /// H12: links exchange their names, in pairs and in rings, through a free one.
    #[test]
    fn names_are_exchanged() {
        let mut found = cards(&[1, 2, 3]);
        for (link, name) in found.iter_mut().zip(["lan0", "sync0", "lan1"]) {
            name.clone_into(&mut link.name);
        }
        for wanted in [["sync0", "lan0", "lan1"], ["sync0", "lan1", "lan0"], ["lan0", "sync0", "lan1"]] {
            let names = names(&[(1, wanted[0]), (2, wanted[1]), (3, wanted[2])]);
            assert_eq!(play(&found, &names), wanted);
        }
        assert_eq!(play(&cards(&[1, 2]), &names(&[(1, "lan0"), (2, "eth0")])), ["lan0", "eth0"]);
    }

    /// The file is read as it was written; lines that make no sense cost only themselves.
    #[test]
    fn names_are_kept_as_text() {
        let kept = names(&[(1, "lan0"), (2, "sync0")]);
        assert_eq!(parse_names(&names_text(&kept)), kept);
        assert_eq!(parse_names("\"52:54:00:00:00:01\" = \"lan0\"\n\"?\" = 5\n"), names(&[(1, "lan0")]));
        assert_eq!(parse_names("torn \" off"), Names::new());
    }

    /// Loopback, bridges and the like are no cards; a card without a driver's folder is none either.
    #[test]
    fn only_ethernet_cards_are_listed() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::workbench(folder.path().to_owned(), Vec::new());
        let device = folder.path().join("sys/devices/pci0000:00/0000:00:03.0/virtio0");
        fs::create_dir_all(&device).unwrap();
        for (name, kind, hardware) in [("eth0", "1", true), ("lo", "772", false), ("br0", "1", false)] {
            let link = folder.path().join("sys/class/net").join(name);
            fs::create_dir_all(&link).unwrap();
            fs::write(link.join("type"), kind).unwrap();
            fs::write(link.join("address"), "52:54:00:00:00:01\n").unwrap();
            if hardware {
                std::os::unix::fs::symlink(&device, link.join("device")).unwrap();
            }
        }
        let slot = Slot("pci0000:00/0000:00:03.0/virtio0".to_owned());
        assert_eq!(list(&place), [Link { name: "eth0".to_owned(), hardware_address: card(1), slot }]);
    }
}
