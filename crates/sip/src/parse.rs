//! From octets to a message: our front door.
//!
//! It unfolds headers, maps compact names to long ones, splits comma lists, checks what every later step
//! relies on, and when a request is broken keeps enough of it to answer (RFC 4475 wants answers, not
//! silence).

use std::borrow::Cow;

use crate::error::{HeaderError, SyntaxError};
use crate::headers::{self, Headers, name};
use crate::limits::{HEAD_BYTES_MAX, HEADERS_MAX, MESSAGE_BYTES_MAX};
use crate::message::{Message, Request, Response};
use crate::method::Method;
use crate::refusal::{ParseError, Refusal};
use crate::text;
use crate::uri::Uri;

/// How a message arrived: whether the end of the octets is the end of its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// One datagram; octets behind Content-Length are ignored
    Datagram,
    /// Cut from a stream by [`crate::framing::StreamFramer`]
    Stream,
}

/// "Header" under which errors of the start line are told.
pub const START_LINE: &str = "start line";
/// "Header" under which errors of lines without a valid name are told.
pub const HEADER_LINE: &str = "header line";

impl Message {
    /// Reads one message.
    ///
    /// A message that comes out has a valid Via list, From (with or without tag), To, Call-ID and CSeq, each
    /// once. A request also has the method in its CSeq, no headers in its URI, and whatever it carries of
    /// Contact, Route, Record-Route, Max-Forwards and Content-Type is valid. A scheme or a method that nobody
    /// here knows is no fault: 416 and 501 are the business of whoever handles the request.
    ///
    /// # Errors
    ///
    /// [`ParseError`] says whether to answer or to drop.
    pub fn parse(bytes: &[u8], delivery: Delivery) -> Result<Message, ParseError> {
        if bytes.len() > MESSAGE_BYTES_MAX {
            return Err(unusable("a shorter message"));
        }
        let (head, body) = split_head(skip_line_ends(bytes));
        let lines = unfold(head);
        let Some((start_line, header_lines)) = lines.split_first() else {
            return Err(unusable("a start line"));
        };
        let (headers, header_fault) = read_headers(header_lines);
        let parts = Parts { headers, header_fault, head_length: head.len(), body, delivery };
        match start_line.split_once(' ') {
            Some((version, rest)) if version.eq_ignore_ascii_case("SIP/2.0") => {
                read_response(rest, parts).map_err(|source| ParseError::Unusable { source })
            }
            _ => read_request(start_line, parts),
        }
    }
}

/// What both kinds of message have behind the start line.
struct Parts<'a> {
    headers: Headers,
    header_fault: Option<HeaderError>,
    head_length: usize,
    body: &'a [u8],
    delivery: Delivery,
}

fn unusable(expected: &'static str) -> ParseError {
    ParseError::Unusable { source: SyntaxError::expected(expected).in_header(START_LINE) }
}

fn skip_line_ends(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(bytes.len());
    &bytes[start..]
}

/// Octets up to and including the empty line, searched from `start`; `None` when there is none. Lone LF
/// counts as a line end (RFC 2543 peers).
pub(crate) fn head_length(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    while let Some(found) = bytes[at..].iter().position(|byte| *byte == b'\n') {
        at += found + 1;
        match bytes[at..] {
            [b'\n', ..] => return Some(at + 1),
            [b'\r', b'\n', ..] => return Some(at + 2),
            _ => {}
        }
    }
    None
}

/// Content-Length of a head: `Ok(None)` when absent.
pub(crate) fn content_length(head: &[u8]) -> Result<Option<usize>, HeaderError> {
    let (headers, _) = read_headers(unfold(head).get(1..).unwrap_or_default());
    content_length_of(&headers)
}

fn content_length_of(headers: &Headers) -> Result<Option<usize>, HeaderError> {
    match headers.sole(name::CONTENT_LENGTH)? {
        None => Ok(None),
        Some(value) => text::number(value)
            .map(Some)
            .ok_or(SyntaxError::expected("a number of octets").in_header(name::CONTENT_LENGTH)),
    }
}

