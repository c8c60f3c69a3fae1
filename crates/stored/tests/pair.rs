//! Two stores on loopback: what one acknowledges is on both, and after an absence both hold the same.

mod common;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use common::{Node, call, change, configuration, pair};
use daemon::bus::cluster::{self, ClusterStatus};
use tokio::sync::mpsc;
use zbus::object_server::SignalEmitter;

async fn connected(a: &Node, b: &Node) {
    a.await_status("connected", |status| status.peer_connected).await;
    b.await_status("connected", |status| status.peer_connected).await;
}

async fn agree(a: &Node, b: &Node) {
    a.await_status("all acknowledged", |status| status.unprotected == 0).await;
    b.await_status("all acknowledged", |status| status.unprotected == 0).await;
    let hash = a.status().await.state_hash;
    let same = b.await_status("the same state", |status| status.state_hash == hash).await;
    assert_eq!(same.revision, a.status().await.revision);
}

/// H11, DESIGN 5: the secondary receives configuration and records; it returns the writer's outcome for what it is asked.
#[tokio::test(flavor = "multi_thread")]
async fn both_stores_hold_what_one_acknowledges() {
    let (mut a, mut b) = pair().await;
    a.start().await;
    b.start().await;
    connected(&a, &b).await;
    assert!(a.status().await.writer && !b.status().await.writer, "before any serves the coordinator writes");

    let outcome = a.apply(change("t1"), &configuration(&["101"])).await.expect("answer");
    assert!(outcome.applied && outcome.protected, "{outcome:?}\n{}\n{}", a.log(), b.log());
    b.await_status("revision 1", |status| status.revision == 1).await;
    assert_eq!(b.configuration().await, a.configuration().await);

    let forwarded = b.apply(change("t2"), &configuration(&["101", "102"])).await.expect("answer");
    assert!(forwarded.applied && forwarded.revision == 2, "{forwarded:?}\n{}\n{}", a.log(), b.log());
    a.await_status("revision 2", |status| status.revision == 2).await;
    let again = a.apply(change("t2"), &configuration(&["9"])).await.expect("answer");
    assert_eq!(
        (again.revision, again.rows),
        (forwarded.revision, forwarded.rows),
        "named once for both nodes"
    );

    assert!(a.proxy().await.record_call(call("on-a")).await.expect("stored"), "on both disks");
    assert!(
        b.proxy().await.record_call(call("on-b")).await.expect("stored"),
        "registers are written where they arise"
    );
    agree(&a, &b).await;
    for node in [&a, &b] {
        let calls = node.calls("").await;
        assert!(calls.contains("on-a") && calls.contains("on-b"), "{calls}");
        assert_eq!(node.audit("").await, a.audit("").await);
    }
}

/// Promise 3 of the design: what is stored while the peer is away says so, and reaches it when it is back.
#[tokio::test(flavor = "multi_thread")]
async fn an_absent_store_catches_up() {
    let (mut a, mut b) = pair().await;
    a.start().await;
    b.start().await;
    connected(&a, &b).await;
    a.apply(change("t1"), &configuration(&["101"])).await.expect("answer");
    b.kill();
    let outcome = a.apply(change("t2"), &configuration(&["101", "102"])).await.expect("answer");
    assert!(outcome.applied && !outcome.protected, "{outcome:?}");
    for number in 0..200 {
        let protected = a.proxy().await.record_call(call(&format!("c{number}"))).await.expect("stored");
        assert!(!protected);
    }
    assert!(a.status().await.unprotected >= 201);

    b.start().await;
    agree(&a, &b).await;
    assert_eq!(b.calls("").await.lines().count(), 200);
    assert_eq!(b.configuration().await, a.configuration().await);

    // The other way round: the secondary keeps its own records while the coordinator is away, and cannot change settings.
    a.kill();
    b.await_status("alone", |status| !status.peer_connected).await;
    assert!(!b.proxy().await.record_call(call("alone")).await.expect("stored"));
    let refused = b.apply(change("t3"), &configuration(&["103"])).await.expect("answer");
    assert!(!refused.applied && !refused.problems.is_empty(), "{refused:?}");
    a.start().await;
    agree(&a, &b).await;
    assert!(a.calls("").await.contains("alone"));
}

