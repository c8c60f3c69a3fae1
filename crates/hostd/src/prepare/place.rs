//! Where the first stage works: the machine itself, or a folder that stands for it on a workbench.

use std::path::{Path, PathBuf};

/// The root of a node, and the disks that it may use.
#[derive(Clone, Debug)]
pub struct Place {
    root: PathBuf,
    disks: Option<Vec<PathBuf>>,
}

impl Place {
    /// The running machine with all its disks.
    #[must_use]
    pub fn machine() -> Place {
        Place { root: PathBuf::from("/"), disks: None }
    }

    /// A folder with `sys`, `etc` and so on, and only the named disks: never one of the machine that runs the tests.
    #[must_use]
    pub fn workbench(root: PathBuf, disks: Vec<PathBuf>) -> Place {
        Place { root, disks: Some(disks) }
    }

    /// The place of an absolute path of a node.
    #[must_use]
    pub fn path(&self, absolute: &str) -> PathBuf {
        self.root.join(absolute.trim_start_matches('/'))
    }

    /// The only disks to use; `None`: all that the kernel knows.
    #[must_use]
    pub fn disks(&self) -> Option<&[PathBuf]> {
        self.disks.as_deref()
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }
}
