//! What people write, right and wrong.

use super::*;

/// A member of a pair, with everything that can be said.
const PAIR: &str = r#"name = "a"
coordinator = true
gateway = "10.20.0.254"

[interface.lan0]
address = "10.20.0.1/24"
hardware-address = "52:54:00:20:00:01"

[interface.sync0]
address = "10.30.0.1/24"

[peer]
name = "b"
addresses = ["10.30.0.2", "10.20.0.2"]

[credentials]
authority = "ca.pem"
certificate = "a.pem"
key = "keys/a.key"
secret = "pair.key"
"#;

fn problems(text: &str) -> Vec<String> {
    Setup::parse(text).expect_err(text).problems
}

/// H10: what is written is what is read, in both directions.
#[test]
fn text_and_value_are_the_same() {
    let setup = Setup::parse(PAIR).unwrap();
    assert_eq!(setup.to_text(), PAIR);
    assert_eq!(setup.interfaces["lan0"].hardware_address.unwrap().to_string(), "52:54:00:20:00:01");
    let network = setup.network();
    assert_eq!(network.gateway, Some("10.20.0.254".parse().unwrap()));
    assert_eq!(network.interfaces["sync0"].address.to_string(), "10.30.0.1/24");
}

/// Files written on other systems begin with a mark and end their lines with two characters.
#[test]
fn a_byte_order_mark_and_dos_lines_are_read() {
    let text = format!("\u{feff}{}", PAIR.replace('\n', "\r\n"));
    assert_eq!(Setup::parse(&text).unwrap(), Setup::parse(PAIR).unwrap());
}

/// H10: the default of `coordinator` is no for a member of a pair, and a box alone is always its own.
#[test]
fn a_single_box_is_its_own_coordinator() {
    assert!(Setup::parse("name = \"a\"").unwrap().coordinator);
    assert!(!Setup::parse(&PAIR.replace("coordinator = true\n", "")).unwrap().coordinator);
    assert_eq!(
        problems("name = \"a\"\ncoordinator = false"),
        ["coordinator: a box without a peer is its own coordinator"]
    );
}

/// All problems come at once, each with its key: nobody boots a box five times to find five errors.
#[test]
fn every_problem_is_named_with_its_key() {
    let text = r#"name = "Node A"
coordinator = "yes"
gateway = "10.99.0.1"
colour = "red"

[interface.eth0]
address = "10.20.0.1/24"

[interface.lan0]
address = "10.20.0.0/24"
hardware-address = "ff:ff:ff:ff:ff:ff"
adress = "10.20.0.1/24"

[interface]
sync0 = 5

[peer]
name = "b"
addresses = ["here"]

[credentials]
authority = "../ca.pem"
certificate = "/etc/passwd"
key = "a.key"
"#
    .replace("[interface]\nsync0 = 5\n", "");
    let found = problems(&text);
    for key in [
        "name: ",
        "coordinator: ",
        "gateway: 10.99.0.1 lies in the network of no interface",
        "colour: unknown key",
        "interface.eth0: interfaces are called",
        "interface.lan0.address: \"10.20.0.0/24\"",
        "interface.lan0.hardware-address: \"ff:ff:ff:ff:ff:ff\"",
        "interface.lan0.adress: unknown key",
        "peer.addresses: \"here\"",
        "credentials.authority: \"../ca.pem\"",
        "credentials.certificate: \"/etc/passwd\"",
        "credentials.secret: missing",
    ] {
        assert_eq!(found.iter().filter(|problem| problem.starts_with(key)).count(), 1, "{key} in {found:#?}");
    }
    assert_eq!(found.len(), 12, "{found:#?}");
}

/// What each part says alone is right, but not together.
#[test]
fn parts_that_contradict_each_other_are_found() {
    let text = PAIR
        .replace("10.30.0.1/24", "10.20.0.1/16\"\nhardware-address = \"52:54:00:20:00:01")
        .replace("10.20.0.254", "10.40.0.254")
        .replace("name = \"b\"", "name = \"a\"")
        .replace("\"10.20.0.2\"", "\"10.20.0.1\"");
    assert_eq!(
        problems(&text),
        [
            "gateway: 10.40.0.254 lies in the network of no interface",
            "interface.sync0.address: another interface has this address too",
            "interface.sync0.hardware-address: another interface names this card too",
            "peer.name: a is the name of this node",
            "peer.addresses: 10.20.0.1 is an address of this node",
        ]
    );
    let alone = PAIR.split("[credentials]").next().unwrap();
    assert_eq!(problems(alone), ["credentials: missing, but there is a peer to prove ourselves to"]);
}

/// A text that is no TOML is named with its line; one without end is not read.
#[test]
fn a_broken_text_is_named_with_its_line() {
    let found = problems("name = \"a\"\ncoordinator = maybe\n");
    assert!(found[0].starts_with("line 2: no TOML: "), "{found:?}");
    assert!(problems(&" ".repeat(SETUP_BYTES_MAX + 1))[0].contains("longer than"));
}

/// Names of links are bounded and have one form each.
#[test]
fn links_have_plain_names() {
    for (name, right) in
        [("lan0", true), ("sync12", true), ("lan", false), ("lan01", false), ("lan100", false)]
    {
        let text = format!("name = \"a\"\n[interface.{name}]\naddress = \"10.20.0.1/24\"\n");
        assert_eq!(Setup::parse(&text).is_ok(), right, "{name}");
    }
}
