//! Offers within a call: re-INVITE and UPDATE of one leg become one of the other (RFC 3264, RFC 3311, RFC 6141).
//!
//! Hold, resume, a change of codec or address: whatever one leg offers, the other answers; we put our address and port
//! in both. Media follows when the answer is there, so that a refused offer changes nothing.

use sip::sdp::Description;
use sip::{Method, Request, Response, name};

use super::fork::description_of;
use super::session_timer::{self, INTERVAL_MIN_S, SessionTimer};
use super::{Call, Cause, LateAnswer, LegId, Outcome, Purpose};
use crate::incoming::Incoming;
use crate::signalling::{Signalling, allow, contact};
use crate::transaction::{ClientId, Owner, ServerId};

/// Longest wait that we ask of a peer whose offer comes too early, in seconds (RFC 3261 section 14.2).
const RETRY_SECONDS_MAX: u64 = 10;

/// An offer on its way from one leg to the other.
#[derive(Debug)]
pub(super) struct Renegotiation {
    /// Who asked
    from: LegId,
    /// Whom we asked
    to: LegId,
    /// The request of the one who asked
    pub(super) server: ServerId,
    pub(super) client: ClientId,
    /// It was an INVITE, so its 2xx will be acknowledged
    is_invite: bool,
    /// What was offered; an INVITE may leave the offer to the other side
    offer: Option<Description>,
    timer: Option<SessionTimer>,
}

impl Call {
    /// A re-INVITE or UPDATE of a leg.
    pub(crate) fn on_offer(
        &mut self,
        signalling: &mut Signalling,
        id: LegId,
        incoming: &Incoming,
        server: ServerId,
    ) {
        let is_invite = incoming.method() == &Method::INVITE;
        if is_invite {
            signalling.respond(server, 100);
        }
        let Ok(timer) = session_timer::wished(&incoming.request) else {
            signalling.respond_with(server, 422, |response| {
                response.headers.push(name::MIN_SE, INTERVAL_MIN_S);
            });
            return;
        };
        let has_offer = !incoming.request.body.is_empty();
        if !is_invite && !has_offer {
            self.on_refresh(signalling, id, incoming, server, timer);
            return;
        }
        if let Some(status) = self.obstacle(id) {
            let retry_after = signalling.core.tokens.number() % RETRY_SECONDS_MAX;
            signalling.respond_with(server, status, |response| {
                if status == 500 {
                    response.headers.push(name::RETRY_AFTER, retry_after);
                }
            });
            return;
        }
        let offer = match Description::parse(&incoming.request.body) {
            Ok(offer) => Some(offer),
            Err(_) if has_offer => {
                signalling.respond(server, 488);
                return;
            }
            Err(_) => None,
        };
        self.refresh_target(id, incoming);
        self.pass_on(signalling, id, server, is_invite, offer, timer);
    }

    /// An UPDATE without offer says only: I am still here (RFC 4028 section 7.4).
    fn on_refresh(
        &mut self,
        signalling: &mut Signalling,
        id: LegId,
        incoming: &Incoming,
        server: ServerId,
        timer: Option<SessionTimer>,
    ) {
        self.refresh_target(id, incoming);
        let Some(leg) = self.leg_mut(id) else { return };
        let contact = contact(&leg.destination);
        signalling.respond_with(server, 200, |response| {
            response.headers.push(name::CONTACT, contact);
            session_timer::grant(response, timer);
        });
        self.arm_session(signalling, id, timer);
    }

    fn refresh_target(&mut self, id: LegId, incoming: &Incoming) {
        if let Some(leg) = self.leg_mut(id) {
            leg.dialog.refresh_target(incoming.request.headers.contact().ok());
            if incoming.request.headers.has(name::ALLOW) {
                leg.allows_update = incoming.request.headers.lists(name::ALLOW, Method::UPDATE.as_str());
            }
        }
    }

