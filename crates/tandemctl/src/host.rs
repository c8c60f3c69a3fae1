//! `tandemctl host`: this box itself. What ends its service says so first, and asks.

use std::io::{self, BufRead, IsTerminal, Write};
use std::os::fd::OwnedFd;
use std::time::Duration;

use anyhow::{Context, bail};
use daemon::bus::cluster::{ClusterProxy, ClusterStatus};
use daemon::bus::host::{HostProxy, HostStatus, LinkStatus};
use daemon::memfd;
use daemon::zbus::Connection;

use crate::arguments::{Consent, HostVerb, Logs, NetworkVerb};
use crate::bus::explain;
use crate::table::Table;
use crate::view::{self, yes_no};

/// How the box ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Reboot,
    PowerOff,
}

/// Does what `verb` says and returns what to print.
pub async fn answer(connection: &Connection, verb: HostVerb) -> anyhow::Result<String> {
    let host = HostProxy::new(connection).await.context("addressing the host daemon")?;
    match verb {
        HostVerb::Status(form) => {
            let status = host.status().await.map_err(explain("hostd"))?;
            if form.json { Ok(serde_json::to_string(&status)? + "\n") } else { Ok(people(&status)) }
        }
        HostVerb::Network(NetworkVerb::Set { link, address, gateway }) => {
            host.set_network(&link, &address, &gateway).await.map_err(explain("hostd"))?;
            let status = host.status().await.map_err(explain("hostd"))?;
            Ok(links(&status.links) + &format!("gateway: {}\n", or_none(&status.gateway)))
        }
        HostVerb::Logs(wish) => logs(&host, &wish).await,
        HostVerb::Reboot(consent) => end(connection, &host, End::Reboot, consent).await,
        HostVerb::PowerOff(consent) => end(connection, &host, End::PowerOff, consent).await,
    }
}

