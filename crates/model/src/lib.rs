//! The vocabulary of the house: the whole configuration as one typed value, and the few words
//! (`Time`, `NodeName`, `Private`) that every other crate speaks.
//!
//! Pure: no clock, no file, no socket, no randomness.

mod config;
mod node;
mod private;
mod time;

pub use config::{
    Account, AccountName, Cluster, Config, DigestChoice, Extension, ExtensionNumber, HaInterface, HaMode, Media,
    Node, Route, Sip, System, Transport, Trunk, TrunkName,
};
pub use node::{NodeName, NodeNameError};
pub use private::Private;
pub use time::Time;
