//! Takeovers of a real pair of agents, measured from the phones' network.

mod pair;

use std::time::Duration;

use nix::sys::signal::Signal;
use pair::{Pair, RESOURCE, Topology, configuration, until};

/// What a takeover after a power cut may take, from the last answer to the next (dead threshold 1 s).
const GAP_MAX: Duration = Duration::from_millis(1_500);
/// What a planned switchover may take on a machine that does other things besides.
const PLANNED_GAP_MAX: Duration = Duration::from_millis(300);

/// H3, H5, H24: the active node loses its power (agent killed, cables cut): the standby answers within 1.5 s of the
/// last answer, with the dead threshold at 1 s; the dead node comes back as standby.
#[test]
#[ignore = "netns tier: needs root"]
fn power_cuts_are_survived() {
    let mut pair = Pair::start(Topology::TwoSwitches, &configuration(""));
    for (dies, survives) in [("a", "b"), ("b", "a"), ("a", "b")] {
        let probe = pair.probe();
        probe.answered();
        pair.node_mut(dies).kill_agent();
        pair.set_cables(dies, "down");
        until("the survivor serves", || pair.node(survives).role() == "active");
        probe.answered();
        let gap = probe.longest_gap();
        println!("power cut of {dies}: {} ms", gap.as_millis());
        assert!(gap > Duration::from_millis(500), "{gap:?}: nothing was cut");
        assert!(gap < GAP_MAX, "{gap:?}");
        let status = pair.node(survives).status().expect("the survivor answers");
        assert!(status.nodes.iter().any(|node| node.role == "unreachable" && node.name == dies));

        // Power returns: what the kernel still held is gone before the cables are back.
        pair.node_mut(dies).start_agent();
        until("left-over addresses are gone", || !pair.node(dies).holds(RESOURCE));
        pair.set_cables(dies, "up");
        pair.settle(survives, dies);
    }
}

/// H12, H24: the same with both interfaces of both nodes on one switch.
#[test]
#[ignore = "netns tier: needs root"]
fn power_cuts_are_survived_on_one_switch() {
    let mut pair = Pair::start(Topology::OneSwitch, &configuration(""));
    let probe = pair.probe();
    probe.answered();
    pair.a.kill_agent();
    pair.set_cables("a", "down");
    until("b serves", || pair.b.role() == "active");
    probe.answered();
    let gap = probe.longest_gap();
    println!("power cut on one switch: {} ms", gap.as_millis());
    assert!(gap < GAP_MAX, "{gap:?}");
}

/// H33, H36: an operator moves the service from either node; it is hardly noticed, and only one node ever serves.
#[test]
#[ignore = "netns tier: needs root"]
fn planned_switchovers_are_short() {
    let pair = Pair::start(Topology::TwoSwitches, &configuration(""));
    for (asked, from, to) in [("a", "a", "b"), ("a", "b", "a")] {
        let probe = pair.probe();
        probe.answered();
        pair.node(asked).switch().expect("the other node is ready");
        pair.settle(to, from);
        probe.answered();
        let gap = probe.longest_gap();
        println!("planned switchover {from} → {to}, asked of {asked}: {} ms", gap.as_millis());
        assert!(gap < PLANNED_GAP_MAX, "{gap:?}");
    }
    let events = pair.a.status().expect("a answers").events;
    assert!(events.iter().any(|event| event.text.contains("planned switchover")), "{events:?}");
}

/// H36: without a peer that can take, a switchover is refused with its reason, and the service goes on.
#[test]
#[ignore = "netns tier: needs root"]
fn switchovers_without_successor_are_refused() {
    let mut pair = Pair::start(Topology::TwoSwitches, &configuration(""));
    pair.b.kill_agent();
    until("a misses b", || pair.a.warnings() > 0);
    let refusal = pair.a.switch().expect_err("nobody is there").to_string();
    assert!(refusal.contains("not heard"), "{refusal}");
    assert!(pair.a.role() == "active" && pair.a.holds(RESOURCE));
}

