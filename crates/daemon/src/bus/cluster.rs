//! `org.tandem.Cluster1`: the high-availability agent.

use serde::{Deserialize, Serialize};
use zbus::zvariant::Type;

/// Bus name of the agent.
pub const NAME: &str = "org.tandem.Cluster1";
/// Object path of the agent.
pub const PATH: &str = "/org/tandem/Cluster1";

/// State of the pair as this node sees it (rows H28 to H30).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
pub struct ClusterStatus {
    /// This node
    pub node: String,
    /// `initialising`, `standby`, `taking`, `active`, `yielding`
    pub role: String,
    /// Why it has this role, for people
    pub reason: String,
    /// When it got this role: UTC, RFC 3339 with milliseconds; empty before the first change since the agent's start
    pub role_since: String,
    /// Node that serves as far as this node knows; empty when none
    pub active_node: String,
    /// Counter of the epoch in force
    pub epoch: u64,
    /// Milliseconds left of the lease; 0 when none
    pub lease_remaining_ms: u64,
    /// `available` or `safe`
    pub mode: String,
    /// Service enablement: `disabled`, `enabled`, `enabled as coordinator` (row H10)
    pub enablement: String,
    /// `paired` or `single`
    pub pairing: String,
    /// Both nodes
    pub nodes: Vec<NodeStatus>,
    /// Heartbeat and resource address per interface
    pub interfaces: Vec<InterfaceStatus>,
    /// Warnings raised since start (row H23)
    pub warnings: u64,
    /// Last events, oldest first
    pub events: Vec<ClusterEvent>,
}

/// A node of the pair.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
pub struct NodeStatus {
    /// Name
    pub name: String,
    /// Serial number
    pub serial_number: String,
    /// Address on the synchronisation interface
    pub synchronisation_address: String,
    /// Role, or `unreachable`
    pub role: String,
    /// Milliseconds since it was last heard on any path; 0 for this node
    pub silent_ms: u64,
}

/// An interface of the pair (rows H15 to H19).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
pub struct InterfaceStatus {
    /// Name of the link
    pub name: String,
    /// Carrier present
    pub up: bool,
    /// Own address
    pub local_address: String,
    /// The peer's address
    pub remote_address: String,
    /// Resource address with prefix length; empty when none is configured here
    pub resource_address: String,
    /// This node holds the resource address now
    pub held: bool,
    /// It carries node-to-node traffic
    pub synchronisation: bool,
    /// Milliseconds since the peer's last heartbeat here; `u64::MAX` when never
    pub heartbeat_silent_ms: u64,
}

/// A change of role or a warning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
pub struct ClusterEvent {
    /// UTC, RFC 3339 with milliseconds
    pub time: String,
    /// What happened, for people
    pub text: String,
}

/// Client side of the agent.
#[zbus::proxy(
    interface = "org.tandem.Cluster1",
    default_service = "org.tandem.Cluster1",
    default_path = "/org/tandem/Cluster1"
)]
pub trait Cluster {
    /// The whole state.
    fn status(&self) -> zbus::Result<ClusterStatus>;

    /// Planned switchover (rows H33, H36): returns when the other node serves, or says why not.
    fn switch(&self) -> zbus::Result<()>;

    /// Role and epoch changed.
    #[zbus(signal)]
    fn role_changed(&self, role: String, epoch: u64, active_node: String) -> zbus::Result<()>;

    /// Before a planned switchover: take no new transactions, flush, then call [`Self::flushed`].
    #[zbus(signal)]
    fn freeze(&self) -> zbus::Result<()>;

    /// The store has flushed its replication (answer to the `freeze` signal).
    fn flushed(&self) -> zbus::Result<()>;
}
