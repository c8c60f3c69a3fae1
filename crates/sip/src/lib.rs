//! SIP and SDP messages.
//!
//! Octets come in through our own front door ([`framing`], [`Message::parse`]): it cuts streams, unfolds
//! headers, maps compact names, splits lists and enforces [`limits`]. Behind it stand typed headers, URIs,
//! [`digest`] and [`sdp`]. Methods and status codes are rsip's types; its parser is not used (README.md says
//! why).
//!
//! Pure: no clock, no file, no socket, no randomness.
#![doc = include_str!("../README.md")]

mod debug;
pub mod digest;
mod equivalence;
mod error;
pub mod framing;
mod headers;
mod host;
pub mod limits;
mod message;
mod method;
mod name_addr;
mod params;
mod parse;
mod refusal;
pub mod sdp;
mod status;
mod text;
mod uri;
mod via;

pub use error::{HeaderError, SyntaxError};
pub use headers::{
    CSeq, ContentType, Event, Header, Headers, RAck, Reason, Refresher, RetryAfter, SessionExpires, Warning,
    name,
};
pub use host::Host;
pub use message::{Message, Request, Response};
pub use method::Method;
pub use name_addr::{Contacts, NameAddr};
pub use params::Params;
pub use parse::{Delivery, HEADER_LINE, START_LINE};
pub use refusal::{ParseError, Refusal};
pub use rsip::StatusCode;
pub use status::reason_phrase;
pub use uri::{SipUri, TelUri, Uri};
pub use via::{BRANCH_COOKIE, Via};
