//! Requests find what they belong to: a transaction, a dialog, or one of the services of the exchange.

use sip::{Method, Response, Uri, name};

use crate::call::{CallId, LegId};
use crate::exchange::Exchange;
use crate::incoming::Incoming;
use crate::signalling::{Place, SUPPORTED, allow};
use crate::transaction::{ServerId, ServerKey};

/// Seconds that a peer is asked to wait when a limit is reached.
const RETRY_AFTER_SECONDS: u32 = 5;

/// A status and the one header that explains it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) status: u16,
    pub(crate) header: Option<(&'static str, String)>,
}

impl Refused {
    pub(crate) const fn plain(status: u16) -> Self {
        Refused { status, header: None }
    }

    pub(crate) const fn with(status: u16, header: &'static str, value: String) -> Self {
        Refused { status, header: Some((header, value)) }
    }

    /// 503 because a limit is reached.
    pub(crate) fn full() -> Self {
        Refused::with(503, name::RETRY_AFTER, RETRY_AFTER_SECONDS.to_string())
    }

    /// Adds the header to a response.
    pub(crate) fn explain(self, response: &mut Response) {
        if let Some((header, value)) = self.header {
            response.headers.push(header, value);
        }
    }
}

impl Exchange {
    pub(crate) fn on_request(&mut self, incoming: &Incoming) {
        self.signalling.core.counters.requests += 1;
        let key = ServerKey::of(incoming);
        match *incoming.method() {
            Method::ACK => self.on_ack(incoming, &key),
            Method::CANCEL => self.on_cancel(incoming, &key),
            _ => match self.signalling.servers.find(&key) {
                Some(id) => {
                    self.signalling.core.counters.retransmissions += 1;
                    self.signalling.servers.repeat(&mut self.signalling.core, id);
                }
                None if incoming.is_in_dialog() && incoming.method() != &Method::REGISTER => {
                    self.on_request_in_dialog(incoming);
                }
                None => self.on_request_outside_dialog(incoming),
            },
        }
    }

    /// Whether there is room for one more transaction; if not, the request is refused.
    pub(crate) fn has_room(&mut self, incoming: &Incoming) -> bool {
        let transactions = self.signalling.servers.len() + self.signalling.clients.len();
        if transactions < self.limits.transactions_max {
            return true;
        }
        self.signalling.core.counters.refused_at_limit += 1;
        self.refuse_with(incoming, Refused::full());
        false
    }

    /// Answers without a transaction.
    pub(crate) fn refuse_with(&mut self, incoming: &Incoming, refused: Refused) {
        self.reply(incoming, refused.status, |response| refused.explain(response));
    }

    /// ACK belongs to the transaction of a failure or to the dialog of a 2xx; others are dropped.
    fn on_ack(&mut self, incoming: &Incoming, key: &ServerKey) {
        let signalling = &mut self.signalling;
        if let Some(id) = signalling.servers.find(key)
            && signalling.servers.acknowledge(&mut signalling.core, id)
        {
            return;
        }
        match self.place_of(incoming) {
            Some(Place::Leg(call, leg)) => {
                self.with_call(call, |call, signalling| call.on_ack(signalling, leg, incoming));
            }
            Some(Place::Farewell(server)) => self.signalling.say_farewell(server),
            None => self.signalling.core.counters.acks_stray += 1,
        }
    }

    /// CANCEL is answered at once; what it cancels gets its own answer (RFC 3261 section 9.2).
    fn on_cancel(&mut self, incoming: &Incoming, key: &ServerKey) {
        let Some(id) = self.signalling.servers.find(key) else {
            self.reply(incoming, 481, |_| {});
            return;
        };
        let tag = self.signalling.servers.to_tag(id).to_owned();
        self.reply(incoming, 200, |response| {
            if !incoming.is_in_dialog() {
                response.headers.set(name::TO, incoming.to.clone().with_tag(&tag));
            }
        });
        if let Some((call, _)) = self.signalling.servers.owner_of_pending(id) {
            self.with_call(call, |call, signalling| call.on_cancel(signalling, id));
        }
    }

    /// Whose dialog the request belongs to.
    fn place_of(&self, incoming: &Incoming) -> Option<Place> {
        let place = *self.signalling.dialogs.get(incoming.to.tag()?)?;
        let leg = match place {
            Place::Leg(call, leg) => self.calls.get(&call)?.leg(leg)?,
            Place::Farewell(server) => self.signalling.farewells.get(&server)?,
        };
        leg.dialog.has(incoming).then_some(place)
    }

