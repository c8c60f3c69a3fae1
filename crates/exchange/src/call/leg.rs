//! One leg of a call: a dialog with a phone or a trunk and the path to it.

use std::net::SocketAddr;

use model::{AccountName, TrunkName};
use sip::sdp::{Description, Relay};
use sip::{Method, Request, Response, Uri, name};

use super::Dialog;
use super::session_timer::{SessionTimer, carry_on};
use crate::incoming::{Incoming, direct_contact};
use crate::signalling::{Signalling, allow, contact};
use crate::timers::TimerHandle;
use crate::transaction::{ClientId, ServerId, origin};
use crate::{Destination, Flow, Side, Transport};

/// Names one leg within its call; the caller's is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LegId(pub(crate) u32);

impl LegId {
    /// The leg of the caller.
    pub(crate) const CALLER: LegId = LegId(0);
}

/// Who stands at the end of a leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Party {
    /// A phone of ours
    Account(AccountName),
    /// Another exchange
    Trunk(TrunkName),
}

/// One leg.
#[derive(Debug)]
pub(crate) struct Leg {
    pub(crate) id: LegId,
    pub(crate) side: Side,
    pub(crate) party: Party,
    pub(crate) dialog: Dialog,
    /// The path of the first INVITE
    pub(crate) destination: Destination,
    /// Our INVITE that rings this leg
    pub(crate) invite: Option<ClientId>,
    /// Our 2xx that this leg has not acknowledged
    pub(crate) unacknowledged: Option<ServerId>,
    /// `CSeq` and octets of the last ACK we sent, for 2xx that are repeated
    pub(crate) last_ack: Option<(u32, Vec<u8>)>,
    /// The descriptions that we send to this leg
    pub(crate) relay: Relay,
    /// What this leg said last about its media
    pub(crate) description: Option<Description>,
    pub(crate) allows_update: bool,
    /// The session timer agreed on with this leg (RFC 4028), and when it is due
    pub(crate) session: Option<SessionTimer>,
    pub(crate) session_due: Option<TimerHandle>,
}

impl Leg {
    pub(crate) fn new(
        id: LegId,
        party: Party,
        dialog: Dialog,
        destination: Destination,
        media_id: u64,
    ) -> Self {
        Leg {
            id,
            side: if id == LegId::CALLER { Side::Caller } else { Side::Callee },
            party,
            dialog,
            destination,
            invite: None,
            unacknowledged: None,
            last_ack: None,
            relay: Relay::new(media_id),
            description: None,
            allows_update: false,
            session: None,
            session_due: None,
        }
    }

    /// Our address on this leg.
    pub(crate) fn local(&self) -> SocketAddr {
        origin(&self.destination).1
    }

    /// Where requests within the dialog go. A phone behind a NAT is reached the way it came, whatever its Contact says;
    /// an exchange by route set and Contact (RFC 3261 section 12.2.1.1) when these are addresses.
    pub(crate) fn next_hop(&self) -> Destination {
        let Party::Trunk(_) = self.party else { return self.way_to_phone() };
        let Uri::Sip(uri) = self.dialog.next_hop() else { return self.destination };
        let Some(remote) = uri.target_address() else { return self.destination };
        let (mut transport, local) = origin(&self.destination);
        match uri.transport() {
            Some(name) if name.eq_ignore_ascii_case("tcp") => transport = Transport::Tcp,
            Some(name) if name.eq_ignore_ascii_case("udp") => transport = Transport::Udp,
            _ => {}
        }
        match self.destination {
            Destination::Flow(flow) if flow.transport == transport && flow.remote == remote => {
                self.destination
            }
            _ if remote.is_ipv4() != local.is_ipv4() => self.destination,
            _ => Destination::Address { transport, local, remote },
        }
    }

    /// Takes a request within the dialog; false when it comes too late. A phone is found from now on where it sent it
    /// from: its connection or the mapping of its NAT may be new.
    pub(crate) fn take_request(&mut self, incoming: &Incoming) -> bool {
        let is_in_order = self.dialog.advance(incoming.cseq.number);
        if is_in_order && matches!(self.party, Party::Account(_)) {
            self.destination = Destination::Flow(incoming.flow);
        }
        is_in_order
    }

    /// A connection that stands is used; over UDP, a phone that is not behind a NAT listens at its Contact.
    fn way_to_phone(&self) -> Destination {
        match self.destination {
            Destination::Flow(flow) if flow.transport == Transport::Udp => {
                match direct_contact(self.dialog.next_hop(), &flow) {
                    Some((None | Some(Transport::Udp), remote)) => Destination::Flow(Flow { remote, ..flow }),
                    _ => self.destination,
                }
            }
            _ => self.destination,
        }
    }

    /// A request within the dialog that may change the session.
    pub(crate) fn offer_request(&mut self, method: Method, body: Option<Vec<u8>>) -> Request {
        let mut request = self.dialog.request(method);
        request.headers.push(name::CONTACT, contact(&self.destination));
        request.headers.push(name::ALLOW, allow());
        carry_on(&mut request, self.session);
        if let Some(body) = body {
            request.set_body(sip::sdp::CONTENT_TYPE, body);
        }
        request
    }

    /// Answers a repeated 2xx with the ACK that was lost.
    pub(crate) fn repeat_ack(&self, signalling: &mut Signalling, response: &Response) {
        let cseq = response.headers.cseq().map(|cseq| cseq.number);
        if let Some((_, ack)) = self.last_ack.as_ref().filter(|(number, _)| cseq.as_ref() == Ok(number)) {
            signalling.core.send(self.next_hop(), ack.clone());
        }
    }
}