    /// Why this leg cannot make an offer now: 491 when it collides with one of ours, 500 when its own is not answered
    /// (RFC 3261 section 14.2, RFC 3311 section 5.2).
    fn obstacle(&self, id: LegId) -> Option<u16> {
        if !self.answered {
            return Some(if id == LegId::CALLER { 500 } else { 491 });
        }
        if let Some(renegotiation) = &self.renegotiation {
            return Some(if renegotiation.from == id { 500 } else { 491 });
        }
        let awaits_ack = self.legs().any(|leg| leg.unacknowledged.is_some());
        (awaits_ack || self.late_answer.is_some()).then_some(491)
    }

    /// Asks the other leg. One that does not take UPDATE gets a re-INVITE.
    fn pass_on(
        &mut self,
        signalling: &mut Signalling,
        from: LegId,
        server: ServerId,
        is_invite: bool,
        offer: Option<Description>,
        timer: Option<SessionTimer>,
    ) {
        let call = self.id;
        let Some(to) = self.other_leg_mut(from).map(|leg| leg.id) else { return };
        let body = offer.as_ref().map(|offer| self.describe_to(to, offer));
        let Some(leg) = self.leg_mut(to) else { return };
        let method = if is_invite || !leg.allows_update { Method::INVITE } else { Method::UPDATE };
        let (request, destination) = (leg.offer_request(method, body), leg.next_hop());
        let owner = Owner::Leg { call, leg: to, purpose: Purpose::Renegotiate };
        let client = signalling.request(request, destination, owner);
        signalling.servers.set_owner(server, (call, from));
        self.renegotiation = Some(Renegotiation { from, to, server, client, is_invite, offer, timer });
    }

    /// The answer of the leg that we asked.
    pub(crate) fn on_renegotiation_response(
        &mut self,
        signalling: &mut Signalling,
        id: LegId,
        client: ClientId,
        response: &Response,
    ) -> Outcome {
        if response.is_provisional() {
            return Ok(());
        }
        let Some(renegotiation) = self.renegotiation.take_if(|pending| pending.client == client) else {
            if let Some(leg) = self.leg_mut(id) {
                leg.repeat_ack(signalling, response);
            }
            return Ok(());
        };
        match response.code() {
            200..=299 => {
                self.on_agreed(signalling, renegotiation, response);
                Ok(())
            }
            status => {
                signalling.respond_with(renegotiation.server, told(status), |own| {
                    own.headers.copy_from(&response.headers, name::RETRY_AFTER);
                    own.headers.copy_from(&response.headers, name::WARNING);
                });
                match status {
                    481 => Err(Cause::HungUp(id)),
                    408 => Err(Cause::Ended),
                    _ => Ok(()),
                }
            }
        }
    }

    fn on_agreed(&mut self, signalling: &mut Signalling, pending: Renegotiation, response: &Response) {
        let Renegotiation { from, to, server, is_invite, offer, timer, .. } = pending;
        let answer = description_of(response);
        self.rearm_session(signalling, to, response);
        self.acknowledge_agreement(signalling, to, offer.is_some(), from, response);
        let Some(answer) = answer else {
            signalling.respond(server, 488);
            return;
        };
        let body = self.describe_to(from, &answer);
        if let Some(offer) = offer {
            self.settle(signalling, from, offer);
            self.settle(signalling, to, answer);
        } else if let Some(leg) = self.leg_mut(to) {
            leg.description = Some(answer);
        }
        let Some(leg) = self.leg_mut(from) else { return };
        if is_invite {
            leg.unacknowledged = Some(server);
        }
        let contact = contact(&leg.destination);
        signalling.respond_with(server, 200, |response| {
            response.headers.push(name::CONTACT, contact);
            response.headers.push(name::ALLOW, allow());
            session_timer::grant(response, timer);
            response.set_body(sip::sdp::CONTENT_TYPE, body);
        });
        self.arm_session(signalling, from, timer);
    }

