//! Names of real interfaces.

#![allow(clippy::unwrap_used)] // helpers of tests

mod namespace;

use namespace::Namespace;
use netio::links;

/// H12: two links exchange their names through a third one, also links that are up; what cannot be done is said.
#[test]
#[ignore = "netns tier: needs root"]
fn links_exchange_their_names() {
    let (node, phone) = (Namespace::new(), Namespace::new());
    node.cable("lan0", &phone, "phone0");
    node.cable("sync0", &phone, "phone1");
    let address = |name: &str| {
        node.ip(&format!("-brief link show dev {name}")).split_whitespace().nth(2).unwrap().to_owned()
    };
    let (lan, synchronisation) = (address("lan0"), address("sync0"));
    let steps = [("lan0", "spare"), ("sync0", "lan0"), ("spare", "sync0")];
    let steps = steps.map(|(before, after)| (before.to_owned(), after.to_owned()));
    node.block_on(|| async { links::rename(&steps).await.unwrap() });
    assert_eq!((address("sync0"), address("lan0")), (lan, synchronisation));
    let refused =
        [("lan9", "lan1"), ("lan0", "sync0")].map(|(before, after)| (before.to_owned(), after.to_owned()));
    for step in refused.chunks(1) {
        assert!(node.block_on(|| async { links::rename(step).await.is_err() }), "{step:?}");
    }
}
