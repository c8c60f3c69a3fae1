//! The means of a call: core, transactions and the index of dialogs, and the messages sent with them.

use std::collections::HashMap;

use sip::{Method, Request, Response, name};

use crate::call::{CallId, Dialog, Leg, LegId};
use crate::core::Core;
use crate::incoming::PRODUCT;
use crate::transaction::{ClientId, Clients, Owner, ServerId, Servers, own_via};
use crate::{Destination, Transport};

/// Methods we take, for Allow.
pub(crate) const ALLOWED: [Method; 8] = [
    Method::INVITE,
    Method::ACK,
    Method::CANCEL,
    Method::BYE,
    Method::OPTIONS,
    Method::REGISTER,
    Method::UPDATE,
    Method::INFO,
];

/// Extensions we understand, for Supported and against Require.
pub(crate) const SUPPORTED: [&str; 1] = ["timer"];

/// Whose dialog a tag of ours names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A leg of a call
    Leg(CallId, LegId),
    /// A leg of a call that has ended, to be told so as soon as its ACK arrives
    Farewell(ServerId),
}

/// Core, transactions and dialogs.
#[derive(Debug)]
pub(crate) struct Signalling {
    pub(crate) core: Core,
    pub(crate) servers: Servers,
    pub(crate) clients: Clients,
    /// By our tag
    pub(crate) dialogs: HashMap<String, Place>,
    /// Legs that wait for an ACK before they may be sent BYE (RFC 3261 section 15.1.1)
    pub(crate) farewells: HashMap<ServerId, Leg>,
}

impl Signalling {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Signalling {
            core: Core::new(seed),
            servers: Servers::default(),
            clients: Clients::default(),
            dialogs: HashMap::new(),
            farewells: HashMap::new(),
        }
    }

    /// Forgets every transaction and dialog.
    pub(crate) fn forget_transactions(&mut self) {
        self.servers.clear(&mut self.core);
        self.clients.clear(&mut self.core);
        self.dialogs.clear();
        self.farewells.clear();
    }

    /// Sends a request and sees to its transaction.
    pub(crate) fn request(&mut self, mut request: Request, to: Destination, owner: Owner) -> ClientId {
        request.headers.push(name::USER_AGENT, PRODUCT);
        self.clients.send(&mut self.core, request, to, owner)
    }

    /// Sends a response in a transaction.
    pub(crate) fn respond(&mut self, id: ServerId, status: u16) {
        self.respond_with(id, status, |_| {});
    }

    /// Sends a response in a transaction; `fill` adds what goes beyond the common headers.
    pub(crate) fn respond_with(&mut self, id: ServerId, status: u16, fill: impl FnOnce(&mut Response)) {
        self.servers.respond(&mut self.core, id, status, fill);
    }

    /// Sends the ACK of a 2xx, which is no transaction; returns its octets for 2xx that are repeated.
    pub(crate) fn acknowledge(&mut self, mut ack: Request, to: Destination) -> Vec<u8> {
        let branch = self.core.tokens.branch();
        ack.headers.push_front(name::VIA, own_via(&to, &branch));
        let bytes = ack.to_bytes();
        self.core.send(to, bytes.clone());
        bytes
    }

    /// Acknowledges and ends a dialog that nobody wants: a 2xx that crossed our CANCEL, or the second of two.
    pub(crate) fn end_unwanted(&mut self, client: ClientId, response: &Response) {
        let Some((invite, destination)) = self.clients.invite(client) else { return };
        let (Ok(from), Ok(to), Ok(cseq), Ok(call_id)) = (
            invite.headers.from(),
            response.headers.to(),
            invite.headers.cseq(),
            invite.headers.call_id().map(str::to_owned),
        ) else {
            return;
        };
        let mut dialog = Dialog::calling(call_id, from, to, invite.uri.clone());
        dialog.establish(response);
        dialog.skip_to(cseq.number);
        self.acknowledge(dialog.ack(cseq.number), destination);
        self.request(dialog.request(Method::BYE), destination, Owner::Nobody);
    }

    /// Tells a leg that its call is over; when it has not acknowledged the answer yet, as soon as it does.
    pub(crate) fn hang_up(&mut self, mut leg: Leg) {
        match leg.unacknowledged {
            Some(server) => {
                self.dialogs.insert(leg.dialog.local_tag().to_owned(), Place::Farewell(server));
                self.farewells.insert(server, leg);
            }
            None => {
                self.dialogs.remove(leg.dialog.local_tag());
                let (bye, destination) = (leg.dialog.request(Method::BYE), leg.next_hop());
                self.request(bye, destination, Owner::Nobody);
            }
        }
    }

    /// The ACK that a farewell waited for has come, or never will: now BYE is allowed.
    pub(crate) fn say_farewell(&mut self, server: ServerId) {
        self.servers.acknowledge_success(&mut self.core, server);
        if let Some(leg) = self.farewells.remove(&server) {
            self.hang_up(Leg { unacknowledged: None, ..leg });
        }
    }
}

/// `Allow` of our responses and requests.
pub(crate) fn allow() -> String {
    ALLOWED.each_ref().map(Method::as_str).join(", ")
}

/// Our Contact towards a peer.
pub(crate) fn contact(destination: &Destination) -> sip::NameAddr {
    let (transport, local) = crate::transaction::origin(destination);
    let mut uri = sip::SipUri::host(local.ip(), Some(local.port()));
    if transport == Transport::Tcp {
        uri.params.set("transport", Some("tcp"));
    }
    sip::NameAddr::new(uri)
}
