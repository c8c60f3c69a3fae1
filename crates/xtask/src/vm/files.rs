//! Where the machines keep their files: `target/vm/NAME/`, removed with them.

use std::path::{Path, PathBuf};

use crate::Workspace;
use crate::lab::files::SOCKET_PATH_BYTES_MAX;
use crate::lab::{Side, Topology};

/// The longest name in the folder of sockets.
const SOCKET_NAME_MAX: &str = "/sync0-a.sock";

/// The files of a pair.
#[derive(Clone, Debug)]
pub(super) struct Files {
    folder: PathBuf,
    sockets: PathBuf,
}

impl Files {
    pub(super) fn new(workspace: &Workspace, topology: &Topology) -> Files {
        let folder = workspace.target.join("vm").join(&topology.name);
        let fits = folder.as_os_str().len() + SOCKET_NAME_MAX.len() <= SOCKET_PATH_BYTES_MAX;
        let sockets = if fits {
            folder.clone()
        } else {
            std::env::temp_dir().join(format!("tandem-vm-{}", topology.name))
        };
        Files { folder, sockets }
    }

    /// The folder of the whole pair.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Folder of sockets where the usual paths would be too long; else the same.
    pub(super) fn sockets(&self) -> &Path {
        &self.sockets
    }

    /// What `vm up` has made, as JSON.
    pub(super) fn state(&self) -> PathBuf {
        self.folder.join("state.json")
    }

    /// The sample configuration.
    pub(super) fn configuration(&self) -> PathBuf {
        self.folder.join("tandem.toml")
    }

    /// Certificates, keys, and the secret of the pair.
    pub(super) fn credentials(&self) -> PathBuf {
        self.folder.join("credentials")
    }

    /// Where the console logs of a pair that did not come up are kept.
    pub(super) fn failed(&self) -> PathBuf {
        self.folder.with_extension("failed")
    }

    /// A file of the image that the machines boot.
    pub(super) fn image(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The files of a machine.
    pub(super) fn machine(&self, side: Side) -> MachineFiles {
        MachineFiles { folder: self.folder.clone(), sockets: self.sockets.clone(), side }
    }
}

/// The files of a machine.
#[derive(Clone, Debug)]
pub(super) struct MachineFiles {
    folder: PathBuf,
    sockets: PathBuf,
    side: Side,
}

impl MachineFiles {
    fn file(&self, what: &str) -> PathBuf {
        self.folder.join(format!("{}.{what}", self.side))
    }

    fn socket(&self, what: &str) -> PathBuf {
        self.sockets.join(format!("{}.{what}", self.side))
    }

    /// Data disk.
    pub(super) fn data(&self) -> PathBuf {
        self.file("data.img")
    }

    /// The data disk as it was at power-on, where unflushed writes are lost with the power.
    pub(super) fn data_before(&self) -> PathBuf {
        self.file("data.before.img")
    }

    /// All writes to the data disk since power-on, likewise.
    pub(super) fn data_log(&self) -> PathBuf {
        self.file("data.log")
    }

    /// Setup medium.
    pub(super) fn setup(&self) -> PathBuf {
        self.file("setup.img")
    }

    /// Locked by QEMU while it runs, with its id in it.
    pub(super) fn pid(&self) -> PathBuf {
        self.file("pid")
    }

    /// Everything that the first serial port has shown.
    pub(super) fn console_log(&self) -> PathBuf {
        self.file("console.log")
    }

    /// What QEMU itself has said.
    pub(super) fn qemu_log(&self) -> PathBuf {
        self.file("qemu.log")
    }

    /// First serial port.
    pub(super) fn console(&self) -> PathBuf {
        self.socket("console")
    }

    /// Second serial port: a root shell for people.
    pub(super) fn shell(&self) -> PathBuf {
        self.socket("shell")
    }

    /// QEMU's monitor.
    pub(super) fn qmp(&self) -> PathBuf {
        self.socket("qmp")
    }

    /// Commands to the debug port: a pipe `….in`, its answers in a pipe `….out`.
    pub(super) fn debug(&self) -> PathBuf {
        self.file("debug")
    }

    /// One end of the wire of `link` where there are no taps.
    pub(super) fn wire(&self, link: &str) -> PathBuf {
        self.sockets.join(format!("{link}-{}.sock", self.side))
    }
}
