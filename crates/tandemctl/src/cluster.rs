//! `tandemctl ha`: the pair and who serves (rows H28 to H36).

use anyhow::Context;
use daemon::bus::cluster::{ClusterProxy, ClusterStatus, InterfaceStatus, NodeStatus};
use daemon::zbus::Connection;

use crate::arguments::HaVerb;
use crate::bus::explain;
use crate::table::Table;
use crate::view;

/// Does what `verb` says and returns what to print.
pub async fn answer(connection: &Connection, verb: HaVerb) -> anyhow::Result<String> {
    let agent = ClusterProxy::new(connection).await.context("addressing the high-availability agent")?;
    match verb {
        HaVerb::Status(form) => {
            let status = agent.status().await.map_err(explain("clusterd"))?;
            if form.json { Ok(serde_json::to_string(&status)? + "\n") } else { Ok(people(&status)) }
        }
        HaVerb::Switch => {
            agent.switch().await.map_err(explain("clusterd"))?;
            let status = agent.status().await.map_err(explain("clusterd"))?;
            Ok(format!("node {} serves now\n", status.active_node))
        }
    }
}

fn people(status: &ClusterStatus) -> String {
    let mut summary = Table::untitled();
    let mut say = |name: &str, value: String| summary.row([name.to_owned(), value]);
    let reason = if status.reason.is_empty() { String::new() } else { format!(" ({})", status.reason) };
    let since = match status.role_since.as_str() {
        "" => String::new(),
        utc => format!(" since {}", view::local_time(utc)),
    };
    say("node", format!("{}: {}{since}{reason}", status.node, status.role));
    let serving = if status.active_node.is_empty() { "no node" } else { &status.active_node };
    say("serving", format!("{serving}, epoch {}", status.epoch));
    say("lease left", view::milliseconds(status.lease_remaining_ms));
    say("mode", format!("{}, {}, {}", status.mode, status.enablement, status.pairing));
    say("warnings", status.warnings.to_string());
    format!(
        "{}\n{}\n{}{}",
        summary.render(),
        nodes(&status.nodes, &status.node),
        interfaces(&status.interfaces),
        events(status)
    )
}

fn nodes(nodes: &[NodeStatus], own: &str) -> String {
    let mut table = Table::new(&["NODE", "SERIAL NUMBER", "SYNCHRONISATION", "ROLE", "LAST HEARD"]);
    for node in nodes {
        table.row([
            node.name.clone(),
            node.serial_number.clone(),
            node.synchronisation_address.clone(),
            node.role.clone(),
            if node.name == own { "this node".to_owned() } else { silence(node.silent_ms) },
        ]);
    }
    table.render()
}

fn interfaces(interfaces: &[InterfaceStatus]) -> String {
    let titles = ["INTERFACE", "LINK", "OWN", "PEER", "RESOURCE ADDRESS", "HELD HERE", "HEARTBEAT", "DUTY"];
    let mut table = Table::new(&titles);
    for interface in interfaces {
        table.row([
            interface.name.clone(),
            if interface.up { "up" } else { "DOWN" }.to_owned(),
            interface.local_address.clone(),
            interface.remote_address.clone(),
            interface.resource_address.clone(),
            view::yes_no(interface.held),
            silence(interface.heartbeat_silent_ms),
            if interface.synchronisation { "synchronisation" } else { "" }.to_owned(),
        ]);
    }
    table.render()
}

fn events(status: &ClusterStatus) -> String {
    if status.events.is_empty() {
        return String::new();
    }
    let mut table = Table::untitled();
    for event in &status.events {
        table.row([view::local_time(&event.time), event.text.clone()]);
    }
    format!("\n{}", table.render())
}

fn silence(milliseconds: u64) -> String {
    if milliseconds == u64::MAX {
        "never".to_owned()
    } else {
        format!("{} ago", view::milliseconds(milliseconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// H28 to H30: role, reason, both nodes and each interface can be read at a glance.
    #[test]
    fn status_is_readable() {
        let status = ClusterStatus {
            node: "a".into(),
            role: "active".into(),
            reason: "peer lost".into(),
            role_since: "2026-11-21T22:40:01.123Z".into(),
            active_node: "a".into(),
            epoch: 7,
            lease_remaining_ms: 812,
            mode: "available".into(),
            enablement: "enabled as coordinator".into(),
            pairing: "paired".into(),
            nodes: vec![NodeStatus {
                name: "b".into(),
                serial_number: "TD-B".into(),
                synchronisation_address: "10.30.0.2".into(),
                role: "unreachable".into(),
                silent_ms: 65_000,
            }],
            interfaces: vec![InterfaceStatus {
                name: "lan0".into(),
                up: true,
                local_address: "10.20.0.1".into(),
                remote_address: "10.20.0.2".into(),
                resource_address: "10.20.0.10/24".into(),
                held: true,
                synchronisation: false,
                heartbeat_silent_ms: u64::MAX,
            }],
            warnings: 1,
            events: Vec::new(),
        };
        let shown = people(&status);
        for part in [
            "a: active since 20",
            "(peer lost)",
            "a, epoch 7",
            "812 ms",
            "1 min 05 s ago",
            "never",
            "10.20.0.10/24",
        ] {
            assert!(shown.contains(part), "{part} in:\n{shown}");
        }
    }
}