    /// The ACK of a re-INVITE of ours: at once when the offer went with it, else with the answer of the other leg.
    fn acknowledge_agreement(
        &mut self,
        signalling: &mut Signalling,
        to: LegId,
        has_offer: bool,
        from: LegId,
        response: &Response,
    ) {
        let Ok(cseq) = response.headers.cseq() else { return };
        let Some(leg) = self.leg_mut(to) else { return };
        leg.dialog.refresh_target(response.headers.contact().ok());
        if cseq.method != Method::INVITE {
            return;
        }
        if has_offer || description_of(response).is_none() {
            let ack = signalling.acknowledge(leg.dialog.ack(cseq.number), leg.next_hop());
            leg.last_ack = Some((cseq.number, ack));
        } else {
            self.late_answer = Some(LateAnswer { from, to, cseq: cseq.number });
        }
    }

    /// What a side's media is from now on.
    fn settle(&mut self, signalling: &mut Signalling, id: LegId, description: Description) {
        let Some(side) = self.leg(id).map(|leg| leg.side) else { return };
        self.tell_media(signalling, side, &description);
        if let Some(leg) = self.leg_mut(id) {
            leg.description = Some(description);
        }
    }

    /// The ACK of a 2xx that we sent; it may bring the answer to an offer of the other leg.
    pub(crate) fn on_ack(&mut self, signalling: &mut Signalling, id: LegId, incoming: &Incoming) -> Outcome {
        let Some(leg) = self.leg_mut(id) else { return Ok(()) };
        if let Some(server) = leg.unacknowledged.take() {
            signalling.servers.acknowledge_success(&mut signalling.core, server);
        }
        let Some(LateAnswer { to, cseq, .. }) = self.late_answer.take_if(|late| late.from == id) else {
            return Ok(());
        };
        let answer = Description::parse(&incoming.request.body).ok();
        let body = answer.as_ref().map(|answer| self.describe_to(to, answer));
        let Some(leg) = self.leg_mut(to) else { return Ok(()) };
        let mut ack = leg.dialog.ack(cseq);
        if let Some(body) = body {
            ack.set_body(sip::sdp::CONTENT_TYPE, body);
        }
        leg.last_ack = Some((cseq, signalling.acknowledge(ack, leg.next_hop())));
        let offer = leg.description.clone();
        let (Some(answer), Some(offer)) = (answer, offer) else { return Err(Cause::Ended) };
        self.settle(signalling, id, answer);
        self.settle(signalling, to, offer);
        Ok(())
    }

    /// CANCEL of an INVITE that waits for its final response: the first one of the caller, or a re-INVITE.
    pub(crate) fn on_cancel(&mut self, signalling: &mut Signalling, server: ServerId) -> Outcome {
        if self.invite == Some(server) {
            return Err(Cause::HungUp(LegId::CALLER));
        }
        if let Some(renegotiation) = self.renegotiation.as_ref().filter(|pending| pending.server == server) {
            signalling.clients.cancel(&mut signalling.core, renegotiation.client);
        }
        Ok(())
    }

    /// INFO (RFC 6086; digits of phones that send them so) goes to the other leg as it is.
    pub(crate) fn on_info(
        &mut self,
        signalling: &mut Signalling,
        id: LegId,
        incoming: &Incoming,
        server: ServerId,
    ) {
        let call = self.id;
        if !self.answered {
            signalling.respond(server, 480);
            return;
        }
        let Some(leg) = self.other_leg_mut(id) else { return };
        let mut info: Request = leg.dialog.request(Method::INFO);
        for header in [name::CONTENT_TYPE, name::CONTENT_DISPOSITION, "Info-Package"] {
            info.headers.copy_from(&incoming.request.headers, header);
        }
        info.body.clone_from(&incoming.request.body);
        let (leg, destination) = (leg.id, leg.next_hop());
        signalling.request(info, destination, Owner::Leg { call, leg, purpose: Purpose::Relay(server) });
    }
}

/// What the one who asked is told; credentials of one leg are none of the other's business.
const fn told(status: u16) -> u16 {
    match status {
        300..=399 | 401 | 407 => 488,
        status => status,
    }
}
