//! What the exchange answers by itself: OPTIONS, REGISTER, and the methods it does not serve.

use sip::{Host, Method, Response, Uri, name};

use crate::authentication::Authenticated;
use crate::exchange::Exchange;
use crate::incoming::Incoming;
use crate::registrar::{Refusal, Registration};
use crate::requests::{Refused, extension_refused, method_refused, scheme_refused};
use crate::signalling::{SUPPORTED, allow};

/// The answer to a method without a service of ours, outside and inside of dialogs.
pub(crate) fn unserved(method: &Method) -> Refused {
    match *method {
        // No event package is offered yet (RFC 6665 section 4.2.1.1)
        Method::SUBSCRIBE => Refused::plain(489),
        // These need a dialog, a subscription or a reliable response that they do not have
        Method::BYE | Method::INFO | Method::NOTIFY | Method::PRACK | Method::UPDATE => Refused::plain(481),
        Method::Extension(_) => method_refused(501),
        Method::Standard(_) => method_refused(405),
    }
}

/// What we can, in the 200 to OPTIONS (RFC 3261 section 11.2).
pub(crate) fn describe(response: &mut Response) {
    response.headers.push(name::ALLOW, allow());
    response.headers.push(name::ACCEPT, sip::sdp::CONTENT_TYPE);
    response.headers.push(name::ACCEPT_ENCODING, "identity");
    response.headers.push(name::ACCEPT_LANGUAGE, "en");
    response.headers.push(name::SUPPORTED, SUPPORTED.join(", "));
}

impl Exchange {
    /// OPTIONS: whether we are there and what we can. Asked by monitors, phones and trunks alike, so without digest and
    /// without a transaction.
    pub(crate) fn on_options(&mut self, incoming: &Incoming) {
        if let Some(refused) = scheme_refused(incoming).or_else(|| extension_refused(incoming)) {
            self.refuse_with(incoming, refused);
            return;
        }
        let status = if self.is_ours(&incoming.request.uri, incoming) { 200 } else { 404 };
        self.reply(incoming, status, |response| {
            if status == 200 {
                describe(response);
            }
        });
    }

    /// Whether a URI names this exchange: its domain, one of its addresses, or the address the request came to.
    fn is_ours(&self, uri: &Uri, incoming: &Incoming) -> bool {
        let domain = self.directory.as_ref().map(|directory| directory.config().system.domain.as_str());
        match uri.host() {
            Some(Host::Name(host)) => domain.is_some_and(|domain| domain.eq_ignore_ascii_case(host)),
            Some(Host::Address(address)) => {
                *address == incoming.flow.local.ip()
                    || self.local_addresses.iter().any(|local| local.socket.ip() == *address)
                    || domain.is_some_and(|domain| domain.parse() == Ok(*address))
            }
            None => matches!(uri, Uri::Tel(_)),
        }
    }

    /// The account that sends this request; without valid credentials it is answered here with 401.
    pub(crate) fn authenticate(&mut self, incoming: &Incoming, claimed: Option<&str>) -> Option<String> {
        let now_unix_s =
            (self.unix_at_start.as_secs()).saturating_add(self.signalling.core.now.as_millis() / 1000);
        let directory = self.directory.as_ref()?;
        let stale = match self.authenticator.check(directory, incoming, now_unix_s) {
            Authenticated::Account(account) => return Some(account.as_str().to_owned()),
            Authenticated::Challenge { stale } => {
                self.signalling.core.counters.challenges += 1;
                stale
            }
            Authenticated::Failed => {
                self.signalling.core.counters.authentication_failures += 1;
                false
            }
        };
        let mut challenges = Response::new(401_u16);
        self.authenticator.challenge(directory, &mut challenges, claimed, stale, now_unix_s);
        self.reply(incoming, 401, |response| {
            response.headers.copy_from(&challenges.headers, name::WWW_AUTHENTICATE);
        });
        None
    }

    /// REGISTER (RFC 3261 section 10.3): only the account itself says where its phones are.
    pub(crate) fn on_register(&mut self, incoming: &Incoming) {
        let claimed = incoming.to.uri.user();
        let Some(account) = self.authenticate(incoming, claimed.as_deref()) else { return };
        if !self.has_room(incoming) {
            return;
        }
        let server = self.signalling.servers.open(&mut self.signalling.core, incoming);
        let refused = if claimed.as_deref() == Some(&account) {
            scheme_refused(incoming)
                .or_else(|| extension_refused(incoming))
                .or_else(|| self.register(incoming, &account).err())
        } else {
            Some(Refused::plain(403))
        };
        let status = refused.as_ref().map_or(200, |refused| refused.status);
        // The list is made first: it reads the clock that the response is sent with
        let mut contacts = Response::new(200_u16);
        if status == 200 {
            Registration::list(&self.signalling.core, &self.bindings, &account, &mut contacts);
        }
        self.signalling.respond_with(server, status, |response| {
            response.headers.copy_from(&contacts.headers, name::CONTACT);
            if let Some(refused) = refused {
                refused.explain(response);
            }
        });
    }

    fn register(&mut self, incoming: &Incoming, account: &str) -> Result<(), Refused> {
        let Some(directory) = &self.directory else { return Err(Refused::full()) };
        let registration = Registration {
            account,
            incoming,
            config: &directory.config().sip,
            registrations_max: self.limits.registrations_max,
        };
        registration.apply(&mut self.signalling.core, &mut self.bindings).map_err(|refusal| match refusal {
            Refusal::Contact => Refused::plain(400),
            Refusal::TooBrief { min_s } => Refused::with(423, name::MIN_EXPIRES, min_s.to_string()),
            Refusal::OutOfOrder => Refused::plain(500),
            Refusal::TooManyContacts => Refused::plain(403),
            Refusal::Full => {
                self.signalling.core.counters.refused_at_limit += 1;
                Refused::full()
            }
        })
    }
}
