//! The vocabulary of the house: the whole configuration as one typed value, and the few words
//! (`Time`, `NodeName`, `Private`) that every other crate speaks.
//!
//! Pure: no clock, no file, no socket, no randomness.

mod config;
mod diff;
mod node;
mod objects;
mod private;
mod problem;
mod subnet;
mod text;
mod time;
mod validate;

pub use config::{
    Account, AccountName, Cluster, Config, DigestChoice, Extension, ExtensionNumber, HaInterface, HaMode,
    Media, Network, Node, Route, Sip, System, Transport, Trunk, TrunkName,
};
pub use diff::{Action, Change, diff, diff_objects};
pub use node::{NodeName, NodeNameError};
pub use objects::{ObjectKey, ObjectType, redact, text_of};
pub use private::Private;
pub use problem::Problem;
pub use subnet::{InterfaceAddress, InterfaceAddressError};
pub use text::{TEXT_BYTES_MAX, format_duration, parse_duration};
pub use time::Time;
pub use validate::limits;
