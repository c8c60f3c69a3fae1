//! Resource addresses, announcements and carrier on real interfaces.

#![allow(clippy::unwrap_used)] // helpers of tests

mod namespace;

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use namespace::Namespace;
use netio::addresses::{Addresses, ResourceAddress};
use netio::announce::Announcer;
use netio::links::LinkWatch;
use netio::own::{OwnAddress, OwnNetwork};
use netio::ping::Pinger;
use netio::stations::StationWatch;

/// A node and a phone on one cable, `lan0` and `phone0`.
fn node_and_phone() -> (Namespace, Namespace) {
    let (node, phone) = (Namespace::new(), Namespace::new());
    node.cable("lan0", &phone, "phone0");
    node.ip("address add 10.20.0.1/24 dev lan0");
    phone.ip("address add 10.20.0.200/24 dev phone0");
    (node, phone)
}

fn resource(address: &str, prefix_bits: u8) -> ResourceAddress {
    ResourceAddress { interface: "lan0".to_owned(), address: address.parse().unwrap(), prefix_bits }
}

/// H19: adding and removing are idempotent, tagged, and leave the node's own addresses alone.
#[test]
#[ignore = "netns tier: needs root"]
fn addresses_come_and_go() {
    let (node, _phone) = node_and_phone();
    let floating = resource("10.20.0.10", 24);
    node.block_on(|| async {
        let addresses = Addresses::open().unwrap();
        addresses.add(&floating).await.unwrap();
        addresses.add(&floating).await.unwrap();
        assert_eq!(addresses.held().await.unwrap(), [floating.address]);
        assert_eq!(addresses.remove_others(std::slice::from_ref(&floating)).await.unwrap(), 0);
        assert_eq!(addresses.remove_others(&[]).await.unwrap(), 1);
        assert_eq!(addresses.remove_all(std::slice::from_ref(&floating)).await.unwrap(), 0);
        let nowhere = ResourceAddress { interface: "lan9".to_owned(), ..floating.clone() };
        assert!(addresses.add(&nowhere).await.is_err());
    });
    assert!(node.ip("address show dev lan0").contains("10.20.0.1/24"));
}

/// The service outlives the node's own address: the kernel removes secondary addresses with their first.
#[test]
#[ignore = "netns tier: needs root"]
fn the_own_address_may_go() {
    let (node, _phone) = node_and_phone();
    node.block_on(|| async { Addresses::open().unwrap().add(&resource("10.20.0.10", 24)).await.unwrap() });
    node.ip("address del 10.20.0.1/24 dev lan0");
    assert!(node.ip("address show dev lan0").contains("10.20.0.10/32"));
}

/// An agent that crashed leaves addresses: the next one finds them by their tag, and also those that a person added.
#[test]
#[ignore = "netns tier: needs root"]
fn leftovers_are_found() {
    let (node, _phone) = node_and_phone();
    let without_subnet = resource("10.99.0.10", 24);
    let of_version_6 = resource("2001:db8::10", 64);
    node.block_on(|| async {
        let addresses = Addresses::open().unwrap();
        addresses.add(&without_subnet).await.unwrap();
        addresses.add(&of_version_6).await.unwrap();
    });
    assert!(node.ip("route").contains("10.99.0.0/24"), "an address alone in its subnet brings the route");
    assert!(!node.ip("-o address show to 2001:db8::10").contains("tentative"), "usable at once");
    node.ip("address add 10.20.0.10/24 dev lan0");
    node.block_on(|| async {
        let addresses = Addresses::open().unwrap();
        assert_eq!(addresses.remove_all(&[resource("10.20.0.10", 24)]).await.unwrap(), 3);
        assert!(addresses.held().await.unwrap().is_empty());
    });
    let left = node.ip("address show dev lan0");
    assert!(left.contains("10.20.0.1/24") && !left.contains("10.20.0.10") && !left.contains("2001:db8::10"));
}