/// SIGTERM of the active agent is a planned switchover; of the standby, nothing. No address stays behind.
#[test]
#[ignore = "netns tier: needs root"]
fn ends_in_order_leave_nothing_behind() {
    let mut pair = Pair::start(Topology::TwoSwitches, &configuration(""));
    let probe = pair.probe();
    probe.answered();
    pair.a.signal_agent(Signal::SIGTERM);
    assert!(pair.a.agent_ended(), "exit code 0");
    assert!(!pair.a.holds(RESOURCE));
    until("b serves", || pair.b.role() == "active");
    probe.answered();
    let gap = probe.longest_gap();
    println!("SIGTERM of the active agent: {} ms", gap.as_millis());
    assert!(gap < PLANNED_GAP_MAX, "{gap:?}");
    pair.b.signal_agent(Signal::SIGTERM);
    assert!(pair.b.agent_ended());
    assert!(!pair.b.holds(RESOURCE), "the last one lets go too");
}

/// DESIGN section 6: an agent that was killed alone leaves its address; at its next start it is removed before anything
/// else, and the pair agrees on one owner.
#[test]
#[ignore = "netns tier: needs root"]
fn agents_that_crash_are_cleaned_up_after() {
    let mut pair = Pair::start(Topology::TwoSwitches, &configuration(""));
    pair.a.kill_agent();
    assert!(pair.a.holds(RESOURCE), "the kernel keeps it: this is why the start cleans up");
    until("b serves", || pair.b.role() == "active");
    pair.a.start_agent();
    pair.settle("b", "a");
    assert!(pair.a.log().contains("left by an earlier start"));
}

/// H24, H19: timers and resource addresses of a new revision come into force while the service goes on.
#[test]
#[ignore = "netns tier: needs root"]
fn new_revisions_do_not_interrupt_the_service() {
    let mut pair = Pair::start(Topology::TwoSwitches, &configuration(""));
    let probe = pair.probe();
    probe.answered();
    let revised = configuration("")
        .replace("dead = '1s'\nwarning = '500ms'", "dead = '600ms'\nwarning = '300ms'")
        .replace("synchronisation = true", "synchronisation = true\nresource-address = '10.30.0.10/24'");
    pair.a.apply(&revised);
    pair.b.apply(&revised);
    until("the second resource address is on", || pair.a.holds("10.30.0.10"));
    probe.answered();
    let gap = probe.longest_gap();
    assert!(gap < Duration::from_millis(250), "{gap:?}: the service was interrupted");
    assert!(pair.a.role() == "active" && !pair.b.holds("10.30.0.10"));

    let probe = pair.probe();
    probe.answered();
    pair.a.kill_agent();
    pair.set_cables("a", "down");
    until("b serves", || pair.b.role() == "active");
    probe.answered();
    let gap = probe.longest_gap();
    println!("power cut at a dead threshold of 600 ms: {} ms", gap.as_millis());
    assert!(gap < Duration::from_millis(1_100), "{gap:?}: the new threshold is in force");
    assert!(pair.b.holds(RESOURCE) && pair.b.holds("10.30.0.10"));
}

/// H15, H18: heartbeats run on every interface: neither cable alone is missed.
#[test]
#[ignore = "netns tier: needs root"]
fn one_cable_is_enough_to_hear() {
    let pair = Pair::start(Topology::TwoSwitches, &configuration(""));
    pair.switch.ip("link set b-sync0 down");
    until("a misses b there", || {
        let status = pair.a.status().expect("a answers");
        status
            .interfaces
            .iter()
            .any(|interface| interface.name == "sync0" && interface.heartbeat_silent_ms > 1_500)
    });
    let status = pair.a.status().expect("a answers");
    assert_eq!(status.role, "active");
    assert!(
        status.nodes.iter().any(|node| node.name == "b" && node.role == "standby" && node.silent_ms < 1_000)
    );
    assert_eq!(pair.b.role(), "standby");
}