async fn logs(host: &HostProxy<'_>, wish: &Logs) -> anyhow::Result<String> {
    // A part of a second is a whole one: more rather than less.
    let since_s = wish.since.map_or(0, |since| since.as_millis().div_ceil(1_000));
    let since_s = u64::try_from(since_s).unwrap_or(u64::MAX);
    let descriptor = host.logs(&wish.unit, since_s, wish.lines).await.map_err(explain("hostd"))?;
    let text = memfd::read(OwnedFd::from(descriptor), memfd::LISTING_BYTES_MAX)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

async fn end(
    connection: &Connection,
    host: &HostProxy<'_>,
    end: End,
    consent: Consent,
) -> anyhow::Result<String> {
    // An agent that is silent is no reason against: its silence may be why the box is restarted.
    let cluster = match ClusterProxy::new(connection).await {
        Ok(agent) => agent.status().await.ok(),
        Err(_) => None,
    };
    let consequence = consequence(cluster.as_ref(), end);
    if !consent.yes {
        if !io::stdin().is_terminal() {
            bail!("{consequence}. Nobody can be asked here: say it again with --yes");
        }
        if !agreed(&consequence)? {
            return Ok("nothing was done\n".to_owned());
        }
    }
    match end {
        End::Reboot => host.reboot().await.map_err(explain("hostd"))?,
        End::PowerOff => host.power_off().await.map_err(explain("hostd"))?,
    }
    Ok(format!("{consequence}\n"))
}

fn agreed(consequence: &str) -> anyhow::Result<bool> {
    let mut output = io::stderr().lock();
    write!(output, "{consequence}.\nGo on? [y/N] ").and_then(|()| output.flush()).context("asking")?;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).context("reading the answer")?;
    Ok(matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// What becomes of the service (DESIGN 6: each operation says before what will happen).
fn consequence(cluster: Option<&ClusterStatus>, end: End) -> String {
    let (ends, until) = match end {
        End::Reboot => ("restarts", "until it is back"),
        End::PowerOff => ("switches off", "until it is switched on again"),
    };
    let Some(cluster) = cluster else {
        return format!(
            "this node {ends}; its high-availability agent does not answer, so whether it serves is not known"
        );
    };
    let node = &cluster.node;
    let successor = cluster.nodes.iter().find(|other| other.name != *node && other.role == "standby");
    match (cluster.role.as_str(), successor) {
        ("active" | "taking" | "yielding", Some(other)) => format!(
            "node {node} serves: the service moves to node {}, calls in progress end; then {node} {ends}, and no standby \
             is there {until}",
            other.name
        ),
        ("active" | "taking" | "yielding", None) => {
            format!(
                "node {node} serves and no other node is ready: it {ends}, and nobody answers phones {until}"
            )
        }
        _ if cluster.active_node.is_empty() || cluster.active_node == *node => {
            format!("node {node} {ends}; no node serves now")
        }
        _ => format!(
            "node {node} {ends}; node {} goes on serving, without a standby {until}",
            cluster.active_node
        ),
    }
}

fn people(status: &HostStatus) -> String {
    let mut table = Table::untitled();
    let mut say = |name: &str, value: String| table.row([name.to_owned(), value]);
    say("node", status.name.clone());
    say("serial number", status.serial_number.clone());
    let image = [status.rootfs.as_str(), &status.variant].join(" ");
    say("version", format!("{} {}", status.version, image.trim()).trim().to_owned());
    say("commissioned", yes_no(status.commissioned));
    let uptime = Duration::from_secs(status.uptime_s).as_millis();
    say("running for", view::milliseconds(u64::try_from(uptime).unwrap_or(u64::MAX)));
    say("clock synchronised", yes_no(status.clock_synchronised));
    say("data disk", space(status.data_free_bytes, status.data_total_bytes));
    say("gateway", or_none(&status.gateway));
    say("failed units", or_none(&status.failed_units.join(", ")));
    let problems: String = status.problems.iter().map(|problem| format!("! {problem}\n")).collect();
    let separator = if problems.is_empty() { "" } else { "\n" };
    format!("{}\n{}{separator}{problems}", table.render(), links(&status.links))
}

fn links(links: &[LinkStatus]) -> String {
    let mut table = Table::new(&["LINK", "CARRIER", "HARDWARE ADDRESS", "ADDRESSES"]);
    for link in links {
        table.row([
            link.name.clone(),
            if link.carrier { "yes" } else { "NO" }.to_owned(),
            link.hardware_address.clone(),
            link.addresses.join(" "),
        ]);
    }
    table.render()
}

fn space(free_bytes: u64, total_bytes: u64) -> String {
    match total_bytes {
        0 => "none".to_owned(),
        total => format!("{} of {} MiB free", free_bytes >> 20, total >> 20),
    }
}

fn or_none(text: &str) -> String {
    if text.is_empty() { "none".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use daemon::bus::cluster::NodeStatus;

    fn cluster(role: &str, other: &str, active: &str) -> ClusterStatus {
        let node = |name: &str, role: &str| NodeStatus {
            name: name.to_owned(),
            serial_number: String::new(),
            synchronisation_address: String::new(),
            role: role.to_owned(),
            silent_ms: 0,
        };
        ClusterStatus {
            node: "a".to_owned(),
            role: role.to_owned(),
            reason: String::new(),
            role_since: String::new(),
            active_node: active.to_owned(),
            epoch: 1,
            lease_remaining_ms: 0,
            mode: "available".to_owned(),
            enablement: String::new(),
            pairing: String::new(),
            nodes: vec![node("a", role), node("b", other)],
            interfaces: Vec::new(),
            warnings: 0,
            events: Vec::new(),
        }
    }

    /// DESIGN 6, H36: what becomes of the service is said before: it moves, it ends, or it goes on elsewhere.
    #[test]
    fn consequences_are_said_before() {
        let said = |role, other, active, end| consequence(Some(&cluster(role, other, active)), end);
        assert!(
            said("active", "standby", "a", End::Reboot).contains("moves to node b, calls in progress end")
        );
        assert!(
            said("active", "unreachable", "a", End::Reboot)
                .contains("nobody answers phones until it is back")
        );
        assert!(said("active", "unreachable", "a", End::PowerOff).contains("until it is switched on again"));
        let standby = said("standby", "active", "b", End::PowerOff);
        assert!(standby.contains("node b goes on serving, without a standby"), "{standby}");
        assert!(said("initialising", "unreachable", "", End::Reboot).contains("no node serves now"));
        assert!(consequence(None, End::Reboot).contains("not known"));
    }

    /// H13, H16, H28: name, serial number, links and problems at a glance.
    #[test]
    fn status_is_readable() {
        let status = HostStatus {
            name: "a".into(),
            serial_number: "TD-A".into(),
            version: "0.1.0".into(),
            rootfs: "lab".into(),
            variant: "debug".into(),
            commissioned: true,
            uptime_s: 250,
            clock_synchronised: false,
            data_free_bytes: 100 << 20,
            data_total_bytes: 1 << 30,
            links: vec![LinkStatus {
                name: "lan0".into(),
                hardware_address: "52:54:00:20:00:01".into(),
                carrier: false,
                addresses: vec!["10.20.0.1/24".into(), "10.20.0.10/32".into()],
            }],
            gateway: String::new(),
            failed_units: Vec::new(),
            problems: vec!["lan0 has no carrier".into()],
        };
        let shown = people(&status);
        for line in
            ["0.1.0 lab debug", "4 min 10 s", "100 of 1024 MiB free", "lan0  NO ", "! lan0 has no carrier"]
        {
            assert!(shown.contains(line), "{line:?} is missing in\n{shown}");
        }
    }
}