/// H12, H17 to H19: own addresses and resource addresses are two kinds; neither side removes the other's, and the route
/// of somebody else is not replaced.
#[test]
#[ignore = "netns tier: needs root"]
fn own_addresses_are_another_kind() {
    let (node, _phone) = node_and_phone();
    let own =
        OwnAddress { interface: "lan0".to_owned(), address: "10.21.0.1".parse().unwrap(), prefix_bits: 24 };
    let by_a_person = OwnAddress { address: "10.20.0.1".parse().unwrap(), ..own.clone() };
    let gateway = Some("10.21.0.254".parse().unwrap());
    node.block_on(|| async {
        let (resources, network) = (Addresses::open().unwrap(), OwnNetwork::open().unwrap());
        resources.add(&resource("10.20.0.10", 24)).await.unwrap();
        network.add(&own).await.unwrap();
        network.add(&own).await.unwrap();
        network.set_gateway(gateway).await.unwrap();
        network.set_gateway(gateway).await.unwrap();
        assert_eq!(network.gateway().await.unwrap(), gateway);
        let ours = network.addresses().await.unwrap().into_iter().filter(|present| present.ours);
        assert_eq!(ours.map(|present| present.place).collect::<Vec<_>>(), std::slice::from_ref(&own));
        network.remove(&by_a_person).await.unwrap();
        assert_eq!(resources.remove_all(&[]).await.unwrap(), 1);
    });
    let left = node.ip("address show dev lan0");
    assert!(left.contains("10.20.0.1/24") && left.contains("10.21.0.1/24") && !left.contains("10.20.0.10"));
    node.ip("route replace default via 10.20.0.254");
    node.block_on(|| async {
        let network = OwnNetwork::open().unwrap();
        network.set_gateway(gateway).await.expect_err("somebody else's route is there");
        network.set_gateway(None).await.unwrap();
        network.remove(&own).await.unwrap();
    });
    assert!(node.ip("route").contains("default via 10.20.0.254"));
    assert!(!node.ip("address show dev lan0").contains("10.21.0.1"));
}

/// H19, RFC 5227: a phone that knows another owner of the address believes the announcement at once.
#[test]
#[ignore = "netns tier: needs root"]
fn announcements_are_believed() {
    let (node, phone) = node_and_phone();
    phone.ip("neighbour replace 10.20.0.10 lladdr 02:00:00:00:00:99 dev phone0 nud reachable");
    phone.ip("-6 address add 2001:db8::200/64 dev phone0 nodad");
    phone.ip("-6 neighbour replace 2001:db8::10 lladdr 02:00:00:00:00:99 dev phone0 nud reachable");
    let announcer = node.run(|| Announcer::open("lan0").unwrap().unwrap());
    let mac = node.ip("-o link show dev lan0");
    let mac = mac.split("link/ether ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    for address in ["10.20.0.10", "2001:db8::10"] {
        announcer.announce(address.parse().unwrap()).unwrap();
        until(
            || phone.ip(&format!("neighbour show {address}")).contains(&mac),
            "the phone knows the new owner",
        );
    }
    assert!(node.run(|| Announcer::open("lo").unwrap()).is_none(), "nobody to tell on loopback");
}

/// H16: carrier is seen going and coming, and an interface that is made anew has another number.
#[test]
#[ignore = "netns tier: needs root"]
fn carrier_is_watched() {
    let (node, phone) = node_and_phone();
    node.block_on(|| async {
        let mut watch = LinkWatch::open().unwrap();
        let lan = |links: Vec<netio::links::Link>| links.into_iter().find(|link| link.name == "lan0");
        let first = lan(watch.next().await.unwrap()).unwrap();
        assert!(first.up && first.mac.is_some());
        let limit = Duration::from_secs(5);
        let change = async |watch: &mut LinkWatch, wanted: fn(&Option<netio::links::Link>) -> bool| loop {
            let now = lan(watch.next().await.unwrap());
            if wanted(&now) {
                return now;
            }
        };
        phone.ip("link set phone0 down");
        let down =
            tokio::time::timeout(limit, change(&mut watch, |link| link.as_ref().is_some_and(|l| !l.up)));
        down.await.expect("carrier lost");
        phone.ip("link delete phone0");
        let gone = tokio::time::timeout(limit, change(&mut watch, Option::is_none));
        gone.await.expect("interface gone");
        node.cable("lan0", &phone, "phone0");
        let back =
            tokio::time::timeout(limit, change(&mut watch, |link| link.as_ref().is_some_and(|l| l.up)));
        assert_ne!(back.await.expect("interface back").unwrap().index, first.index);
    });
}

