//! Where the demonstration takes place: the pair as virtual machines, or as processes in namespaces.

mod lab;
mod machines;

use std::time::Duration;

use anyhow::Result;

use crate::lab::Side;
use crate::peers::surroundings::Surroundings;

pub use lab::Processes;
pub use machines::surroundings;

/// Accounts of the sample configuration that the demonstration leaves to people.
const OWN_ACCOUNTS: [&str; 2] = ["103", "104"];

/// A pair that phones can use and whose power can be cut.
pub trait Site {
    /// Root file system of the nodes: `lab` or `buildroot`; `none` when they are only processes.
    fn rootfs(&self) -> &'static str;

    /// Seconds from power-on to the first SIP answer at the resource address.
    ///
    /// # Errors
    /// The site does not know.
    fn boot_s(&self) -> Result<f64>;

    /// What a power cut is here, for people.
    fn fault(&self) -> &'static str;

    /// Longest silence that a takeover may cause, with the dead threshold of 1 s of the sample configuration.
    fn gap_max(&self) -> Duration;

    /// What phones see of the pair.
    ///
    /// # Errors
    /// Its configuration cannot be read.
    fn surroundings(&self) -> Result<Surroundings>;

    /// Waits until one node serves, the other stands by, and both agree on all that is stored; gives the one that
    /// serves.
    ///
    /// # Errors
    /// Not in time.
    fn await_settled(&self) -> Result<Side>;

    /// Waits until a node has this role (`active`, `standby`, …).
    ///
    /// # Errors
    /// Not in time.
    fn await_role(&self, side: Side, role: &str) -> Result<()>;

    /// Bindings that the telephone daemon of a node knows.
    ///
    /// # Errors
    /// The node does not say.
    fn registrations(&self, side: Side) -> Result<u64>;

    /// Takes the power from a node without a word.
    ///
    /// # Errors
    /// The node does not run.
    fn cut_power(&self, side: Side) -> Result<()>;

    /// Gives the power back.
    ///
    /// # Errors
    /// The node runs already, or does not start.
    fn power_on(&self, side: Side) -> Result<()>;

    /// Units of a node that have failed.
    ///
    /// # Errors
    /// The node does not say.
    fn failed_units(&self, side: Side) -> Result<Vec<String>>;

    /// What a person may do with the running pair: purpose and command. `serving` is the node to ask.
    ///
    /// # Errors
    /// Its configuration cannot be read.
    fn ways_to_look(&self, serving: Side) -> Result<Vec<(&'static str, String)>>;

    /// Keeps the pair running when this value goes.
    fn leave(self: Box<Self>);

    /// Ends the pair.
    ///
    /// # Errors
    /// Something of it cannot be ended or removed.
    fn down(self: Box<Self>) -> Result<()>;
}

/// How a person's own phones join those of the demonstration.
fn own_softphone(surroundings: &Surroundings) -> Vec<(&'static str, String)> {
    let Surroundings { namespace, exchange, domain, .. } = surroundings;
    let mut ways =
        vec![("your own softphone", format!("sudo ip netns exec {namespace} sudo -u $USER PROGRAM"))];
    for user in OWN_ACCOUNTS {
        // A configuration without this account has nothing to offer here.
        let Ok(account) = surroundings.account(user) else { continue };
        let text = format!("user {user}, password {}, domain {domain}, server {exchange}", account.password);
        ways.push(("  as", text));
    }
    ways
}
