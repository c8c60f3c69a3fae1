//! What the crate promises, one file a behaviour.
#![allow(clippy::unwrap_used, reason = "clippy.toml allows it in tests, but not in the helpers beside them")]

mod authentication;
mod dialog_parts;
mod framing;
mod headers;
mod offers;
mod refusals;
mod robustness;
mod torture;
mod uris;

use sip::{Delivery, Message, Request, Response};

/// An INVITE as phones send it, with a body.
const INVITE: &str = "INVITE sip:201@pbx.example SIP/2.0\r\n\
    Via: SIP/2.0/UDP 192.0.2.7:5062;branch=z9hG4bKa1;rport\r\n\
    Max-Forwards: 70\r\n\
    From: \"Doe, Jane\" <sip:200@pbx.example>;tag=f1\r\n\
    To: <sip:201@pbx.example>\r\n\
    Call-ID: c1@192.0.2.7\r\n\
    CSeq: 1 INVITE\r\n\
    Contact: <sip:200@192.0.2.7:5062;ob>;+sip.instance=\"<urn:uuid:0-1>\";reg-id=1\r\n\
    Record-Route: <sip:edge.example;lr>\r\n\
    Supported: 100rel, timer\r\n\
    Content-Type: application/sdp\r\n\
    Content-Length: 4\r\n\
    \r\n\
    v=0\n";

fn request(text: &str) -> Request {
    match Message::parse(text.as_bytes(), Delivery::Datagram) {
        Ok(Message::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

fn response(text: &str) -> Response {
    match Message::parse(text.as_bytes(), Delivery::Datagram) {
        Ok(Message::Response(response)) => response,
        other => panic!("{other:?}"),
    }
}
