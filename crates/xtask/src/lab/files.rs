//! Where a lab keeps its files: `target/lab/NAME/`, removed with it.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use super::topology::{Side, Topology};
use crate::Workspace;

/// Longest path of a Unix socket (`sockaddr_un` of unix(7), less the final zero and a margin).
pub(crate) const SOCKET_PATH_BYTES_MAX: usize = 100;

/// The files of a lab.
#[derive(Clone, Debug)]
pub(super) struct Files {
    folder: PathBuf,
    name: String,
}

impl Files {
    pub(super) fn new(workspace: &Workspace, topology: &Topology) -> Files {
        Files { folder: workspace.target.join("lab").join(&topology.name), name: topology.name.clone() }
    }

    /// The folder of the whole lab.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What `lab up` has made, as JSON.
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

    /// Logs: a folder for each node.
    pub(super) fn logs(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// Where the logs of a lab that did not come up are kept.
    pub(super) fn failed(&self) -> PathBuf {
        self.folder.with_extension("failed")
    }

    /// The files of a node.
    pub(super) fn node(&self, side: Side) -> NodeFiles {
        NodeFiles {
            folder: self.folder.join(side.as_str()),
            log: self.logs().join(side.as_str()),
            socket_folder: self.socket_folder(side),
        }
    }

    /// Folder for the socket of a node's bus where the usual path would be too long.
    fn socket_folder(&self, side: Side) -> Option<PathBuf> {
        let usual = self.folder.join(side.as_str()).join("run/bus");
        let fits = usual.as_os_str().len() <= SOCKET_PATH_BYTES_MAX;
        (!fits).then(|| std::env::temp_dir().join(format!("tandem-{}-{side}", self.name)))
    }
}

/// The files of a node.
#[derive(Clone, Debug)]
pub(super) struct NodeFiles {
    folder: PathBuf,
    log: PathBuf,
    socket_folder: Option<PathBuf>,
}

impl NodeFiles {
    /// Durable state.
    pub(super) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Runtime files.
    pub(super) fn run(&self) -> PathBuf {
        self.folder.join("run")
    }

    /// Logs, one file for each process.
    pub(super) fn log(&self) -> PathBuf {
        self.log.clone()
    }

    /// Identity of the node.
    pub(super) fn identity(&self) -> PathBuf {
        self.folder.join("node.toml")
    }

    /// Configuration of its bus.
    pub(super) fn bus_configuration(&self) -> PathBuf {
        self.run().join("bus.conf")
    }

    /// Folder outside the lab's that must go with it, if there is one.
    pub(super) fn socket_folder(&self) -> Option<&Path> {
        self.socket_folder.as_deref()
    }

    /// Socket of its bus.
    pub(super) fn bus_socket(&self) -> PathBuf {
        self.socket_folder.clone().unwrap_or_else(|| self.run()).join("bus")
    }

    /// Address of its bus.
    pub(super) fn bus_address(&self) -> String {
        format!("unix:path={}", self.bus_socket().display())
    }

    /// Locked while a supervisor runs.
    pub(super) fn lock(&self) -> PathBuf {
        self.folder.join("lock")
    }

    /// A supervisor runs, in whatever namespace.
    pub(super) fn is_running(&self) -> bool {
        File::open(self.lock()).is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock)))
    }

    /// The processes that run, as JSON.
    pub(super) fn processes(&self) -> PathBuf {
        self.run().join("processes.json")
    }
}
