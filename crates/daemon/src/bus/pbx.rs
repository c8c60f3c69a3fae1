//! `org.tandem.Pbx1`: the telephone daemon.

use serde::{Deserialize, Serialize};
use zbus::zvariant::Type;

/// Bus name of the telephone daemon.
pub const NAME: &str = "org.tandem.Pbx1";
/// Object path of the telephone daemon.
pub const PATH: &str = "/org/tandem/Pbx1";

/// State of the telephone daemon.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
pub struct PbxStatus {
    /// Revision of the configuration that it runs
    pub revision: u64,
    /// Bindings it knows, own and replicated
    pub registrations: u64,
    /// Calls in progress
    pub calls: u64,
    /// Connected to the peer's telephone daemon
    pub peer_connected: bool,
    /// Messages dropped as unreadable since start
    pub messages_dropped: u64,
    /// It answers phones: this node serves, as the high-availability agent has told it
    pub serving: bool,
    /// SIP domain, as phones are told it; empty without a configuration
    pub domain: String,
    /// UDP and TCP port of SIP; 0 without a configuration
    pub sip_port: u16,
}

/// Client side of the telephone daemon.
#[zbus::proxy(
    interface = "org.tandem.Pbx1",
    default_service = "org.tandem.Pbx1",
    default_path = "/org/tandem/Pbx1"
)]
pub trait Pbx {
    /// State of the telephone daemon.
    fn status(&self) -> zbus::Result<PbxStatus>;
}
