//! The command line of QEMU for one machine.
//!
//! ```text
//!   virtio disks   vda root (squashfs, read-only)   vdb data   vdc setup medium (read-only)
//!   virtio links   lan0, sync0, in this order of slots
//!   serial ports   ttyS0 console and text screen    ttyS1 root shell (debug image)
//!   virtio port    org.tandem.debug (debug image): commands of tests
//! ```

use std::ffi::OsString;
use std::path::Path;

use super::accelerator::Accelerator;
use super::files::MachineFiles;
use super::plan::{Identity, Node};
use crate::image::Image;
use crate::lab::Side;
use crate::lab::network;
use crate::lab::topology::{LAN, SYNCHRONISATION};

/// The emulator.
pub(super) const PROGRAM: &str = "qemu-system-x86_64";
/// Name of the port that takes commands (also in overlays/debug).
const DEBUG_PORT: &str = "org.tandem.debug";

/// Where the links of the machines end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    /// On the switches of a namespace, with phones beside them (needs root)
    Taps,
    /// At each other: datagrams over Unix sockets
    Sockets,
}

/// Everything that a command line is made of.
#[derive(Debug)]
pub(super) struct Machine<'a> {
    /// Name of the pair
    pub(super) name: &'a str,
    pub(super) side: Side,
    pub(super) node: &'a Node,
    pub(super) identity: &'a Identity,
    pub(super) image: &'a Image,
    pub(super) files: &'a MachineFiles,
    /// The other machine's
    pub(super) peer_files: &'a MachineFiles,
    pub(super) network: Network,
    pub(super) accelerator: Accelerator,
    /// Log the writes to the data disk
    pub(super) logs_writes: bool,
}

/// Words of a command line.
#[derive(Default)]
struct Words(Vec<OsString>);

impl Words {
    fn add(&mut self, option: &str, value: impl Into<OsString>) {
        self.0.extend([option.into(), value.into()]);
    }

    /// An option whose value ends in a path; commas are doubled, as QEMU wants them.
    fn path(&mut self, option: &str, value: &str, path: &Path) {
        self.add(option, format!("{value}{}", path.to_string_lossy().replace(',', ",,")));
    }
}

/// A disk of raw octets.
fn disk(words: &mut Words, name: &str, options: &str, path: &Path) {
    words.path("-drive", &format!("if=none,id={name},format=raw,{options},file="), path);
    words.add("-device", format!("virtio-blk-pci,drive={name},serial={name}"));
}

