//! The lab: two nodes as processes in network namespaces, in seconds, and gone again without a trace.
//!
//! ```text
//!   tandem-NAME-a            tandem-NAME-b            tandem-NAME-phones
//!   bus stored clusterd pbxd bus stored clusterd pbxd phones .100, trunk .200
//!     sync0      lan0          lan0      sync0           lan0
//!       │          └────┐   ┌────┘         │              │
//!   ┌───┴── tandem-NAME-bridge ────────────┴──┐           │
//!   │ bridge sync       bridge lan ───────────────────────┘
//!   │ 10.30.0.0/24      10.20.0.0/24          │   (one bridge for both with --one-switch)
//!   └─────────────────────────────────────────┘
//! ```
//!
//! Tests and the demonstration use [`Pair`]:
//!
//! ```no_run
//! use xtask::lab::{Options, Pair, Side};
//! # fn main() -> anyhow::Result<()> {
//! let pair = Pair::up(&Options { name: "example".to_owned(), ..Options::default() })?;
//! let active = pair.await_settled()?; // one active, one standby, stores in agreement
//! pair.cut_power(active)?; // SIGKILL to all of it, its links down
//! pair.await_role(active.other(), "active")?;
//! pair.power_on(active)?;
//! pair.await_settled()?;
//! # Ok(()) } // dropped: processes ended, namespaces and state removed
//! ```

mod arguments;
mod bus;
pub(crate) mod credentials;
pub(crate) mod description;
pub(crate) mod down;
pub(crate) mod files;
pub(crate) mod network;
pub(crate) mod node;
mod pair;
pub(crate) mod sample;
pub(crate) mod secrets;
pub(crate) mod status;
mod supervisor;
pub(crate) mod topology;

pub use arguments::Verb;
pub use description::{Account, Description, Namespaces, NodeDescription, TrunkDescription};
pub use down::down;
pub use pair::{Options, Pair};
pub use status::{NodeStatus, Status};
pub use topology::{NAME_DEFAULT, Namespace, SIP_PORT, Side, Topology};

/// Does what `verb` says.
///
/// # Errors
/// What the verb shows fails.
pub fn run(verb: Verb) -> anyhow::Result<()> {
    match verb {
        Verb::Up(wish) => pair::run(&wish),
        Verb::Status(wish) => status::run(&wish),
        Verb::Down(wish) => down::run(&wish),
        Verb::Node(wish) => node::run(&wish),
        Verb::Exec(wish) => supervisor::exec(&wish),
    }
}
