//! The TCP connections in force, found by number or by peer; owned by the core task.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use exchange::{Destination, Flow, Transport};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::connection::{Origin, Outgoing, run};
use crate::event::Event;

/// Connections at the same time.
pub const CONNECTIONS_MAX: usize = 16_384;
/// Connections of one host at the same time: an office behind one translated address.
pub const CONNECTIONS_PER_HOST_MAX: usize = 1_024;
/// Messages that wait for one peer to take them.
pub const OUTBOX_MESSAGES_MAX: usize = 128;

/// The connections.
#[derive(Debug)]
pub struct Connections {
    events: mpsc::Sender<Event>,
    by_number: HashMap<u64, Connection>,
    /// The newest connection between one of our hosts and a peer
    by_peer: HashMap<(IpAddr, SocketAddr), u64>,
    per_host: HashMap<IpAddr, usize>,
    next_number: u64,
    refused: u64,
}

#[derive(Debug)]
struct Connection {
    flow: Flow,
    outbox: mpsc::Sender<Outgoing>,
    task: AbortHandle,
}

impl Connections {
    /// No connections yet; their tasks report to `events`.
    #[must_use]
    pub fn new(events: mpsc::Sender<Event>) -> Self {
        Connections {
            events,
            by_number: HashMap::new(),
            by_peer: HashMap::new(),
            per_host: HashMap::new(),
            next_number: 1,
            refused: 0,
        }
    }

    /// Takes a connection that a listener has accepted, or closes it when there are too many.
    pub fn accept(&mut self, stream: TcpStream, local: SocketAddr, remote: SocketAddr) {
        let of_host = self.per_host.get(&remote.ip()).copied().unwrap_or(0);
        if self.by_number.len() >= CONNECTIONS_MAX || of_host >= CONNECTIONS_PER_HOST_MAX {
            self.refused += 1;
            log::warn!(remote:%, refused = self.refused; "too many connections: one more was closed");
            return;
        }
        self.start(local, remote, Origin::Accepted(stream));
    }

    /// Hands a message to the connection that a TCP destination names, opening one to an address that has none.
    /// `false`: it cannot be sent (no such connection, too many, or the peer takes nothing).
    pub fn send(&mut self, destination: Destination, bytes: Vec<u8>) -> bool {
        let number = match destination {
            Destination::Flow(flow) => flow.connection,
            Destination::Address { local, remote, .. } => match self.by_peer.get(&(local.ip(), remote)) {
                Some(number) => *number,
                None if self.by_number.len() < CONNECTIONS_MAX => self.start(local, remote, Origin::Dialled),
                None => return false,
            },
        };
        let Some(connection) = self.by_number.get(&number) else {
            return false;
        };
        if connection.outbox.try_send((destination, bytes)).is_err() {
            // It takes nothing any more: no further message for it; its task ends by itself.
            let flow = connection.flow;
            self.forget(flow);
            return false;
        }
        true
    }

    /// Closes one connection once its outbox is empty, or notes that it has ended.
    pub fn forget(&mut self, flow: Flow) {
        if self.by_number.remove(&flow.connection).is_none() {
            return;
        }
        let peer = (flow.local.ip(), flow.remote);
        if self.by_peer.get(&peer) == Some(&flow.connection) {
            self.by_peer.remove(&peer);
        }
        if let Some(count) = self.per_host.get_mut(&flow.remote.ip()) {
            *count -= 1;
            if *count == 0 {
                self.per_host.remove(&flow.remote.ip());
            }
        }
    }

    /// Ends all connections at once; returns their flows. The address that they stood on is gone.
    pub fn abandon(&mut self) -> Vec<Flow> {
        let flows: Vec<Flow> = self.by_number.values().map(|connection| connection.flow).collect();
        for (_, connection) in self.by_number.drain() {
            connection.task.abort();
        }
        self.by_peer.clear();
        self.per_host.clear();
        flows
    }

    fn start(&mut self, local: SocketAddr, remote: SocketAddr, origin: Origin) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        let flow = Flow { transport: Transport::Tcp, local, remote, connection: number };
        let (outbox, queue) = mpsc::channel(OUTBOX_MESSAGES_MAX);
        let task = tokio::spawn(run(flow, origin, queue, self.events.clone())).abort_handle();
        self.by_number.insert(number, Connection { flow, outbox, task });
        self.by_peer.insert((local.ip(), remote), number);
        *self.per_host.entry(remote.ip()).or_default() += 1;
        number
    }
}
