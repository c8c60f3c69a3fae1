//! Reading undoes writing, for every configuration that is valid.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use model::{
    Account, AccountName, Action, Config, DigestChoice, Extension, ExtensionNumber, HaInterface, HaMode,
    Network, Node, ObjectType, Private, Route, Transport, Trunk, TrunkName, diff, redact,
};
use proptest::prelude::*;

fn duration(from: u64, to: u64) -> impl Strategy<Value = Duration> {
    (from..=to).prop_map(Duration::from_millis)
}

fn accounts() -> impl Strategy<Value = BTreeMap<AccountName, Account>> {
    let name = "[a-zA-Z0-9._+-]{1,12}".prop_map(AccountName::new);
    let digest = prop_oneof![Just(DigestChoice::Md5), Just(DigestChoice::Sha256), Just(DigestChoice::Both)];
    let account = ("[^\\p{Cc}]{1,20}", digest)
        .prop_map(|(password, digest)| Account { password: Private::new(password), digest });
    prop::collection::btree_map(name, account, 1..8)
}

fn trunks() -> impl Strategy<Value = BTreeMap<TrunkName, Trunk>> {
    let trunk = ("[a-z.-]{1,9}", 1_u16..=65_535, any::<bool>(), any::<bool>());
    prop::collection::vec(trunk, 0..5).prop_map(|trunks| {
        let trunk = |(index, (name, port, tcp, transit)): (usize, (String, u16, bool, bool))| {
            let ip = IpAddr::V4(Ipv4Addr::new(192, 0, 2, u8::try_from(index).expect("few trunks") + 1));
            let transport = if tcp { Transport::Tcp } else { Transport::Udp };
            let trunk = Trunk { address: SocketAddr::new(ip, port), transport, sources: vec![ip], transit };
            (TrunkName::new(name), trunk)
        };
        trunks.into_iter().enumerate().map(trunk).collect()
    })
}

prop_compose! {
    fn extension(accounts: Vec<AccountName>)(
        name in "[^\\p{Cc}]{0,20}",
        chosen in prop::sample::subsequence(accounts.clone(), 1..=accounts.len()),
        ring in duration(1_000, 600_000),
    ) -> Extension {
        Extension { name: Private::new(name), accounts: chosen, ring_timeout: ring }
    }
}

fn pair(config: &mut Config, hosts: (u8, u8)) {
    for (name, host) in [("a", hosts.0), ("b", hosts.1)] {
        let addresses = [("lan0", 20), ("sync0", 30)]
            .map(|(interface, network)| (interface.to_owned(), IpAddr::from([10, network, 0, host])));
        let node = Node { serial_number: format!("TD-{name}"), addresses: addresses.into() };
        config.cluster.nodes.insert(name.parse().expect("a name"), node);
    }
    let lan = HaInterface {
        resource_address: Some((IpAddr::from([10, 20, 1, 10]), 16)),
        prefix_length: None,
        synchronisation: false,
        required: true,
        ping_group: vec![IpAddr::from([10, 20, 0, 254]), IpAddr::from([10, 20, 0, 253])],
    };
    let sync = HaInterface {
        resource_address: None,
        prefix_length: Some(25),
        synchronisation: true,
        required: false,
        ping_group: vec![],
    };
    config.cluster.interfaces = [("lan0".to_owned(), lan), ("sync0".to_owned(), sync)].into();
}

prop_compose! {
    fn network()(
        gateway in any::<bool>(),
        name_servers in prop::collection::btree_set(1_u8..200, 0..3),
        time_servers in prop::collection::btree_set("[a-z]{1,9}\\.example", 0..8),
        time_zone in prop::option::of("[A-Z][a-z]{1,9}/[A-Z][a-z_]{1,9}"),
    ) -> Network {
        Network {
            gateway: gateway.then(|| IpAddr::from([10, 20, 0, 254])),
            name_servers: name_servers.into_iter().map(|host| IpAddr::from([192, 0, 2, host])).collect(),
            time_servers: time_servers.into_iter().collect(),
            time_zone,
        }
    }
}

