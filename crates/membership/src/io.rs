//! What goes into the membership core and what comes out.

use std::time::Duration;

use model::{HaMode, NodeName, Time};
use wire::heartbeat::{Epoch, Heartbeat};

use crate::error::SetupError;
use crate::timers::LEASE_MS_MIN;

/// Index of a heartbeat path (one for each configured interface), in the order of [`Setup::links`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkIndex(pub usize);

/// A heartbeat path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Name of the interface
    pub name: String,
    /// Without it the node may not serve
    pub required: bool,
    /// It has a ping group
    pub has_ping_group: bool,
}

/// Everything the core is made from. What is durable (`counter_reserved`) comes from the node's disk.
#[derive(Clone, Debug)]
pub struct Setup {
    /// This node
    pub node: NodeName,
    /// The other one; `None`: a single box, one vote of one
    pub peer: Option<NodeName>,
    /// Heartbeat paths
    pub links: Vec<Link>,
    /// `available` or `safe`
    pub mode: HaMode,
    /// Lease T (row H24); a heartbeat leaves every T/6
    pub dead: Duration,
    /// Warning threshold (row H23)
    pub warning: Duration,
    /// Initialisation timeout (row H25)
    pub initialisation: Duration,
    /// Preferred node (row H22); `None`: the coordinator
    pub default_active: Option<NodeName>,
    /// This node is the coordinator (row H10): the preferred one where no [`Setup::default_active`] is named
    pub coordinator: bool,
    /// Highest epoch counter that this node has reserved on disk
    pub counter_reserved: u64,
    /// Random 128 bits of this start of the agent
    pub incarnation: u128,
    /// Seed of jitter
    pub seed: u64,
}

impl Setup {
    /// A node can be made from it.
    pub(crate) fn check(&self) -> Result<(), SetupError> {
        let least = Duration::from_millis(LEASE_MS_MIN);
        if self.dead < least {
            return Err(SetupError::DeadTooShort { dead: self.dead, least });
        }
        if self.peer.is_some() && self.links.is_empty() {
            return Err(SetupError::NoLink { node: self.node.to_string() });
        }
        if self.peer.as_ref() == Some(&self.node) {
            return Err(SetupError::SameName { node: self.node.to_string() });
        }
        Ok(())
    }
}

/// Inputs. One input, then drain outputs until [`Output::Timeout`].
#[allow(clippy::large_enum_variant, reason = "handed over one at a time, never stored")]
#[derive(Clone, Debug)]
pub enum Input {
    /// Time has passed
    Timeout,
    /// A heartbeat of the peer, opened and decoded by the shell
    Heartbeat {
        /// Path it came over
        link: LinkIndex,
        /// What it says
        message: Heartbeat,
    },
    /// The carrier of an interface went up or down
    LinkState {
        /// Which
        link: LinkIndex,
        /// Carrier present
        up: bool,
    },
    /// Something was seen on an interface: ping targets answering, or frames of a station that is not the peer
    Reachable {
        /// Which
        link: LinkIndex,
        /// Ping targets that answered in the last round
        targets: usize,
        /// A frame of any other station was seen since the last report
        stations_seen: bool,
    },
    /// The kernel confirms: every resource address is on, announcement sent
    AddressesHeld,
    /// The kernel confirms: no resource address is on any interface of this node
    AddressesReleased,
    /// The counter is on disk
    Persisted {
        /// Which counter
        counter: u64,
    },
    /// The store has flushed to the peer for a planned switchover (or gave up waiting)
    Flushed,
    /// Health of this node, higher is better; 0 = cannot serve
    Health {
        /// Score
        score: u32,
    },
    /// An operator's wish (rows H33, H36): on the active node, hand over; on the standby, ask the peer to
    Switch,
    /// An operator states that the peer is off (named and logged by the shell): its vote counts as given
    PeerOff,
    /// The host's clock jumped (a virtual machine was paused): treated as a late tick
    ClockJump,
    /// The agent is asked to stop: hand over if the peer can take, then [`Output::Stopped`]
    Stop,
}

/// Outputs.
#[allow(clippy::large_enum_variant, reason = "handed over one at a time; the queue is short")]
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Send a heartbeat over one path
    Send {
        /// Path
        link: LinkIndex,
        /// Message
        message: Heartbeat,
    },
    /// Store the counter durably, then say [`Input::Persisted`]
    Persist {
        /// Counter to store
        counter: u64,
    },
    /// This node may serve until this time (the gate's absolute deadline); extends, never shortens
    Permit {
        /// End of the lease
        until: Time,
        /// Under which epoch
        epoch: Epoch,
    },
    /// Add the resource addresses and announce them, then say [`Input::AddressesHeld`]
    Hold {
        /// Under which epoch
        epoch: Epoch,
    },
    /// Close the gate and remove the resource addresses, then say [`Input::AddressesReleased`]
    Release,
    /// Announce the held addresses again (gratuitous ARP, unsolicited NA): another node may have been believed
    Announce,
    /// Planned switchover: take no new transactions, flush replication, then say [`Input::Flushed`]. The freeze
    /// ends with the next change of role, also when that goes back to [`Role::Active`]
    Freeze,
    /// Answer to [`Input::Stop`]: nothing is held any more, the agent may end. Nothing follows
    Stopped,
    /// Something for the log, the status and the bus
    Event(Event),
    /// Nothing more now
    Timeout(Time),
}

/// Role of this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// After boot: hears, grants nothing, takes nothing (row H25)
    Initialising,
    /// Ready, does not serve
    Standby,
    /// Asks for the lease, or has it and the addresses are being added
    Taking,
    /// Serves
    Active,
    /// Planned switchover under way
    Yielding,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Another role
    RoleChanged {
        /// Before
        from: Role,
        /// Now
        to: Role,
        /// Why, in a few words for people
        reason: &'static str,
    },
    /// The peer has been silent for the warning threshold (row H23)
    PeerLate,
    /// The peer has been silent on every path for the dead threshold (row H24)
    PeerLost,
    /// The peer is heard again
    PeerHeard,
    /// Both nodes served; the lower epoch let go
    TwoOwners {
        /// Epoch of the peer
        theirs: Epoch,
    },
    /// The agent was not scheduled, or the host's clock jumped: the gate was closed (for this long too late)
    LateTick {
        /// How long after its time the tick came
        late: Duration,
    },
    /// The peer is gone, and this node does not take: why
    Withheld {
        /// Why, in a few words for people
        reason: &'static str,
    },
    /// A switchover was not begun or was given up: why (rows H33, H36)
    SwitchRefused {
        /// Why, in a few words for people
        reason: &'static str,
    },
    /// Too many automatic hand-overs: the next waits so long
    Damped {
        /// Time in which no discretionary hand-over happens
        hold_down: Duration,
    },
}
