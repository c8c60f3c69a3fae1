//! A configuration that would tear a running pair: without one of its nodes, each of them would serve and write settings on
//! its own, both with the same resource address (row H19).

use daemon::NodeIdentity;
use daemon::bus::store::Problem;
use model::{Config, NodeName, ObjectKey, ObjectType};

use crate::view::Objects;

/// The nodes of the pair that this store belongs to; none on a single box.
pub fn nodes(identity: &NodeIdentity) -> Vec<NodeName> {
    let Some(peer) = &identity.peer else { return Vec::new() };
    let mut nodes = vec![identity.name.clone(), peer.name.clone()];
    nodes.sort();
    nodes
}

/// The nodes of a pair that `config` lacks, as problems: those that are in force, and all when there is a resource address.
pub fn missing(nodes: &[NodeName], in_force: &Objects, config: &Config) -> Vec<Problem> {
    let cluster = &config.cluster;
    let has_resource = cluster.interfaces.values().any(|interface| interface.resource_address.is_some());
    let is_in_force =
        |node: &NodeName| in_force.contains_key(&ObjectKey::new(ObjectType::Node, node.as_str()));
    let missing = nodes.iter().filter(|node| !cluster.nodes.contains_key(*node));
    let torn = missing.filter(|node| has_resource || is_in_force(node));
    let say = |node: &NodeName| Problem {
        path: format!("cluster.node.{node}"),
        line: 0,
        message: format!(
            "is missing; node {node} runs in this pair, and both nodes would serve, each on its own"
        ),
    };
    torn.map(say).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAIR: &str = "[system]\ndomain = \"pbx.example.com\"\n\
        [cluster.node.a]\nserial-number = \"TD-A\"\naddresses = { lan0 = \"10.20.0.1\", sync0 = \"10.30.0.1\" }\n\
        [cluster.node.b]\nserial-number = \"TD-B\"\naddresses = { lan0 = \"10.20.0.2\", sync0 = \"10.30.0.2\" }\n\
        [cluster.interface.lan0]\nresource-address = \"10.20.0.10/24\"\n\
        [cluster.interface.sync0]\nsynchronisation = true\n";

    const NOBODY: &str = "[system]\ndomain = \"pbx.example.com\"\n";

    fn paths(nodes: &[&str], in_force: &str, text: &str) -> Vec<String> {
        let nodes: Vec<NodeName> = nodes.iter().map(|node| node.parse().expect("a name")).collect();
        let parse = |text| Config::parse(text).expect("valid for itself");
        let problems = missing(&nodes, &parse(in_force).objects(), &parse(text));
        problems.into_iter().map(|problem| problem.path).collect()
    }

    /// H19: one owner of the resource address and one writer of settings, whatever is applied; a single box, and a pair that
    /// has had no cluster so far, may leave the nodes out.
    #[test]
    fn pair_keeps_its_nodes() {
        let pair = ["a", "b"];
        assert!(paths(&pair, NOBODY, PAIR).is_empty() && paths(&pair, PAIR, PAIR).is_empty());
        assert_eq!(paths(&pair, NOBODY, &PAIR.replace("node.b]", "node.c]")), ["cluster.node.b"]);
        assert_eq!(paths(&pair, PAIR, NOBODY), ["cluster.node.a", "cluster.node.b"]);
        assert!(paths(&[], PAIR, NOBODY).is_empty() && paths(&pair, NOBODY, NOBODY).is_empty());
    }
}
