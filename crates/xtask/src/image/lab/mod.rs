//! The lab's root file system, from Debian packages.
//!
//! ```text
//!   image/lab/*.toml ──► base: unpacked packages, kernel, initrd       kept under a hash of the lists
//!        overlays, ───► tree: with the programs, users, enabled units  made when one of them has changed
//!        programs       └──► root.squashfs, image.json
//! ```
//!
//! Nothing here needs root: no package's script is run, what must be run on the tree is run by the tree's own loader,
//! and everything in the squashfs belongs to root whoever made it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use sha2::{Digest, Sha256};

use super::tree::{self, PROGRAMS};
use super::{Build, Image, Rootfs};
use crate::failure::failure;
use crate::progress::{self, Step};
use crate::{Workspace, packages, process};

mod base;
mod data;
mod initrd;
mod modules;
mod program;
mod sources;

use base::Base;

/// Counts when this file makes something else of the same inputs.
const RECIPE: u32 = 2;
/// The time of everything in the image (2025-01-01): two builds of the same inputs are the same file.
const SOURCE_DATE_EPOCH: &str = "1735689600";
/// What the first stage of the start is called in the image.
const INIT: &str = "/usr/lib/tandem/prepare";
/// The kernel's command line but for `init=` and `console=`.
const COMMAND_LINE: &str = "quiet";
/// How the root is compressed.
const COMPRESSION: &[&str] = &["-comp", "zstd", "-Xcompression-level", "9", "-b", "128K"];
/// A tree of a hundred megabytes takes some seconds.
const SQUASH_MAX: Duration = Duration::from_secs(300);
/// Tools that run on the tree.
const TOOL_MAX: Duration = Duration::from_secs(60);
/// Where things are mounted.
const MOUNT_POINTS: &[&str] = &["data", "root"];

/// Builds the image, or finds it as it was.
pub(super) fn build(workspace: &Workspace, wish: &Build) -> anyhow::Result<Image> {
    packages::ensure(packages::IMAGE)?;
    workspace.build_programs()?;
    let mut folder = super::folder(workspace, Rootfs::Lab);
    if wish.release {
        folder = folder.join("release");
    }
    tree::make_folder(&folder)?;
    let lock = fs::File::create(folder.join("lock")).context("making the lock of the image's folder")?;
    lock.lock().context("waiting for another build of the image")?;
    let base = base::base(workspace, &folder, wish.release, wish.fresh)?;
    let parts = Parts { workspace, folder: &folder, base: &base, release: wish.release };
    parts.root()?;
    parts.finish()
}

/// What an image is made of.
struct Parts<'a> {
    workspace: &'a Workspace,
    folder: &'a Path,
    base: &'a Base,
    release: bool,
}

