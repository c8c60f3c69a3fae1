//! Messages as values, and how they are made and printed.

use std::net::SocketAddr;

use rsip::StatusCode;

use crate::error::HeaderError;
use crate::headers::{CSeq, Headers, name};
use crate::method::Method;
use crate::name_addr::NameAddr;
use crate::status::reason_phrase;
use crate::uri::Uri;
use crate::via::Via;

/// A whole message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A request
    Request(Request),
    /// A response
    Response(Response),
}

impl Message {
    /// The headers of either kind.
    #[must_use]
    pub const fn headers(&self) -> &Headers {
        match self {
            Message::Request(request) => &request.headers,
            Message::Response(response) => &response.headers,
        }
    }

    /// The octets for the wire.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Message::Request(request) => request.to_bytes(),
            Message::Response(response) => response.to_bytes(),
        }
    }
}

/// A request.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// Method
    pub method: Method,
    /// Request-URI
    pub uri: Uri,
    /// Headers
    pub headers: Headers,
    /// Body, byte-exact
    pub body: Vec<u8>,
}

impl Request {
    /// A request without headers.
    #[must_use]
    pub const fn new(method: Method, uri: Uri) -> Self {
        Request { method, uri, headers: Headers::new(), body: Vec::new() }
    }

    /// A request with what every request must have (RFC 3261 section 8.1.1): Via, Max-Forwards 70, From, To,
    /// Call-ID, CSeq.
    #[must_use]
    pub fn with_core(
        method: Method,
        uri: Uri,
        via: &Via,
        from: &NameAddr,
        to: &NameAddr,
        call_id: &str,
        cseq_number: u32,
    ) -> Self {
        let mut request = Request::new(method.clone(), uri);
        request.headers.push(name::VIA, via);
        request.headers.push(name::MAX_FORWARDS, 70);
        request.headers.push(name::FROM, from);
        request.headers.push(name::TO, to);
        request.headers.push(name::CALL_ID, call_id);
        request.headers.push(name::CSEQ, CSeq { number: cseq_number, method });
        request
    }

    /// A response to this request with the usual reason phrase (RFC 3261 section 8.2.6): Via, From, To,
    /// Call-ID and CSeq are copied as they are, Record-Route too in responses that may make a dialog,
    /// Timestamp in 100 Trying. `to_tag` is added when To has no tag yet; give `None` for 100 Trying.
    #[must_use]
    pub fn response(&self, status: impl Into<StatusCode>, to_tag: Option<&str>) -> Response {
        let mut response = Response::new(status);
        response.headers.copy_from(&self.headers, name::VIA);
        if (101..=299).contains(&response.code()) {
            response.headers.copy_from(&self.headers, name::RECORD_ROUTE);
        }
        for copied in [name::FROM, name::TO, name::CALL_ID, name::CSEQ] {
            if let Some(value) = self.headers.get(copied) {
                response.headers.push(copied, value);
            }
        }
        if response.code() == 100 {
            response.headers.copy_from(&self.headers, name::TIMESTAMP);
        }
        if let (Ok(to), Some(tag)) = (self.headers.to(), to_tag)
            && to.tag().is_none()
        {
            response.headers.set(name::TO, to.with_tag(tag));
        }
        response
    }

    /// The ACK of a final response other than 2xx (RFC 3261 section 17.1.1.3): same Request-URI, top Via,
    /// From, Call-ID, CSeq number and Route, with the To of the response.
    #[must_use]
    pub fn ack_of_failure(&self, response: &Response) -> Request {
        self.same_branch(Method::ACK, &response.headers)
    }

    /// The CANCEL of this request (RFC 3261 section 9.1).
    #[must_use]
    pub fn cancel(&self) -> Request {
        self.same_branch(Method::CANCEL, &self.headers)
    }

    fn same_branch(&self, method: Method, to_of: &Headers) -> Request {
        let mut request = Request::new(method.clone(), self.uri.clone());
        if let Some(via) = self.headers.get(name::VIA) {
            request.headers.push(name::VIA, via);
        }
        request.headers.push(name::MAX_FORWARDS, 70);
        request.headers.copy_from(&self.headers, name::ROUTE);
        request.headers.copy_from(&self.headers, name::FROM);
        request.headers.copy_from(to_of, name::TO);
        request.headers.copy_from(&self.headers, name::CALL_ID);
        if let Ok(CSeq { number, .. }) = self.headers.cseq() {
            request.headers.push(name::CSEQ, CSeq { number, method });
        }
        request
    }

    /// Notes in the top Via where the request came from ([`Via::note_source`]); do this before anything
    /// copies the Via.
    ///
    /// # Errors
    ///
    /// The top Via is missing or malformed, which a parsed request rules out.
    pub fn note_source(&mut self, source: SocketAddr) -> Result<(), HeaderError> {
        let mut via = self.headers.top_via()?;
        via.note_source(source);
        self.headers.set_first(name::VIA, via);
        Ok(())
    }

    /// The option tags in Require that are not among `supported`: what 420 lists in Unsupported (RFC 3261
    /// section 8.2.2.3).
    #[must_use]
    pub fn unsupported_extensions(&self, supported: &[&str]) -> Vec<&str> {
        let known = |tag: &&str| supported.iter().any(|own| own.eq_ignore_ascii_case(tag));
        self.headers.all(name::REQUIRE).filter(|tag| !tag.is_empty() && !known(tag)).collect()
    }

    /// Sets body and Content-Type.
    pub fn set_body(&mut self, content_type: &str, body: Vec<u8>) {
        self.headers.set(name::CONTENT_TYPE, content_type);
        self.body = body;
    }

    /// The octets for the wire; Content-Length is that of the body whatever the headers say.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        print(&format!("{} {} SIP/2.0", self.method, self.uri), &self.headers, &self.body)
    }
}

/// A response.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// Status code
    pub status: StatusCode,
    /// Reason phrase as it came or goes
    pub reason: String,
    /// Headers
    pub headers: Headers,
    /// Body, byte-exact
    pub body: Vec<u8>,
}

impl Response {
    /// A response without headers and with the usual reason phrase.
    #[must_use]
    pub fn new(status: impl Into<StatusCode>) -> Self {
        let status = status.into();
        let reason = reason_phrase(status.code()).to_owned();
        Response { status, reason, headers: Headers::new(), body: Vec::new() }
    }

    /// The status code as a number.
    #[must_use]
    pub fn code(&self) -> u16 {
        self.status.code()
    }

    /// Whether it is 1xx.
    #[must_use]
    pub fn is_provisional(&self) -> bool {
        self.code() < 200
    }

    /// Whether it is 2xx.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.code())
    }

    /// Sets body and Content-Type.
    pub fn set_body(&mut self, content_type: &str, body: Vec<u8>) {
        self.headers.set(name::CONTENT_TYPE, content_type);
        self.body = body;
    }

    /// The octets for the wire; Content-Length is that of the body whatever the headers say.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        print(
            &format!("SIP/2.0 {:03} {}", self.code(), self.reason.replace(['\r', '\n'], " ")),
            &self.headers,
            &self.body,
        )
    }
}

fn print(start_line: &str, headers: &Headers, body: &[u8]) -> Vec<u8> {
    let mut text = String::with_capacity(1024 + body.len());
    text.push_str(start_line);
    text.push_str("\r\n");
    for header in headers.iter().filter(|header| header.name() != name::CONTENT_LENGTH) {
        text.push_str(header.name());
        text.push_str(": ");
        text.push_str(header.value());
        text.push_str("\r\n");
    }
    text.push_str(&format!("{}: {}\r\n\r\n", name::CONTENT_LENGTH, body.len()));
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}