/// DESIGN 5: what corruption took from one journal comes back from the other.
#[tokio::test(flavor = "multi_thread")]
async fn damage_is_repaired_from_the_peer() {
    let (mut a, mut b) = pair().await;
    a.start().await;
    b.start().await;
    connected(&a, &b).await;
    for number in 0..50 {
        a.proxy().await.record_call(call(&format!("c{number}"))).await.expect("stored");
    }
    agree(&a, &b).await;
    let before = a.status().await.state_hash;
    b.stop();
    let segment = b.segments().pop().expect("a segment");
    let mut octets = std::fs::read(&segment).expect("read");
    let middle = octets.len() / 2;
    octets[middle] ^= 0x01;
    std::fs::write(&segment, octets).expect("written");
    b.start().await;
    b.await_status("repaired", |status| status.state_hash == before).await;
    assert!(b.log().contains("fetched again from the peer"), "{}", b.log());
    assert!(!b.status().await.quarantined.is_empty(), "the damaged segment is kept for looking at");
    assert_eq!(b.calls("").await.lines().count(), 50);
}

/// A flush that has nothing to bring is answered at once, not when somebody's patience ends.
const FLUSH_DEADLINE: Duration = Duration::from_millis(1500);

/// An agent that says what the test wants.
struct Agent {
    role: &'static str,
    epoch: u64,
    active_node: &'static str,
    flushed: mpsc::Sender<()>,
}

#[zbus::interface(name = "org.tandem.Cluster1")]
impl Agent {
    fn status(&self) -> ClusterStatus {
        ClusterStatus {
            node: "b".to_owned(),
            role: self.role.to_owned(),
            reason: String::new(),
            role_since: String::new(),
            active_node: self.active_node.to_owned(),
            epoch: self.epoch,
            lease_remaining_ms: 0,
            mode: "available".to_owned(),
            enablement: "enabled".to_owned(),
            pairing: "paired".to_owned(),
            nodes: Vec::new(),
            interfaces: Vec::new(),
            warnings: 0,
            events: Vec::new(),
        }
    }

    async fn flushed(&self) {
        self.flushed.send(()).await.expect("the test listens");
    }

    #[zbus(signal)]
    async fn role_changed(
        emitter: &SignalEmitter<'_>,
        role: &str,
        epoch: u64,
        active_node: &str,
    ) -> zbus::Result<()>;

