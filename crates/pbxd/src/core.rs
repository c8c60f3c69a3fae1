//! The task that owns the exchange: everything that happens to calls passes through here, one thing after the other.
//!
//! It reads the UDP sockets itself; all others bring their news through one bounded queue. It never waits for a peer, a
//! disk or the bus: what cannot be sent at once fails at once, and the exchange decides.

use std::time::Duration;

use daemon::NodeIdentity;
use daemon::bus::pbx::PbxStatus;
use daemon::configuration::Snapshot;
use daemon::role::{Role, RoleState};
use exchange::{Destination, Exchange, Flow, Input, LocalAddress, Output, Transport};
use model::Time;
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::addresses;
use crate::clock::Clock;
use crate::event::Event;
use crate::media_thread::MediaThread;
use crate::peer::PeerLink;
use crate::records::{self, Records};
use crate::tcp::{Connections, Listeners};
use crate::udp::{DATAGRAM_BYTES_MAX, UdpSockets};

/// Datagrams taken from one socket before the others have their turn.
const DATAGRAMS_PER_TURN: usize = 64;
/// Events taken before the sockets have their turn.
const EVENTS_PER_TURN: usize = 64;
/// How often the task looks after itself: watchdog, addresses that could not be bound, the media thread.
const HOUSEKEEPING_PERIOD: Duration = Duration::from_secs(1);

/// What the task hears.
#[derive(Debug)]
pub struct Inlets {
    /// News of all other tasks and threads
    pub events: mpsc::Receiver<Event>,
    /// The configuration in force
    pub configuration: watch::Receiver<Option<Snapshot>>,
    /// The role of this node
    pub role: watch::Receiver<RoleState>,
}

/// The exchange with all that it acts through.
#[derive(Debug)]
pub struct Core {
    /// Who this node is
    pub identity: NodeIdentity,
    /// The clock of all cores
    pub clock: Clock,
    /// The exchange
    pub exchange: Exchange,
    /// Audio
    pub media: MediaThread,
    /// Call records on their way to the store
    pub records: Records,
    /// The other node
    pub peer: PeerLink,
    /// Handed to whoever brings news
    pub events: mpsc::Sender<Event>,
    /// UDP sockets
    pub udp: UdpSockets,
    /// TCP listeners
    pub listeners: Listeners,
    /// TCP connections
    pub connections: Connections,
    /// Progress of this task
    pub state: State,
}

/// Where the task stands.
#[derive(Debug)]
pub struct State {
    /// When the exchange wants to be called at the latest
    deadline: Time,
    /// Messages that could not be sent while outputs were drained
    unsent: Vec<Destination>,
    configuration: Option<Snapshot>,
    addresses: Vec<LocalAddress>,
    is_serving: bool,
}

impl Default for State {
    fn default() -> Self {
        State {
            deadline: Time::MAX,
            unsent: Vec::new(),
            configuration: None,
            addresses: Vec::new(),
            is_serving: false,
        }
    }
}

impl Core {
    /// Runs until `stop` is ready, then ends all calls and leaves their records on the way.
    ///
    /// # Errors
    /// That of `stop`; or the media thread has died: without audio this node must not go on.
    pub async fn run(
        mut self,
        mut inlets: Inlets,
        stop: impl Future<Output = anyhow::Result<()>>,
    ) -> anyhow::Result<()> {
        let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
        let mut housekeeping = interval(HOUSEKEEPING_PERIOD);
        housekeeping.set_missed_tick_behavior(MissedTickBehavior::Skip);
        // What was there before we listened counts as news.
        inlets.configuration.mark_changed();
        inlets.role.mark_changed();
        tokio::pin!(stop);
        let reason = loop {
            let patience = self.clock.until(self.state.deadline);
            tokio::select! {
                index = self.udp.readable() => self.receive(index, &mut buffer),
                Some(event) = inlets.events.recv() => self.handle_events(event, &mut inlets.events),
                () = sleep(patience) => {}
                Ok(()) = inlets.role.changed() => {
                    let state = inlets.role.borrow_and_update().clone();
                    self.set_serving(&state);
                }
                Ok(()) = inlets.configuration.changed() => {
                    let snapshot = inlets.configuration.borrow_and_update().clone();
                    self.configure(snapshot);
                }
                _ = housekeeping.tick() => self.keep_house()?,
                reason = &mut stop => break reason,
            }
            if self.clock.now() >= self.state.deadline {
                self.input(Input::Timeout);
            }
        };
        self.input(Input::Serving(false));
        reason
    }

