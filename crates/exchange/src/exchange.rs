//! The exchange itself: takes one input, lets every part act on it, hands out what follows.

use std::collections::HashMap;
use std::time::Duration;

use model::{NodeName, Time};
use sip::{Delivery, Message, ParseError, Response};
use wire::registration::RegistrationUpdate;

use crate::authentication::Authenticator;
use crate::call::{Call, CallId, CallTimer, Cause, Outcome, Purpose};
use crate::core::Timer;
use crate::incoming::{Incoming, response_destination, stateless_tag, with_server};
use crate::ports::PortPool;
use crate::registrar::{BindingId, Bindings};
use crate::routing::Directory;
use crate::signalling::Signalling;
use crate::transaction::{Heard, Owner};
use crate::{
    CallStatus, Counters, Destination, Flow, Input, InputError, Limits, LocalAddress, MediaSession, Output,
    Setup, Transport,
};

/// The telephone exchange.
///
/// **One input, then drain outputs**: after each [`Exchange::handle_input`] call [`Exchange::poll_output`] until it
/// returns [`Output::Timeout`].
#[derive(Debug)]
pub struct Exchange {
    pub(crate) node: NodeName,
    pub(crate) unix_at_start: Duration,
    pub(crate) local_addresses: Vec<LocalAddress>,
    pub(crate) limits: Limits,
    pub(crate) authenticator: Authenticator,
    /// Makes the tags of responses without a transaction unguessable
    tag_secret: u64,
    pub(crate) signalling: Signalling,
    /// The running configuration; none before the first
    pub(crate) directory: Option<Directory>,
    pub(crate) bindings: Bindings,
    pub(crate) calls: HashMap<CallId, Call>,
    pub(crate) ports: PortPool,
    pub(crate) last_call: u64,
    serving: bool,
}

/// How much the exchange holds at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Calls being set up or talking
    pub calls: usize,
    /// Bindings of all accounts
    pub registrations: usize,
    /// Server and client transactions
    pub transactions: usize,
    /// Media sessions that hold ports
    pub media_sessions: usize,
    /// Dialogs, those included that only wait for an ACK to be ended
    pub dialogs: usize,
    /// Timers that run
    pub timers: usize,
}

