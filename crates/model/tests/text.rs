//! The text form: what is read, what is refused, and that every problem is said with its place.

use std::time::Duration;

use model::{AccountName, Config, DigestChoice, ExtensionNumber, HaMode, Problem, Transport, TrunkName};

const GOOD: &str = include_str!("data/good.toml");
const BAD: &str = include_str!("data/bad.toml");

fn problems(text: &str) -> Vec<Problem> {
    Config::parse(text).expect_err("the text has problems")
}

fn places(text: &str) -> Vec<(u32, String)> {
    problems(text).into_iter().map(|problem| (problem.line, problem.path)).collect()
}

/// Rows H13 to H25, A14, A18: the sample is read into its values and defaults.
#[test]
fn reads_values_and_defaults() {
    let config = Config::parse(GOOD).expect("the sample is good");
    assert_eq!(config.system.domain, "pbx.example.com");
    assert_eq!(config.cluster.mode, HaMode::Available);
    assert_eq!(config.cluster.dead, Duration::from_secs(1));
    let lan = &config.cluster.interfaces["lan0"];
    assert_eq!(lan.resource_address, Some(("10.20.0.10".parse().unwrap(), 24)));
    assert!(lan.required && !lan.synchronisation);
    assert_eq!(lan.ping_group.len(), 2);
    let sync = &config.cluster.interfaces["sync0"];
    assert!(!sync.required && sync.synchronisation);
    let own = config.cluster.own_addresses(&"b".parse().unwrap());
    assert_eq!(own["lan0"].to_string(), "10.20.0.2/24");
    assert_eq!(config.network.gateway, Some("10.20.0.254".parse().unwrap()));
    assert_eq!(config.network.time_servers, ["10.20.0.123", "ntp.example.com"]);
    assert_eq!(config.network.time_zone.as_deref(), Some("Europe/Rome"));
    assert_eq!((config.sip.port, config.media.port_min, config.media.port_max), (5060, 10_000, 20_000));
    assert_eq!(config.accounts[&AccountName::new("102")].digest, DigestChoice::Both);
    assert_eq!(config.extensions[&ExtensionNumber::new("101")].ring_timeout, Duration::from_secs(60));
    let trunk = &config.trunks[&TrunkName::new("carrier")];
    assert_eq!(trunk.transport, Transport::Udp);
    assert_eq!(trunk.sources, [trunk.address.ip()]);
    assert_eq!((config.routes["0"].strip, config.routes["+39"].strip), (1, 0));
}

/// Issue "A call through a highly available pair": a bad file is refused whole, every problem listed by path and line.
#[test]
fn lists_every_problem_by_path_and_line() {
    let expected = [
        (2, "system.domain"),
        (3, "system.color"),
        (6, "cluster.mode"),
        (7, "cluster.warning"),
        (8, "cluster.dead"),
        (9, "cluster.initialisation"),
        (10, "cluster.default-active"),
        (14, "cluster.node.a.addresses.sync0"),
        (17, "cluster.node.b.serial-number"),
        (18, "cluster.node.b.addresses"),
        (18, "cluster.node.b.addresses.wan7"),
        (21, "cluster.interface.lan0.resource-address"),
        (21, "cluster.interface.lan0.resource-address"),
        (22, "cluster.interface.lan0.ping-group"),
        (25, "cluster.interface.sync0.synchronisation"),
        (28, "sip.prot"),
        (29, "sip.registration-min"),
        (31, "sip.contacts-max"),
        (34, "media.port-min"),
        (35, "media.port-max"),
        (37, "account.101.password"),
        (38, "account.101.digest"),
        (42, "account.102.password"),
        (45, "extension.101.accounts"),
        (46, "extension.101.ring"),
        (48, "extension.1o2"),
        (49, "extension.1o2.accounts"),
        (52, "trunk.carrier.address"),
        (55, "route.0.trunk"),
        (56, "route.0.strip"),
        (58, "unknown"),
        (62, "network.gateway"),
        (62, "network.gateway"),
        (63, "network.name-servers"),
        (64, "network.time-servers"),
        (65, "network.time-zone"),
        (66, "network.gate"),
    ];
    let mut found = places(BAD);
    // The missing synchronisation interface stands where the interfaces begin.
    found.retain(|(_, path)| path != "cluster.interface");
    let expected: Vec<(u32, String)> = expected.map(|(line, path)| (line, path.to_owned())).to_vec();
    assert_eq!(found, expected);
}

