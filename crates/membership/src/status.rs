//! The answer to "how is the pair?", for the bus, the console and the command line (rows H28 to H30).

use std::time::Duration;

use model::{HaMode, NodeName, Time};
use wire::heartbeat::{Activity, Epoch};

use crate::io::Role;
use crate::node::Membership;

/// State of the pair as this node sees it at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// This node
    pub node: NodeName,
    /// Its role
    pub role: Role,
    /// Why it has this role, in a few words for people
    pub reason: &'static str,
    /// Node that serves as far as this one knows
    pub active_node: Option<NodeName>,
    /// Epoch in force as far as this node knows; counter 0: none yet
    pub epoch: Epoch,
    /// What is left of this node's lease; zero when it has none
    pub lease_remaining: Duration,
    /// `available` or `safe`
    pub mode: HaMode,
    /// Health of this node
    pub score: u32,
    /// The other node; `None` on a single box
    pub peer: Option<PeerStatus>,
    /// Heartbeat paths, in the order of [`crate::Setup::links`]
    pub links: Vec<LinkStatus>,
    /// Times that the peer was late or lost since the start (rows H23, H24)
    pub warnings: u64,
    /// Heartbeats refused since the start: another node's name, another version, an earlier start of the peer
    pub heartbeats_refused: u64,
    /// Time in which automatic hand-overs are damped; zero when they are not
    pub hold_down: Duration,
}

/// The other node as last heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerStatus {
    /// Its name
    pub node: NodeName,
    /// What it said it does; `None`: never heard, or silent for D
    pub activity: Option<Activity>,
    /// Time since it was last heard on any path; `None`: never
    pub silent: Option<Duration>,
    /// Health it reported
    pub score: u32,
    /// Ping targets that it sees
    pub targets_seen: u32,
    /// Every required interface of it has carrier
    pub required_up: bool,
}

/// A heartbeat path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkStatus {
    /// Name of the interface
    pub name: String,
    /// Carrier present
    pub up: bool,
    /// Time since the peer was last heard here; `None`: never
    pub silent: Option<Duration>,
    /// Time from a heartbeat of ours to the first answer to it here, which includes the peer's wait for its next
    /// heartbeat; `None`: not measured yet
    pub answer: Option<Duration>,
}

impl Membership {
    /// The state at `now`.
    #[must_use]
    pub fn status(&self, now: Time) -> Status {
        let served_by_peer = |peer: &PeerStatus| peer.activity.is_some_and(Activity::serves);
        let peer = self.peer_status(now);
        let active_node = if self.serves() {
            Some(self.setup.node.clone())
        } else {
            peer.as_ref().filter(|peer| served_by_peer(peer)).map(|peer| peer.node.clone())
        };
        Status {
            node: self.setup.node.clone(),
            role: self.stage.role(),
            reason: self.withheld.unwrap_or(self.reason),
            active_node,
            epoch: self.epoch().clone(),
            lease_remaining: self.lease.as_ref().map_or(Duration::ZERO, |lease| lease.until.since(now)),
            mode: self.setup.mode,
            score: self.score,
            peer,
            links: self.link_statuses(now),
            warnings: self.warnings,
            heartbeats_refused: self.heartbeats_refused,
            hold_down: self.damping.remaining(now),
        }
    }

    fn peer_status(&self, now: Time) -> Option<PeerStatus> {
        let peer = self.peer.as_ref()?;
        let newest = peer.newest();
        Some(PeerStatus {
            node: peer.name.clone(),
            activity: peer.recent(now, self.timers.promise).map(|recent| recent.activity),
            silent: peer.heard_at.map(|heard_at| now.since(heard_at)),
            score: newest.map_or(0, |newest| newest.score),
            targets_seen: newest.map_or(0, |newest| newest.targets_seen),
            required_up: newest.is_some_and(|newest| newest.required_up),
        })
    }

    fn link_statuses(&self, now: Time) -> Vec<LinkStatus> {
        let hearing = |index: usize| self.peer.as_ref().and_then(|peer| peer.links.get(index));
        self.links
            .iter()
            .enumerate()
            .map(|(index, state)| LinkStatus {
                name: state.link.name.clone(),
                up: state.up,
                silent: hearing(index).and_then(|hearing| hearing.heard_at).map(|at| now.since(at)),
                answer: hearing(index).and_then(|hearing| hearing.answer),
            })
            .collect()
    }
}