impl Exchange {
    /// An exchange without configuration that does not serve yet.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        let mut signalling = Signalling::new(setup.seed);
        let tag_secret = signalling.core.tokens.number();
        Exchange {
            node: setup.node,
            unix_at_start: setup.unix_at_start,
            local_addresses: setup.local_addresses,
            limits: setup.limits,
            authenticator: Authenticator::new(setup.nonce_key),
            tag_secret,
            signalling,
            directory: None,
            bindings: Bindings::default(),
            calls: HashMap::new(),
            ports: PortPool::default(),
            last_call: 0,
            serving: false,
        }
    }

    /// Takes one input at `now`.
    ///
    /// # Errors
    ///
    /// Only for mistakes of the shell; a bad message is counted, answered or dropped.
    pub fn handle_input(&mut self, now: Time, input: Input<'_>) -> Result<(), InputError> {
        let last = self.signalling.core.now;
        if now < last {
            return Err(InputError::TimeRanBackwards { now, last });
        }
        self.signalling.core.now = now;
        self.fire_timers();
        self.take(input);
        self.fire_timers();
        Ok(())
    }

    /// What is to be done next; [`Output::Timeout`] when that was all.
    pub fn poll_output(&mut self) -> Output {
        let core = &mut self.signalling.core;
        core.outputs.pop_front().unwrap_or_else(|| Output::Timeout(core.timers.next()))
    }

    /// Counts since the start.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.signalling.core.counters
    }

    /// How much is held now.
    #[must_use]
    pub fn load(&self) -> Load {
        Load {
            calls: self.calls.len(),
            registrations: self.bindings.len(),
            transactions: self.signalling.servers.len() + self.signalling.clients.len(),
            media_sessions: self.ports.sessions(),
            dialogs: self.signalling.dialogs.len(),
            timers: self.signalling.core.timers.len(),
        }
    }

    /// Every registration, as the peer node would be told of it.
    #[must_use]
    pub fn registrations(&self) -> Vec<RegistrationUpdate> {
        let now = self.signalling.core.now;
        self.bindings.iter().map(|binding| binding.to_update(now)).collect()
    }

    fn take(&mut self, input: Input<'_>) {
        match input {
            Input::Timeout => {}
            Input::Configure(config) => {
                self.ports.configure(config.media.port_min, config.media.port_max);
                self.directory = Some(Directory::new(config));
                self.forget_unknown_accounts();
            }
            Input::Message { flow, bytes } => self.on_message(flow, bytes),
            Input::FlowClosed { flow } => self.on_flow_gone(flow),
            Input::SendFailed { destination } => {
                self.signalling.core.counters.sends_failed += 1;
                match destination {
                    Destination::Flow(flow) if flow.transport == Transport::Tcp => self.on_flow_gone(flow),
                    destination => self.on_unreachable(destination),
                }
            }
            Input::MediaFailed { session } => self.on_media_failed(session),
            Input::MediaClosed { session } => self.ports.release(self.signalling.core.now, session),
            Input::Replica(update) => {
                let registrations_max = self.limits.registrations_max;
                let serving = self.serving;
                self.bindings.apply_replica(&mut self.signalling.core, update, registrations_max, serving);
            }
            Input::ReplicaWanted => {
                for update in self.registrations() {
                    self.signalling.core.push(Output::Replicate(update));
                }
            }
            Input::Serving(serving) => self.on_serving(serving),
            Input::LocalAddresses(addresses) => self.local_addresses = addresses,
        }
    }

    /// Whether this node serves.
    #[must_use]
    pub const fn is_serving(&self) -> bool {
        self.serving
    }

    fn on_serving(&mut self, serving: bool) {
        self.serving = serving;
        if serving {
            return;
        }
        let mut calls: Vec<CallId> = self.calls.keys().copied().collect();
        calls.sort_unstable();
        for id in calls {
            self.with_call(id, |_, _| Err(Cause::Abandoned));
        }
        self.signalling.forget_transactions();
    }

    fn forget_unknown_accounts(&mut self) {
        let Some(directory) = &self.directory else { return };
        let unknown: Vec<BindingId> = self
            .bindings
            .accounts()
            .filter(|account| !directory.has_account(account))
            .flat_map(|account| self.bindings.registered(account).map(|(id, _)| id))
            .collect();
        for id in unknown {
            self.bindings.forget(&mut self.signalling.core.timers, id);
        }
    }

    fn on_message(&mut self, flow: Flow, bytes: &[u8]) {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return;
        }
        if !self.serving || self.directory.is_none() {
            self.signalling.core.counters.messages_not_served += 1;
            return;
        }
        let delivery = match flow.transport {
            Transport::Udp => Delivery::Datagram,
            Transport::Tcp => Delivery::Stream,
        };
        match Message::parse(bytes, delivery) {
            Ok(Message::Request(request)) => match Incoming::new(request, flow) {
                Ok(incoming) => self.on_request(&incoming),
                Err(_) => self.signalling.core.counters.messages_unusable += 1,
            },
            Ok(Message::Response(response)) => self.on_response(&response),
            Err(ParseError::Refused(refusal)) => self.refuse(flow, *refusal),
            Err(ParseError::Unusable { .. }) => self.signalling.core.counters.messages_unusable += 1,
        }
    }

    /// Answers a request that could not be read, as far as its Via can be.
    fn refuse(&mut self, flow: Flow, mut refusal: sip::Refusal) {
        self.signalling.core.counters.requests_refused += 1;
        let mut destination = Destination::Flow(flow);
        if refusal.request.note_source(flow.remote).is_ok()
            && let Ok(via) = refusal.request.headers.top_via()
        {
            destination = response_destination(&flow, &via);
        }
        let tag = stateless_tag(&refusal.request, self.tag_secret);
        self.signalling.core.send(destination, with_server(refusal.response(&tag)).to_bytes());
    }

    /// Answers a request without keeping a transaction; each copy of it gets the same answer.
    pub(crate) fn reply(&mut self, incoming: &Incoming, status: u16, fill: impl FnOnce(&mut Response)) {
        let tag = stateless_tag(&incoming.request, self.tag_secret);
        let mut response = with_server(incoming.request.response(status, Some(&tag)));
        fill(&mut response);
        self.signalling.core.send(incoming.response_destination(), response.to_bytes());
    }

    fn on_response(&mut self, response: &Response) {
        self.signalling.core.counters.responses += 1;
        let Ok(via) = response.headers.top_via() else { return };
        let branch = via.branch().unwrap_or_default();
        let Some(heard) = self.signalling.clients.receive(&mut self.signalling.core, branch, response) else {
            return;
        };
        let Heard { client, owner } = heard;
        match owner {
            Owner::Leg { purpose: Purpose::Relay(server), .. } if !response.is_provisional() => {
                self.signalling.respond(server, response.code());
            }
            Owner::Leg { call, leg, purpose } if self.calls.contains_key(&call) => {
                self.with_call(call, |call, signalling| match purpose {
                    Purpose::Ring => call.on_ring_response(signalling, leg, client, response),
                    Purpose::Renegotiate => call.on_renegotiation_response(signalling, leg, client, response),
                    Purpose::Refresh => call.on_refresh_response(signalling, leg, response),
                    Purpose::Relay(_) => Ok(()),
                });
            }
            Owner::Leg { .. } | Owner::Abandoned if response.is_success() => {
                self.signalling.end_unwanted(client, response);
            }
            Owner::Leg { .. } | Owner::Abandoned | Owner::Nobody => {}
        }
    }

    /// A request of ours got no final response.
    fn on_silence(&mut self, heard: &Heard) {
        let Owner::Leg { call, leg, purpose } = heard.owner else { return };
        match purpose {
            Purpose::Relay(server) => self.signalling.respond(server, 408),
            Purpose::Ring => {
                self.with_call(call, |call, signalling| call.on_branch_failed(signalling, leg, 408));
            }
            Purpose::Renegotiate | Purpose::Refresh => self.with_call(call, |_, _| Err(Cause::Ended)),
        }
    }

    fn on_flow_gone(&mut self, flow: Flow) {
        self.bindings.flow_closed(&flow);
        self.on_unreachable(Destination::Flow(flow));
    }

    fn on_unreachable(&mut self, destination: Destination) {
        let core = &mut self.signalling.core;
        for heard in self.signalling.clients.send_failed(core, &destination) {
            self.on_silence(&heard);
        }
    }

    fn on_media_failed(&mut self, session: MediaSession) {
        self.ports.release(self.signalling.core.now, session);
        self.with_call(CallId(session.0), |call, _| {
            call.media_failed = true;
            if call.answered {
                return Err(Cause::Ended);
            }
            Err(Cause::Unanswered { status: CallStatus::Failed, sip_status: 503 })
        });
    }

    /// Lets a call act; when it ends by that, it is forgotten.
    pub(crate) fn with_call(
        &mut self,
        id: CallId,
        action: impl FnOnce(&mut Call, &mut Signalling) -> Outcome,
    ) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        if let Err(cause) = action(call, &mut self.signalling)
            && let Some(call) = self.calls.remove(&id)
        {
            call.end(&mut self.signalling, cause);
        }
    }

    fn fire_timers(&mut self) {
        let now = self.signalling.core.now;
        while let Some(timer) = self.signalling.core.timers.expire(now) {
            self.fire(timer);
        }
    }

    fn fire(&mut self, timer: Timer) {
        let Signalling { core, servers, clients, .. } = &mut self.signalling;
        match timer {
            Timer::Server(id, deadline) => {
                if let Some((call, leg)) = servers.timer(core, id, deadline) {
                    self.signalling.say_farewell(id);
                    self.with_call(call, |call, _| call.on_not_acknowledged(leg));
                }
            }
            Timer::Client(id, deadline) => {
                if let Some(heard) = clients.timer(core, id, deadline) {
                    self.on_silence(&heard);
                }
            }
            Timer::Binding(id) => {
                self.bindings.forget(&mut core.timers, id);
            }
            Timer::Call(id, CallTimer::Ring) => self.with_call(id, |call, _| call.on_ring_timeout()),
            Timer::Call(id, CallTimer::Life) => self.with_call(id, |_, _| Err(Cause::Ended)),
            Timer::Call(id, CallTimer::Session(leg)) => {
                self.with_call(id, |call, signalling| call.on_session_due(signalling, leg));
            }
        }
    }
}
