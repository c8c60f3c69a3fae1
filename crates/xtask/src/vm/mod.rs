//! Nodes as virtual machines: the image of the product, booted by QEMU, with the networks of the [`crate::lab`] around
//! them.
//!
//! ```text
//!   QEMU a                    QEMU b                   tandem-NAME-phones
//!   lan0  sync0               sync0  lan0              phones .100, trunk .200
//!     │     │                   │      │                     │
//!  ┌──┴─────┴─ tandem-NAME-bridge ─────┴──┐                  │
//!  │ lan-a  sync-a            sync-b  lan-b   taps           │
//!  │ bridge lan   10.20.0.0/24 ──────────────────────────────┘
//!  │ bridge sync  10.30.0.0/24            │   without root: two wires of datagrams, no phones
//!  └──────────────────────────────────────┘
//! ```
//!
//! `qemu/` holds the machines as data. Tests and the demonstration use [`Pair`]:
//!
//! ```no_run
//! use xtask::vm::{Options, Pair};
//! # fn main() -> anyhow::Result<()> {
//! let pair = Pair::up(&Options { name: "example".to_owned(), ..Options::default() })?;
//! let active = pair.await_settled()?; // one active, one standby, stores in agreement
//! pair.power_off(active)?; // SIGKILL to QEMU
//! pair.await_role(active.other(), "active")?;
//! pair.power_on(active)?;
//! pair.await_settled()?;
//! pair.shell(active, "journalctl -u pbxd -n 20")?;
//! # Ok(()) } // dropped: machines ended, namespaces and disks removed
//! ```

mod accelerator;
mod arguments;
mod boot;
mod console;
mod description;
mod down;
mod files;
mod machine;
mod monitor;
mod pair;
mod plan;
mod qemu;
mod setup;
mod shell;
mod status;
mod unflushed;

use std::io::Write;
use std::time::Duration;

use anyhow::Context;

pub use accelerator::Accelerator;
pub use arguments::{LinkName, LinkState, NAME_DEFAULT, Verb};
pub(crate) use boot::image;
pub use description::{Description, Namespaces, NodeDescription};
pub use down::down;
pub(crate) use down::end_machines;
pub use machine::State;
pub use pair::{Options, Pair};
pub use shell::Outcome;
pub use status::{MachineStatus, Status};

use crate::failure::failure;
use crate::lab::topology::{LAN, SYNCHRONISATION};
use crate::progress::{result, say};

/// Does what `verb` says.
///
/// # Errors
/// What the verb shows fails.
pub fn run(verb: Verb) -> anyhow::Result<()> {
    match verb {
        Verb::Up(wish) => up(&wish),
        Verb::Status(wish) => show_status(&wish),
        Verb::Console(wish) => {
            let node = &Pair::attach(&wish.node.pair.name)?.description()?.nodes[&wish.node.side];
            if wish.shell {
                console::attach(&node.shell, console::PROMPT)
            } else {
                console::attach(&node.console, console::REDRAW)
            }
        }
        Verb::Screenshot(wish) => attach(&wish.node)?.screenshot(wish.node.side, &wish.file),
        Verb::Exec(wish) => exec(&wish),
        Verb::PowerOff(node) => attach(&node)?.power_off(node.side),
        Verb::PowerOn(node) => attach(&node)?.power_on(node.side),
        Verb::Freeze(node) => attach(&node)?.freeze(node.side),
        Verb::Thaw(node) => attach(&node)?.thaw(node.side),
        Verb::Link(wish) => {
            let link = match wish.link {
                LinkName::Lan => LAN,
                LinkName::Sync => SYNCHRONISATION,
            };
            attach(&wish.node)?.set_link(wish.node.side, link, wish.state)
        }
        Verb::Down(wish) => {
            down(&wish.name)?;
            say(format!("✓ nothing of machines {} is left", wish.name));
            Ok(())
        }
    }
}

fn attach(node: &arguments::Node) -> anyhow::Result<Pair> {
    Pair::attach(&node.pair.name)
}

fn up(wish: &arguments::Up) -> anyhow::Result<()> {
    let options = Options {
        name: wish.pair.name.clone(),
        rootfs: wish.rootfs,
        build: !wish.no_build,
        one_switch: wish.one_switch,
        lose_unflushed: wish.lose_unflushed,
        commission: wish.what == arguments::What::Pair,
        ..Options::default()
    };
    let pair = Pair::up(&options)?;
    let description = pair.description()?;
    if wish.json {
        result(serde_json::to_string(&description)?);
    } else {
        result(people(&description, &pair.status()));
    }
    pair.leave();
    Ok(())
}

fn people(description: &Description, status: &Status) -> String {
    let name = &description.name;
    let mut text = status::people(status);
    if let Some(seconds) = description.boot_s {
        text.push_str(&format!("\nfrom power-on to the first answer   {seconds} s"));
    }
    if let (Some(namespaces), Some(account)) = (&description.namespaces, description.accounts.first()) {
        text.push_str(&format!(
            "\nregister at    sip:{}:{} (domain {}) from namespace {}\nfirst account  {} / {}",
            description.resource_address,
            description.sip_port,
            description.domain,
            namespaces.phones,
            account.user,
            account.password
        ));
    }
    text.push_str(&format!(
        "\nscreen         cargo xtask vm console a --name {name}\n\
         root shell     cargo xtask vm console a --shell --name {name}\n\
         ask a node     cargo xtask vm exec a --name {name} -- tandemctl ha status\n\
         power cut      cargo xtask vm power-off a --name {name}\n\
         end            cargo xtask vm down --name {name}"
    ));
    text
}

fn show_status(wish: &arguments::Look) -> anyhow::Result<()> {
    let status = Pair::attach(&wish.pair.name)?.status();
    if wish.json {
        result(serde_json::to_string(&status)?);
    } else {
        result(status::people(&status));
    }
    Ok(())
}

fn exec(wish: &arguments::Exec) -> anyhow::Result<()> {
    let command = match wish.words.as_slice() {
        [line] => line.clone(),
        words => words.iter().map(|word| shell::quote(word)).collect::<Vec<_>>().join(" "),
    };
    let limit = Duration::from_secs(wish.limit);
    let outcome = attach(&wish.node)?.outcome(wish.node.side, &command, limit)?;
    std::io::stdout()
        .lock()
        .write_all(outcome.text.as_bytes())
        .context("writing what the command printed")?;
    if outcome.status != 0 {
        return Err(failure(
            format!("`{command}` on node {} failed ({})", wish.node.side, outcome.status),
            "see what it printed above",
        ));
    }
    Ok(())
}