impl Parts<'_> {
    fn root_path(&self) -> PathBuf {
        self.folder.join("root.squashfs")
    }

    fn programs(&self) -> PathBuf {
        self.folder.join("programs")
    }

    fn overlays(&self) -> Vec<PathBuf> {
        let own = self.workspace.root.join("image/lab/overlay");
        std::iter::once(own).chain(tree::overlays(self.workspace, self.release)).collect()
    }

    fn os_release(&self) -> String {
        tree::os_release(env!("CARGO_PKG_VERSION"), Rootfs::Lab, self.release)
    }

    /// Makes the squashfs unless everything that goes into it is as it was.
    fn root(&self) -> anyhow::Result<()> {
        let step = Step::start("stripping programs");
        tree::strip_programs(self.workspace, &self.programs())?;
        step.done();
        let key_path = self.folder.join("root.key");
        let key = self.key()?;
        let root = self.root_path();
        if root.is_file() && fs::read_to_string(&key_path).is_ok_and(|known| known == key) {
            progress::say(format!("✓ {} is as it was", root.display()));
            return Ok(());
        }
        let tree = self.folder.join("tree");
        let step = Step::start("laying overlays and programs over the packages");
        self.compose(&tree)?;
        step.done();
        let step = Step::start("making the squashfs");
        tree::clear(&key_path)?;
        squash(&tree, &root)?;
        fs::write(&key_path, key).with_context(|| format!("writing {}", key_path.display()))?;
        step.done();
        tree::clear(&tree)
    }

    /// Hash of everything that goes into the squashfs.
    fn key(&self) -> anyhow::Result<String> {
        let mut hash = Sha256::new();
        hash.update(RECIPE.to_be_bytes());
        for word in [self.base.hash.as_str(), &self.os_release(), SOURCE_DATE_EPOCH].iter().chain(COMPRESSION)
        {
            tree::hash_word(&mut hash, word.as_bytes());
        }
        // A base of the same lists may hold newer packages.
        tree::hash_file(&mut hash, &self.base.packages())?;
        for overlay in self.overlays() {
            tree::hash_folder(&mut hash, &overlay)?;
        }
        for (name, folder) in PROGRAMS {
            tree::hash_word(&mut hash, folder.as_bytes());
            tree::hash_file(&mut hash, &self.programs().join(name))?;
        }
        Ok(hex::encode(hash.finalize()))
    }

    /// Makes the whole tree at `tree`.
    fn compose(&self, tree: &Path) -> anyhow::Result<()> {
        tree::clear(tree)?;
        tree::lay(&self.base.tree(), tree)?;
        self.lay_overlays(tree)?;
        tree::lay_programs(&self.programs(), tree)?;
        tree::write_os_release(tree, &self.os_release())?;
        for name in MOUNT_POINTS {
            tree::make_folder(&tree.join(name))?;
        }
        self.check_programs(tree)?;
        let mut users = program::command(tree, "usr/bin/systemd-sysusers", "systemd-sysusers");
        process::output(users.arg("--root").arg(tree), TOOL_MAX).context("making the users")?;
        let mut presets = program::command(tree, "usr/bin/systemctl", "systemctl");
        process::output(presets.arg("--root").arg(tree).arg("preset-all"), TOOL_MAX)
            .context("enabling the units that the presets name")?;
        // Links that an overlay brings and a preset takes away (default.target) stand as the overlay says.
        self.lay_overlays(tree)?;
        for name in ["etc/passwd-", "etc/group-", "etc/shadow-", "etc/gshadow-", "etc/.pwd.lock"] {
            tree::clear(&tree.join(name))?;
        }
        // Root reads what has no rights at all; whoever builds may be somebody else.
        for name in ["etc/shadow", "etc/gshadow"] {
            tree::set_mode(&tree.join(name), 0o600)?;
        }
        tree::write(tree, "etc/machine-id", "")
    }

    fn lay_overlays(&self, tree: &Path) -> anyhow::Result<()> {
        self.overlays().iter().try_for_each(|overlay| tree::lay_overlay(overlay, tree))
    }

    /// The programs find their libraries in the tree: those of a newer system would not start.
    fn check_programs(&self, tree: &Path) -> anyhow::Result<()> {
        for (name, _) in PROGRAMS {
            process::output(&mut program::libraries(tree, &self.programs().join(name)), TOOL_MAX).map_err(
                |error| {
                    failure(
                        format!("{name} cannot run on Debian 12: {error:#}"),
                        "build on Debian 12 (a container will do): the programs need no newer libraries there",
                    )
                },
            )?;
        }
        Ok(())
    }

    /// Puts kernel, initrd and description beside the root.
    fn finish(&self) -> anyhow::Result<Image> {
        let place = |from: PathBuf, name: &str| {
            let (part, to) = (self.folder.join(format!("{name}.part")), self.folder.join(name));
            fs::copy(&from, &part).with_context(|| format!("copying {}", from.display()))?;
            fs::rename(&part, &to).with_context(|| format!("renaming {}", part.display()))?;
            Ok::<PathBuf, anyhow::Error>(to)
        };
        place(self.base.packages(), "packages.txt")?;
        let image = Image {
            rootfs: Rootfs::Lab,
            variant: tree::variant(self.release).to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            kernel: place(self.base.kernel(), "vmlinuz")?,
            initrd: Some(place(self.base.initrd(), "initrd.img")?),
            root: self.root_path(),
            command_line: format!("init={INIT} {COMMAND_LINE}"),
        };
        image.save(self.folder)?;
        Ok(image)
    }
}

/// Makes the squashfs `root` from `tree`: everything belongs to root, all times are the same.
fn squash(tree: &Path, root: &Path) -> anyhow::Result<()> {
    let part = root.with_extension("part");
    tree::clear(&part)?;
    let mut command = Command::new("mksquashfs");
    command.arg(tree).arg(&part).args(COMPRESSION);
    command.args([
        "-all-root",
        "-no-xattrs",
        "-no-exports",
        "-noappend",
        "-quiet",
        "-no-progress",
        "-exit-on-error",
    ]);
    command.env("SOURCE_DATE_EPOCH", SOURCE_DATE_EPOCH);
    process::output(&mut command, SQUASH_MAX).context("making the squashfs")?;
    fs::rename(&part, root).with_context(|| format!("renaming {}", part.display()))
}