impl Machine<'_> {
    /// The words after the program's name.
    pub(super) fn arguments(&self) -> Vec<OsString> {
        let mut words = Words::default();
        // Nothing that a user's settings or QEMU's habits would add. In the background once everything is open, so that
        // whatever is wrong is said before; QEMU locks the file with its id.
        words.0.extend(["-no-user-config", "-nodefaults", "-daemonize"].map(OsString::from));
        words.path("-pidfile", "", &self.files.pid());
        words.path("-D", "", &self.files.qemu_log());
        words.add("-name", format!("tandem-{}-{}", self.name, self.side));
        words.add("-display", "none");
        self.board(&mut words);
        self.boot(&mut words);
        self.disks(&mut words);
        self.links(&mut words);
        self.ports(&mut words);
        words.0
    }

    fn board(&self, words: &mut Words) {
        words.add("-machine", self.node.machine.as_str());
        words.0.extend(self.accelerator.arguments().iter().map(OsString::from));
        words.add("-smp", self.node.processors.to_string());
        words.add("-m", self.node.memory_mib.to_string());
        words.add("-uuid", self.identity.uuid.as_str());
        let serial = &self.identity.serial_number;
        words.add("-smbios", format!("type=1,manufacturer=Tandem,product=Virtual appliance,serial={serial}"));
        words.add("-rtc", "base=utc");
        words.add("-device", "virtio-rng-pci");
        if self.node.video {
            words.add("-device", "VGA");
        }
    }

    fn boot(&self, words: &mut Words) {
        words.path("-kernel", "", &self.image.kernel);
        if let Some(initrd) = &self.image.initrd {
            words.path("-initrd", "", initrd);
        }
        words.add("-append", format!("{} console=ttyS0,115200", self.image.command_line));
    }

    /// Their order is their name in the machine. The page cache of this machine outlives QEMU, and a flush of the guest
    /// goes through to the disk below.
    fn disks(&self, words: &mut Words) {
        disk(words, "root", "readonly=on", &self.image.root);
        if self.logs_writes {
            self.logged_disk(words);
        } else {
            disk(words, "data", "cache=writeback,discard=unmap", &self.files.data());
        }
        let setup = self.files.setup();
        if setup.exists() {
            disk(words, "setup", "readonly=on", &setup);
        }
    }

    /// The data disk with a log of its writes (`super::unflushed` says why). Merged requests could have more pieces than
    /// the log can take with its own, and would fail.
    fn logged_disk(&self, words: &mut Words) {
        let path = |path: &Path| path.to_string_lossy().replace(',', ",,");
        words.add(
            "-blockdev",
            format!(
                "driver=blklogwrites,node-name=data,log-sector-size={},file.driver=file,file.filename={},\
                 log.driver=file,log.filename={}",
                super::unflushed::SECTOR_BYTES,
                path(&self.files.data()),
                path(&self.files.data_log())
            ),
        );
        words.add(
            "-device",
            "virtio-blk-pci,drive=data,serial=data,discard=off,write-zeroes=off,request-merging=off",
        );
    }

    fn links(&self, words: &mut Words) {
        for (link, address) in [(LAN, &self.identity.lan0), (SYNCHRONISATION, &self.identity.sync0)] {
            match self.network {
                Network::Taps => {
                    let tap = network::port(self.side, link);
                    words.add("-netdev", format!("tap,id={link},ifname={tap},script=no,downscript=no"));
                }
                Network::Sockets => words.add(
                    "-netdev",
                    format!(
                        "dgram,id={link},local.type=unix,local.path={},remote.type=unix,remote.path={}",
                        self.files.wire(link).display(),
                        self.peer_files.wire(link).display()
                    ),
                ),
            }
            words.add("-device", format!("virtio-net-pci,id={link}-card,netdev={link},mac={address}"));
        }
    }

    fn ports(&self, words: &mut Words) {
        let server = |id: &str| format!("socket,id={id},server=on,wait=off,path=");
        let log = format!(
            "socket,id=console,server=on,wait=off,logappend=on,logfile={},path=",
            self.files.console_log().display()
        );
        words.path("-chardev", &log, &self.files.console());
        words.add("-serial", "chardev:console");
        words.path("-chardev", &server("shell"), &self.files.shell());
        words.add("-serial", "chardev:shell");
        // Pipes and no socket: a reader in the machine would see the end of the file whenever nobody is connected.
        words.path("-chardev", "pipe,id=debug,path=", &self.files.debug());
        words.add("-device", "virtio-serial-pci");
        words.add("-device", format!("virtserialport,chardev=debug,name={DEBUG_PORT}"));
        words.path("-chardev", &server("qmp"), &self.files.qmp());
        words.add("-mon", "chardev=qmp,mode=control");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Workspace;
    use crate::image::Rootfs;
    use crate::lab::Topology;
    use crate::vm::files::Files;
    use crate::vm::plan::Plan;

    fn line(network: Network) -> String {
        let workspace = Workspace { root: Workspace::find().expect("workspace").root, target: "/t".into() };
        let plan = Plan::load(&workspace).expect("plan");
        let files = Files::new(&workspace, &Topology::new("x", false).expect("name"));
        let image = Image {
            rootfs: Rootfs::Lab,
            variant: "debug".to_owned(),
            version: "1".to_owned(),
            kernel: "/i/vmlinuz".into(),
            initrd: None,
            root: "/i/root,1".into(),
            command_line: "quiet".to_owned(),
        };
        let machine = Machine {
            name: "x",
            side: Side::B,
            node: &plan.node,
            identity: plan.identity(Side::B),
            image: &image,
            files: &files.machine(Side::B),
            peer_files: &files.machine(Side::A),
            network,
            accelerator: Accelerator::Tcg,
            logs_writes: false,
        };
        let words = machine.arguments();
        words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    /// The contract with the image: the root is the first virtio disk and cannot be written, the data disk follows.
    #[test]
    fn disks_stand_in_their_order() {
        let line = line(Network::Taps);
        let root = line.find("readonly=on,file=/i/root,,1").expect("root, its comma doubled");
        let data = line.find("file=/t/vm/x/b.data.img").expect("data");
        assert!(root < data);
        assert!(!line.contains("-initrd"));
        assert!(line.contains("serial=TD-B"));
    }

    /// Without root the ends of a wire name each other.
    #[test]
    fn wires_cross() {
        let line = line(Network::Sockets);
        assert!(
            line.contains("local.path=/t/vm/x/lan0-b.sock,remote.type=unix,remote.path=/t/vm/x/lan0-a.sock")
        );
        assert!(!line.contains("tap,"));
    }
}
