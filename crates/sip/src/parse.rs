//! From octets to a message: our front door.
//!
//! It unfolds headers, maps compact names to long ones, splits comma lists, checks what every later step relies on, and when a
//! request is broken keeps enough of it to answer (RFC 4475 wants answers, not silence).

use crate::error::{HeaderError, SyntaxError};
use crate::headers::{Headers, name};
use crate::limits::{HEAD_BYTES_MAX, HEADERS_MAX, MESSAGE_BYTES_MAX};
use crate::message::{Message, Request, Response};
use crate::method::Method;
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

/// Why octets are no usable message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Drop it: a broken response, a broken ACK, or no SIP at all
    #[error("not a usable message")]
    Unusable {
        /// What is wrong
        #[source]
        source: HeaderError,
    },
    /// A broken request that can be answered with [`Refusal::response`]
    #[error("a request to refuse with {}", .0.status)]
    Refused(Box<Refusal>),
}

/// A broken request and the answer it deserves.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a request to refuse with {status}")]
pub struct Refusal {
    /// Status of the answer: 400, 505 or 513
    pub status: u16,
    /// What is wrong
    pub source: HeaderError,
    /// What could be read: the headers are as they came, repeated ones reduced to the first; body and Request-URI may be empty
    pub request: Request,
}

impl Refusal {
    /// The answer; the reason phrase names the header at fault.
    #[must_use]
    pub fn response(&self, to_tag: &str) -> Response {
        let mut response = self.request.response(self.status, Some(to_tag));
        if self.status == 400 {
            response.reason = match &self.source {
                HeaderError::Missing { name } => format!("Bad Request: {name} missing"),
                HeaderError::Repeated { name } => format!("Bad Request: {name} repeated"),
                HeaderError::Malformed { name, .. } => format!("Bad Request: {name} malformed"),
            };
        }
        response
    }
}

/// "Header" under which errors of the start line are told.
pub const START_LINE: &str = "start line";
/// "Header" under which errors of lines without a valid name are told.
pub const HEADER_LINE: &str = "header line";

impl Message {
    /// Reads one message.
    ///
    /// A message that comes out has: a valid Via list, From with or without tag, To, Call-ID and CSeq (the method of a request
    /// matching), each once; valid Contact, Route, Record-Route, Max-Forwards, Content-Type, Expires if they are there.
    ///
    /// # Errors
    ///
    /// [`ParseError`] says whether to answer or to drop.
    pub fn parse(bytes: &[u8], delivery: Delivery) -> Result<Message, ParseError> {
        let bytes = skip_line_ends(bytes);
        let (head, body) = split_head(bytes);
        let lines = unfold(head);
        let Some((start_line, header_lines)) = lines.split_first() else {
            return Err(unusable(START_LINE, "a start line"));
        };
        let too_long = head.len() > HEAD_BYTES_MAX || bytes.len() > MESSAGE_BYTES_MAX;
        let (headers, header_fault) = read_headers(header_lines);
        if let Some(rest) = start_line.strip_prefix("SIP/2.0 ") {
            if let Some(source) = header_fault {
                return Err(ParseError::Unusable { source });
            }
            return read_response(rest, headers, body, delivery)
                .map_err(|source| ParseError::Unusable { source });
        }
        read_request(start_line, headers, header_fault, body, delivery, too_long)
    }
}

fn unusable(header: &'static str, expected: &'static str) -> ParseError {
    ParseError::Unusable { source: SyntaxError::expected(expected).in_header(header) }
}

fn skip_line_ends(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(bytes.len());
    &bytes[start..]
}

/// Octets up to and including the empty line, `None` when there is none. Lone LF counts as a line end (RFC 2543 peers).
pub(crate) fn head_length(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
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
    bytes.split_at(head_length(bytes).unwrap_or(bytes.len()))
}