/// A message says what to do, and never shows a secret.
#[test]
fn messages_say_what_to_do() {
    let all: Vec<String> = problems(BAD).iter().map(ToString::to_string).collect();
    let all = all.join("\n");
    for said in [
        "did you mean port?",
        "dead = \"1000s\" or \"1000ms\"",
        "write [account.103] or remove it",
        "write password = ",
        "is given twice",
        "write \"available\" or \"safe\"",
    ] {
        assert!(all.contains(said), "{said:?} is missing in\n{all}");
    }
    assert!(!all.contains("Woodpecker"), "a secret is shown:\n{all}");
}

/// Errors of grammar come together with all others, and what they hide is not called missing.
#[test]
fn grammar_hides_nothing_else() {
    let text = "[system]\ndomain = \n\n[sip]\nport = = 3\n\n[media]\nport-max = 1\n\n[account.7\npassword = \"x\"\n\n\
                [extension.7]\naccounts = [\"7\"]\n\n[extension.8]\naccounts = [\"8\"]\n";
    let expected = [
        (2, "system.domain"),
        (5, "sip.port"),
        (8, "media.port-max"),
        (10, "account.7"),
        (17, "extension.8.accounts"),
    ];
    assert_eq!(places(text), expected.map(|(line, path)| (line, path.to_owned())));
}

/// Whatever the text is, reading ends and never panics; an empty one lacks its domain only.
#[test]
fn odd_texts_are_refused() {
    assert_eq!(places(""), [(0, "system.domain".to_owned())]);
    for text in [
        "\u{0}",
        "[",
        "[[system]]",
        "system = 1",
        "account = [1]",
        "[account]\n5 = 5",
        "a.b.c = {",
        "\"\" = 1",
    ] {
        assert!(!problems(text).is_empty(), "{text:?}");
    }
}

/// A single node needs neither peer nor synchronisation interface.
#[test]
fn single_node_is_enough() {
    let text = "[system]\ndomain = \"192.0.2.7\"\n[cluster.node.a]\nserial-number = \"TD-A\"\n\
                addresses = { lan0 = \"192.0.2.7\" }\n[cluster.interface.lan0]\n";
    let config = Config::parse(text).expect("a single node");
    assert_eq!(config.cluster.nodes.len(), 1);
    assert_eq!(Config::parse("[system]\ndomain = \"pbx\"").expect("defaults"), Config::new("pbx"));
}

/// Rows H12, H17 to H19: the prefix length of the own addresses is that of the resource address, unless one is given.
#[test]
fn own_addresses_have_a_subnet() {
    let own = |interface: &str, address: &str| {
        let text = format!(
            "[system]\ndomain = \"pbx\"\n[cluster.node.a]\nserial-number = \"TD-A\"\n\
             addresses = {{ lan0 = \"{address}\" }}\n[cluster.interface.lan0]\n{interface}"
        );
        let config = Config::parse(&text).map_err(|problems| problems[0].to_string())?;
        assert_eq!(Config::parse(&config.to_text()).as_ref(), Ok(&config));
        Ok::<_, String>(config.cluster.own_address(&"a".parse().unwrap(), "lan0").unwrap().to_string())
    };
    assert_eq!(own("", "10.20.0.1").unwrap(), "10.20.0.1/24");
    assert_eq!(own("", "2001:db8::1").unwrap(), "2001:db8::1/64");
    assert_eq!(own("resource-address = \"10.20.0.10/16\"", "10.20.1.1").unwrap(), "10.20.1.1/16");
    assert_eq!(own("resource-address = \"10.20.0.10/32\"", "10.20.0.1").unwrap(), "10.20.0.1/24");
    assert_eq!(own("prefix-length = 25", "10.20.0.1").unwrap(), "10.20.0.1/25");
    for (interface, address, path) in [
        (
            "resource-address = \"10.20.0.10/16\"\nprefix-length = 24",
            "10.20.0.1",
            "lan0.prefix-length: is 24",
        ),
        ("prefix-length = 33", "10.20.0.1", "lan0.prefix-length: is 33"),
        ("prefix-length = 200", "10.20.0.1", "lan0.prefix-length: is 200"),
        ("", "10.20.0.255", "addresses.lan0: is 10.20.0.255/24"),
    ] {
        let problem = own(interface, address).unwrap_err();
        assert!(problem.contains(path), "{problem}");
    }
}

