//! Two agents in namespaces of their own, with private buses and stores that only hold a configuration.
//!
//! ```text
//!   a ── lan0 ──┐            ┌── lan0 ── b
//!               ├── switch ──┤
//!   a ── sync0 ─┘     │      └── sync0 ─ b
//!                   phone0
//! ```

#![allow(clippy::unwrap_used)] // helpers of tests

#[path = "../../../netio/tests/namespace/mod.rs"]
pub mod namespace;
mod node;
#[path = "../../../daemon/tests/private_bus/mod.rs"]
mod private_bus;
mod probe;

use std::time::{Duration, Instant};

use namespace::Namespace;
pub use node::Node;
pub use probe::Probe;

/// The address that moves.
pub const RESOURCE: &str = "10.20.0.10";

/// How the cables run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Topology {
    /// LAN and synchronisation network apart
    TwoSwitches,
    /// Both interfaces of both nodes on one switch (row H12)
    OneSwitch,
}

/// The pair.
pub struct Pair {
    pub a: Node,
    pub b: Node,
    pub phones: Namespace,
    pub switch: Namespace,
}

impl Pair {
    /// Cables, buses and stores; no agent runs yet.
    pub fn lay_out(topology: Topology, configuration: &str) -> Pair {
        let (switch, phones) = (Namespace::new(), Namespace::new());
        switch.ip("link add br-lan type bridge");
        switch.ip("link set br-lan up");
        let sync_bridge = match topology {
            Topology::OneSwitch => "br-lan",
            Topology::TwoSwitches => {
                switch.ip("link add br-sync type bridge");
                switch.ip("link set br-sync up");
                "br-sync"
            }
        };
        phones.cable("phone0", &switch, "phones");
        switch.ip("link set phones master br-lan");
        phones.ip("address add 10.20.0.200/24 dev phone0");
        let authority = node::Authority::new();
        let make = |name: &str, peer: &str, host: u8, peer_host: u8| {
            let namespace = Namespace::new();
            for (link, bridge, subnet) in [("lan0", "br-lan", 20), ("sync0", sync_bridge, 30)] {
                let far = format!("{name}-{link}");
                namespace.cable(link, &switch, &far);
                switch.ip(&format!("link set {far} master {bridge}"));
                namespace.ip(&format!("address add 10.{subnet}.0.{host}/24 dev {link}"));
            }
            namespace.one_switch();
            Node::new(namespace, &authority, name, peer, [host, peer_host], configuration)
        };
        let (a, b) = (make("a", "b", 1, 2), make("b", "a", 2, 1));
        Pair { a, b, phones, switch }
    }

    /// Both agents run and have settled: one serves, the other stands by and hears it.
    pub fn start(topology: Topology, configuration: &str) -> Pair {
        let mut pair = Pair::lay_out(topology, configuration);
        pair.a.start_agent();
        pair.b.start_agent();
        pair.settle("a", "b");
        pair
    }

    /// Waits until `active` serves and `standby` knows it.
    pub fn settle(&self, active: &str, standby: &str) {
        until(&format!("{active} active, {standby} standby"), || {
            let (one, other) = (self.node(active).status(), self.node(standby).status());
            one.is_some_and(|status| status.role == "active")
                && other.is_some_and(|status| status.role == "standby" && status.active_node == active)
        });
        assert!(self.node(active).holds(RESOURCE) && !self.node(standby).holds(RESOURCE));
    }

    pub fn node(&self, name: &str) -> &Node {
        if name == "a" { &self.a } else { &self.b }
    }

    pub fn node_mut(&mut self, name: &str) -> &mut Node {
        if name == "a" { &mut self.a } else { &mut self.b }
    }

    /// Cuts or mends both cables of a node, at the switch.
    pub fn set_cables(&self, name: &str, state: &str) {
        for link in ["lan0", "sync0"] {
            self.switch.ip(&format!("link set {name}-{link} {state}"));
        }
    }

    /// Asks the resource address from the phones' network, without pause.
    pub fn probe(&self) -> Probe {
        Probe::start(&self.phones)
    }
}

/// A pair with the timers of the demonstration, started faster.
pub fn configuration(extra: &str) -> String {
    format!(
        "[system]\ndomain = 'pbx.example.com'\n\
         [cluster]\ndead = '1s'\nwarning = '500ms'\ninitialisation = '1100ms'\ndefault-active = 'a'\n{extra}\n\
         [cluster.node.a]\nserial-number = 'TD-A'\naddresses = {{ lan0 = '10.20.0.1', sync0 = '10.30.0.1' }}\n\
         [cluster.node.b]\nserial-number = 'TD-B'\naddresses = {{ lan0 = '10.20.0.2', sync0 = '10.30.0.2' }}\n\
         [cluster.interface.lan0]\nresource-address = '{RESOURCE}/24'\n\
         [cluster.interface.sync0]\nsynchronisation = true\n"
    )
}

/// Polls until `condition` holds; fails after a time in which a loaded machine can do it.
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "not within 20 s: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
