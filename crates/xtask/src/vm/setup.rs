//! The disks of a fresh machine: an empty data disk, and a setup medium that says who the node is.
//!
//! The medium is what a person would put on a USB stick: a FAT file system with `setup.toml` and
//! the credentials that it names. It is made without mounting anything, so that no root is needed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::IpAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use serde::Serialize;

use super::files::Files;
use super::plan::{Identity, Plan};
use crate::lab::topology::{LAN, PREFIX_LENGTH, SYNCHRONISATION};
use crate::lab::{Side, Topology, credentials};
use crate::process;

/// Label of the file system, for people: the first stage of the boot looks for the file, whatever the label.
const LABEL: &str = "TANDEM";
/// Size of the medium: a FAT12 as on a floppy is enough, and twice that is safe.
const MEDIUM_KIB: u32 = 4_096;
/// No tool takes this long for so small a medium.
const TOOL_LIMIT: Duration = Duration::from_secs(20);

/// `setup.toml` (`hostd::setup` reads it).
#[derive(Debug, Serialize)]
struct Setup {
    name: &'static str,
    coordinator: bool,
    interface: BTreeMap<&'static str, Interface>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<Peer>,
    credentials: Credentials,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Interface {
    address: String,
    hardware_address: String,
}

#[derive(Debug, Serialize)]
struct Peer {
    name: &'static str,
    addresses: [IpAddr; 2],
}

#[derive(Debug, Serialize)]
struct Credentials {
    authority: &'static str,
    certificate: String,
    key: String,
    secret: &'static str,
}

/// Text of `setup.toml` for one node of a pair.
fn text(side: Side, identity: &Identity) -> anyhow::Result<String> {
    let interface = |address: IpAddr, hardware: &str| Interface {
        address: format!("{address}/{PREFIX_LENGTH}"),
        hardware_address: hardware.to_owned(),
    };
    let other = side.other();
    let setup = Setup {
        name: side.as_str(),
        coordinator: side == Side::A,
        interface: BTreeMap::from([
            (LAN, interface(Topology::lan(side), &identity.lan0)),
            (SYNCHRONISATION, interface(Topology::synchronisation(side), &identity.sync0)),
        ]),
        peer: Some(Peer {
            name: other.as_str(),
            addresses: [Topology::synchronisation(other), Topology::lan(other)],
        }),
        credentials: Credentials {
            authority: "ca.pem",
            certificate: format!("{side}.pem"),
            key: format!("{side}.key"),
            secret: "pair.key",
        },
    };
    toml::to_string(&setup).context("writing setup.toml")
}

/// Makes the data disk of every machine and, where it is to be `commissioned`, its setup medium with credentials.
pub(super) fn make_disks(files: &Files, plan: &Plan, commissioned: bool) -> anyhow::Result<()> {
    credentials::ensure(&files.credentials())?;
    for side in Side::BOTH {
        let machine = files.machine(side);
        let data = machine.data();
        File::create(&data)
            .and_then(|file| file.set_len(plan.node.data_mib * 1_024 * 1_024))
            .with_context(|| format!("making {}", data.display()))?;
        if !commissioned {
            continue;
        }
        let folder = files.credentials();
        let named =
            ["ca.pem".to_owned(), format!("{side}.pem"), format!("{side}.key"), "pair.key".to_owned()];
        let setup = folder.join(format!("{side}.setup.toml"));
        fs::write(&setup, text(side, plan.identity(side))?)
            .with_context(|| format!("writing {}", setup.display()))?;
        make_medium(&machine.setup(), &setup, &named.map(|name| folder.join(name)))?;
    }
    Ok(())
}

/// Makes a medium with `setup` as `setup.toml`, and the other files under their names.
fn make_medium(medium: &Path, setup: &Path, others: &[impl AsRef<std::ffi::OsStr>]) -> anyhow::Result<()> {
    // mkfs.vfat -C refuses a file that is there.
    let _ = fs::remove_file(medium);
    let mut make = tool("mkfs.vfat");
    make.args(["-n", LABEL, "-C"]).arg(medium).arg(MEDIUM_KIB.to_string());
    process::output(&mut make, TOOL_LIMIT).context("making the setup medium")?;
    let copy = || {
        let mut copy = tool("mcopy");
        copy.arg("-i").arg(medium);
        copy
    };
    process::output(copy().arg(setup).arg("::setup.toml"), TOOL_LIMIT).context("filling the setup medium")?;
    process::output(copy().args(others).arg("::"), TOOL_LIMIT).context("filling the setup medium")?;
    Ok(())
}

/// A tool of root's folders.
fn tool(name: &str) -> Command {
    let mut command = Command::new(name);
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    command
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Workspace;

    /// What the machines are given is what the first stage of the boot takes.
    #[test]
    fn first_stage_takes_the_setup() {
        let plan = Plan::load(&Workspace::find().expect("workspace")).expect("plan");
        for side in Side::BOTH {
            let text = text(side, plan.identity(side)).expect("text");
            let setup = hostd::setup::Setup::parse(&text).expect("a setup");
            assert_eq!(setup.name.to_string(), side.as_str());
            assert_eq!(setup.coordinator, side == Side::A);
            let peer = setup.peer.expect("a peer");
            assert_eq!(peer.name.to_string(), side.other().as_str());
            assert_eq!(peer.addresses[0], Topology::synchronisation(side.other()));
            let lan = setup.interfaces[LAN];
            assert_eq!(
                lan.hardware_address.map(|address| address.to_string()),
                Some(plan.identity(side).lan0.clone())
            );
            assert!(setup.credentials.is_some());
        }
    }

    /// The medium holds the files under the names that the setup gives them.
    #[test]
    fn medium_holds_the_files() {
        if !crate::packages::MACHINES.iter().all(crate::packages::is_installed) {
            return; // the tools come with `vm up`
        }
        let folder = tempfile::tempdir().expect("temporary folder");
        let file = |name: &str| folder.path().join(name);
        for name in ["a.setup.toml", "ca.pem"] {
            fs::write(file(name), name).expect(name);
        }
        make_medium(&file("setup.img"), &file("a.setup.toml"), &[file("ca.pem")]).expect("medium");
        for (name, content) in [("setup.toml", "a.setup.toml"), ("ca.pem", "ca.pem")] {
            let mut read = tool("mtype");
            read.arg("-i").arg(file("setup.img")).arg(format!("::{name}"));
            assert_eq!(process::output(&mut read, TOOL_LIMIT).expect(name), content);
        }
    }
}
