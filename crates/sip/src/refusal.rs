//! What to do with octets that are no usable message.

use crate::error::HeaderError;
use crate::message::{Request, Response};

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
    #[error(transparent)]
    Refused(Box<Refusal>),
}

/// A broken request and the answer it deserves.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a request to refuse with {status}")]
pub struct Refusal {
    /// Status of the answer: 400, 501, 505 or 513
    pub status: u16,
    /// What is wrong
    pub source: HeaderError,
    /// What could be read: the headers as they came, repeated ones reduced to the first. The body is empty,
    /// the Request-URI may be [`crate::Uri::Other`] with any text.
    pub request: Request,
}

impl Refusal {
    /// The answer; the reason phrase of a 400 names the header at fault.
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