/// Head (empty line included) and body; without an empty line all of it is head.
fn split_head(bytes: &[u8]) -> (&[u8], &[u8]) {
    bytes.split_at(head_length(bytes, 0).unwrap_or(bytes.len()))
}

/// The lines of a head with continuation lines joined by one space (RFC 3261 section 7.3.1).
fn unfold(head: &[u8]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in head.split(|byte| *byte == b'\n') {
        let line = text::utf8_or_latin1(line.strip_suffix(b"\r").unwrap_or(line));
        match lines.last_mut() {
            Some(last) if line.starts_with([' ', '\t']) => {
                last.push(' ');
                last.push_str(text::trim(&line));
            }
            _ if line.is_empty() => {}
            _ => lines.push(line.into_owned()),
        }
    }
    lines
}

/// Reads what can be read; the first fault is told beside it.
fn read_headers(lines: &[String]) -> (Headers, Option<HeaderError>) {
    let mut headers = Headers::new();
    let mut fault = None;
    for line in lines {
        let Some((header, value)) = line.split_once(':') else {
            fault.get_or_insert(SyntaxError::expected("a colon").in_header(HEADER_LINE));
            continue;
        };
        let (header, value) = (text::trim(header), text::trim(value));
        if !text::is_token(header) {
            fault.get_or_insert(SyntaxError::expected("a header name").in_header(HEADER_LINE));
            continue;
        }
        let long_name = headers::long_name(header);
        let known_list = match &long_name {
            Cow::Borrowed(known) if name::is_list(known) => Some(*known),
            _ => None,
        };
        match known_list
            .map(|known| text::split_outside_quotes(value, b',').map_err(|error| error.in_header(known)))
        {
            Some(Ok(values)) => {
                values.into_iter().for_each(|value| headers.push_long(long_name.clone(), value));
            }
            Some(Err(error)) => {
                headers.push_long(long_name, value);
                fault.get_or_insert(error);
            }
            None => headers.push_long(long_name, value),
        }
        if headers.len() > HEADERS_MAX {
            fault.get_or_insert(SyntaxError::expected("fewer headers").in_header(HEADER_LINE));
            break;
        }
    }
    (headers, fault)
}

fn read_response(rest: &str, parts: Parts<'_>) -> Result<Message, HeaderError> {
    let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
    let status = text::number::<u16>(code)
        .filter(|number| code.len() == 3 && (100..700).contains(number))
        .ok_or(SyntaxError::expected("a status code").in_header(START_LINE))?;
    let Parts { headers, header_fault, body, delivery, .. } = parts;
    header_fault.map_or(Ok(()), Err)?;
    check_core(&headers)?;
    let body = cut_body(&headers, body, delivery)?;
    Ok(Message::Response(Response { status: status.into(), reason: reason.to_owned(), headers, body }))
}

fn read_request(start_line: &str, parts: Parts<'_>) -> Result<Message, ParseError> {
    let line = RequestLine::split(start_line).ok_or_else(|| unusable("method, URI and version"))?;
    let uri = line.uri.parse::<Uri>();
    let line_fault = line.fault(uri.as_ref());
    let mut request = Request {
        method: line.method,
        uri: uri.unwrap_or_else(|_| Uri::Other(line.uri.to_owned())),
        headers: parts.headers,
        body: Vec::new(),
    };
    let outcome = if line.version != "2.0" {
        Err((505, SyntaxError::expected("SIP/2.0").in_header(START_LINE)))
    } else if parts.head_length > HEAD_BYTES_MAX {
        Err((513, SyntaxError::expected("a shorter head").in_header(HEADER_LINE)))
    } else {
        line_fault
            .or(parts.header_fault)
            .map_or(Ok(()), Err)
            .and_then(|()| check_core(&request.headers))
            .and_then(|()| check_others(&request.headers))
            .and_then(|()| cut_body(&request.headers, parts.body, parts.delivery))
            .map_err(|source| (400, source))
            .and_then(|body| check_method(&request).map(|()| body))
    };
    match outcome {
        Ok(body) => {
            request.body = body;
            Ok(Message::Request(request))
        }
        Err((status, source)) => Err(refuse(status, source, request)),
    }
}

