//! The text of each file, from values. Pure.

use std::collections::BTreeMap;
use std::net::IpAddr;

use model::NodeName;

/// Says whom to ask for a change of the file.
const HEADING: &str = "# Follows the configuration (tandemctl config); a change here is lost.\n";

/// resolv.conf(5). Without name servers the C library asks the loopback address, where nobody answers: names are
/// unknown at once.
pub(super) fn resolv_conf(name_servers: &[IpAddr]) -> String {
    let servers = name_servers.iter().map(|server| format!("nameserver {server}\n"));
    // A server that is down must not stop a call's set-up for the library's ten seconds.
    let options = if name_servers.is_empty() { "" } else { "options timeout:2 attempts:2\n" };
    HEADING.to_owned() + &servers.collect::<String>() + options
}

/// hosts(5): this node, and the nodes of the pair.
pub(super) fn hosts(own: &NodeName, nodes: &BTreeMap<NodeName, IpAddr>) -> String {
    let others = nodes.iter().filter(|(name, _)| *name != own);
    let others = others.map(|(name, address)| format!("{address} {name}\n"));
    let loopback =
        format!("127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n127.0.1.1 {own}\n");
    HEADING.to_owned() + &loopback + &others.collect::<String>()
}

/// timesyncd.conf(5). The empty line takes back the servers that a distribution has built in: a box asks nobody whom
/// its owner has not named.
pub(super) fn timesyncd_conf(time_servers: &[String]) -> String {
    format!("{HEADING}[Time]\nNTP={}\nFallbackNTP=\n", time_servers.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// P16, P17: name servers in their order.
    #[test]
    fn name_servers_keep_their_order() {
        let servers = ["10.20.0.54".parse().unwrap(), "2001:db8::53".parse().unwrap()];
        let text = resolv_conf(&servers);
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(lines[..2], ["nameserver 10.20.0.54", "nameserver 2001:db8::53"]);
        assert!(!resolv_conf(&[]).contains("nameserver"));
    }

    /// The other node is known by its name, this one without any network.
    #[test]
    fn nodes_have_names() {
        let nodes = [("a", "10.30.0.1"), ("b", "10.30.0.2")]
            .map(|(name, address)| (name.parse().unwrap(), address.parse().unwrap()));
        let text = hosts(&"a".parse().unwrap(), &nodes.into());
        assert!(text.contains("127.0.1.1 a\n10.30.0.2 b\n") && !text.contains("10.30.0.1"), "{text}");
    }

    /// Only named servers are asked.
    #[test]
    fn time_servers_replace_those_built_in() {
        let text = timesyncd_conf(&["10.20.0.123".to_owned(), "ntp.example.com".to_owned()]);
        assert!(text.ends_with("[Time]\nNTP=10.20.0.123 ntp.example.com\nFallbackNTP=\n"), "{text}");
        assert!(timesyncd_conf(&[]).contains("\nNTP=\nFallbackNTP=\n"));
    }
}
