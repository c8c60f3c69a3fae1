//! The heartbeat thread: the only owner of the membership core and of the heartbeat sockets.
//!
//! It runs on a runtime of its own, before all ordinary threads where it may ([`netio::realtime`]), and waits for
//! nothing but its sockets, its clock and its queue of [`Command`]s. What it has to say it leaves in cells that hold the
//! latest value (`watch`) or in a ring that overwrites (`broadcast`): a slow disk, bus or kernel delays no heartbeat.
//!
//! ```text
//!   sessions ── Key ──┐                             ┌── Order ────> addresses (thread)
//!   links ── Links ───┤ commands   ┌───────────┐    ├── counter ──> disk (thread)
//!   sight ─ Reachable ┼──────────> │ heartbeat │ ───┼── Standing ─> bus, status
//!   bus ── Switch ────┤  bounded   │  thread   │    └── Notice ───> events, bus
//!   configuration ────┘            └───────────┘
//!                                    │ UDP, sealed, one socket per interface
//! ```

mod agent;
mod paths;

use std::sync::Arc;
use std::thread;

use daemon::NodeIdentity;
use membership::{Event, Role, Status};
use model::{NodeName, Time};
use netio::links::Link;
use netio::seal::Turn;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use wire::heartbeat::Epoch;

use crate::clock::Clock;
use crate::plan::{Plan, Resource, Start};

/// Commands that wait for the heartbeat thread at most; whoever brings more waits, the thread never does.
const COMMANDS_MAX: usize = 256;
/// Notices kept for slow readers.
const NOTICES_MAX: usize = 256;
/// Real-time priority: above the kernel's own threads of ordinary devices there is no need to go.
const PRIORITY: u8 = 20;

/// What the other duties tell the heartbeat thread.
#[derive(Debug)]
pub enum Command {
    /// A revision of the configuration
    Plan(Arc<Plan>),
    /// A secret agreed with the peer over TLS
    Key {
        /// The secret
        secret: [u8; 32],
        /// When to begin sealing with it
        turn: Turn,
    },
    /// All interfaces of this machine
    Links(Vec<Link>),
    /// What was seen on an interface
    Reachable {
        /// Its name
        interface: String,
        /// Ping targets that answered
        targets: usize,
        /// Another station was seen
        stations_seen: bool,
    },
    /// The kernel confirms order `number`: addresses are on and announced, or off
    Addresses {
        /// The order
        number: u64,
        /// They are on
        held: bool,
    },
    /// The epoch counter is on disk
    Persisted {
        /// Which
        counter: u64,
    },
    /// The store has flushed its replication
    Flushed,
    /// An operator wants the other node to serve (rows H33, H36)
    Switch,
    /// The agent is asked to end: hand over if the peer can take
    Stop,
    /// The state of the pair is wanted
    Status(oneshot::Sender<Report>),
    /// The thread is to end, and with it those that wait for its orders
    End,
}

/// The way in.
pub type Commands = mpsc::Sender<Command>;

/// What the addresses thread is to do; always the latest word.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// Grows with each change of `hold`; confirmations name it
    pub number: u64,
    /// Hold the resource addresses
    pub hold: bool,
    /// …but not beyond this time
    pub until: Time,
    /// Which addresses
    pub resources: Arc<[Resource]>,
    /// Grows when they are to be announced again
    pub announcement: u64,
}

/// Who serves; changes rarely.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// Role of this node
    pub role: Role,
    /// Epoch in force
    pub epoch: Epoch,
    /// Node that serves as far as this one knows
    pub active_node: Option<NodeName>,
    /// The peer is heard
    pub peer_heard: bool,
    /// The core has ended after [`Command::Stop`]
    pub stopped: bool,
}

/// What happened, for log, events and bus.
#[derive(Clone, Debug)]
pub enum Notice {
    /// An event of the core
    Event(Event),
    /// Planned switchover: the store is to flush
    Freeze,
}

/// State of the pair and of the heartbeat sockets.
#[derive(Clone, Debug)]
pub struct Report {
    /// Of the core; `None` before the first configuration
    pub status: Option<Status>,
    /// The plan in force
    pub plan: Option<Arc<Plan>>,
    /// Datagrams
    pub traffic: Traffic,
}

/// Datagrams counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Opened and handed to the core
    pub received: u64,
    /// Dropped: no sealed datagram of the peer (junk, forged, replayed, unknown key, not decodable)
    pub dropped: u64,
    /// Left this machine
    pub sent: u64,
    /// Could not be sent: no key agreed yet, link down
    pub unsent: u64,
}

/// Everything that hangs on the heartbeat thread.
pub struct Heartbeat {
    /// The way in
    pub commands: Commands,
    /// For the addresses thread
    pub orders: watch::Receiver<Order>,
    /// For the disk thread
    pub counters: watch::Receiver<u64>,
    /// Who serves
    pub standing: watch::Receiver<Standing>,
    /// What happens
    pub notices: broadcast::Sender<Notice>,
    /// The thread; it ends at [`Command::End`]
    pub thread: thread::JoinHandle<()>,
}

/// Starts the thread.
///
/// # Errors
/// No thread or runtime can be made.
pub fn start(identity: &NodeIdentity, clock: Clock, start: Start) -> anyhow::Result<Heartbeat> {
    let (commands, command_queue) = mpsc::channel(COMMANDS_MAX);
    let (orders, order_cell) = watch::channel(Order {
        number: 0,
        hold: false,
        until: Time::ZERO,
        resources: Arc::new([]),
        announcement: 0,
    });
    let (counters, counter_cell) = watch::channel(start.counter_reserved);
    let (standing, standing_cell) = watch::channel(Standing {
        role: Role::Initialising,
        epoch: Epoch::default(),
        active_node: None,
        peer_heard: false,
        stopped: false,
    });
    let (notices, _) = broadcast::channel(NOTICES_MAX);
    let outlets = agent::Outlets { orders, counters, standing, notices: notices.clone() };
    let agent = agent::Agent::new(identity.clone(), clock, start, outlets);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let thread = thread::Builder::new().name("heartbeat".to_owned()).spawn(move || {
        if let Err(failure) = netio::realtime::prefer_this_thread(PRIORITY) {
            log::info!(failure:%; "heartbeats run at ordinary priority");
        }
        runtime.block_on(agent.run(command_queue));
    })?;
    Ok(Heartbeat {
        commands,
        orders: order_cell,
        counters: counter_cell,
        standing: standing_cell,
        notices,
        thread,
    })
}
