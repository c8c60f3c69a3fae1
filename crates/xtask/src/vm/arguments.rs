//! The command line of the machines.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::image::Rootfs;
use crate::lab::Side;

/// Name of a pair unless told otherwise; labs of processes have another, so that both run side by side.
pub const NAME_DEFAULT: &str = "vm";

/// `cargo xtask vm …`
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Boot nodes, with the sample configuration in force; what runs under the same name is removed first
    Up(Up),
    /// Power and role of each node
    Status(Look),
    /// Attach to the screen of a node (first serial port); Ctrl-] leaves
    Console(Console),
    /// Save a picture of a node's monitor (PNG)
    Screenshot(Screenshot),
    /// Run a command in a node, as root (debug image); exits with its status
    Exec(Exec),
    /// Cut the power of a node
    PowerOff(Node),
    /// Give a node power: it boots from the disks that it had
    PowerOn(Node),
    /// Stop the processor of a node
    Freeze(Node),
    /// Let the processor of a node run again
    Thaw(Node),
    /// Pull or plug the cable of a node
    Link(Link),
    /// End all machines of a pair and remove what they have written; nothing running is no failure
    Down(Name),
}

/// Which pair.
#[derive(Debug, Args)]
pub struct Name {
    /// Name of the pair: several may run side by side
    #[arg(long, default_value = NAME_DEFAULT)]
    pub name: String,
}

/// Which node.
#[derive(Debug, Args)]
pub struct Node {
    /// a (the coordinator) or b
    #[arg(value_parser = side)]
    pub side: Side,
    #[command(flatten)]
    pub pair: Name,
}

/// `cargo xtask vm up …`
#[derive(Debug, Args)]
pub struct Up {
    /// What to boot
    #[arg(value_enum)]
    pub what: What,
    /// Root file system
    #[arg(long, value_enum, default_value_t)]
    pub rootfs: Rootfs,
    /// Take the image as it was built last
    #[arg(long)]
    pub no_build: bool,
    /// A power cut loses what the data disk has not flushed, as on a real disk
    #[arg(long)]
    pub lose_unflushed: bool,
    /// Put both interfaces of the nodes on one switch (row H12)
    #[arg(long)]
    pub one_switch: bool,
    /// Say everything about it as one JSON object in the last line
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub pair: Name,
}

/// What can be booted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// Two nodes with the sample configuration
    Pair,
    /// Two nodes as they come from the factory: empty disks, no setup medium, no configuration
    Fresh,
}

/// `cargo xtask vm status …`
#[derive(Debug, Args)]
pub struct Look {
    /// As one JSON object
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub pair: Name,
}

/// `cargo xtask vm console …`
#[derive(Debug, Args)]
pub struct Console {
    #[command(flatten)]
    pub node: Node,
    /// The root shell on the second serial port instead (debug image)
    #[arg(long)]
    pub shell: bool,
}

/// `cargo xtask vm screenshot …`
#[derive(Debug, Args)]
pub struct Screenshot {
    #[command(flatten)]
    pub node: Node,
    /// Where to save it
    pub file: PathBuf,
}

/// `cargo xtask vm exec …`
#[derive(Debug, Args)]
pub struct Exec {
    #[command(flatten)]
    pub node: Node,
    /// Seconds until the command is ended
    #[arg(long, default_value_t = 60)]
    pub limit: u64,
    /// Command and its words; a single word is a line for the shell
    #[arg(required = true, last = true)]
    pub words: Vec<String>,
}

/// `cargo xtask vm link …`
#[derive(Debug, Args)]
pub struct Link {
    #[command(flatten)]
    pub node: Node,
    /// The interface
    #[arg(value_enum)]
    pub link: LinkName,
    /// What becomes of it
    #[arg(value_enum)]
    pub state: LinkState,
}

/// An interface of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LinkName {
    /// Towards phones
    Lan,
    /// Towards the other node
    Sync,
}

/// What a cable does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LinkState {
    /// Plugged
    Up,
    /// Pulled: the node sees its carrier go
    Down,
    /// Frames vanish, and the node sees nothing of it (with taps only)
    Silent,
}

fn side(name: &str) -> Result<Side, String> {
    Side::from_name(name).ok_or_else(|| "a or b".to_owned())
}
