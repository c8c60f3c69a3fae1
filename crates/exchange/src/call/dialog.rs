//! The state that two ends of a dialog share (RFC 3261 section 12).

use sip::{CSeq, Method, NameAddr, Request, Response, Uri, name};

use crate::incoming::Incoming;

/// Max-Forwards of requests that start here (RFC 3261 section 8.1.1.6).
pub(crate) const MAX_FORWARDS: u8 = 70;

/// One dialog, seen from our end.
#[derive(Clone, Debug)]
pub(crate) struct Dialog {
    call_id: String,
    /// Our end with its tag
    local: NameAddr,
    /// The other end; without a tag until its first final response
    remote: NameAddr,
    /// Contact of the other end
    target: Uri,
    routes: Vec<NameAddr>,
    local_cseq: u32,
    remote_cseq: Option<u32>,
}

impl Dialog {
    /// The dialog that an INVITE would make, seen from the called end.
    pub(crate) fn answering(incoming: &Incoming, local_tag: &str) -> Self {
        let headers = &incoming.request.headers;
        Dialog {
            call_id: incoming.call_id.clone(),
            local: incoming.to.clone().with_tag(local_tag),
            remote: incoming.from.clone(),
            target: headers.contact().map_or_else(|_| incoming.from.uri.clone(), |contact| contact.uri),
            routes: headers.record_routes().unwrap_or_default(),
            local_cseq: 0,
            remote_cseq: Some(incoming.cseq.number),
        }
    }

    /// The dialog that an INVITE of ours would make.
    pub(crate) fn calling(call_id: String, local: NameAddr, remote: NameAddr, target: Uri) -> Self {
        Dialog { call_id, local, remote, target, routes: Vec::new(), local_cseq: 0, remote_cseq: None }
    }

    /// Our tag: unique among all dialogs, it finds the leg.
    pub(crate) fn local_tag(&self) -> &str {
        self.local.tag().unwrap_or_default()
    }

    pub(crate) fn remote_tag(&self) -> Option<&str> {
        self.remote.tag()
    }

    pub(crate) const fn local_cseq(&self) -> u32 {
        self.local_cseq
    }

    /// Numbers requests on from `cseq`, which was sent outside of this value.
    pub(crate) const fn skip_to(&mut self, cseq: u32) {
        self.local_cseq = cseq;
    }

    /// Where the next request goes by the dialog: its first route, else the contact.
    pub(crate) fn next_hop(&self) -> &Uri {
        self.routes.first().map_or(&self.target, |route| &route.uri)
    }

    /// Takes tag, contact and route set from a 2xx to our INVITE (section 12.1.2).
    pub(crate) fn establish(&mut self, response: &Response) {
        let headers = &response.headers;
        if let Ok(to) = headers.to() {
            self.remote = to;
        }
        self.refresh_target(headers.contact().ok());
        self.routes = headers.record_routes().unwrap_or_default();
        self.routes.reverse();
    }

    /// Takes the contact of a target refresh request or of its response (section 12.2).
    pub(crate) fn refresh_target(&mut self, contact: Option<NameAddr>) {
        if let Some(contact) = contact {
            self.target = contact.uri;
        }
    }

    /// Whether a request belongs to this dialog. Until we know the other end's tag any will do.
    pub(crate) fn has(&self, incoming: &Incoming) -> bool {
        self.call_id == incoming.call_id
            && self.remote_tag().is_none_or(|tag| incoming.from.tag().is_none_or(|from| from == tag))
    }

    /// Takes the `CSeq` number of a request; false when it comes too late (section 12.2.2).
    pub(crate) fn advance(&mut self, cseq: u32) -> bool {
        let in_order = self.remote_cseq.is_none_or(|last| cseq > last);
        if in_order {
            self.remote_cseq = Some(cseq);
        }
        in_order
    }

    /// A new request within the dialog; Via is added when it is sent.
    pub(crate) fn request(&mut self, method: Method) -> Request {
        self.local_cseq += 1;
        self.build(method, self.local_cseq)
    }

    /// The ACK of a 2xx to the INVITE with this number.
    pub(crate) fn ack(&self, cseq: u32) -> Request {
        self.build(Method::ACK, cseq)
    }

    fn build(&self, method: Method, cseq: u32) -> Request {
        let (uri, routes) = self.request_uri_and_routes();
        let mut request = Request::new(method.clone(), uri);
        request.headers.push(name::MAX_FORWARDS, MAX_FORWARDS);
        for route in routes {
            request.headers.push(name::ROUTE, route);
        }
        request.headers.push(name::FROM, &self.local);
        request.headers.push(name::TO, &self.remote);
        request.headers.push(name::CALL_ID, &self.call_id);
        request.headers.push(name::CSEQ, CSeq { number: cseq, method });
        request
    }

    /// Loose routing, and strict routing for old proxies (section 12.2.1.1).
    fn request_uri_and_routes(&self) -> (Uri, Vec<NameAddr>) {
        let is_strict = |first: &NameAddr| first.uri.as_sip().is_some_and(|uri| !uri.is_loose_router());
        match self.routes.split_first() {
            Some((first, rest)) if is_strict(first) => {
                let mut routes = rest.to_vec();
                routes.push(NameAddr::new(without_headers(&self.target)));
                (without_headers(&first.uri), routes)
            }
            _ => (without_headers(&self.target), self.routes.clone()),
        }
    }
}

/// A URI as it may stand in a request line: without `?headers` (RFC 3261 section 19.1.1, table 1).
pub(crate) fn without_headers(uri: &Uri) -> Uri {
    match uri {
        Uri::Sip(uri) if uri.raw_headers.is_some() => {
            Uri::Sip(sip::SipUri { raw_headers: None, ..uri.clone() })
        }
        uri => uri.clone(),
    }
}