/// The lines of a head with continuation lines joined by one space (RFC 3261 section 7.3.1), as text: octets that are no
/// UTF-8 are read as Latin-1, which old gateways send in names.
fn unfold(head: &[u8]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in head.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = match std::str::from_utf8(line) {
            Ok(text) => text.to_owned(),
            Err(_) => line.iter().map(|byte| *byte as char).collect(),
        };
        match lines.last_mut() {
            Some(last) if line.starts_with([' ', '\t']) => {
                last.push(' ');
                last.push_str(text::trim(&line));
            }
            _ if line.is_empty() => {}
            _ => lines.push(line),
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
        let values = if name::known(header).is_some_and(name::is_list) {
            text::split_outside_quotes(value, b',')
        } else {
            Ok(vec![value])
        };
        match values {
            Ok(values) => values.into_iter().for_each(|value| headers.push(header, value)),
            Err(error) => {
                headers.push(header, value);
                fault.get_or_insert(error.in_header(name::known(header).unwrap_or(HEADER_LINE)));
            }
        }
        if headers.len() > HEADERS_MAX {
            fault.get_or_insert(SyntaxError::expected("fewer headers").in_header(HEADER_LINE));
            break;
        }
    }
    (headers, fault)
}

fn read_response(
    rest: &str,
    headers: Headers,
    body: &[u8],
    delivery: Delivery,
) -> Result<Message, HeaderError> {
    let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
    let code = text::number::<u16>(code)
        .filter(|number| code.len() == 3 && (100..700).contains(number))
        .ok_or(SyntaxError::expected("a status code").in_header(START_LINE))?;
    check_core(&headers)?;
    check_others(&headers)?;
    let body = cut_body(&headers, body, delivery)?;
    Ok(Message::Response(Response { status: code.into(), reason: reason.to_owned(), headers, body }))
}

fn read_request(
    start_line: &str,
    headers: Headers,
    header_fault: Option<HeaderError>,
    body: &[u8],
    delivery: Delivery,
    too_long: bool,
) -> Result<Message, ParseError> {
    let Some((method, uri_text, version)) = split_request_line(start_line) else {
        return Err(unusable(START_LINE, "method, URI and version"));
    };
    let parsed_uri = uri_text.parse::<Uri>();
    let uri = parsed_uri.clone().unwrap_or_else(|_| Uri::Other(uri_text.to_owned()));
    let request = Request { method, uri, headers, body: Vec::new() };
    let line_fault = |expected| Some(SyntaxError::expected(expected).in_header(START_LINE));
    let fault = if version != "2.0" {
        Some((505, SyntaxError::expected("SIP/2.0").in_header(START_LINE)))
    } else if too_long {
        line_fault("a shorter message").map(|source| (513, source))
    } else {
        line_fault_of(start_line, &request, parsed_uri.err())
            .or(header_fault)
            .or_else(|| check_core(&request.headers).err())
            .or_else(|| check_others(&request.headers).err())
            .or_else(|| check_method(&request).err())
            .map(|source| (400, source))
    };
    let fault =
        fault.map_or_else(|| cut_body(&request.headers, body, delivery).map_err(|source| (400, source)), Err);
    match fault {
        Ok(body) => Ok(Message::Request(Request { body, ..request })),
        Err((status, source)) => Err(refuse(status, source, request)),
    }
}

/// Method, URI text (everything between) and version number.
fn split_request_line(line: &str) -> Option<(Method, &str, &str)> {
    let (method, rest) = line.split_once(' ')?;
    let (uri, version) = text::trim(rest).rsplit_once(' ')?;
    let version = version.strip_prefix("SIP/")?;
    Some((method.parse().ok()?, uri, version))
}

/// The request line has single spaces and nothing behind (RFC 3261 section 25.1), and its URI is one.
fn line_fault_of(line: &str, request: &Request, uri_fault: Option<SyntaxError>) -> Option<HeaderError> {
    if let Some(error) = uri_fault {
        return Some(error.in_header(START_LINE));
    }
    let exact = line.len() == request.method.as_str().len() + " SIP/2.0".len() + 1 + line_uri_length(line);
    (!exact || line.ends_with(' ')).then(|| SyntaxError::expected("single spaces").in_header(START_LINE))
}

fn line_uri_length(line: &str) -> usize {
    line.split(' ').nth(1).map_or(0, str::len)
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
    headers.expires_s()?;
    Ok(())
}

fn check_method(request: &Request) -> Result<(), HeaderError> {
    if request.headers.cseq()?.method == request.method {
        return Ok(());
    }
    Err(SyntaxError::expected("the method of the request line").in_header(name::CSEQ))
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
