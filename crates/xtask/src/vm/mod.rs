//! Nodes as virtual machines.

use clap::Subcommand;

/// `cargo xtask vm`.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Ends all machines
    Down,
}

/// Does what `verb` says.
///
/// # Errors
/// What the verb shows fails.
pub fn run(_verb: Verb) -> anyhow::Result<()> {
    anyhow::bail!("not yet")
}
