//! Boxes as the daemons describe them. Each test takes its part.
#![allow(dead_code)]

use daemon::bus::cluster::{ClusterEvent, ClusterStatus, InterfaceStatus, NodeStatus};
use daemon::bus::host::{HostStatus, LinkStatus};
use daemon::bus::pbx::PbxStatus;
use daemon::bus::store::StoreStatus;
use screen::sample::{Answer, Sample};

/// What the clock says in all samples: 02:41 an hour east of Greenwich.
pub const NOW: &str = "2026-11-22T01:41:30Z";

/// Box a of a pair, serving; box b stands by.
pub fn active() -> Sample {
    Sample {
        host: Answer::Here(host()),
        cluster: Answer::Here(cluster()),
        store: Answer::Here(store()),
        pbx: Answer::Here(pbx()),
    }
}

/// Box a of a pair, standing by; box b serves.
pub fn standby() -> Sample {
    let mut cluster = cluster();
    cluster.role = "standby".into();
    cluster.reason = "the peer serves".into();
    cluster.active_node = "b".into();
    cluster.nodes[0].role = "standby".into();
    cluster.nodes[1].role = "active".into();
    cluster.interfaces[0].held = false;
    Sample {
        cluster: Answer::Here(cluster),
        pbx: Answer::Here(PbxStatus { calls: 0, serving: false, ..pbx() }),
        ..active()
    }
}

/// A box without a peer.
pub fn single() -> Sample {
    let mut cluster = cluster();
    cluster.pairing = "single".into();
    cluster.reason = "there is no peer".into();
    cluster.nodes.truncate(1);
    cluster.interfaces.truncate(1);
    cluster.events.clear();
    Sample {
        cluster: Answer::Here(cluster),
        store: Answer::Here(StoreStatus { peer_connected: false, ..store() }),
        ..active()
    }
}

/// A box fresh from the factory.
pub fn new() -> Sample {
    let mut host = host();
    host.name = "tandem-k2m9qx".into();
    host.serial_number = "TD-A7K2M9QX".into();
    host.commissioned = false;
    host.gateway.clear();
    host.links.iter_mut().for_each(|link| link.addresses.clear());
    host.links[1].carrier = false;
    let mut cluster = cluster();
    cluster.node.clone_from(&host.name);
    cluster.role = "initialising".into();
    cluster.role_since.clear();
    cluster.reason = "waits for the first configuration".into();
    cluster.pairing = "single".into();
    cluster.active_node.clear();
    cluster.nodes.clear();
    cluster.interfaces.clear();
    cluster.events.clear();
    let pbx =
        PbxStatus { revision: 0, registrations: 0, calls: 0, domain: String::new(), sip_port: 0, ..pbx() };
    Sample {
        host: Answer::Here(host),
        cluster: Answer::Here(cluster),
        store: Answer::Here(StoreStatus { revision: 0, call_records: 0, peer_connected: false, ..store() }),
        pbx: Answer::Here(pbx),
    }
}

pub fn host() -> HostStatus {
    HostStatus {
        name: "a".into(),
        serial_number: "TD-A".into(),
        version: "0.1.0".into(),
        rootfs: "lab".into(),
        variant: "debug".into(),
        commissioned: true,
        uptime_s: 11_100,
        clock_synchronised: true,
        data_free_bytes: 900 << 20,
        data_total_bytes: 1 << 30,
        links: vec![
            LinkStatus {
                name: "lan0".into(),
                hardware_address: "52:54:00:20:00:01".into(),
                carrier: true,
                addresses: vec![
                    "10.20.0.1/24".into(),
                    "10.20.0.10/32".into(),
                    "fe80::5054:ff:fe20:1/64".into(),
                ],
            },
            LinkStatus {
                name: "sync0".into(),
                hardware_address: "52:54:00:30:00:01".into(),
                carrier: true,
                addresses: vec!["10.30.0.1/24".into()],
            },
        ],
        gateway: "10.20.0.254".into(),
        failed_units: Vec::new(),
        problems: Vec::new(),
    }
}

pub fn cluster() -> ClusterStatus {
    let node = |name: &str, serial_number: &str, address: &str, role: &str| NodeStatus {
        name: name.into(),
        serial_number: serial_number.into(),
        synchronisation_address: address.into(),
        role: role.into(),
        silent_ms: if name == "a" { 0 } else { 140 },
    };
    let interface = |name: &str, local: &str, remote: &str, resource: &str| InterfaceStatus {
        name: name.into(),
        up: true,
        local_address: local.into(),
        remote_address: remote.into(),
        resource_address: resource.into(),
        held: !resource.is_empty(),
        synchronisation: resource.is_empty(),
        heartbeat_silent_ms: 140,
    };
    let event = |time: &str, text: &str| ClusterEvent { time: time.into(), text: text.into() };
    ClusterStatus {
        node: "a".into(),
        role: "active".into(),
        reason: "the peer is silent".into(),
        role_since: "2026-11-22T01:13:05.250Z".into(),
        active_node: "a".into(),
        epoch: 7,
        lease_remaining_ms: 812,
        mode: "available".into(),
        enablement: "enabled as coordinator".into(),
        pairing: "paired".into(),
        nodes: vec![node("a", "TD-A", "10.30.0.1", "active"), node("b", "TD-B", "10.30.0.2", "standby")],
        interfaces: vec![
            interface("lan0", "10.20.0.1", "10.20.0.2", "10.20.0.10/24"),
            interface("sync0", "10.30.0.1", "10.30.0.2", ""),
        ],
        warnings: 1,
        events: vec![
            event(
                "2026-11-22T01:13:04.250Z",
                "the peer is lost: silent on every path for the dead threshold",
            ),
            event("2026-11-22T01:13:05.250Z", "standby → active: the peer is silent"),
            event("2026-11-22T01:20:00.000Z", "the peer is heard"),
        ],
    }
}

pub fn store() -> StoreStatus {
    StoreStatus {
        node: "a".into(),
        writer: true,
        revision: 12,
        state_hash: "5a".into(),
        peer_connected: true,
        unprotected: 0,
        call_records: 345,
        parked: 0,
        quarantined: Vec::new(),
    }
}

pub fn pbx() -> PbxStatus {
    PbxStatus {
        revision: 12,
        registrations: 23,
        calls: 2,
        peer_connected: true,
        messages_dropped: 0,
        serving: true,
        domain: "lab.tandem.example".into(),
        sip_port: 5060,
    }
}
