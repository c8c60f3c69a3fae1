//! The command line of the lab.

use std::ffi::OsString;
use std::net::IpAddr;

use clap::{Args, Subcommand, ValueEnum};

use super::topology::{NAME_DEFAULT, Topology};

/// `cargo xtask lab …`
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Bring nodes up, with the sample configuration in force; what runs under the same name is removed first
    Up(Up),
    /// Who serves, and each node's role
    Status(Status),
    /// End everything of a lab and remove it; nothing running is no failure
    Down(Down),
    /// Run one node in the foreground, all its processes in one process group; Ctrl-C or SIGTERM ends it in order.
    /// Its files are in target/lab/NAME; both nodes of a pair name the same lab, which makes their credentials
    Node(Box<Node>),
    /// Become another program with no signal blocked: how a supervisor, which blocks some, starts its processes
    #[command(hide = true)]
    Exec(Exec),
}

/// `cargo xtask lab exec …`
#[derive(Debug, Args)]
pub struct Exec {
    /// Program and its words
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub words: Vec<OsString>,
}

/// `cargo xtask lab up …`
#[derive(Debug, Args)]
pub struct Up {
    /// What to bring up
    #[arg(value_enum)]
    pub what: What,
    /// Put both interfaces of the nodes on one switch (row H12)
    #[arg(long)]
    pub one_switch: bool,
    /// Say everything about it as one JSON object in the last line
    #[arg(long)]
    pub json: bool,
    /// Name of the lab: several may run side by side
    #[arg(long, default_value = NAME_DEFAULT)]
    pub name: String,
}

/// What can be brought up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// Two nodes
    Pair,
}

/// `cargo xtask lab status …`
#[derive(Debug, Args)]
pub struct Status {
    /// As one JSON object
    #[arg(long)]
    pub json: bool,
    /// Name of the lab
    #[arg(long, default_value = NAME_DEFAULT)]
    pub name: String,
}

/// `cargo xtask lab down …`
#[derive(Debug, Args)]
pub struct Down {
    /// Name of the lab
    #[arg(long, default_value = NAME_DEFAULT)]
    pub name: String,
}

/// `cargo xtask lab node …`
#[derive(Debug, Args)]
pub struct Node {
    /// Network namespace to run in, with the links lan0 and sync0 in networks of /24 (`lab up` makes one)
    #[arg(long, value_name = "NAMESPACE")]
    pub netns: String,
    /// Name of the node: a (the coordinator) or b
    #[arg(long, value_parser = ["a", "b"])]
    pub name: String,
    /// Address of the other node; give it for sync0, and again for lan0. Default: those of the lab
    #[arg(long, value_name = "ADDRESS")]
    pub peer: Vec<IpAddr>,
    /// Resource address of the sample configuration
    #[arg(long, value_name = "ADDRESS", default_value_t = Topology::resource())]
    pub resource: IpAddr,
    /// Own address on lan0. Default: the first that it has, else that of the lab
    #[arg(long, value_name = "ADDRESS")]
    pub lan: Option<IpAddr>,
    /// Own address on sync0. Default: the first that it has, else that of the lab
    #[arg(long, value_name = "ADDRESS")]
    pub sync: Option<IpAddr>,
    /// Name of the lab, whose folder keeps the files of the node
    #[arg(long, value_name = "NAME", default_value = NAME_DEFAULT)]
    pub lab: String,
    /// Do not give the sample configuration to a coordinator that has none
    #[arg(long)]
    pub no_configuration: bool,
    /// Do not build first
    #[arg(long)]
    pub no_build: bool,
}