/// `Method SP Request-URI SP SIP-Version`.
struct RequestLine<'a> {
    method: Method,
    /// Everything between method and version
    uri: &'a str,
    version: &'a str,
    /// Single spaces and nothing behind (RFC 3261 section 25.1)
    is_exact: bool,
}

impl<'a> RequestLine<'a> {
    fn split(line: &'a str) -> Option<Self> {
        let (method, rest) = line.split_once(' ')?;
        let (uri, version) = text::trim(rest).rsplit_once(' ')?;
        let protocol = version.get(..4).filter(|protocol| protocol.eq_ignore_ascii_case("SIP/"))?;
        let is_exact = line.len() == method.len() + 1 + uri.len() + 1 + version.len();
        let version = &version[protocol.len()..];
        Some(RequestLine { method: method.parse().ok()?, uri, version, is_exact })
    }

    fn fault(&self, uri: Result<&Uri, &SyntaxError>) -> Option<HeaderError> {
        let error = match uri {
            Err(error) => *error,
            Ok(_) if !self.is_exact => SyntaxError::expected("single spaces"),
            // RFC 3261 section 19.1.1, RFC 4475 section 3.1.2.11
            Ok(Uri::Sip(uri)) if uri.raw_headers.is_some() => SyntaxError::expected("a URI without headers"),
            Ok(_) => return None,
        };
        Some(error.in_header(START_LINE))
    }
}

fn check_core(headers: &Headers) -> Result<(), HeaderError> {
    if headers.vias()?.is_empty() {
        return Err(HeaderError::Missing { name: name::VIA });
    }
    headers.from()?;
    headers.to()?;
    headers.call_id()?;
    headers.cseq()?;
    Ok(())
}

fn check_others(headers: &Headers) -> Result<(), HeaderError> {
    headers.contacts()?;
    headers.routes()?;
    headers.record_routes()?;
    headers.max_forwards()?;
    headers.content_type()?;
    Ok(())
}

/// The CSeq names the method of the request line. For an unknown method 501 is the better answer (RFC 4475
/// section
/// 3.1.2.18).
fn check_method(request: &Request) -> Result<(), (u16, HeaderError)> {
    if request.headers.cseq().is_ok_and(|cseq| cseq.method == request.method) {
        return Ok(());
    }
    let status = if matches!(request.method, Method::Extension(_)) { 501 } else { 400 };
    Err((status, SyntaxError::expected("the method of the request line").in_header(name::CSEQ)))
}

/// The body by Content-Length: exact for a stream, cut for a datagram. Absent means all that follows.
fn cut_body(headers: &Headers, body: &[u8], delivery: Delivery) -> Result<Vec<u8>, HeaderError> {
    let length = content_length_of(headers)?.unwrap_or(body.len());
    let fits = match delivery {
        Delivery::Datagram => length <= body.len(),
        Delivery::Stream => length == body.len(),
    };
    if !fits {
        return Err(SyntaxError::expected("the length of the body").in_header(name::CONTENT_LENGTH));
    }
    Ok(body[..length].to_vec())
}

/// An answer needs a way back; ACK is never answered.
fn refuse(status: u16, source: HeaderError, mut request: Request) -> ParseError {
    if request.method == Method::ACK || !request.headers.has(name::VIA) {
        return ParseError::Unusable { source };
    }
    for sole in [name::FROM, name::TO, name::CALL_ID, name::CSEQ] {
        if let Some(first) = request.headers.get(sole).map(str::to_owned) {
            request.headers.set(sole, first);
        }
    }
    ParseError::Refused(Box::new(Refusal { status, source, request }))
}