prop_compose! {
    fn config()(accounts in accounts(), trunks in trunks())(
        trunks in Just(trunks.clone()),
        accounts in Just(accounts.clone()),
        numbers in prop::collection::btree_map(
            "\\+?[0-9*#]{1,8}".prop_map(ExtensionNumber::new),
            extension(accounts.keys().cloned().collect()),
            0..6,
        ),
        prefixes in prop::collection::btree_map("[0-9*#]{0,5}", any::<prop::sample::Index>(), 0..6),
        paired in any::<bool>(),
        safe in any::<bool>(),
        dead in duration(600, 60_000),
        hosts in (1_u8..100, 100_u8..127),
        network in network(),
    ) -> Config {
        let mut config = Config::new("pbx.example.com");
        config.cluster.mode = if safe { HaMode::Safe } else { HaMode::Available };
        config.cluster.dead = dead;
        config.cluster.initialisation = dead * 2;
        if paired {
            pair(&mut config, hosts);
            config.network = network;
            config.cluster.default_active = Some("b".parse().expect("a name"));
        }
        if !trunks.is_empty() {
            config.routes = prefixes
                .into_iter()
                .map(|(prefix, trunk)| {
                    let trunk = trunks.keys().nth(trunk.index(trunks.len())).expect("an index below their number").clone();
                    let strip = prefix.len() / 2;
                    (prefix, Route { trunk, strip })
                })
                .collect();
        }
        config.accounts = accounts;
        config.extensions = numbers;
        config.trunks = trunks;
        config
    }
}

proptest! {
    /// DESIGN section 5: configuration as text is the same engine as the console.
    #[test]
    fn reading_undoes_writing(config in config()) {
        prop_assert_eq!(config.problems(), vec![]);
        let text = config.to_text();
        prop_assert_eq!(Config::parse(&text).expect(&text), config.clone());
        prop_assert_eq!(Config::from_objects(&config.objects()).expect("objects"), config);
    }

    /// Applying the rows of a change to the objects before gives the objects after (row U2: a change can be undone).
    #[test]
    fn changes_lead_from_old_to_new(old in config(), new in config()) {
        let mut objects = old.objects();
        let changes = diff(Some(&old), &new);
        for change in &changes {
            let key = model::ObjectKey::new(change.object_type, change.object_key.clone());
            prop_assert_eq!(objects.get(&key), change.before.as_ref());
            match &change.after {
                Some(after) => objects.insert(key, after.clone()),
                None => objects.remove(&key),
            };
        }
        prop_assert_eq!(objects, new.objects());
        prop_assert_eq!(changes.is_empty(), old == new);
    }

    /// Reading never panics, whatever the text.
    #[test]
    fn any_text_is_read_or_refused(text in "[\\[\\]a-z.=\"{}, 0-9\n]{0,200}") {
        let _outcome = Config::parse(&text);
    }
}

/// U13 to U15: rows name action, object and what changed, without secrets.
#[test]
fn changes_are_described_without_secrets() {
    let old = Config::parse(include_str!("data/good.toml")).expect("good");
    let mut new = old.clone();
    let account = new.accounts.get_mut(&AccountName::new("101")).unwrap();
    account.password = Private::new("Kingfisher-9".to_owned());
    account.digest = DigestChoice::Sha256;
    new.extensions.remove(&ExtensionNumber::new("102"));
    new.routes.insert("9".to_owned(), Route { trunk: TrunkName::new("carrier"), strip: 1 });
    let changes = diff(Some(&old), &new);
    let rows: Vec<_> = changes.iter().map(|c| (c.action, c.object_type, c.description.as_str())).collect();
    assert_eq!(
        rows,
        [
            (
                Action::Change,
                ObjectType::Account,
                "account 101: digest \"md5\" → \"sha-256\", password changed"
            ),
            (Action::Delete, ObjectType::Extension, "extension 102 deleted"),
            (Action::Create, ObjectType::Route, "route 9 created"),
        ]
    );
    let after = changes[0].after.as_ref().unwrap();
    assert!(after.contains("Kingfisher-9"), "the row itself can restore the value");
    assert_eq!(redact(after), "[account.101]\npassword = \"‹hidden›\"\ndigest = \"sha-256\"\n");
    assert!(!new.to_text_redacted().contains("Kingfisher-9"));
    assert_eq!(diff(None, &new).len(), new.objects().len());
}
