//! The Debian packages that development needs, in one place, and how they get here.

use std::path::Path;
use std::process::Command;

use anyhow::Context;

use crate::failure::failure;
use crate::process;
use crate::progress::Step;

/// A package, known by a program that it brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Package {
    /// Name in Debian
    pub name: &'static str,
    /// A program of it
    pub program: &'static str,
}

/// A bus for each node.
pub const DBUS: Package = Package { name: "dbus-daemon", program: "dbus-daemon" };
/// Namespaces, links, addresses.
pub const IPROUTE2: Package = Package { name: "iproute2", program: "ip" };
/// Many calls and registrations.
pub const SIPP: Package = Package { name: "sip-tester", program: "sipp" };
/// A phone.
pub const BARESIP: Package = Package { name: "baresip-core", program: "baresip" };
/// Who answers for an address.
pub const ARPING: Package = Package { name: "iputils-arping", program: "arping" };
/// What leaves the wire.
pub const TCPDUMP: Package = Package { name: "tcpdump", program: "tcpdump" };

/// The root of the lab's image, from packages.
pub const MMDEBSTRAP: Package = Package { name: "mmdebstrap", program: "mmdebstrap" };
/// The root of an image as one file.
pub const SQUASHFS_TOOLS: Package = Package { name: "squashfs-tools", program: "mksquashfs" };
/// Programs without their symbols.
pub const BINUTILS: Package = Package { name: "binutils", program: "strip" };

/// Nodes as virtual machines; its firmware and boards come with it.
pub const QEMU: Package = Package { name: "qemu-system-x86", program: "qemu-system-x86_64" };
/// Makes the FAT of a setup medium.
pub const DOSFSTOOLS: Package = Package { name: "dosfstools", program: "mkfs.vfat" };
/// Fills it without mounting.
pub const MTOOLS: Package = Package { name: "mtools", program: "mcopy" };

/// What the lab needs.
pub const LAB: &[Package] = &[DBUS, IPROUTE2];
/// What virtual machines need.
pub const MACHINES: &[Package] = &[QEMU, DOSFSTOOLS, MTOOLS, IPROUTE2];
/// What the demonstration needs.
pub const DEMO: &[Package] = &[DBUS, IPROUTE2, BARESIP];
/// What the lab's image needs.
pub const IMAGE: &[Package] = &[MMDEBSTRAP, SQUASHFS_TOOLS, BINUTILS];
/// What all tests need.
pub const TESTS: &[Package] = &[DBUS, IPROUTE2, SIPP, BARESIP, ARPING, TCPDUMP];

/// Installs what is missing of `packages`.
///
/// # Errors
/// Something is missing and we are not root (the failure says the one line to run), or apt fails.
pub fn ensure(packages: &[Package]) -> anyhow::Result<()> {
    let missing: Vec<&str> =
        packages.iter().filter(|package| !is_installed(package)).map(|package| package.name).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    if !nix::unistd::geteuid().is_root() {
        return Err(failure(
            format!("missing on this machine: {names}"),
            format!("sudo apt-get update && sudo apt-get install -y --no-install-recommends {names}"),
        ));
    }
    let step = Step::start(format!("installing {names}"));
    let apt = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").arg("-qq");
        command
    };
    process::run(apt().arg("update")).context("refreshing the package lists")?;
    process::run(apt().args(["install", "-y", "--no-install-recommends"]).args(&missing))
        .context("installing packages")?;
    step.done();
    Ok(())
}

/// Its program is here.
pub(crate) fn is_installed(package: &Package) -> bool {
    // The folders of root belong to it: `ip` is in none of a user's.
    let path = std::env::var("PATH").unwrap_or_default();
    let folders = path.split(':').chain(["/usr/sbin", "/sbin"]);
    folders
        .filter(|folder| !folder.is_empty())
        .any(|folder| Path::new(folder).join(package.program).is_file())
}
