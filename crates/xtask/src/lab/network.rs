//! Namespaces, bridges, links and addresses, through `ip` of iproute2.

use std::io::Write;
use std::net::IpAddr;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};

use super::topology::{LAN, Namespace, PREFIX_LENGTH, SYNCHRONISATION, Side, Topology};
use crate::failure::failure;
use crate::namespace::{command, ip};
use crate::process;

/// No command of `ip` takes this long.
const IP_LIMIT: Duration = Duration::from_secs(20);

/// Settings of the kernel in every namespace. Duplicate address detection off: addresses are usable at once. A node
/// answers ARP only on the interface that has the address, and speaks only with that one (row H12: both interfaces
/// on one switch).
const SETTINGS: &str = "
for family in all default; do
  echo 0 > /proc/sys/net/ipv6/conf/$family/accept_dad
  echo 1 > /proc/sys/net/ipv4/conf/$family/arp_ignore
  echo 2 > /proc/sys/net/ipv4/conf/$family/arp_announce
done";

/// Makes the namespaces and networks of a lab whose nodes are processes.
pub(super) fn create(topology: &Topology) -> anyhow::Result<()> {
    require_root()?;
    make_namespaces(topology, &Namespace::ALL)?;
    let bridge = topology.namespace(Namespace::Bridge);
    batch(&bridge, &bridges(topology))?;
    for side in Side::BOTH {
        batch(&topology.namespace(Namespace::Node(side)), &node_links(side, &bridge))?;
    }
    batch(&topology.namespace(Namespace::Phones), &phone_links(&bridge))?;
    batch(&bridge, &ports(topology))
}

/// Makes the switches and the phones' place for nodes that are virtual machines: their links end in taps, which have
/// the names of the ports of a lab.
pub(crate) fn create_for_machines(topology: &Topology) -> anyhow::Result<()> {
    require_root()?;
    make_namespaces(topology, &[Namespace::Phones, Namespace::Bridge])?;
    let bridge = topology.namespace(Namespace::Bridge);
    batch(&bridge, &bridges(topology))?;
    batch(&topology.namespace(Namespace::Phones), &phone_links(&bridge))?;
    let taps = Side::BOTH.into_iter().flat_map(|side| {
        [LAN, SYNCHRONISATION].map(|link| format!("tuntap add dev {} mode tap", port(side, link)))
    });
    batch(&bridge, &taps.collect::<Vec<_>>())?;
    batch(&bridge, &ports(topology))
}

/// Name of the switch's end of a node's link.
pub(crate) fn port(side: Side, link: &str) -> String {
    format!("{}-{side}", link.trim_end_matches('0'))
}

/// Takes the port of a node's link off its switch, or puts it back: frames vanish, and no carrier goes.
pub(crate) fn set_silent(topology: &Topology, side: Side, link: &str, silent: bool) -> anyhow::Result<()> {
    let port = port(side, link);
    let switch = if topology.one_switch || link == LAN { "lan" } else { "sync" };
    let change =
        if silent { format!("link set {port} nomaster") } else { format!("link set {port} master {switch}") };
    batch(&topology.namespace(Namespace::Bridge), &[change])
}

fn make_namespaces(topology: &Topology, namespaces: &[Namespace]) -> anyhow::Result<()> {
    for namespace in namespaces {
        let name = topology.namespace(*namespace);
        process::output(ip().args(["netns", "add", &name]), IP_LIMIT)?;
        process::output(command(&name, "sh").args(["-ec", SETTINGS]), IP_LIMIT)
            .context("setting up the kernel's ARP and IPv6")?;
    }
    Ok(())
}

fn bridges(topology: &Topology) -> Vec<String> {
    let mut commands = vec!["link set lo up".to_owned()];
    let names: &[&str] = if topology.one_switch { &["lan"] } else { &["lan", "sync"] };
    for name in names {
        commands.push(format!("link add {name} type bridge stp_state 0 forward_delay 0 mcast_snooping 0"));
        commands.push(format!("link set {name} up"));
    }
    commands
}

fn node_links(side: Side, bridge: &str) -> Vec<String> {
    let mut commands = vec!["link set lo up".to_owned()];
    let links = [
        (LAN, "lan", "20", Topology::lan(side)),
        (SYNCHRONISATION, "sync", "30", Topology::synchronisation(side)),
    ];
    for (link, network, octet, address) in links {
        let station = if side == Side::A { "01" } else { "02" };
        let hardware = format!("02:00:00:{octet}:00:{station}");
        commands.push(format!(
            "link add {link} address {hardware} type veth peer name {network}-{side} netns {bridge}"
        ));
        commands.push(format!("addr add {address}/{PREFIX_LENGTH} dev {link}"));
        commands.push(format!("link set {link} up"));
    }
    commands
}

fn phone_links(bridge: &str) -> Vec<String> {
    vec![
        "link set lo up".to_owned(),
        format!("link add {LAN} address 02:00:00:20:00:64 type veth peer name lan-phones netns {bridge}"),
        format!("addr add {}/{PREFIX_LENGTH} dev {LAN}", Topology::phones()),
        format!("addr add {}/{PREFIX_LENGTH} dev {LAN}", Topology::trunk().ip()),
        format!("link set {LAN} up"),
    ]
}

