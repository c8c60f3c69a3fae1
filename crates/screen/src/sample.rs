//! What the daemons have last said, each for itself: one that is away hides nothing of the others.

use daemon::bus::cluster::{ClusterStatus, NodeStatus};
use daemon::bus::host::HostStatus;
use daemon::bus::pbx::PbxStatus;
use daemon::bus::store::StoreStatus;

/// What asking a daemon has brought.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Answer<T> {
    /// Nobody has asked yet
    #[default]
    NotAsked,
    /// Its state
    Here(T),
    /// It is not on the bus
    Absent,
    /// It is there and does not answer
    Silent,
    /// It has answered with an error, in its words
    Refused(String),
}

impl<T> Answer<T> {
    /// The state, if there is one.
    #[must_use]
    pub fn here(&self) -> Option<&T> {
        if let Answer::Here(status) = self { Some(status) } else { None }
    }
}

/// The state of a box.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// The appliance
    pub host: Answer<HostStatus>,
    /// The pair
    pub cluster: Answer<ClusterStatus>,
    /// Durable state
    pub store: Answer<StoreStatus>,
    /// The telephone daemon
    pub pbx: Answer<PbxStatus>,
}

impl Sample {
    /// The entry of the other node, as the high-availability agent tells it.
    #[must_use]
    pub fn peer(&self) -> Option<&NodeStatus> {
        let cluster = self.cluster.here()?;
        cluster.nodes.iter().find(|node| node.name != cluster.node)
    }

    /// A configuration is in force; `None` while the store does not say.
    #[must_use]
    pub fn is_configured(&self) -> Option<bool> {
        self.store.here().map(|store| store.revision > 0)
    }
}
