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
    let ids: BTreeSet<String> = ids_of(&lines, "unique_id").collect();
    assert_eq!((ids.len(), lines.lines().count()), (RECORDS, RECORDS));
    assert_eq!(node.calls("2026-10").await, "");
    assert_eq!(node.status().await.call_records, RECORDS as u64);
    for bad in ["{}", "no JSON", "[1]"] {
        assert!(proxy.record_call(bad.to_owned()).await.is_err(), "{bad}");
    }
}

fn ids_of(lines: &str, key: &str) -> impl Iterator<Item = String> {
    lines.lines().map(move |line| {
        let record: serde_json::Value = serde_json::from_str(line).expect("JSON");
        record[key].as_str().expect("a name").to_owned()
    })
}

/// Issue "A call through a highly available pair": SIGKILL of the real store 100 times during writes loses no record and
/// no transaction that was acknowledged, and doubles none.
#[tokio::test(flavor = "multi_thread")]
async fn sigkill_loses_nothing_acknowledged() {
    const KILLS: u64 = 100;
    let mut node = Node::single().await;
    let (mut records, mut transactions) = (BTreeSet::new(), BTreeSet::new());
    let mut sent = 0_u64;
    for kill in 0..KILLS {
        node.spawn();
        node.answers().await;
        let life = Duration::from_millis(1 + kill * 37 % 60);
        tokio::select! {
            () = write_until_killed(node.proxy().await, &mut sent, &mut records) => {}
            () = change_until_killed(&node, kill, &mut transactions) => {}
            () = tokio::time::sleep(life) => {}
        }
        node.kill();
    }
    node.start().await;
    let quarantined = node.status().await.quarantined;
    assert!(quarantined.is_empty(), "a power cut is no corruption: {quarantined:?}");

    let lines = node.calls("").await;
    let kept: BTreeSet<String> = ids_of(&lines, "unique_id").collect();
    let lost: Vec<&String> = records.difference(&kept).collect();
    assert!(lost.is_empty(), "lost {lost:?} of {}", records.len());
    assert_eq!(kept.len(), lines.lines().count(), "none is there twice");

    let rows = node.audit("").await;
    let changed: BTreeSet<String> = ids_of(&rows, "transaction_id").collect();
    let lost: Vec<&String> = transactions.difference(&changed).collect();
    assert!(lost.is_empty(), "lost {lost:?} of {}", transactions.len());
    assert_eq!(
        u64::try_from(changed.len()).expect("few"),
        node.status().await.revision,
        "each is stored once"
    );
    assert!(records.len() > 100 && transactions.len() > 100, "{} and {}", records.len(), transactions.len());
    println!(
        "{KILLS} kills: {} of {sent} records and {} transactions acknowledged, {} and {} kept",
        records.len(),
        transactions.len(),
        kept.len(),
        changed.len()
    );
}

/// A client that makes one change after the other.
async fn change_until_killed(node: &Node, kill: u64, acknowledged: &mut BTreeSet<String>) {
    for number in 0.. {
        let id = format!("t{kill}-{number}");
        let account = format!("{}", 1000 * (kill + 1) + number);
        match node.apply(change(&id), &configuration(&[&account])).await {
            Ok(outcome) => {
                assert!(outcome.applied, "{outcome:?}");
                acknowledged.insert(id);
            }
            Err(_) => std::future::pending().await,
        }
    }
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