/// H36 and "a useless holder lets go": the active node loses its LAN only, and the service moves without a timeout.
#[test]
#[ignore = "netns tier: needs root"]
fn a_lost_lan_moves_the_service() {
    let pair = Pair::start(Topology::TwoSwitches, &configuration(""));
    pair.switch.ip("link set a-lan0 down");
    until("b serves", || pair.b.role() == "active");
    until("a has let go", || pair.a.role() == "standby" && !pair.a.holds(RESOURCE));
}

/// H20: the active node is cut off beyond its switch port, carrier still there: it sees no target, its peer does, and
/// the service moves.
#[test]
#[ignore = "netns tier: needs root"]
fn a_blind_node_lets_go() {
    let with_ping_group =
        configuration("").replace("/24'\n", "/24'\nping-group = '10.20.0.200 10.20.0.201'\n");
    let pair = Pair::start(Topology::TwoSwitches, &with_ping_group);
    pair.switch.ip("link set a-lan0 nomaster");
    until("b serves", || pair.b.role() == "active");
    until("a has let go", || pair.a.role() == "standby" && !pair.a.holds(RESOURCE));
    let status = pair.b.status().expect("b answers");
    assert!(
        status.nodes.iter().all(|node| node.role != "unreachable"),
        "they hear each other: {:?}",
        status.nodes
    );
}

/// DESIGN section 6: an agent that was stopped (as a paused virtual machine) lets go as soon as it wakes, and the phones
/// are not misled by it.
#[test]
#[ignore = "netns tier: needs root"]
fn agents_that_wake_late_let_go() {
    let pair = Pair::start(Topology::TwoSwitches, &configuration(""));
    pair.a.signal_agent(Signal::SIGSTOP);
    until("b serves", || pair.b.role() == "active");
    let probe = pair.probe();
    probe.answered();
    pair.a.signal_agent(Signal::SIGCONT);
    until("a has let go", || !pair.a.holds(RESOURCE));
    pair.settle("b", "a");
    probe.answered();
    let gap = probe.longest_gap();
    println!("the stopped agent wakes: {} ms", gap.as_millis());
    assert!(gap < PLANNED_GAP_MAX, "{gap:?}");
}

/// Nothing on the takeover path waits for the bus: without it the service stays, and moves when it must.
#[test]
#[ignore = "netns tier: needs root"]
fn the_bus_may_die() {
    let mut pair = Pair::start(Topology::TwoSwitches, &configuration(""));
    pair.a.kill_bus();
    pair.b.kill_bus();
    pair.a.kill_agent();
    pair.set_cables("a", "down");
    until("b holds the address", || pair.b.holds(RESOURCE));
    pair.b.signal_agent(Signal::SIGTERM);
    assert!(pair.b.agent_ended());
    assert!(!pair.b.holds(RESOURCE));
}

/// H10: a single box is a pair without a peer: it serves at once.
#[test]
#[ignore = "netns tier: needs root"]
fn a_single_box_serves_at_once() {
    let pair = configuration("");
    let single: String = pair
        .lines()
        .filter(|line| !line.starts_with("default-active"))
        .take_while(|line| !line.starts_with("[cluster.node.b]"))
        .chain(pair.lines().skip_while(|line| !line.starts_with("[cluster.interface")))
        .map(|line| format!("{line}\n"))
        .collect();
    let mut pair = Pair::lay_out(Topology::TwoSwitches, &single);
    let started = std::time::Instant::now();
    pair.a.start_agent();
    until("the box serves", || pair.a.holds(RESOURCE));
    assert!(
        started.elapsed() < Duration::from_millis(1_000),
        "{:?}: no initialisation time",
        started.elapsed()
    );
    let status = pair.a.status().expect("it answers");
    assert_eq!((status.pairing.as_str(), status.enablement.as_str()), ("single", "disabled"));
    pair.probe().answered();
}
