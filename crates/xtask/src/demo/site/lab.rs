//! The pair as processes in network namespaces.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::Site;
use crate::demo::boot::FirstAnswer;
use crate::lab::{self, NodeStatus, Options, Pair, Side};
use crate::peers::surroundings::Surroundings;

/// The dead threshold of the sample configuration (1 s) and what a busy machine may add.
const GAP_MAX: Duration = Duration::from_millis(1_500);

/// A lab.
#[derive(Debug)]
pub struct Processes {
    pair: Pair,
    boot: Duration,
}

impl Processes {
    /// Brings up the lab `name`, whose programs are built; what ran under its name is removed first.
    ///
    /// # Errors
    /// As [`Pair::up`], or nobody answers at the resource address.
    pub fn up(name: &str) -> Result<Processes> {
        // An older lab of this name would answer in its place.
        lab::down(name)?;
        let answer = FirstAnswer::await_from(name)?;
        let power_on = Instant::now();
        let pair = Pair::up(&Options { name: name.to_owned(), build: false, ..Options::default() })?;
        Ok(Processes { pair, boot: answer.since(power_on)? })
    }

    fn node(&self, side: Side) -> Result<NodeStatus> {
        self.pair.status()?.nodes.remove(&side).context("a lab has two nodes")
    }
}

impl Site for Processes {
    fn rootfs(&self) -> &'static str {
        "none"
    }

    fn boot_s(&self) -> Result<f64> {
        Ok(self.boot.as_secs_f64())
    }

    fn fault(&self) -> &'static str {
        "power cut: SIGKILL to every process, links down"
    }

    fn gap_max(&self) -> Duration {
        GAP_MAX
    }

    fn surroundings(&self) -> Result<Surroundings> {
        Ok(Surroundings::from(&self.pair.description()?))
    }

    fn await_settled(&self) -> Result<Side> {
        self.pair.await_settled()
    }

    fn await_role(&self, side: Side, role: &str) -> Result<()> {
        self.pair.await_role(side, role)
    }

    fn registrations(&self, side: Side) -> Result<u64> {
        Ok(self.node(side)?.registrations)
    }

    fn cut_power(&self, side: Side) -> Result<()> {
        self.pair.cut_power(side)
    }

    fn power_on(&self, side: Side) -> Result<()> {
        self.pair.power_on(side)
    }

    fn failed_units(&self, side: Side) -> Result<Vec<String>> {
        Ok(self.node(side)?.failed)
    }

    fn ways_to_look(&self, serving: Side) -> Result<Vec<(&'static str, String)>> {
        let (description, name) = (self.pair.description()?, &self.pair.topology().name);
        let tandemctl = description.node(serving).tandemctl.join(" ");
        let mut ways = vec![
            ("both nodes", format!("cargo xtask lab status --name {name}")),
            ("state of the pair", format!("{tandemctl} ha status")),
            ("call records", format!("{tandemctl} records list")),
            ("move the service", format!("{tandemctl} ha switch")),
        ];
        ways.extend(super::own_softphone(&Surroundings::from(&description)));
        ways.push(("stop everything", format!("cargo xtask lab down --name {name}")));
        Ok(ways)
    }

    fn leave(self: Box<Self>) {
        self.pair.leave();
    }

    fn down(self: Box<Self>) -> Result<()> {
        self.pair.down()
    }
}