/// H12: one route; its router lies in a subnet of each node, and is neither node nor service.
#[test]
fn gateways_are_within_reach() {
    let problems = |gateway: &str| {
        let mut config = Config::parse(GOOD).unwrap();
        config.network.gateway = Some(gateway.parse().unwrap());
        config.problems().into_iter().map(|problem| problem.message).collect::<Vec<_>>()
    };
    assert!(problems("10.30.0.254").is_empty(), "behind either interface");
    for (gateway, said) in [
        ("10.20.0.10", "resource address of lan0"),
        ("10.30.0.2", "address of node b"),
        ("127.0.0.1", "address of the router"),
        ("10.40.0.1", "node a has 10.20.0.1/24 and 10.30.0.1/24"),
        ("2001:db8::1", "node b has"),
    ] {
        let problems = problems(gateway);
        assert!(problems.iter().any(|problem| problem.contains(said)), "{gateway}: {problems:?}");
    }
    let mut single = Config::new("pbx");
    single.network.gateway = Some("10.20.0.254".parse().unwrap());
    assert_eq!(single.problems(), [], "a single box was given its address elsewhere");
}

/// Timers: warning < dead <= initialisation (rows H23 to H25).
#[test]
fn timers_are_in_order() {
    let timers = |warning: &str, dead: &str, initialisation: &str| {
        let mut config = Config::new("pbx");
        config.cluster.warning = model::parse_duration(warning).unwrap();
        config.cluster.dead = model::parse_duration(dead).unwrap();
        config.cluster.initialisation = model::parse_duration(initialisation).unwrap();
        config.problems().into_iter().map(|problem| problem.path).collect::<Vec<_>>()
    };
    assert!(timers("500ms", "1s", "1s").is_empty());
    assert_eq!(timers("1s", "1s", "3s"), ["cluster.warning"]);
    assert_eq!(timers("500ms", "1s", "999ms"), ["cluster.initialisation"]);
    assert_eq!(timers("20ms", "50ms", "3s"), ["cluster.dead"]);
}

/// A full exchange is read in seconds, and so is a text that was made to be slow.
#[test]
fn large_texts_are_read_in_bounded_time() {
    let started = std::time::Instant::now();
    let mut text = "[system]\ndomain = \"pbx\"\n".to_owned();
    for account in 0..50_000 {
        text.push_str(&format!("[account.a{account}]\npassword = \"p{account}\"\n"));
        text.push_str(&format!("[extension.{account}]\naccounts = [\"a{account}\"]\n"));
    }
    let config = Config::parse(&text).expect("a full exchange");
    assert_eq!(config.extensions.len(), 50_000);

    let many = "\"101\", ".repeat(500_000);
    let text = format!(
        "[system]\ndomain = \"pbx\"\n[account.101]\npassword = \"p\"\n[extension.1]\naccounts = [{many}]\n"
    );
    assert!(places(&text).contains(&(6, "extension.1.accounts".to_owned())));
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    println!("read in {:?}", started.elapsed());
}
