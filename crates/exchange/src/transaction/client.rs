//! Client transactions (RFC 3261 section 17.1 with the corrections of RFC 6026).
//!
//! ```text
//!  INVITE   Calling ──1xx──► Proceeding ──2xx──► Accepted ──timer M──► gone     each 2xx goes up, the dialog sends ACK
//!              │                 └──300-699──► Completed ──timer D──► gone      ACK is sent here
//!              └──timer B──► gone
//!  others   Trying ──1xx──► Proceeding ──final──► Completed ──timer K──► gone
//!              └───────────────┴──timer F──► gone
//! ```

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::time::Duration;

use sip::{Method, Request, Response, Via, name};

use super::constants::{T1, T2, T4, TIMER_C, TIMER_D, TRANSACTION_LIFE};
use super::{Deadline, Owner};
use crate::call::Purpose;
use crate::core::{Core, Timer};
use crate::timers::TimerHandle;
use crate::{Destination, Transport};

/// Names one client transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ClientId(u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing heard yet (Calling, Trying)
    Waiting,
    Proceeding,
    /// A 2xx to an INVITE came
    Accepted,
    /// Another final response came
    Completed,
}

#[derive(Debug)]
struct Client {
    key: (String, Method),
    /// Kept for an INVITE: its ACK and CANCEL are made from it
    request: Option<Box<Request>>,
    bytes: Vec<u8>,
    destination: Destination,
    reliable: bool,
    invite: bool,
    state: State,
    /// CANCEL as soon as a provisional response allows it (RFC 3261 section 9.1)
    cancel_wanted: bool,
    /// Reason of that CANCEL (RFC 3326)
    cancel_reason: Option<&'static str>,
    cancelled: bool,
    interval: Duration,
    retransmit: Option<TimerHandle>,
    end: Option<TimerHandle>,
    owner: Owner,
}

/// A response or a silence that somebody has to hear of.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) client: ClientId,
    pub(crate) owner: Owner,
}

/// All client transactions.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    table: HashMap<ClientId, Client>,
    keys: HashMap<(String, Method), ClientId>,
    /// Transactions without a final response, by where they were sent
    waiting: HashMap<Destination, HashSet<ClientId>>,
    last_id: u64,
}

/// The parts of a destination that a Via needs.
pub(crate) fn origin(destination: &Destination) -> (Transport, SocketAddr) {
    match destination {
        Destination::Flow(flow) => (flow.transport, flow.local),
        Destination::Address { transport, local, .. } => (*transport, *local),
    }
}

/// The Via of a request of ours to this destination.
pub(crate) fn own_via(destination: &Destination, branch: &str) -> Via {
    let (transport, local) = origin(destination);
    let transport = match transport {
        Transport::Udp => "UDP",
        Transport::Tcp => "TCP",
    };
    Via::new(transport, local, branch)
}

impl Clients {
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// Sends a request (without Via) and sees to its transaction.
    pub(crate) fn send(
        &mut self,
        core: &mut Core,
        mut request: Request,
        destination: Destination,
        owner: Owner,
    ) -> ClientId {
        let branch = core.tokens.branch();
        request.headers.push_front(name::VIA, own_via(&destination, &branch));
        self.start(core, (branch, request.method.clone()), request, destination, owner)
    }

    fn start(
        &mut self,
        core: &mut Core,
        key: (String, Method),
        request: Request,
        destination: Destination,
        owner: Owner,
    ) -> ClientId {
        self.last_id += 1;
        let id = ClientId(self.last_id);
        let reliable = origin(&destination).0 == Transport::Tcp;
        let bytes = request.to_bytes();
        core.send(destination, bytes.clone());
        let retransmit =
            (!reliable).then(|| core.timers.set(core.now + T1, Timer::Client(id, Deadline::Retransmit)));
        let end = core.timers.set(core.now + TRANSACTION_LIFE, Timer::Client(id, Deadline::End));
        let invite = request.method == Method::INVITE;
        self.keys.insert(key.clone(), id);
        self.waiting.entry(destination).or_default().insert(id);
        let client = Client {
            key,
            request: invite.then(|| Box::new(request)),
            bytes,
            destination,
            reliable,
            invite,
            state: State::Waiting,
            cancel_wanted: false,
            cancel_reason: None,
            cancelled: false,
            interval: T1,
            retransmit,
            end: Some(end),
            owner,
        };
        self.table.insert(id, client);
        id
    }

    /// The request of an INVITE transaction and where it went: what a 2xx that nobody wants is answered from.
    pub(crate) fn invite(&self, id: ClientId) -> Option<(&Request, Destination)> {
        let client = self.table.get(&id)?;
        Some((client.request.as_deref()?, client.destination))
    }

    /// Sends CANCEL as soon as it is allowed; the owner still hears how the INVITE ends.
    pub(crate) fn cancel(&mut self, core: &mut Core, id: ClientId) {
        let Some(client) = self.table.get_mut(&id) else { return };
        client.cancel_wanted = true;
        if client.state == State::Proceeding {
            self.send_cancel(core, id);
        }
    }

    /// Nobody waits for this INVITE any more: it is cancelled, and a 2xx that crosses the CANCEL is ended.
    pub(crate) fn abandon(&mut self, core: &mut Core, id: ClientId, reason: Option<&'static str>) {
        let Some(client) = self.table.get_mut(&id) else { return };
        client.owner = Owner::Abandoned;
        client.cancel_reason = reason;
        self.cancel(core, id);
    }

