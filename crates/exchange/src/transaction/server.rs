//! Server transactions (RFC 3261 section 17.2 with the corrections of RFC 6026).
//!
//! ```text
//!  INVITE   Proceeding ──2xx──► Accepted ──timer L──► gone      2xx is repeated until the dialog saw its ACK
//!               └──────300-699──► Completed ──ACK──► Confirmed ──timer I──► gone
//!                                     └──timer H──► gone
//!  others   Proceeding ──final──► Completed ──timer J──► gone
//! ```

use std::collections::HashMap;
use std::time::Duration;

use sip::{Method, Request, Response};

use super::Deadline;
use super::constants::{T1, T2, T4, TRANSACTION_LIFE};
use crate::call::{CallId, LegId};
use crate::core::{Core, Timer};
use crate::incoming::{Incoming, with_server};
use crate::timers::TimerHandle;
use crate::{Destination, Transport};

/// Names one server transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ServerId(u64);

/// What makes two requests the same (RFC 3261 section 17.2.3).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ServerKey(String);

impl ServerKey {
    /// The key of a request; that of an INVITE for its ACK and CANCEL.
    pub(crate) fn of(incoming: &Incoming) -> ServerKey {
        let method = match *incoming.method() {
            Method::ACK | Method::CANCEL => "INVITE",
            ref method => method.as_str(),
        };
        let (via, request) = (&incoming.via, &incoming.request);
        let sent_by = format!("{}:{}", via.host, via.port.unwrap_or_default());
        if let Some(branch) = via.unique_branch() {
            return ServerKey(format!("{branch} {sent_by} {method}"));
        }
        // RFC 2543: no unique branch, so the rest of the request has to tell. The To tag is left out: an ACK has the one
        // of our response, the INVITE had none.
        ServerKey(format!(
            "{sent_by} {method} {} {} {} {} {}",
            request.uri,
            incoming.from.tag().unwrap_or_default(),
            incoming.call_id,
            incoming.cseq.number,
            via.branch().unwrap_or_default(),
        ))
    }
}

/// What makes two requests copies of one that was forked on its way (RFC 3261 section 8.2.2.2).
type MergeKey = (String, String, u32);

fn merge_key(incoming: &Incoming) -> Option<MergeKey> {
    let tag = incoming.from.tag()?.to_owned();
    (incoming.method() == &Method::INVITE && !incoming.is_in_dialog())
        .then(|| (incoming.call_id.clone(), tag, incoming.cseq.number))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Proceeding,
    /// A 2xx was sent
    Accepted {
        acknowledged: bool,
    },
    /// Another final response was sent
    Completed,
    /// ... and acknowledged
    Confirmed,
}

#[derive(Debug)]
struct Server {
    key: ServerKey,
    merge: Option<MergeKey>,
    /// To build responses from; given up with the final one
    request: Option<Box<Request>>,
    to_tag: String,
    destination: Destination,
    reliable: bool,
    invite: bool,
    state: State,
    last_response: Option<Vec<u8>>,
    interval: Duration,
    retransmit: Option<TimerHandle>,
    end: Option<TimerHandle>,
    owner: Option<(CallId, LegId)>,
}

/// All server transactions.
#[derive(Debug, Default)]
pub(crate) struct Servers {
    table: HashMap<ServerId, Server>,
    keys: HashMap<ServerKey, ServerId>,
    merges: HashMap<MergeKey, ServerId>,
    last_id: u64,
}

impl Servers {
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    pub(crate) fn find(&self, key: &ServerKey) -> Option<ServerId> {
        self.keys.get(key).copied()
    }

    /// Whether the request came before by another path (482, RFC 3261 section 8.2.2.2).
    pub(crate) fn is_merged(&self, incoming: &Incoming) -> bool {
        merge_key(incoming).is_some_and(|key| self.merges.contains_key(&key))
    }

    /// Begins the transaction of a new request. `to_tag` goes into its responses where To has none.
    pub(crate) fn open(&mut self, core: &mut Core, incoming: &Incoming) -> ServerId {
        self.last_id += 1;
        let id = ServerId(self.last_id);
        let key = ServerKey::of(incoming);
        let merge = merge_key(incoming);
        if let Some(merge) = &merge {
            self.merges.insert(merge.clone(), id);
        }
        self.keys.insert(key.clone(), id);
        let server = Server {
            key,
            merge,
            request: Some(Box::new(incoming.request.clone())),
            to_tag: incoming.to.tag().map_or_else(|| core.tokens.token(), str::to_owned),
            destination: incoming.response_destination(),
            reliable: incoming.flow.transport == Transport::Tcp,
            invite: incoming.method() == &Method::INVITE,
            state: State::Proceeding,
            last_response: None,
            interval: T1,
            retransmit: None,
            end: None,
            owner: None,
        };
        self.table.insert(id, server);
        id
    }

    /// The tag that responses carry in To.
    pub(crate) fn to_tag(&self, id: ServerId) -> &str {
        self.table.get(&id).map_or("", |server| &server.to_tag)
    }

    /// Says which leg is to hear about an ACK that never came, and of a CANCEL.
    pub(crate) fn set_owner(&mut self, id: ServerId, owner: (CallId, LegId)) {
        if let Some(server) = self.table.get_mut(&id) {
            server.owner = Some(owner);
        }
    }

