//! Where the first stage works: the machine itself, or a folder that stands for it on a workbench.

use std::path::{Path, PathBuf};

/// The root of a node, and the disks that it may use.
#[derive(Clone, Debug)]
pub struct Place {
    root: PathBuf,
    disks: Disks,
}

/// The disks that may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disks {
    /// All that the kernel knows
    Machine,
    /// None: one of them holds everything up
    Untouched,
    /// Those named, and never one of the machine that a workbench stands on
    Workbench(Vec<PathBuf>),
}

impl Place {
    /// The running machine with all its disks.
    #[must_use]
    pub fn machine() -> Place {
        Place { root: PathBuf::from("/"), disks: Disks::Machine }
    }

    /// The running machine without its disks.
    #[must_use]
    pub fn machine_without_disks() -> Place {
        Place { root: PathBuf::from("/"), disks: Disks::Untouched }
    }

    /// A folder that stands for the root of a machine (`sys`, `etc` and so on), and the only disks to use.
    #[must_use]
    pub fn workbench(root: PathBuf, disks: Vec<PathBuf>) -> Place {
        Place { root, disks: Disks::Workbench(disks) }
    }

    /// A folder whose `sys` is believed, for tests of what reads it.
    #[cfg(test)]
    pub(crate) fn simulated(root: &Path) -> Place {
        Place { root: root.to_owned(), disks: Disks::Machine }
    }

    /// The place of an absolute path of a node.
    #[must_use]
    pub fn path(&self, absolute: &str) -> PathBuf {
        self.root.join(absolute.trim_start_matches('/'))
    }

    /// The disks that may be used.
    #[must_use]
    pub fn disks(&self) -> &Disks {
        &self.disks
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }
}
