//! Settings of a single box: what is applied, what is refused, what the audit says about it.

mod common;

use std::time::Duration;

use common::{Node, change, configuration};
use futures_util::StreamExt;
use tokio::time::timeout;

/// U1, U8, U10 to U15: a change is one named transaction with author, time, address and one row for each object; secrets
/// are hidden in the rows; the other daemons are told.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_a_named_transaction() {
    let mut node = Node::single().await;
    node.start().await;
    assert_eq!(node.configuration().await, (0, String::new()), "there is none yet");
    let mut revisions = node.proxy().await.receive_revision_changed().await.expect("signal");

    let outcome = node.apply(change("t1"), &configuration(&["101"])).await.expect("answer");
    assert_eq!((outcome.applied, outcome.revision, outcome.problems.len()), (true, 1, 0));
    assert!(!outcome.protected, "a single box has one disk");
    let signal = timeout(common::DEADLINE, revisions.next()).await.expect("in time").expect("a signal");
    assert_eq!(*signal.args().expect("arguments").revision(), 1);

    let (revision, text) = node.configuration().await;
    assert_eq!(revision, 1);
    let in_force = model::Config::parse(&text).expect("what is in force is valid");
    assert_eq!(in_force, model::Config::parse(&configuration(&["101"])).expect("valid"));

    let second = node.apply(change("t2"), &configuration(&["101", "102"])).await.expect("answer");
    assert_eq!((second.applied, second.revision, second.rows), (true, 2, 2));
    let audit = node.audit("").await;
    let rows: Vec<serde_json::Value> =
        audit.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(u64::try_from(rows.len()).expect("few"), outcome.rows + second.rows);
    let last = rows.last().expect("rows");
    for (key, wanted) in [
        ("transaction_id", "t2"),
        ("user_name", "admin"),
        ("ip_address", "192.0.2.9"),
        ("action", "create"),
        ("object_type", "extension"),
        ("object_key", "102"),
        ("description", "extension 102 created"),
        ("node", "a"),
    ] {
        assert_eq!(last[key], wanted, "{key} of {last}");
    }
    assert_eq!((last["sequence"].as_u64(), last["revision"].as_u64()), (Some(2), Some(2)));
    assert!(last["before"].is_null() && last["after"].as_str().is_some());
    assert!(!audit.contains("secret-101"), "secrets are hidden");
    let month = &last["timestamp"].as_str().expect("a time")[..7];
    assert_eq!(node.audit(month).await, audit, "U5: by month");
    assert_eq!(node.audit("1999-01").await, "");
    assert!(node.proxy().await.audit_rows("november").await.is_err());
}

/// U8: a transaction that is repeated under its name returns the first outcome, also after a restart.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_transaction_returns_the_first_outcome() {
    let mut node = Node::single().await;
    node.start().await;
    let first = node.apply(change("t1"), &configuration(&["101"])).await.expect("answer");
    node.apply(change("t2"), &configuration(&["102"])).await.expect("answer");
    for _ in 0..2 {
        let again = node.apply(change("t1"), &configuration(&["103"])).await.expect("answer");
        assert_eq!(again, first);
        node.stop();
        node.start().await;
    }
    let (revision, text) = node.configuration().await;
    assert_eq!(revision, 2);
    assert!(text.contains("[account.102]") && !text.contains("[account.103]"));

    let same = node.apply(change("t3"), &text).await.expect("answer");
    assert_eq!((same.applied, same.revision, same.rows), (true, 2, 0), "nothing to do is done");
}

/// A bad text is refused whole, every problem by path and line; so is a change made from an older revision.
#[tokio::test(flavor = "multi_thread")]
async fn a_bad_change_is_refused_whole() {
    let mut node = Node::single().await;
    node.start().await;
    node.apply(change("t1"), &configuration(&["101"])).await.expect("answer");

    let bad = "[system]\ndomain = \"pbx\"\n[sip]\nprot = 1\n[extension.7]\naccounts = [\"8\"]\n";
    let outcome = node.apply(change("t2"), bad).await.expect("answer");
    let places: Vec<(&str, u32)> = outcome.problems.iter().map(|p| (p.path.as_str(), p.line)).collect();
    assert_eq!(places, [("sip.prot", 4), ("extension.7.accounts", 6)]);
    assert_eq!((outcome.applied, outcome.revision), (false, 1));

    node.apply(change("t3"), &configuration(&["101", "102"])).await.expect("answer");
    let mut old = change("t4");
    old.base_revision = 1;
    let outcome = node.apply(old.clone(), &configuration(&["103"])).await.expect("answer");
    assert!(!outcome.applied && outcome.problems[0].path == "base-revision", "{outcome:?}");
    old.base_revision = 2;
    let outcome = node.apply(old, &configuration(&["103"])).await.expect("answer");
    assert!(outcome.applied, "a refused transaction may be repeated: {outcome:?}");

    let mut nameless = change("");
    nameless.author = String::new();
    let outcome = node.apply(nameless, &configuration(&["104"])).await.expect("answer");
    assert_eq!(outcome.problems.len(), 2, "{outcome:?}");
    assert_eq!(node.status().await.revision, 3);
}

/// Changes at the same time are all kept or refused, and each sees what the one before has done.
#[tokio::test(flavor = "multi_thread")]
async fn changes_at_the_same_time_do_not_mix() {
    let mut node = Node::single().await;
    node.start().await;
    let changes = (0..20).map(|number| {
        let name = format!("{}", 200 + number);
        let (node, text) = (&node, configuration(&[&name]));
        async move { node.apply(change(&format!("t{number}")), &text).await.expect("answer") }
    });
    let outcomes = futures_util::future::join_all(changes).await;
    let applied = outcomes.iter().filter(|outcome| outcome.applied).count();
    let (revision, text) = node.configuration().await;
    assert_eq!(usize::try_from(revision).expect("few"), applied, "{outcomes:?}");
    assert!(applied >= 1);
    model::Config::parse(&text).expect("whatever order they came in, the result is valid");
    assert_eq!(text.matches("[account.").count(), 1, "the last one replaced all others");
}

/// DESIGN 5: the view is made anew from the journal, when asked and when it is lost, and says the same.
#[tokio::test(flavor = "multi_thread")]
async fn the_view_is_rebuilt_from_the_journal() {
    let mut node = Node::single().await;
    node.start().await;
    node.apply(change("t1"), &configuration(&["101"])).await.expect("answer");
    node.apply(change("t2"), &configuration(&["101", "102"])).await.expect("answer");
    node.proxy().await.record_call(common::call("c1")).await.expect("stored");
    let before = (node.configuration().await, node.audit("").await, node.calls("").await);

    assert_eq!(node.proxy().await.rebuild().await.expect("rebuilt"), 3);
    assert_eq!((node.configuration().await, node.audit("").await, node.calls("").await), before);

    node.stop();
    std::fs::remove_dir_all(node.path("data/store/view")).expect("the view is lost");
    node.start().await;
    assert_eq!((node.configuration().await, node.audit("").await, node.calls("").await), before);
    assert_eq!(node.status().await.call_records, 1);
}

/// Two stores on one journal would destroy it: the second does not start, and says why.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_store_does_not_start() {
    let mut node = Node::single().await;
    node.start().await;
    let mut second = node.command().spawn().expect("starts");
    let ended = timeout(Duration::from_secs(10), async {
        loop {
            if let Some(status) = second.try_wait().expect("wait") {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(!ended.await.expect("it ends").success());
    assert!(node.log().contains("another store holds"), "{}", node.log());
}