fn ports(topology: &Topology) -> Vec<String> {
    let synchronisation = if topology.one_switch { "lan" } else { "sync" };
    let mut commands = vec!["link set lan-phones master lan up".to_owned()];
    for side in Side::BOTH {
        commands.push(format!("link set lan-{side} master lan up"));
        commands.push(format!("link set sync-{side} master {synchronisation} up"));
    }
    commands
}

/// A node as after its boot: its own addresses and no other. What a crash left behind on the links would not have
/// survived the loss of power.
pub(super) fn reset_addresses(namespace: &str, lan: IpAddr, synchronisation: IpAddr) -> anyhow::Result<()> {
    require_root()?;
    let mut commands = Vec::new();
    for (link, address) in [(LAN, lan), (SYNCHRONISATION, synchronisation)] {
        commands.push(format!("addr flush dev {link} scope global"));
        commands.push(format!("addr add {address}/{PREFIX_LENGTH} dev {link}"));
        commands.push(format!("link set {link} up"));
    }
    batch(namespace, &commands)
}

/// The first address of a node's link that is its own: not `resource`, which a crash may have left there.
pub(super) fn own_address(namespace: &str, link: &str, resource: IpAddr) -> anyhow::Result<Option<IpAddr>> {
    let listing = ip().args(["-netns", namespace, "-json", "addr", "show", "dev", link]).output();
    let listing = listing.with_context(|| format!("listing the addresses of {link} in {namespace}"))?;
    if !listing.status.success() {
        return Err(failure(
            String::from_utf8_lossy(&listing.stderr).trim().to_owned(),
            format!("give {namespace} the links {LAN} and {SYNCHRONISATION}, or: cargo xtask lab up pair"),
        ));
    }
    let links: serde_json::Value = serde_json::from_slice(&listing.stdout).context("reading `ip -json`")?;
    Ok(first_global(&links, resource))
}

fn first_global(links: &serde_json::Value, resource: IpAddr) -> Option<IpAddr> {
    let addresses = links.as_array()?.iter().filter_map(|link| link["addr_info"].as_array()).flatten();
    addresses
        .filter(|address| address["scope"] == "global")
        .filter_map(|address| address["local"].as_str()?.parse().ok())
        .find(|address: &IpAddr| *address != resource && address.is_ipv4() == resource.is_ipv4())
}

/// Sets the links of a node up or down.
pub(super) fn set_links(namespace: &str, links: &[&str], up: bool) -> anyhow::Result<()> {
    let state = if up { "up" } else { "down" };
    let commands: Vec<String> = links.iter().map(|link| format!("link set {link} {state}")).collect();
    batch(namespace, &commands)
}

/// Those namespaces of the lab that exist.
pub(super) fn existing(topology: &Topology) -> anyhow::Result<Vec<String>> {
    let listing = process::output(ip().args(["netns", "list"]), IP_LIMIT)?;
    let names: Vec<&str> = listing.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let own = Namespace::ALL.map(|namespace| topology.namespace(namespace));
    Ok(own.into_iter().filter(|name| names.contains(&name.as_str())).collect())
}

/// The processes in a namespace.
pub(super) fn processes(namespace: &str) -> anyhow::Result<Vec<i32>> {
    let listing = process::output(ip().args(["netns", "pids", namespace]), IP_LIMIT)?;
    Ok(listing.lines().filter_map(|line| line.trim().parse().ok()).collect())
}

/// Removes a namespace with its links.
pub(super) fn delete(namespace: &str) -> anyhow::Result<()> {
    process::output(ip().args(["netns", "delete", namespace]), IP_LIMIT).map(drop)
}

/// Namespaces are made by root.
pub(crate) fn require_root() -> anyhow::Result<()> {
    if nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    let words: Vec<String> = std::env::args().skip(1).collect();
    Err(failure(
        "the lab makes network namespaces, which only root may",
        format!("sudo -E env PATH=\"$PATH\" cargo xtask {}", words.join(" ")),
    ))
}

/// Several commands of `ip` in one namespace, in one process; stops at the first that fails.
fn batch(namespace: &str, commands: &[String]) -> anyhow::Result<()> {
    let mut command = ip();
    command.args(["-netns", namespace, "-batch", "-"]);
    let describe = || format!("`{}` with: {}", process::line(&command), commands.join("; "));
    let description = describe();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {description}"))?;
    let text = commands.iter().fold(String::new(), |text, line| text + line + "\n");
    if let Some(mut input) = child.stdin.take() {
        input.write_all(text.as_bytes()).with_context(|| format!("writing to {description}"))?;
    }
    let output = child.wait_with_output().with_context(|| format!("waiting for {description}"))?;
    if !output.status.success() {
        bail!("{description} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Issue 2, contract: a node in namespaces of somebody else keeps the address it was given; a resource address left
    /// behind and addresses of one link only are not its own.
    #[test]
    fn own_address_is_found() {
        let links = serde_json::json!([{}, {"addr_info": [
            {"local": "fe80::1", "scope": "link"}, {"local": "2001:db8::1", "scope": "global"},
            {"local": "192.0.2.10", "scope": "global"}, {"local": "192.0.2.1", "scope": "global"}]}]);
        let first = |resource: &str| first_global(&links, resource.parse().expect("an address"));
        assert_eq!(first("192.0.2.10"), Some([192, 0, 2, 1].into()));
        assert_eq!(first("192.0.2.1"), Some([192, 0, 2, 10].into()));
        assert_eq!(first_global(&serde_json::json!([{"addr_info": []}]), Topology::resource()), None);
    }
}
