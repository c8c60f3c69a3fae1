//! The state of the pair in the words of the bus (rows H10, H13, H15 to H19, H21, H28 to H30). Pure.

use std::net::IpAddr;
use std::time::Duration;

use daemon::NodeIdentity;
use daemon::bus::cluster::{ClusterStatus, InterfaceStatus, NodeStatus};
use membership::{PeerStatus, Role, Status};
use model::{HaMode, NodeName};
use netio::addresses::ResourceAddress;
use wire::heartbeat::Activity;

use crate::events::{Events, role_name};
use crate::heartbeat::Report;
use crate::plan::Plan;

/// Puts together what the bus shows.
#[must_use]
pub fn compose(
    identity: &NodeIdentity,
    report: &Report,
    held: &[ResourceAddress],
    events: Events,
) -> ClusterStatus {
    let status = report.status.as_ref();
    let plan = report.plan.as_deref();
    let is_pair = plan.is_some_and(|plan| plan.peer.is_some());
    let enablement = match (is_pair, identity.coordinator) {
        (false, _) => "disabled",
        (true, true) => "enabled as coordinator",
        (true, false) => "enabled",
    };
    let reason = status.map_or("waits for the first configuration", |status| status.reason);
    ClusterStatus {
        node: identity.name.to_string(),
        role: role_name(status.map_or(Role::Initialising, |status| status.role)).to_owned(),
        reason: reason.to_owned(),
        role_since: events.role_since,
        active_node: text(status.and_then(|status| status.active_node.as_ref())),
        epoch: status.map_or(0, |status| status.epoch.counter),
        lease_remaining_ms: status.map_or(0, |status| milliseconds(status.lease_remaining)),
        mode: match plan.map(|plan| plan.cluster.mode).unwrap_or_default() {
            HaMode::Available => "available".to_owned(),
            HaMode::Safe => "safe".to_owned(),
        },
        enablement: enablement.to_owned(),
        pairing: if is_pair { "paired" } else { "single" }.to_owned(),
        nodes: nodes(identity, status, plan),
        interfaces: plan.map(|plan| interfaces(plan, status, held)).unwrap_or_default(),
        warnings: status.map_or(0, |status| status.warnings),
        events: events.recent.into(),
    }
}

fn nodes(identity: &NodeIdentity, status: Option<&Status>, plan: Option<&Plan>) -> Vec<NodeStatus> {
    let own = NodeStatus {
        name: identity.name.to_string(),
        serial_number: identity.serial_number.clone(),
        synchronisation_address: identity.listen.to_string(),
        role: role_name(status.map_or(Role::Initialising, |status| status.role)).to_owned(),
        silent_ms: 0,
    };
    let peer = plan.and_then(|plan| peer_node(plan, status.and_then(|status| status.peer.as_ref())));
    let mut nodes = vec![own];
    nodes.extend(peer);
    // The same order on both nodes.
    nodes.sort_by(|one, other| one.name.cmp(&other.name));
    nodes
}

fn peer_node(plan: &Plan, heard: Option<&PeerStatus>) -> Option<NodeStatus> {
    let name = plan.peer.as_ref()?;
    let node = plan.cluster.nodes.get(name);
    let activity = heard.and_then(|peer| peer.activity);
    Some(NodeStatus {
        name: name.to_string(),
        serial_number: node.map(|node| node.serial_number.clone()).unwrap_or_default(),
        synchronisation_address: text(synchronisation_address(plan, name)),
        role: activity.map_or("unreachable", activity_name).to_owned(),
        silent_ms: heard.and_then(|peer| peer.silent).map_or(u64::MAX, milliseconds),
    })
}

fn synchronisation_address(plan: &Plan, node: &NodeName) -> Option<IpAddr> {
    let (interface, _) = plan.cluster.interfaces.iter().find(|(_, interface)| interface.synchronisation)?;
    plan.cluster.nodes.get(node)?.addresses.get(interface).copied()
}

fn interfaces(plan: &Plan, status: Option<&Status>, held: &[ResourceAddress]) -> Vec<InterfaceStatus> {
    let links = status.map(|status| status.links.as_slice()).unwrap_or_default();
    let one = |path: &crate::plan::Path| {
        let link = links.iter().find(|link| link.name == path.interface);
        let resource = plan.resources.iter().find(|resource| resource.address.interface == path.interface);
        let address = resource.map(|resource| &resource.address);
        InterfaceStatus {
            name: path.interface.clone(),
            up: link.is_some_and(|link| link.up),
            local_address: text(path.own),
            remote_address: text(path.peer),
            resource_address: address
                .map(|resource| format!("{}/{}", resource.address, resource.prefix_bits))
                .unwrap_or_default(),
            held: address.is_some_and(|address| held.contains(address)),
            synchronisation: plan
                .cluster
                .interfaces
                .get(&path.interface)
                .is_some_and(|interface| interface.synchronisation),
            heartbeat_silent_ms: link.and_then(|link| link.silent).map_or(u64::MAX, milliseconds),
        }
    };
    plan.paths.iter().map(one).collect()
}

fn activity_name(activity: Activity) -> &'static str {
    match activity {
        Activity::Initialising => "initialising",
        Activity::Standby => "standby",
        Activity::Claiming | Activity::Taking => "taking",
        Activity::Active => "active",
        Activity::Yielding => "yielding",
    }
}

/// D-Bus has no null: nothing is the empty text.
fn text(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
