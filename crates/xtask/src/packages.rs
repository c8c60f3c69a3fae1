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
/// What the service manager says of units, offline.
pub const SYSTEMD: Package = Package { name: "systemd", program: "systemd-analyze" };
/// Programs without their symbols.
pub const BINUTILS: Package = Package { name: "binutils", program: "strip" };

/// Nodes as virtual machines; its firmware and boards come with it.
pub const QEMU: Package = Package { name: "qemu-system-x86", program: "qemu-system-x86_64" };
/// Makes the FAT of a setup medium.
pub const DOSFSTOOLS: Package = Package { name: "dosfstools", program: "mkfs.vfat" };
/// Fills it without mounting.
pub const MTOOLS: Package = Package { name: "mtools", program: "mcopy" };
/// Makes and damages data disks in the tests of the first stage.
pub const E2FSPROGS: Package = Package { name: "e2fsprogs", program: "debugfs" };

/// Buildroot copies trees with it.
pub const RSYNC: Package = Package { name: "rsync", program: "rsync" };
/// A compiler for the tools of the build.
pub const GCC: Package = Package { name: "gcc", program: "gcc" };
/// Some of them are C++.
pub const GXX: Package = Package { name: "g++", program: "g++" };
/// Runs Buildroot.
pub const MAKE: Package = Package { name: "make", program: "make" };
/// The kernel's parsers.
pub const FLEX: Package = Package { name: "flex", program: "flex" };
/// The kernel's parsers.
pub const BISON: Package = Package { name: "bison", program: "bison" };
/// The kernel's time constants.
pub const BC: Package = Package { name: "bc", program: "bc" };
/// Buildroot unpacks with it.
pub const CPIO: Package = Package { name: "cpio", program: "cpio" };
/// Buildroot unpacks with it.
pub const UNZIP: Package = Package { name: "unzip", program: "unzip" };
/// Buildroot looks at programs with it.
pub const FILE: Package = Package { name: "file", program: "file" };
/// Buildroot downloads with it.
pub const WGET: Package = Package { name: "wget", program: "wget" };
/// Configures a compressor's library; spares Buildroot from making one.
pub const CMAKE: Package = Package { name: "cmake", program: "cmake" };
/// Owners in an image made without root.
pub const FAKEROOT: Package = Package { name: "fakeroot", program: "fakeroot" };
/// Search paths of programs.
pub const PATCHELF: Package = Package { name: "patchelf", program: "patchelf" };
/// Fetches source distributions.
pub const PIP: Package = Package { name: "python3-pip", program: "pip3" };
/// Source packages, and the kernel's headers that come with it.
pub const DPKG_DEV: Package = Package { name: "dpkg-dev", program: "dpkg-source" };

/// What the lab needs.
pub const LAB: &[Package] = &[DBUS, IPROUTE2];
/// What virtual machines need.
pub const MACHINES: &[Package] = &[QEMU, DOSFSTOOLS, MTOOLS, IPROUTE2];
/// What the demonstration needs.
pub const DEMO: &[Package] = &[DBUS, IPROUTE2, BARESIP];
/// What the lab's image needs.
pub const IMAGE: &[Package] = &[MMDEBSTRAP, SQUASHFS_TOOLS, BINUTILS];
/// What holding a root against its contract needs.
pub const CONTRACT: &[Package] = &[SQUASHFS_TOOLS, SYSTEMD];
/// What holding the units of the overlays against the contract needs.
pub const UNITS: &[Package] = &[SYSTEMD];
/// What Buildroot needs of the machine.
pub const BUILDROOT: &[Package] = &[RSYNC, GCC, GXX, MAKE, FLEX, BISON, BC, CPIO, UNZIP, FILE, WGET, CMAKE];
/// What it needs besides when upstream is not reached.
pub const BUILDROOT_DEBIAN: &[Package] = &[FAKEROOT, PATCHELF, PIP, DPKG_DEV];
/// What all tests need.
pub const TESTS: &[Package] =
    &[DBUS, IPROUTE2, SIPP, BARESIP, ARPING, TCPDUMP, SQUASHFS_TOOLS, SYSTEMD, DOSFSTOOLS, MTOOLS, E2FSPROGS];

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