    #[zbus(signal)]
    async fn freeze(emitter: &SignalEmitter<'_>) -> zbus::Result<()>;
}

/// An agent on the bus of `node`.
async fn agent(node: &Node, role: &'static str, epoch: u64) -> (zbus::Connection, mpsc::Receiver<()>) {
    let (flushed, has_flushed) = mpsc::channel(8);
    let connection = daemon::bus::connect_once(Some(node.bus.address())).await.expect("bus");
    let agent = Agent { role, epoch, active_node: "a", flushed };
    connection.object_server().at(cluster::PATH, agent).await.expect("object");
    connection.request_name(cluster::NAME).await.expect("name");
    (connection, has_flushed)
}

async fn turn(agent: &zbus::Connection, role: &'static str, epoch: u64, active_node: &'static str) {
    let interface = agent.object_server().interface::<_, Agent>(cluster::PATH).await.expect("object");
    {
        let mut agent = interface.get_mut().await;
        (agent.role, agent.epoch, agent.active_node) = (role, epoch, active_node);
    }
    Agent::role_changed(interface.signal_emitter(), role, epoch, active_node).await.expect("signal");
}

/// The agent asks for a freeze, begins to yield at once, and hears that the store has flushed.
async fn freeze(agent: &zbus::Connection, flushed: &mut mpsc::Receiver<()>) {
    let emitter = SignalEmitter::new(agent, cluster::PATH).expect("emitter");
    Agent::freeze(&emitter).await.expect("signal");
    turn(agent, "yielding", 1, "a").await;
    let answered = tokio::time::timeout(FLUSH_DEADLINE, flushed.recv()).await;
    answered.expect("a flush with nothing to bring takes no time").expect("the agent lives");
}

/// DESIGN 6, planned switchover: freeze, flush, flushed; then the other node writes, in the higher epoch.
#[tokio::test(flavor = "multi_thread")]
async fn a_planned_switchover_flushes_and_moves_the_writer() {
    let (mut a, mut b) = pair().await;
    let (agent_a, mut flushed) = agent(&a, "active", 1).await;
    let (agent_b, _never) = agent(&b, "standby", 1).await;
    a.start().await;
    b.start().await;
    connected(&a, &b).await;
    a.await_status("the writer", |status| status.writer).await;
    a.apply(change("t1"), &configuration(&["101"])).await.expect("answer");

    // The first one is given up: settings are taken again.
    freeze(&agent_a, &mut flushed).await;
    let frozen = a.apply(change("t2"), &configuration(&["102"])).await.expect("answer");
    assert!(!frozen.applied, "no new transactions after the flush: {frozen:?}");
    turn(&agent_a, "active", 1, "a").await;
    let deadline = Instant::now() + common::DEADLINE;
    while !a.apply(change("t3"), &configuration(&["103"])).await.expect("answer").applied {
        assert!(Instant::now() < deadline, "frozen for ever:\n{}", a.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    // The second one takes place.
    freeze(&agent_a, &mut flushed).await;
    turn(&agent_a, "standby", 2, "b").await;
    turn(&agent_b, "active", 2, "b").await;
    a.await_status("no longer the writer", |status| !status.writer).await;
    b.await_status("the writer", |status| status.writer).await;
    let outcome = b.apply(change("t2"), &configuration(&["102"])).await.expect("answer");
    assert!(outcome.applied && outcome.protected, "{outcome:?}\n{}", b.log());
    agree(&a, &b).await;
    assert!(a.configuration().await.1.contains("[account.102]"));
}

/// Promise 3 of the design: changes made on both sides of a split are kept and shown; what is in force is the writer's.
#[tokio::test(flavor = "multi_thread")]
async fn settings_made_apart_are_kept_and_shown() {
    let (mut a, mut b) = pair().await;
    let (agent_a, _) = agent(&a, "active", 1).await;
    let (agent_b, _) = agent(&b, "standby", 1).await;
    a.start().await;
    b.start().await;
    connected(&a, &b).await;
    a.await_status("the writer", |status| status.writer).await;
    a.apply(change("t1"), &configuration(&["101"])).await.expect("answer");

    // Both write, and neither hears the other.
    b.kill();
    for (id, accounts) in [("t2", ["102", "103"]), ("t3", ["103", "104"])] {
        let outcome = a.apply(change(id), &configuration(&accounts)).await.expect("answer");
        assert!(outcome.applied && !outcome.protected, "{outcome:?}");
    }
    a.kill();
    turn(&agent_b, "active", 2, "b").await;
    b.start().await;
    b.await_status("the writer", |status| status.writer).await;
    let outcome = b.apply(change("t4"), &configuration(&["101", "201"])).await.expect("answer");
    assert_eq!((outcome.applied, outcome.revision), (true, 2), "{outcome:?}");

    // They meet again.
    turn(&agent_a, "standby", 2, "b").await;
    a.start().await;
    agree(&a, &b).await;
    assert_eq!(a.configuration().await, b.configuration().await);
    assert!(a.configuration().await.1.contains("[account.201]"));
    assert_eq!(a.audit("").await, b.audit("").await);
    for node in [&a, &b] {
        assert_eq!(node.status().await.parked, 2);
        let rows = node.made_apart().await;
        let names: BTreeSet<&str> = ["t2", "t3"].into_iter().filter(|name| rows.contains(name)).collect();
        assert_eq!(names.len(), 2, "{rows}");
        assert!(rows.contains("[account.104]") && !rows.contains("secret-104"), "{rows}");
    }
    let before = (a.configuration().await, a.audit("").await, a.made_apart().await);
    a.proxy().await.rebuild().await.expect("rebuilt");
    assert_eq!((a.configuration().await, a.audit("").await, a.made_apart().await), before);
    a.stop();
    a.start().await;
    assert_eq!((a.configuration().await, a.audit("").await, a.made_apart().await), before);
    assert!(!a.log().contains("does not agree"), "the view is right without being made anew:\n{}", a.log());
}
