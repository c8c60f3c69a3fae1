//! Call records: many at once, each once, none lost.

mod common;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use common::{Node, call, change, configuration};

/// DESIGN 5: records share their syncs, so that more than 100 a second are stored; a repeated one is stored once.
#[tokio::test(flavor = "multi_thread")]
async fn many_records_share_their_syncs() {
    const RECORDS: usize = 500;
    let mut node = Node::single().await;
    node.start().await;
    let proxy = node.proxy().await;
    let started = Instant::now();
    for round in 0..5 {
        let records = (0..RECORDS / 5).map(|number| {
            let (proxy, record) = (&proxy, call(&format!("c-{round}-{number}")));
            async move { proxy.record_call(record).await.expect("stored") }
        });
        futures_util::future::join_all(records).await;
    }
    assert!(started.elapsed() < Duration::from_secs(5), "500 records took {:?}", started.elapsed());

    proxy.record_call(call("c-0-0")).await.expect("repeated");
    let lines = node.calls("2026-11").await;
    let ids: BTreeSet<String> = ids_of(&lines).collect();
    assert_eq!((ids.len(), lines.lines().count()), (RECORDS, RECORDS));
    assert_eq!(node.calls("2026-10").await, "");
    assert_eq!(node.status().await.call_records, RECORDS as u64);
    for bad in ["{}", "no JSON", "[1]"] {
        assert!(proxy.record_call(bad.to_owned()).await.is_err(), "{bad}");
    }
}

fn ids_of(lines: &str) -> impl Iterator<Item = String> {
    lines.lines().map(|line| {
        let record: serde_json::Value = serde_json::from_str(line).expect("JSON");
        record["unique_id"].as_str().expect("a name").to_owned()
    })
}

/// Issue "A call through a highly available pair": SIGKILL of the real store 100 times during writes loses no record and
/// no transaction that was acknowledged, and doubles none.
#[tokio::test(flavor = "multi_thread")]
async fn sigkill_loses_nothing_acknowledged() {
    const KILLS: u64 = 100;
    let mut node = Node::single().await;
    let mut acknowledged = BTreeSet::new();
    let (mut sent, mut revision) = (0_u64, 0);
    for kill in 0..KILLS {
        node.spawn();
        node.answers().await;
        let life = Duration::from_millis(1 + kill * 37 % 60);
        let writer = write_until_killed(node.proxy().await, &mut sent, &mut acknowledged);
        let transaction = format!("t{kill}");
        let accounts = format!("{}", 100 + kill);
        let text = configuration(&[&accounts]);
        tokio::select! {
            () = writer => panic!("the writer ends only with the store"),
            applied = async {
                let outcome = node.apply(change(&transaction), &text).await;
                tokio::time::sleep(life).await;
                outcome
            } => revision = applied.map_or(revision, |outcome| outcome.revision),
            () = tokio::time::sleep(life) => {}
        }
        node.kill();
    }
    node.start().await;
    let status = node.status().await;
    assert!(
        status.revision >= revision,
        "revision {revision} was acknowledged, {} is there",
        status.revision
    );
    assert!(status.quarantined.is_empty(), "a power cut is no corruption: {:?}", status.quarantined);
    let lines = node.calls("").await;
    let kept: BTreeSet<String> = ids_of(&lines).collect();
    let lost: Vec<&String> = acknowledged.difference(&kept).collect();
    assert!(lost.is_empty(), "lost {lost:?} of {}", acknowledged.len());
    assert_eq!(kept.len(), lines.lines().count(), "none is there twice");
    assert!(acknowledged.len() > 100, "the test has written: {}", acknowledged.len());
    println!("{KILLS} kills: {sent} records sent, {} acknowledged, {} kept", acknowledged.len(), kept.len());
}

/// One client that stores one record after the other; a record that was not acknowledged is never sent again.
async fn write_until_killed(
    proxy: daemon::bus::store::StoreProxy<'static>,
    sent: &mut u64,
    acknowledged: &mut BTreeSet<String>,
) {
    loop {
        *sent += 1;
        let id = format!("k{sent}");
        match proxy.record_call(call(&id)).await {
            Ok(_) => {
                acknowledged.insert(id);
            }
            Err(_) => std::future::pending().await,
        }
    }
}

/// DESIGN 5: a bit that flips in the middle of the journal is found at start, said, and quarantined.
#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_is_found_and_said() {
    let mut node = Node::single().await;
    node.start().await;
    for number in 0..50 {
        node.proxy().await.record_call(call(&format!("c{number}"))).await.expect("stored");
    }
    node.stop();
    let segment = node.segments().pop().expect("a segment");
    let mut octets = std::fs::read(&segment).expect("read");
    let middle = octets.len() / 2;
    octets[middle] ^= 0x10;
    std::fs::write(&segment, octets).expect("written");

    node.start().await;
    let status = node.status().await;
    assert!(!status.quarantined.is_empty(), "{status:?}");
    let name = segment.file_name().expect("a name").to_string_lossy().into_owned();
    let said = status.quarantined.join("\n");
    assert!(said.contains(&name) && said.contains("missing"), "{said}");
    assert!(node.log().contains("the journal is damaged"), "{}", node.log());
    let kept = node.calls("").await.lines().count();
    assert!((49..=50).contains(&kept), "one record is damaged, the others are there: {kept}");
}
