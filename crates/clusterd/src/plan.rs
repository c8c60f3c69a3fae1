//! What the configuration means for this node: heartbeat paths, resource addresses, timers. Pure.

use std::net::IpAddr;

use daemon::NodeIdentity;
use membership::{Link, Setup};
use model::{Cluster, HaInterface, NodeName};
use netio::addresses::ResourceAddress;

/// A heartbeat path, one per configured interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// Name of the link
    pub interface: String,
    /// Own address there
    pub own: Option<IpAddr>,
    /// The peer's address there
    pub peer: Option<IpAddr>,
    /// Without this link the node may not serve
    pub required: bool,
    /// Addresses that are pinged (row H20)
    pub ping_group: Vec<IpAddr>,
}

/// A resource address and whether service depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Where and which
    pub address: ResourceAddress,
    /// The node serves only when this one is held
    pub required: bool,
}

/// One revision of the configuration, as this node sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The other node; `None`: a single box
    pub peer: Option<NodeName>,
    /// In the order of the core's links
    pub paths: Vec<Path>,
    /// In the order of their interfaces
    pub resources: Vec<Resource>,
    /// `[cluster]` as configured
    pub cluster: Cluster,
}

/// A configuration that gives this node no part to play.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The pair has other nodes
    #[error("the configuration names the nodes {configured}, and this one is {own}")]
    NotAMember {
        /// This node
        own: NodeName,
        /// Those of the configuration
        configured: String,
    },
    /// The node file knows another peer, or none: its certificate could not be checked
    #[error("the configuration pairs this node with {configured}, the node file with {}", known.as_deref().unwrap_or("nobody"))]
    OtherPeer {
        /// In the configuration
        configured: NodeName,
        /// In the node file
        known: Option<String>,
    },
    /// No interface has an address of both nodes
    #[error("no interface has an address of both nodes, so they cannot hear each other")]
    NoCommonInterface,
}

impl Plan {
    /// The part of `identity` in `cluster`.
    ///
    /// # Errors
    /// [`PlanError`]: the plan in force should stay.
    pub fn new(identity: &NodeIdentity, cluster: &Cluster) -> Result<Self, PlanError> {
        let own = cluster.nodes.get(&identity.name);
        if own.is_none() && !cluster.nodes.is_empty() {
            let configured: Vec<_> = cluster.nodes.keys().map(NodeName::as_str).collect();
            return Err(PlanError::NotAMember {
                own: identity.name.clone(),
                configured: configured.join(" and "),
            });
        }
        let other = cluster.nodes.iter().find(|(name, _)| **name != identity.name);
        let known = identity.peer.as_ref().map(|peer| &peer.name);
        if let Some((configured, _)) = other
            && Some(configured) != known
        {
            let known = known.map(ToString::to_string);
            return Err(PlanError::OtherPeer { configured: configured.clone(), known });
        }
        let paths: Vec<_> = cluster
            .interfaces
            .iter()
            .map(|(name, interface)| Path {
                interface: name.clone(),
                own: own.and_then(|node| node.addresses.get(name)).copied(),
                peer: other.and_then(|(_, node)| node.addresses.get(name)).copied(),
                required: interface.required,
                ping_group: interface.ping_group.clone(),
            })
            .collect();
        if other.is_some() && !paths.iter().any(|path| path.own.is_some() && path.peer.is_some()) {
            return Err(PlanError::NoCommonInterface);
        }
        let resources = cluster.interfaces.iter().filter_map(|(name, interface)| resource(name, interface));
        Ok(Plan {
            peer: other.map(|(name, _)| name.clone()),
            paths,
            resources: resources.collect(),
            cluster: cluster.clone(),
        })
    }

    /// What a core is made from under this plan.
    #[must_use]
    pub fn setup(&self, identity: &NodeIdentity, start: &Start) -> Setup {
        let links = self.paths.iter().map(|path| Link {
            name: path.interface.clone(),
            required: path.required,
            has_ping_group: !path.ping_group.is_empty(),
        });
        Setup {
            node: identity.name.clone(),
            peer: self.peer.clone(),
            links: links.collect(),
            mode: self.cluster.mode,
            dead: self.cluster.dead,
            warning: self.cluster.warning,
            initialisation: self.cluster.initialisation,
            default_active: self.cluster.default_active.clone(),
            coordinator: identity.coordinator,
            counter_reserved: start.counter_reserved,
            incarnation: start.incarnation,
            seed: start.seed,
        }
    }

