//! Holds a root file system against `image/contract`.

use std::path::PathBuf;

use clap::Args;

/// `cargo xtask image contract`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The squashfs
    file: PathBuf,
    /// One JSON object as the last line
    #[arg(long)]
    json: bool,
}

pub(super) fn run(_arguments: &Arguments) -> anyhow::Result<()> {
    anyhow::bail!("not yet")
}