/// H20: those targets count that answer; another station is noticed when it speaks, the peer is not one.
#[test]
#[ignore = "netns tier: needs root"]
fn targets_and_stations_are_seen() {
    let (node, phone) = node_and_phone();
    node.ip("-6 address add 2001:db8::1/64 dev lan0 nodad");
    phone.ip("-6 address add 2001:db8::200/64 dev phone0 nodad");
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    node.block_on(|| async {
        let mut pinger = Pinger::open("lan0", address("10.20.0.1")).unwrap();
        let targets = [address("10.20.0.200"), address("10.20.0.201")];
        let answered = pinger.round(&targets, Duration::from_millis(500)).await.unwrap();
        assert_eq!(answered.into_iter().collect::<Vec<_>>(), [targets[0]]);
        let mut pinger = Pinger::open("lan0", address("2001:db8::1")).unwrap();
        let started = Instant::now();
        let wait = Duration::from_secs(10);
        assert_eq!(pinger.round(&[address("2001:db8::200")], wait).await.unwrap().len(), 1);
        assert!(started.elapsed() < wait, "a round ends when all have answered");

        let watch = StationWatch::open("lan0").unwrap();
        let ours = [address("10.20.0.200")];
        let strangers = [address("10.20.0.77")];
        phone.ip("address add 10.20.0.77/24 dev phone0");
        let speaker = phone.run(|| Announcer::open("phone0").unwrap().unwrap());
        speaker.announce(ours[0]).unwrap();
        speaker.announce(strangers[0]).unwrap();
        let seen = tokio::time::timeout(Duration::from_secs(5), watch.seen(&ours)).await.unwrap().unwrap();
        assert_eq!(seen, strangers[0], "not the peer, which spoke first");
    });
}

/// H12: two interfaces on one switch stay two paths, and an address answers on its own interface only.
#[test]
#[ignore = "netns tier: needs root"]
fn one_switch_keeps_paths_apart() {
    let (node, switch) = (Namespace::new(), Namespace::new());
    switch.ip("link add br0 type bridge");
    switch.ip("link set br0 up");
    for name in ["lan0", "sync0"] {
        node.cable(name, &switch, name);
        switch.ip(&format!("link set {name} master br0"));
    }
    node.one_switch();
    node.ip("address add 10.20.0.1/24 dev lan0");
    node.ip("address add 10.30.0.1/24 dev sync0");
    switch.ip("address add 10.20.0.2/24 dev br0");
    let receive = node.run(|| {
        let on_lan = netio::freebind::udp_on_interface("10.20.0.1:5405".parse().unwrap(), "lan0").unwrap();
        let on_sync = netio::freebind::udp_on_interface("10.20.0.1:5405".parse().unwrap(), "sync0").unwrap();
        move |over_lan: bool| {
            let mut buffer = [0; 16];
            let socket = if over_lan { &on_lan } else { &on_sync };
            socket.recv(&mut buffer).is_ok()
        }
    });
    let sender = switch.run(|| std::net::UdpSocket::bind((Ipv4Addr::new(10, 20, 0, 2), 5405)).unwrap());
    sender.send_to(b"x", "10.20.0.1:5405").unwrap();
    until(|| receive(true), "heard on lan0");
    assert!(!receive(false), "and not on sync0");
}

/// Polls; never sleeps for longer than it takes.
fn until(mut condition: impl FnMut() -> bool, what: &str) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while !condition() {
        assert!(Instant::now() < deadline, "not within 5 s: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