    /// Every address of either node and of the service: whoever else speaks is a station.
    #[must_use]
    pub fn own_addresses(&self) -> Vec<IpAddr> {
        let nodes = self.paths.iter().flat_map(|path| [path.own, path.peer]).flatten();
        nodes.chain(self.resources.iter().map(|resource| resource.address.address)).collect()
    }
}

/// What is new with each start of the agent.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// Highest epoch counter that this node has reserved on disk
    pub counter_reserved: u64,
    /// Random 128 bits
    pub incarnation: u128,
    /// Seed of jitter
    pub seed: u64,
}

fn resource(name: &str, interface: &HaInterface) -> Option<Resource> {
    let (address, prefix_bits) = interface.resource_address?;
    let address = ResourceAddress { interface: name.to_owned(), address, prefix_bits };
    Some(Resource { address, required: interface.required })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path as FilePath;

    fn identity(peer: &str) -> NodeIdentity {
        let text = "name = 'a'\nserial-number = 'TD-A'\ndata = '/d'\nrun = '/r'\nlisten = '10.30.0.1'\n";
        let mut identity = NodeIdentity::parse(text, FilePath::new("node.toml")).unwrap();
        identity.peer = (!peer.is_empty()).then(|| daemon::Peer {
            name: peer.parse().unwrap(),
            addresses: vec!["10.30.0.2".parse().unwrap()],
        });
        identity
    }

    fn cluster(text: &str) -> Cluster {
        model::Config::parse(&format!("[system]\ndomain = 'pbx.example.com'\n{text}")).unwrap().cluster
    }

    const PAIR: &str = "
        [cluster.node.a]
        serial-number = 'TD-A'
        addresses = { lan0 = '10.20.0.1', sync0 = '10.30.0.1' }
        [cluster.node.b]
        serial-number = 'TD-B'
        addresses = { lan0 = '10.20.0.2', sync0 = '10.30.0.2' }
        [cluster.interface.lan0]
        resource-address = '10.20.0.10/24'
        ping-group = '10.20.0.254'
        [cluster.interface.sync0]
        synchronisation = true
    ";

    /// H15 to H21: every interface is a heartbeat path, with the addresses of both nodes, and holds its own resource.
    #[test]
    fn pairs_have_paths_and_resources() {
        let plan = Plan::new(&identity("b"), &cluster(PAIR)).unwrap();
        assert_eq!(plan.peer.as_ref().unwrap().as_str(), "b");
        let lan = &plan.paths[0];
        assert_eq!((lan.interface.as_str(), lan.required), ("lan0", true));
        assert_eq!(lan.own, Some("10.20.0.1".parse().unwrap()));
        assert_eq!(lan.peer, Some("10.20.0.2".parse().unwrap()));
        assert_eq!(plan.resources.len(), 1);
        assert_eq!(plan.resources[0].address.prefix_bits, 24);
        assert_eq!(plan.own_addresses().len(), 5);
        let start = Start { counter_reserved: 7, incarnation: 1, seed: 2 };
        let setup = plan.setup(&identity("b"), &start);
        assert!(setup.links[0].has_ping_group && !setup.links[1].has_ping_group);
        assert_eq!(setup.counter_reserved, 7);
    }

    /// A pair that this node is no member of, or whose peer it cannot authenticate, changes nothing.
    #[test]
    fn foreign_pairs_are_refused() {
        assert!(matches!(Plan::new(&identity("c"), &cluster(PAIR)), Err(PlanError::OtherPeer { .. })));
        assert!(matches!(Plan::new(&identity(""), &cluster(PAIR)), Err(PlanError::OtherPeer { .. })));
        let others = PAIR.replace("node.a]", "node.c]");
        assert!(matches!(Plan::new(&identity("b"), &cluster(&others)), Err(PlanError::NotAMember { .. })));
    }

    /// H10: without a cluster in the configuration the box is a single one, whatever the node file says.
    #[test]
    fn without_cluster_the_box_is_single() {
        let plan = Plan::new(&identity("b"), &cluster("")).unwrap();
        assert!(plan.peer.is_none() && plan.paths.is_empty() && plan.resources.is_empty());
    }
}
