//! A request as it arrived, with the headers that every step needs already read.

use std::net::SocketAddr;

use sip::{CSeq, HeaderError, Method, NameAddr, Request, Response, Uri, Via, name};

use crate::{Destination, Flow, Transport};

/// Port of a sent-by without one (RFC 3261 section 18.2.2).
const SIP_PORT: u16 = 5060;

/// A request and where it came from.
#[derive(Clone, Debug)]
pub(crate) struct Incoming {
    /// The request; its top Via says where it came from
    pub(crate) request: Request,
    pub(crate) flow: Flow,
    pub(crate) via: Via,
    pub(crate) from: NameAddr,
    pub(crate) to: NameAddr,
    pub(crate) call_id: String,
    pub(crate) cseq: CSeq,
}

impl Incoming {
    /// Reads the common headers and notes the source in the top Via (RFC 3581).
    pub(crate) fn new(mut request: Request, flow: Flow) -> Result<Self, HeaderError> {
        request.note_source(flow.remote)?;
        let headers = &request.headers;
        let (via, from, to) = (headers.top_via()?, headers.from()?, headers.to()?);
        let (call_id, cseq) = (headers.call_id()?.to_owned(), headers.cseq()?);
        Ok(Incoming { via, from, to, call_id, cseq, flow, request })
    }

    pub(crate) fn method(&self) -> &Method {
        &self.request.method
    }

    /// Whether it belongs to a dialog (RFC 3261 section 12.2.2).
    pub(crate) fn is_in_dialog(&self) -> bool {
        self.to.tag().is_some()
    }

    /// Where its responses go.
    pub(crate) fn response_destination(&self) -> Destination {
        response_destination(&self.flow, &self.via)
    }
}

/// Where responses to a request with this top Via go: over the connection; in a datagram to the source address, and to
/// the source port when `rport` asks for it (RFC 3581), else to the port of sent-by. `maddr` is not followed: it would
/// send our responses wherever a stranger likes.
pub(crate) fn response_destination(flow: &Flow, via: &Via) -> Destination {
    let mut flow = *flow;
    if flow.transport == Transport::Udp && !via.wants_rport() {
        flow.remote.set_port(via.port.unwrap_or(SIP_PORT));
    }
    Destination::Flow(flow)
}

/// The address in the Contact of a phone that sends from `source`, and the transport it asks for, when there is no NAT
/// between: then its packets come from the host that it names. The port may be another one.
pub(crate) fn direct_contact(contact: &Uri, source: &Flow) -> Option<(Option<Transport>, SocketAddr)> {
    let uri = contact.as_sip()?;
    let remote = uri.target_address()?;
    let wished = match uri.transport() {
        None => None,
        Some(name) if name.eq_ignore_ascii_case("udp") => Some(Transport::Udp),
        Some(name) if name.eq_ignore_ascii_case("tcp") => Some(Transport::Tcp),
        Some(_) => return None,
    };
    (remote.ip().to_canonical() == source.remote.ip().to_canonical()).then_some((wished, remote))
}

/// A tag for responses without a transaction: the same for each copy of a request (RFC 3261 section 8.2.7).
pub(crate) fn stateless_tag(request: &Request, secret: u64) -> String {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    secret.hash(&mut hasher);
    for header in [name::VIA, name::CALL_ID, name::FROM, name::CSEQ] {
        request.headers.get(header).hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}

/// The Server header of every response.
pub(crate) fn with_server(mut response: Response) -> Response {
    response.headers.push(name::SERVER, PRODUCT);
    response
}

/// How we name ourselves in Server and User-Agent; no version, which would only help an attacker.
pub(crate) const PRODUCT: &str = "Tandem";
