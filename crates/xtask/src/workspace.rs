//! Where the house stands on this machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use cargo_metadata::{Metadata, MetadataCommand};

use crate::process;

/// The folders of the workspace that this program was built from.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// The folder with the root `Cargo.toml`
    pub root: PathBuf,
    /// Where cargo builds
    pub target: PathBuf,
}

impl Workspace {
    /// Asks cargo.
    ///
    /// # Errors
    /// Cargo cannot say.
    pub fn find() -> anyhow::Result<Workspace> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let root =
            root.canonicalize().with_context(|| format!("finding the workspace at {}", root.display()))?;
        let metadata = members(&root)?;
        Ok(Workspace { root, target: metadata.target_directory.into_std_path_buf() })
    }

    /// A program of this build, e.g. `stored`.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.target.join("debug").join(name)
    }

    /// Cargo, in the root of the workspace.
    #[must_use]
    pub fn cargo(&self) -> Command {
        let mut command = cargo();
        command.current_dir(&self.root);
        command
    }

    /// Builds every program of the house, with cargo's own progress shown. All at once, as the tests are built: a
    /// choice of packages would be built with other features of what they share, and everything twice.
    ///
    /// # Errors
    /// The build fails.
    pub fn build_programs(&self) -> anyhow::Result<()> {
        process::run(self.cargo().args(["build", "--workspace", "--bins"]))
    }
}

/// The cargo that runs us, else the one in the path.
///
/// Without what the outer cargo tells us of *our* package: the build script of `ring` asks to be run again when these
/// variables change, so that every build from in here would build ring, and all above it, anew.
fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        let of_package = ["CARGO_MANIFEST_", "CARGO_PKG_"];
        if name.to_str().is_some_and(|name| of_package.iter().any(|start| name.starts_with(start))) {
            command.env_remove(name);
        }
    }
    command
}

/// The members of the workspace at `root` with what they declare; nothing is resolved or downloaded.
///
/// # Errors
/// Cargo cannot read the manifests.
pub fn members(root: &Path) -> anyhow::Result<Metadata> {
    MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .no_deps()
        .exec()
        .with_context(|| format!("reading the manifests of {}", root.display()))
}
