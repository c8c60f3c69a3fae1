//! The pair as processes in network namespaces.

use std::time::Duration;

use anyhow::{Context, Result};

use super::Site;
use crate::lab::{Pair, Side};
use crate::peers::surroundings::Surroundings;

/// The dead threshold and what a busy machine may add.
const GAP_MAX: Duration = Duration::from_millis(1_500);

impl Site for Pair {
    fn rootfs(&self) -> &'static str {
        "none"
    }

    fn fault(&self) -> &'static str {
        "power cut: SIGKILL to every process, links down"
    }

    fn gap_max(&self) -> Duration {
        GAP_MAX
    }

    fn surroundings(&self) -> Result<Surroundings> {
        Ok(Surroundings::from(&self.description()?))
    }

    fn await_settled(&self) -> Result<Side> {
        Pair::await_settled(self)
    }

    fn await_role(&self, side: Side, role: &str) -> Result<()> {
        Pair::await_role(self, side, role)
    }

    fn registrations(&self, side: Side) -> Result<u64> {
        let node = self.status()?.nodes.remove(&side);
        Ok(node.context("a lab has two nodes")?.registrations)
    }

    fn cut_power(&self, side: Side) -> Result<()> {
        Pair::cut_power(self, side)
    }

    fn power_on(&self, side: Side) -> Result<()> {
        Pair::power_on(self, side)
    }

    fn failed_units(&self, side: Side) -> Result<Vec<String>> {
        let node = self.status()?.nodes.remove(&side);
        Ok(node.context("a lab has two nodes")?.failed)
    }

    fn tandemctl(&self, side: Side, words: &[&str]) -> Result<String> {
        Pair::tandemctl(self, side, words)
    }

    fn ways_to_look(&self, serving: Side) -> Result<Vec<(&'static str, String)>> {
        let (description, name) = (self.description()?, &self.topology().name);
        let tandemctl = description.node(serving).tandemctl.join(" ");
        Ok(vec![
            ("both nodes", format!("cargo xtask lab status --name {name}")),
            ("state of the pair", format!("{tandemctl} ha status")),
            ("call records", format!("{tandemctl} records list")),
            ("move the service", format!("{tandemctl} ha switch")),
            ("stop everything", format!("cargo xtask lab down --name {name}")),
        ])
    }

    fn leave(self: Box<Self>) {
        Pair::leave(*self);
    }

    fn down(self: Box<Self>) -> Result<()> {
        Pair::down(*self)
    }
}