    fn send_cancel(&mut self, core: &mut Core, id: ClientId) {
        let Some(client) = self.table.get_mut(&id) else { return };
        if client.cancelled {
            return;
        }
        client.cancelled = true;
        let Some(request) = &client.request else { return };
        let mut cancel = request.cancel();
        if let Some(reason) = client.cancel_reason {
            cancel.headers.push(name::REASON, reason);
        }
        let (destination, branch) = (client.destination, client.key.0.clone());
        // A peer that never answers the INVITE after its CANCEL does not keep it for ever (section 9.1)
        core.timers.cancel(client.end.take());
        client.end = Some(core.timers.set(core.now + TRANSACTION_LIFE, Timer::Client(id, Deadline::End)));
        self.start(core, (branch, Method::CANCEL), cancel, destination, Owner::Nobody);
    }

    /// A response arrived. Returns who is to hear of it: provisional and final ones, each 2xx to an INVITE.
    pub(crate) fn receive(&mut self, core: &mut Core, branch: &str, response: &Response) -> Option<Heard> {
        let Ok(cseq) = response.headers.cseq() else {
            core.counters.responses_stray += 1;
            return None;
        };
        let Some(&id) = self.keys.get(&(branch.to_owned(), cseq.method)) else {
            core.counters.responses_stray += 1;
            return None;
        };
        let client = self.table.get_mut(&id)?;
        let heard = Heard { client: id, owner: client.owner };
        match (client.state, response.code()) {
            (State::Waiting | State::Proceeding, 100..=199) => {
                self.provisional(core, id);
                Some(heard)
            }
            (State::Waiting | State::Proceeding, 200..) => {
                self.finish(core, id, response);
                Some(heard)
            }
            (State::Accepted, 200..=299) => Some(heard),
            (State::Completed, 300..) if client.invite => {
                self.acknowledge(core, id, response);
                None
            }
            _ => None,
        }
    }

    fn provisional(&mut self, core: &mut Core, id: ClientId) {
        let Some(client) = self.table.get_mut(&id) else { return };
        let first = client.state == State::Waiting;
        client.state = State::Proceeding;
        if !client.invite {
            client.interval = T2;
            return;
        }
        if first {
            core.timers.cancel(client.retransmit.take());
            core.timers.cancel(client.end.take());
            if !matches!(client.owner, Owner::Leg { purpose: Purpose::Ring, .. }) {
                client.end = Some(core.timers.set(core.now + TIMER_C, Timer::Client(id, Deadline::End)));
            }
        }
        if client.cancel_wanted {
            self.send_cancel(core, id);
        }
    }

    fn finish(&mut self, core: &mut Core, id: ClientId, response: &Response) {
        self.settle(id);
        let Some(client) = self.table.get_mut(&id) else { return };
        core.timers.cancel(client.retransmit.take());
        core.timers.cancel(client.end.take());
        let accepted = client.invite && response.is_success();
        client.state = if accepted { State::Accepted } else { State::Completed };
        let linger = match (client.invite, accepted) {
            (true, true) => TRANSACTION_LIFE,
            (_, false) if client.reliable => Duration::ZERO,
            (true, false) => TIMER_D,
            (false, _) => T4,
        };
        let must_acknowledge = client.invite && !accepted;
        client.end = Some(core.timers.set(core.now + linger, Timer::Client(id, Deadline::End)));
        if must_acknowledge {
            self.acknowledge(core, id, response);
        }
    }

    fn acknowledge(&mut self, core: &mut Core, id: ClientId, response: &Response) {
        let Some(client) = self.table.get(&id) else { return };
        if let Some(request) = &client.request {
            core.send(client.destination, request.ack_of_failure(response).to_bytes());
        }
    }

    /// A timer is due. Returns who waited in vain for a final response.
    pub(crate) fn timer(&mut self, core: &mut Core, id: ClientId, deadline: Deadline) -> Option<Heard> {
        let client = self.table.get_mut(&id)?;
        match deadline {
            Deadline::Retransmit => {
                core.send(client.destination, client.bytes.clone());
                let doubled = client.interval * 2;
                client.interval = if client.invite { doubled } else { doubled.min(T2) };
                let timer = Timer::Client(id, Deadline::Retransmit);
                client.retransmit = Some(core.timers.set(core.now + client.interval, timer));
                None
            }
            Deadline::End => self.give_up(core, id),
        }
    }

    /// Forgets a transaction; who waited for it is returned.
    fn give_up(&mut self, core: &mut Core, id: ClientId) -> Option<Heard> {
        self.settle(id);
        let client = self.table.remove(&id)?;
        self.keys.remove(&client.key);
        core.timers.cancel(client.retransmit);
        core.timers.cancel(client.end);
        let waited = matches!(client.state, State::Waiting | State::Proceeding);
        waited.then_some(Heard { client: id, owner: client.owner })
    }

    /// The shell could not send there: everything that waits for an answer from there waits in vain (section 8.1.3.1).
    pub(crate) fn send_failed(&mut self, core: &mut Core, destination: &Destination) -> Vec<Heard> {
        let mut ids: Vec<ClientId> =
            self.waiting.get(destination).map(|ids| ids.iter().copied().collect()).unwrap_or_default();
        ids.sort_unstable();
        ids.into_iter().filter_map(|id| self.give_up(core, id)).collect()
    }

    /// Forgets all of them.
    pub(crate) fn clear(&mut self, core: &mut Core) {
        for (_, client) in self.table.drain() {
            core.timers.cancel(client.retransmit);
            core.timers.cancel(client.end);
        }
        self.keys.clear();
        self.waiting.clear();
    }

    fn settle(&mut self, id: ClientId) {
        let Some(client) = self.table.get(&id) else { return };
        if let Some(ids) = self.waiting.get_mut(&client.destination) {
            ids.remove(&id);
            if ids.is_empty() {
                self.waiting.remove(&client.destination);
            }
        }
    }
}
