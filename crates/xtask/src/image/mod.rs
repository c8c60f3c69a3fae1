//! The appliance image: its root file systems, what they must hold, and how they are made.
//!
//! ```text
//!   overlays/common ─┐                       ┌─► target/image/lab/{vmlinuz, initrd.img, root.squashfs, image.json}
//!   programs ────────┼─► image::lab ─────────┤
//!   overlays/debug ──┘   (Debian packages)   │   target/image/buildroot/{vmlinuz, root.squashfs, image.json}
//!                        image::buildroot ───┘
//!                        (buildroot/, a BR2_EXTERNAL tree)         image::contract checks either root
//! ```

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::Workspace;

pub use buildroot::Sources;
pub use buildroot::configuration::Toolchain;

pub(crate) mod buildroot;
pub mod contract;
mod lab;
pub mod tree;

/// `cargo xtask image`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Verb {
    #[command(subcommand)]
    part: Option<Part>,
    #[command(flatten)]
    build: Build,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// Holds a root file system against image/contract
    Contract(contract::Arguments),
}

/// What to build.
#[derive(Clone, Debug, Default, Args)]
pub struct Build {
    /// Root file system
    #[arg(long, value_enum, default_value_t)]
    pub rootfs: Rootfs,
    /// Without the root shell of overlays/debug
    #[arg(long)]
    pub release: bool,
    /// Checkout of Buildroot 2026.05.x (for --rootfs buildroot)
    #[arg(long, value_name = "DIR", env = "TANDEM_BUILDROOT")]
    pub buildroot: Option<PathBuf>,
    /// Output folder of Buildroot; beside its checkout unless said
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Where Buildroot gets the sources of packages
    #[arg(long, value_enum, default_value_t)]
    pub sources: Sources,
    /// Who compiles; Buildroot's own unless the sources are Debian's
    #[arg(long, value_enum)]
    pub toolchain: Option<Toolchain>,
    /// Take Debian's packages anew, with today's corrections (for --rootfs lab)
    #[arg(long)]
    pub fresh: bool,
}

/// Where the packages of a root file system come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Rootfs {
    /// Debian packages: minutes to make
    #[default]
    Lab,
    /// Buildroot: the product
    Buildroot,
}

impl Rootfs {
    /// As on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Rootfs::Lab => "lab",
            Rootfs::Buildroot => "buildroot",
        }
    }
}

impl fmt::Display for Rootfs {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What a virtual machine boots: `image.json` beside the files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Root file system
    pub rootfs: Rootfs,
    /// `release` or `debug`
    pub variant: String,
    /// Version of the house
    pub version: String,
    /// Kernel
    pub kernel: PathBuf,
    /// Initial root file system that finds the disk; none where the kernel can do without
    pub initrd: Option<PathBuf>,
    /// squashfs
    pub root: PathBuf,
    /// Kernel's command line but for `console=`
    pub command_line: String,
}

impl Image {
    /// The image that was built last.
    ///
    /// # Errors
    /// None was built, or its description cannot be read.
    pub fn load(workspace: &Workspace, rootfs: Rootfs) -> anyhow::Result<Image> {
        let path = folder(workspace, rootfs).join("image.json");
        let text = std::fs::read_to_string(&path).with_context(|| {
            format!("reading {}: `cargo xtask image --rootfs {rootfs}` makes it", path.display())
        })?;
        serde_json::from_str(&text).with_context(|| format!("reading {}", path.display()))
    }

    /// Writes the description into `folder`.
    pub(crate) fn save(&self, folder: &Path) -> anyhow::Result<()> {
        let path = folder.join("image.json");
        let text = serde_json::to_string_pretty(self).context("writing an image as JSON")?;
        std::fs::write(&path, text + "\n").with_context(|| format!("writing {}", path.display()))
    }
}

/// Where the files of an image lie.
#[must_use]
pub fn folder(workspace: &Workspace, rootfs: Rootfs) -> PathBuf {
    workspace.target.join("image").join(rootfs.as_str())
}

/// Builds what is asked for; quick when nothing has changed.
///
/// # Errors
/// A step fails.
pub fn build(workspace: &Workspace, wish: &Build) -> anyhow::Result<Image> {
    match wish.rootfs {
        Rootfs::Lab => lab::build(workspace, wish),
        Rootfs::Buildroot => buildroot::build(workspace, wish),
    }
}

/// Does what `verb` says.
///
/// # Errors
/// What the verb shows fails.
pub fn run(verb: &Verb) -> anyhow::Result<()> {
    if let Some(Part::Contract(arguments)) = &verb.part {
        return contract::run(arguments);
    }
    let image = build(&Workspace::find()?, &verb.build)?;
    crate::progress::result(image.root.display().to_string());
    Ok(())
}