    fn receive(&mut self, index: usize, buffer: &mut [u8]) {
        for _ in 0..DATAGRAMS_PER_TURN {
            let Some((local, remote, length)) = self.udp.receive(index, buffer) else {
                return;
            };
            let bytes = &buffer[..length];
            // Line ends and zeros that keep an address translation open (RFC 5626 section 3.5.1 and older habits).
            if bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
                continue;
            }
            let flow = Flow { transport: Transport::Udp, local, remote, connection: 0 };
            self.input(Input::Message { flow, bytes });
        }
    }

    fn handle_events(&mut self, first: Event, more: &mut mpsc::Receiver<Event>) {
        self.handle_event(first);
        for _ in 1..EVENTS_PER_TURN {
            let Ok(event) = more.try_recv() else {
                return;
            };
            self.handle_event(event);
        }
    }

    fn handle_event(&mut self, event: Event) {
        match event {
            Event::Accepted { stream, local, remote } => self.connections.accept(stream, local, remote),
            Event::Message { flow, bytes } => self.input(Input::Message { flow, bytes: &bytes }),
            Event::Closed { flow, unsent } => {
                self.connections.forget(flow);
                self.state.unsent.extend(unsent);
                // What was sent over it by address waits in vain as well.
                let Flow { transport, local, remote, .. } = flow;
                self.state.unsent.push(Destination::Address { transport, local, remote });
                self.input(Input::FlowClosed { flow });
            }
            Event::Unreachable { local, remote } => {
                // The network does not say under which of the two names the datagram was sent.
                let transport = Transport::Udp;
                let flow = Flow { transport, local, remote, connection: 0 };
                for destination in
                    [Destination::Flow(flow), Destination::Address { transport, local, remote }]
                {
                    self.input(Input::SendFailed { destination });
                }
            }
            Event::MediaClosed(session) => self.input(Input::MediaClosed { session }),
            Event::MediaFailed(session) => self.input(Input::MediaFailed { session }),
            Event::PeerConnected => {
                self.peer.set_connected(true);
                self.input(Input::ReplicaWanted);
            }
            Event::PeerLost => self.peer.set_connected(false),
            Event::Replica(update) => self.input(Input::Replica(update)),
            // Who has asked may have gone.
            Event::Status(answer) => drop(answer.send(self.status())),
        }
    }

    /// One input, then its outputs, and what comes of those that failed.
    fn input(&mut self, input: Input<'_>) {
        self.hand_in(input);
        while let Some(destination) = self.state.unsent.pop() {
            self.hand_in(Input::SendFailed { destination });
        }
    }

    fn hand_in(&mut self, input: Input<'_>) {
        if let Err(error) = self.exchange.handle_input(self.clock.now(), input) {
            log::error!(error:%; "the exchange refuses an input");
        }
        loop {
            match self.exchange.poll_output() {
                Output::Send { destination, bytes } => self.send(destination, bytes),
                Output::CloseFlow { flow } => self.connections.forget(flow),
                Output::Media(command) => self.media.command(command),
                Output::Record(record) => {
                    self.records.keep(records::to_json(&record, &self.identity.name, self.clock));
                }
                Output::Replicate(update) => self.peer.replicate(update),
                Output::Timeout(at) => {
                    self.state.deadline = at;
                    return;
                }
            }
        }
    }

    fn send(&mut self, destination: Destination, bytes: Vec<u8>) {
        let (transport, local, remote) = match destination {
            Destination::Flow(flow) => (flow.transport, flow.local, flow.remote),
            Destination::Address { transport, local, remote } => (transport, local, remote),
        };
        let is_sent = match transport {
            Transport::Udp => match self.udp.send(local, remote, &bytes) {
                Ok(()) => true,
                Err(error) => {
                    log::debug!(local:%, remote:%, error:%; "a message cannot be sent");
                    false
                }
            },
            Transport::Tcp => self.connections.send(destination, bytes),
        };
        if !is_sent {
            self.state.unsent.push(destination);
        }
    }

    /// Takes a revision over: addresses first, so that calls find them.
    fn configure(&mut self, snapshot: Option<Snapshot>) {
        let Some(snapshot) = snapshot else {
            return;
        };
        let addresses = addresses::signalling(&snapshot.config, &self.identity);
        self.media.configure(addresses::media_policy(&snapshot.config, &self.identity, &addresses));
        let listening: Vec<String> = addresses.iter().map(|local| local.socket.to_string()).collect();
        log::info!(revision = snapshot.revision, addresses = listening.join(" "); "runs the configuration");
        if addresses != self.state.addresses {
            self.state.addresses.clone_from(&addresses);
            self.bind();
            self.input(Input::LocalAddresses(addresses));
        }
        self.input(Input::Configure(snapshot.config.clone()));
        daemon::readiness::status(&format!("runs revision {}", snapshot.revision));
        self.state.configuration = Some(snapshot);
    }

    /// Binds what is not yet bound of the addresses in force.
    fn bind(&mut self) {
        let sockets: Vec<_> = self.state.addresses.iter().map(|local| local.socket).collect();
        self.udp.bind(&sockets, &self.events);
        self.listeners.bind(&sockets, &self.events);
    }

    /// Follows the role of this node. The resource address itself is the permission (DESIGN section 4): while it may be
    /// here, from *taking* to *yielding*, a message that arrives is answered.
    fn set_serving(&mut self, state: &RoleState) {
        let is_serving = match state.role {
            Role::Taking | Role::Active | Role::Yielding => true,
            // An agent that has just started says so before it says more; a node that served goes on.
            Role::Unknown => self.state.is_serving,
            Role::Initialising | Role::Standby => false,
        };
        if is_serving == self.state.is_serving {
            return;
        }
        self.state.is_serving = is_serving;
        log::info!(serves = is_serving, epoch = state.epoch; "the role of this node has changed");
        self.input(Input::Serving(is_serving));
        if !is_serving {
            // Their address is gone, so they can neither say nor hear anything.
            for flow in self.connections.abandon() {
                self.input(Input::FlowClosed { flow });
            }
        }
    }

    fn keep_house(&mut self) -> anyhow::Result<()> {
        anyhow::ensure!(self.media.is_alive(), "the media thread has died");
        self.bind();
        daemon::readiness::alive();
        Ok(())
    }

    fn status(&self) -> PbxStatus {
        let load = self.exchange.load();
        let configuration = self.state.configuration.as_ref();
        PbxStatus {
            revision: configuration.map_or(0, |snapshot| snapshot.revision),
            registrations: load.registrations as u64,
            calls: load.calls as u64,
            peer_connected: self.peer.is_connected(),
            messages_dropped: self.exchange.counters().messages_unusable,
            serving: self.exchange.is_serving(),
            domain: configuration.map(|snapshot| snapshot.config.system.domain.clone()).unwrap_or_default(),
            sip_port: configuration.map_or(0, |snapshot| snapshot.config.sip.port),
        }
    }
}
