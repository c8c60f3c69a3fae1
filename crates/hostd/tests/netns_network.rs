//! The real daemon changes a real kernel: addresses and routes come and go with what is configured, and nothing else
//! does.

#![allow(clippy::unwrap_used)] // helpers of tests

mod node;

use std::fs;
use std::path::Path;

use netio::addresses::{Addresses, ResourceAddress};
use node::{Node, until};

const KEPT: &str = "gateway = \"10.20.0.254\"\n\n[interface.lan0]\naddress = \"10.20.0.1/24\"\n";

/// A single node's part of a configuration.
fn configuration(lan: &str, rest: &str) -> String {
    format!(
        "[cluster.node.a]\nserial-number = 'TD-A'\naddresses = {{ lan0 = '{lan}', sync0 = '10.30.0.1' }}\n\
         [cluster.interface.lan0]\n[cluster.interface.sync0]\nsynchronisation = true\nprefix-length = 25\n{rest}"
    )
}

/// Issue 3, H12, H17 to H19: what was kept is there before any configuration; a revision moves the node's own address
/// and its route, and leaves everybody else's alone, above all a resource address.
#[test]
#[ignore = "netns tier: needs root"]
fn revisions_move_own_addresses_only() {
    let mut node = Node::new();
    fs::write(node.path("data/host/network.toml"), KEPT).unwrap();
    node.start();
    assert!(node.has("lan0", "10.20.0.1/24"), "before any configuration");
    assert!(node.namespace.ip("route").contains("default via 10.20.0.254"));
    assert_eq!(node.status().gateway, "10.20.0.254");
    until("lan0 has carrier", || node.status().links[0].carrier);

    node.namespace.ip("address add 192.0.2.9/24 dev lan0");
    let address = "10.20.0.10".parse().unwrap();
    let resource = ResourceAddress { interface: "lan0".to_owned(), address, prefix_bits: 24 };
    node.namespace.block_on(|| async { Addresses::open().unwrap().add(&resource).await.unwrap() });
    until("all addresses show", || node.status().links[0].addresses.len() == 3);

    node.apply(&configuration("10.21.0.1", "[network]\ngateway = '10.21.0.254'\n"));
    until("the new address is there", || node.has("lan0", "10.21.0.1/24"));
    until("the route has moved", || node.namespace.ip("route").contains("default via 10.21.0.254"));
    assert!(!node.has("lan0", "10.20.0.1/24"), "the own address of before is gone");
    assert!(node.has("lan0", "10.20.0.10/32"), "the resource address stays");
    assert!(node.has("lan0", "192.0.2.9/24"), "what a person has added stays");
    until("the revision is kept", || node.text("data/host/network.toml").contains("10.21.0.1/24"));
    assert!(node.text("data/host/network.toml").contains("revision = 1"));

    node.apply(&configuration("10.21.0.1", ""));
    until("the route is gone", || !node.namespace.ip("route").contains("default"));
    assert_eq!(node.status().gateway, "");
}

/// H16: a link that appears late gets its address, a lost address comes back, and a missing cable is named.
#[test]
#[ignore = "netns tier: needs root"]
fn late_links_and_lost_addresses_are_mended() {
    let mut node = Node::new();
    node.start();
    node.apply(&configuration("10.20.0.1", ""));
    until("lan0 has its address", || node.has("lan0", "10.20.0.1/24"));
    let said = |node: &Node, what: &str| node.status().problems.iter().any(|problem| problem.contains(what));
    until("the missing link is named", || said(&node, "sync0"));

    node.namespace.cable("sync0", &node.switch, "sync0");
    until("sync0 has its address", || node.has("sync0", "10.30.0.1/25"));
    until("nothing is missing", || !said(&node, "sync0"));
    node.switch.ip("link set sync0 down");
    until("the cable is named", || said(&node, "sync0 has no carrier"));

    node.namespace.ip("address del 10.20.0.1/24 dev lan0");
    until("the address is back", || node.has("lan0", "10.20.0.1/24"));
}

/// A daemon that was killed knows what it has put there: nothing is lost, and what is no longer wanted goes.
#[test]
#[ignore = "netns tier: needs root"]
fn restarts_find_what_was_there() {
    let mut node = Node::new();
    fs::write(node.path("data/host/network.toml"), KEPT).unwrap();
    node.start();
    node.kill();
    assert!(node.has("lan0", "10.20.0.1/24"), "the network outlives its daemon");
    fs::write(node.path("data/host/network.toml"), KEPT.replace("0.1/24", "0.7/24")).unwrap();
    node.start();
    assert!(node.has("lan0", "10.20.0.7/24") && !node.has("lan0", "10.20.0.1/24"));
    assert!(node.namespace.ip("route").contains("default via 10.20.0.254"));

    node.kill();
    fs::write(node.path("data/host/network.toml"), "gate = 1\n").unwrap();
    node.start();
    let problems = node.status().problems;
    assert!(problems.iter().any(|problem| problem.contains("network.toml cannot be used")), "{problems:?}");
}

