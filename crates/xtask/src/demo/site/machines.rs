//! The pair as virtual machines that boot an image.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};

use super::Site;
use crate::lab::{NodeStatus, Side};
use crate::peers::surroundings::Surroundings;
use crate::vm::{Description, Pair};

/// Issue 3: with the dead threshold of 1 s of the sample configuration, on machines that may be translated (TCG).
const GAP_MAX: Duration = Duration::from_secs(3);
/// Failed units, once systemd has started everything that it will start.
const FAILED_UNITS: &str = "systemctl is-system-running --wait >/dev/null; \
                            systemctl list-units --failed --plain --no-legend --no-pager";

/// What phones see of a pair of machines.
///
/// # Errors
/// There is no place for phones: the machines were started without root.
pub fn surroundings(pair: &Description) -> Result<Surroundings> {
    let namespaces = pair.namespaces.as_ref().context("without root there is no network for phones")?;
    Ok(Surroundings {
        namespace: namespaces.phones.clone(),
        phones: pair.phones_address,
        exchange: SocketAddr::new(pair.resource_address, pair.sip_port),
        domain: pair.domain.clone(),
        accounts: pair.accounts.clone(),
        trunk: pair.trunk.clone(),
    })
}

fn node(pair: &Pair, side: Side) -> Result<NodeStatus> {
    Ok(pair.status().nodes.remove(&side).context("a pair has two nodes")?.node)
}

impl Site for Pair {
    fn rootfs(&self) -> &'static str {
        Pair::rootfs(self).as_str()
    }

    fn boot_s(&self) -> Result<f64> {
        self.description()?.boot_s.context("a pair with a configuration has answered")
    }

    fn fault(&self) -> &'static str {
        "power cut: QEMU killed"
    }

    fn gap_max(&self) -> Duration {
        GAP_MAX
    }

    fn surroundings(&self) -> Result<Surroundings> {
        surroundings(&self.description()?)
    }

    fn await_settled(&self) -> Result<Side> {
        Pair::await_settled(self)
    }

    fn await_role(&self, side: Side, role: &str) -> Result<()> {
        Pair::await_role(self, side, role)
    }

    fn registrations(&self, side: Side) -> Result<u64> {
        Ok(node(self, side)?.registrations)
    }

    fn cut_power(&self, side: Side) -> Result<()> {
        self.power_off(side)
    }

    fn power_on(&self, side: Side) -> Result<()> {
        Pair::power_on(self, side)
    }

    fn failed_units(&self, side: Side) -> Result<Vec<String>> {
        let listed = self.shell(side, FAILED_UNITS)?;
        Ok(listed.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
    }

    fn ways_to_look(&self, serving: Side) -> Result<Vec<(&'static str, String)>> {
        let (description, name) = (self.description()?, &self.topology().name);
        let tandemctl = description.node(serving).tandemctl.join(" ");
        let vm = |verb: &str| format!("cargo xtask vm {verb} --name {name}");
        let dead = serving.other();
        let mut ways = vec![
            ("both boxes", vm("status")),
            ("screen of a box", vm(&format!("console {serving}"))),
            ("root shell", format!("{} --shell", vm(&format!("console {serving}")))),
            ("state of the pair", format!("{tandemctl} ha status")),
            ("call records", format!("{tandemctl} records list")),
            ("move the service", format!("{tandemctl} ha switch")),
            ("pull the plug", vm(&format!("power-off {serving}"))),
            ("… and put it back", vm(&format!("power-on {serving}"))),
            ("pull a cable", vm(&format!("link {dead} lan down"))),
        ];
        ways.extend(super::own_softphone(&surroundings(&description)?));
        ways.push(("stop everything", vm("down")));
        Ok(ways)
    }

    fn leave(self: Box<Self>) {
        Pair::leave(*self);
    }

    fn down(self: Box<Self>) -> Result<()> {
        Pair::down(*self)
    }
}
