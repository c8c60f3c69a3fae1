//! What every daemon needs once: who the node is, where logs go, how the bus is reached, what the configuration
//! and the role are right now, and how a process starts and ends under systemd.
//!
//! A daemon's `main.rs` is one call of [`run`]; its `lib.rs` gets a [`NodeIdentity`] and does the work:
//!
//! ```no_run
//! # async fn start(identity: &daemon::NodeIdentity, connection: &daemon::zbus::Connection) -> anyhow::Result<()> { Ok(()) }
//! async fn serve(identity: daemon::NodeIdentity) -> anyhow::Result<()> {
//!     let connection = daemon::bus::connect().await?;
//!     let configuration = daemon::configuration::watch(&connection);
//!     start(&identity, &connection).await?; // objects first, then the name: a client never finds a name without them
//!     daemon::readiness::ready("serving");
//!     daemon::signals::terminated().await?;
//!     daemon::readiness::stopping();
//!     Ok(())
//! }
//! fn main() -> std::process::ExitCode {
//!     daemon::run("pbxd", serve)
//! }
//! ```

pub mod bus;
pub mod configuration;
pub mod logging;
pub mod memfd;
pub mod node;
pub mod readiness;
pub mod role;
mod run;
pub mod secret;
pub mod signals;
pub mod table;

pub use node::{Credentials, NodeFileError, NodeIdentity, Peer, Ports};
pub use run::{EXIT_CONFIGURATION, EXIT_FAILURE, chain, report, run, run_without_identity};
pub use zbus;