/// Issue 3: the first address is given at the box and kept over a restart; once a configuration is in force it is
/// refused, also while the store is away.
#[test]
#[ignore = "netns tier: needs root"]
fn people_set_the_network_before_a_configuration_does() {
    let mut node = Node::new();
    node.start();
    let set = |node: &Node, link: &'static str, address: &'static str, gateway: &'static str| {
        node.ask(async |host| host.set_network(link, address, gateway).await)
    };
    for (link, address, gateway) in
        [("eth7", "10.20.0.1/24", ""), ("lan0", "10.20.0.1", ""), ("lan0", "10.20.0.1/24", "10.99.0.1")]
    {
        set(&node, link, address, gateway).expect_err("refused");
    }
    assert!(!node.path("data/host/network.toml").exists(), "a refused wish leaves nothing");
    set(&node, "lan0", "10.20.0.1/24", "10.20.0.254").unwrap();
    assert!(node.has("lan0", "10.20.0.1/24"), "in force when it is confirmed");
    assert!(node.namespace.ip("route").contains("default via 10.20.0.254"));
    assert!(!node.status().commissioned);

    node.kill();
    node.namespace.ip("address flush dev lan0");
    node.start();
    assert!(node.has("lan0", "10.20.0.1/24"), "kept over a restart");

    node.apply("");
    until("the configuration is in force", || node.status().commissioned);
    assert!(node.has("lan0", "10.20.0.1/24"), "a configuration that names no node leaves the address");
    let refusal =
        set(&node, "lan0", "10.20.0.2/24", "").expect_err("a configuration is in force").to_string();
    assert!(refusal.contains("revision 1") && refusal.contains("[cluster.node.a]"), "{refusal}");
    assert!(node.has("lan0", "10.20.0.1/24") && !node.has("lan0", "10.20.0.2/24"));
}

/// Issue 3, P16, P17: `/etc` follows the configuration, and the time client is told.
#[test]
#[ignore = "netns tier: needs root"]
fn etc_follows_the_configuration() {
    let mut node = Node::new();
    node.start();
    assert!(node.text("etc/hosts").contains("127.0.1.1 a\n"));
    let restarts = |node: &Node| {
        node.orders().iter().filter(|order| *order == "restart systemd-timesyncd.service replace").count()
    };
    until("the time client has read its empty list", || restarts(&node) == 1);
    node.apply(&configuration(
        "10.20.0.1",
        "[network]\nname-servers = ['10.20.0.53']\ntime-servers = ['10.20.0.123']\ntime-zone = 'Europe/Rome'\n",
    ));
    until("name servers", || node.text("etc/resolv.conf").contains("nameserver 10.20.0.53\n"));
    until("time servers", || {
        node.text("etc/systemd/timesyncd.conf.d/tandem.conf").contains("\nNTP=10.20.0.123\n")
    });
    until("the zone", || {
        fs::read_link(node.path("etc/localtime"))
            .is_ok_and(|zone| zone == Path::new("../usr/share/zoneinfo/Europe/Rome"))
    });
    until("the time client is told", || restarts(&node) == 2);
    node.apply(&configuration("10.20.0.2", "[network]\ntime-servers = ['10.20.0.123']\n"));
    until("another revision", || !node.text("etc/resolv.conf").contains("nameserver"));
    until("UTC again", || !node.path("etc/localtime").exists());
    assert_eq!(restarts(&node), 2, "its servers are the same");
}

/// H13, H28: who the box is and what is wrong with it; logs and the end of the machine.
#[test]
#[ignore = "netns tier: needs root"]
fn state_logs_and_end_are_served() {
    let mut node = Node::new();
    node.start();
    let status = node.status();
    assert_eq!((status.name.as_str(), status.serial_number.as_str()), ("a", "TD-A"));
    let image = (status.version.as_str(), status.rootfs.as_str(), status.variant.as_str());
    assert_eq!(image, ("9.9.9", "lab", "debug"));
    assert_eq!(status.failed_units, ["pbxd.service"]);
    assert!(status.data_total_bytes >= status.data_free_bytes && status.data_free_bytes > 0);
    assert!(status.uptime_s > 0);
    assert_eq!(status.problems[0], "the setup medium was not used", "the start's problems come first");
    assert_eq!(status.links.len(), 1, "no loopback: {:?}", status.links);
    assert_eq!(status.links[0].hardware_address.len(), "52:54:00:20:00:01".len());

    let logs = node.ask(async |host| host.logs("pbxd", 3_600, 7).await).unwrap();
    let text = daemon::memfd::read(std::os::fd::OwnedFd::from(logs), 1 << 20).unwrap();
    let text = String::from_utf8(text).unwrap();
    for argument in ["--lines=7", "--since=-3600s", "_SYSTEMD_UNIT=pbxd.service", "--reverse"] {
        assert!(text.contains(&format!("argument {argument}\n")), "{argument} is missing in\n{text}");
    }
    let refusal = node.ask(async |host| host.logs("sshd", 0, 7).await).expect_err("no unit of ours");
    assert!(refusal.to_string().contains("none of Tandem's units"), "{refusal}");

    node.ask(async |host| host.reboot().await).unwrap();
    node.ask(async |host| host.power_off().await).unwrap();
    let orders = node.orders();
    for target in ["reboot.target", "poweroff.target"] {
        let order = format!("start {target} replace-irreversibly");
        assert!(orders.contains(&order), "without logind the manager is asked: {orders:?}");
    }
}