    fn on_request_in_dialog(&mut self, incoming: &Incoming) {
        if !self.has_room(incoming) {
            return;
        }
        match self.place_of(incoming) {
            None if incoming.method() == &Method::OPTIONS => self.on_options(incoming),
            None => self.reply(incoming, 481, |_| {}),
            Some(Place::Farewell(server)) => self.on_request_to_farewell(incoming, server),
            Some(Place::Leg(call, leg)) => self.on_request_to_leg(incoming, call, leg),
        }
    }

    /// The call is over; whoever hangs up too is right.
    fn on_request_to_farewell(&mut self, incoming: &Incoming, server: ServerId) {
        if incoming.method() != &Method::BYE {
            self.reply(incoming, 481, |_| {});
            return;
        }
        self.reply(incoming, 200, |_| {});
        let signalling = &mut self.signalling;
        signalling.servers.acknowledge_success(&mut signalling.core, server);
        if let Some(leg) = signalling.farewells.remove(&server) {
            signalling.dialogs.remove(leg.dialog.local_tag());
        }
    }

    fn on_request_to_leg(&mut self, incoming: &Incoming, call: CallId, leg: LegId) {
        let server = self.signalling.servers.open(&mut self.signalling.core, incoming);
        if let Some(refused) = extension_refused(incoming).or_else(|| content_refused(incoming)) {
            let status = refused.status;
            self.signalling.respond_with(server, status, |response| refused.explain(response));
            return;
        }
        let is_in_order = self
            .calls
            .get_mut(&call)
            .and_then(|call| call.leg_mut(leg))
            .is_some_and(|leg| leg.take_request(incoming));
        if !is_in_order {
            self.signalling.respond(server, 500);
            return;
        }
        match *incoming.method() {
            Method::BYE => self.with_call(call, |call, signalling| call.on_bye(signalling, leg, server)),
            Method::INVITE | Method::UPDATE => self.with_call(call, |call, signalling| {
                call.on_offer(signalling, leg, incoming, server);
                Ok(())
            }),
            Method::INFO => self.with_call(call, |call, signalling| {
                call.on_info(signalling, leg, incoming, server);
                Ok(())
            }),
            Method::OPTIONS => {
                self.signalling.respond_with(server, 200, crate::services::describe);
            }
            ref method => {
                let refused = crate::services::unserved(method);
                let status = refused.status;
                self.signalling.respond_with(server, status, |response| refused.explain(response));
            }
        }
    }

    fn on_request_outside_dialog(&mut self, incoming: &Incoming) {
        match *incoming.method() {
            Method::INVITE => self.on_invite(incoming),
            Method::REGISTER => self.on_register(incoming),
            Method::OPTIONS => self.on_options(incoming),
            ref method => {
                let refused = crate::services::unserved(method);
                self.refuse_with(incoming, refused);
            }
        }
    }
}

/// 420 when an extension is required that we do not know (RFC 3261 section 8.2.2.3). Proxy-Require is for proxies, but
/// whoever sends it to us takes us for one.
pub(crate) fn extension_refused(incoming: &Incoming) -> Option<Refused> {
    let headers = &incoming.request.headers;
    let proxy = headers.all(name::PROXY_REQUIRE).filter(|tag| !tag.is_empty());
    let unknown: Vec<&str> =
        incoming.request.unsupported_extensions(&SUPPORTED).into_iter().chain(proxy).collect();
    (!unknown.is_empty()).then(|| Refused::with(420, name::UNSUPPORTED, unknown.join(", ")))
}

/// 415 when an offer is no session description (RFC 3261 section 8.2.3).
pub(crate) fn content_refused(incoming: &Incoming) -> Option<Refused> {
    let is_offer = matches!(*incoming.method(), Method::INVITE | Method::UPDATE);
    if !is_offer || incoming.request.body.is_empty() {
        return None;
    }
    let headers = &incoming.request.headers;
    let is_encoded =
        headers.all(name::CONTENT_ENCODING).any(|coding| !coding.eq_ignore_ascii_case("identity"));
    if is_encoded {
        return Some(Refused::with(415, name::ACCEPT_ENCODING, "identity".to_owned()));
    }
    let is_sdp = headers.content_type().ok().flatten().is_some_and(|kind| kind.is_sdp());
    (!is_sdp).then(|| Refused::with(415, name::ACCEPT, sip::sdp::CONTENT_TYPE.to_owned()))
}

/// 416 for a target that is neither SIP nor a telephone number (RFC 3261 section 8.2.2.1).
pub(crate) fn scheme_refused(incoming: &Incoming) -> Option<Refused> {
    matches!(incoming.request.uri, Uri::Other(_)).then_some(Refused::plain(416))
}

/// 405 or 501, with what we take.
pub(crate) fn method_refused(status: u16) -> Refused {
    Refused::with(status, name::ALLOW, allow())
}