    /// The leg whose INVITE still waits for a final response.
    pub(crate) fn owner_of_pending(&self, id: ServerId) -> Option<(CallId, LegId)> {
        let server = self.table.get(&id)?;
        if server.state == State::Proceeding { server.owner } else { None }
    }

    /// Answers a repeated request with the last response again.
    pub(crate) fn repeat(&mut self, core: &mut Core, id: ServerId) {
        let Some(server) = self.table.get(&id) else { return };
        // The repetition of a 2xx has its own timer: the INVITE crossed it on the way
        if let (Some(bytes), false) = (&server.last_response, matches!(server.state, State::Accepted { .. }))
        {
            core.send(server.destination, bytes.clone());
        }
    }

    /// Sends a response; `fill` adds what goes beyond the common headers.
    pub(crate) fn respond(
        &mut self,
        core: &mut Core,
        id: ServerId,
        status: u16,
        fill: impl FnOnce(&mut Response),
    ) {
        let Some(server) = self.table.get_mut(&id) else { return };
        let Some(request) = &server.request else { return };
        let tag = (status > 100).then_some(server.to_tag.as_str());
        let mut response = with_server(request.response(status, tag));
        fill(&mut response);
        let bytes = response.to_bytes();
        core.send(server.destination, bytes.clone());
        server.last_response = Some(bytes);
        if status >= 200 {
            server.request = None;
            self.finish(core, id, status);
        }
    }

    /// A final response is out: which timers run now.
    fn finish(&mut self, core: &mut Core, id: ServerId, status: u16) {
        let Some(server) = self.table.get_mut(&id) else { return };
        let (now, success) = (core.now, status < 300);
        if !server.invite {
            server.state = State::Completed;
            if server.reliable {
                self.forget(core, id);
            } else {
                server.end = Some(core.timers.set(now + TRANSACTION_LIFE, Timer::Server(id, Deadline::End)));
            }
            return;
        }
        server.state = if success { State::Accepted { acknowledged: false } } else { State::Completed };
        // A 2xx is repeated over TCP too: the last hop to the caller may be another transport (section 13.3.1.4)
        if success || !server.reliable {
            server.retransmit = Some(core.timers.set(now + T1, Timer::Server(id, Deadline::Retransmit)));
        }
        server.end = Some(core.timers.set(now + TRANSACTION_LIFE, Timer::Server(id, Deadline::End)));
    }

    /// An ACK arrived in this transaction. False when it is that of a 2xx, which concerns the dialog: old clients and
    /// careless ones send it with the branch of the INVITE.
    pub(crate) fn acknowledge(&mut self, core: &mut Core, id: ServerId) -> bool {
        let Some(server) = self.table.get_mut(&id) else { return false };
        match server.state {
            State::Completed => {}
            State::Confirmed => return true,
            State::Proceeding | State::Accepted { .. } => return false,
        }
        server.state = State::Confirmed;
        core.timers.cancel(server.retransmit.take());
        core.timers.cancel(server.end.take());
        if server.reliable {
            self.forget(core, id);
        } else {
            server.end = Some(core.timers.set(core.now + T4, Timer::Server(id, Deadline::End)));
        }
        true
    }

    /// The dialog saw the ACK of a 2xx (or needs it no more): it is not repeated again.
    pub(crate) fn acknowledge_success(&mut self, core: &mut Core, id: ServerId) {
        if let Some(server) = self.table.get_mut(&id) {
            if let State::Accepted { acknowledged } = &mut server.state {
                *acknowledged = true;
            }
            core.timers.cancel(server.retransmit.take());
        }
    }

    /// A timer is due. Returns the leg whose 2xx was never acknowledged.
    pub(crate) fn timer(
        &mut self,
        core: &mut Core,
        id: ServerId,
        deadline: Deadline,
    ) -> Option<(CallId, LegId)> {
        let server = self.table.get_mut(&id)?;
        match deadline {
            Deadline::Retransmit => {
                if let Some(bytes) = &server.last_response {
                    core.send(server.destination, bytes.clone());
                }
                server.interval = (server.interval * 2).min(T2);
                let timer = Timer::Server(id, Deadline::Retransmit);
                server.retransmit = Some(core.timers.set(core.now + server.interval, timer));
                None
            }
            Deadline::End => {
                let unacknowledged = server.state == State::Accepted { acknowledged: false };
                let owner = server.owner;
                self.forget(core, id);
                owner.filter(|_| unacknowledged)
            }
        }
    }

    /// Forgets all of them.
    pub(crate) fn clear(&mut self, core: &mut Core) {
        for (_, server) in self.table.drain() {
            core.timers.cancel(server.retransmit);
            core.timers.cancel(server.end);
        }
        self.keys.clear();
        self.merges.clear();
    }

    fn forget(&mut self, core: &mut Core, id: ServerId) {
        let Some(server) = self.table.remove(&id) else { return };
        core.timers.cancel(server.retransmit);
        core.timers.cancel(server.end);
        self.keys.remove(&server.key);
        if let Some(merge) = server.merge {
            self.merges.remove(&merge);
        }
    }
}
