//! Header values read as types. Each call reads the text; nothing is cached, so the text is always what
//! counts.

use std::str::FromStr;

use super::values::{CSeq, ContentType, Event, RAck, Reason, RetryAfter, SessionExpires, Warning};
use super::{Headers, name};
use crate::digest::{Challenge, Credentials};
use crate::error::{HeaderError, SyntaxError};
use crate::name_addr::{Contacts, NameAddr};
use crate::text;
use crate::via::Via;

/// Errors are alike everywhere: [`HeaderError`] names the header that is missing, repeated or malformed.
#[allow(clippy::missing_errors_doc)]
impl Headers {
    /// All Via values, the newest first.
    pub fn vias(&self) -> Result<Vec<Via>, HeaderError> {
        self.list(name::VIA)
    }

    /// The newest Via.
    pub fn top_via(&self) -> Result<Via, HeaderError> {
        let value = self.get(name::VIA).ok_or(HeaderError::Missing { name: name::VIA })?;
        value.parse().map_err(|error: SyntaxError| error.in_header(name::VIA))
    }

    /// From.
    pub fn from(&self) -> Result<NameAddr, HeaderError> {
        self.required(name::FROM)
    }

    /// To.
    pub fn to(&self) -> Result<NameAddr, HeaderError> {
        self.required(name::TO)
    }

    /// Call-ID.
    pub fn call_id(&self) -> Result<&str, HeaderError> {
        let value = self.sole(name::CALL_ID)?.ok_or(HeaderError::Missing { name: name::CALL_ID })?;
        if value.is_empty() || value.contains([' ', '\t']) {
            return Err(SyntaxError::expected("a word").in_header(name::CALL_ID));
        }
        Ok(value)
    }

    /// CSeq.
    pub fn cseq(&self) -> Result<CSeq, HeaderError> {
        self.required(name::CSEQ)
    }

    /// Contact: `*` or the list.
    pub fn contacts(&self) -> Result<Contacts, HeaderError> {
        let values: Vec<_> = self.all(name::CONTACT).collect();
        match values[..] {
            ["*"] => Ok(Contacts::All),
            _ => self.list(name::CONTACT).map(Contacts::List),
        }
    }

    /// The first contact: the remote target of a dialog.
    pub fn contact(&self) -> Result<NameAddr, HeaderError> {
        let value = self.get(name::CONTACT).ok_or(HeaderError::Missing { name: name::CONTACT })?;
        value.parse().map_err(|error: SyntaxError| error.in_header(name::CONTACT))
    }

    /// Route, in order.
    pub fn routes(&self) -> Result<Vec<NameAddr>, HeaderError> {
        self.list(name::ROUTE)
    }

    /// Record-Route, in order.
    pub fn record_routes(&self) -> Result<Vec<NameAddr>, HeaderError> {
        self.list(name::RECORD_ROUTE)
    }

    /// Max-Forwards, 0 to 255; `None` when absent (RFC 2543 peers).
    pub fn max_forwards(&self) -> Result<Option<u8>, HeaderError> {
        match self.sole(name::MAX_FORWARDS)? {
            None => Ok(None),
            Some(value) => text::number(value)
                .map(Some)
                .ok_or(SyntaxError::expected("a number up to 255").in_header(name::MAX_FORWARDS)),
        }
    }

    /// Expires in seconds; a larger number than the type holds means the largest, and what is no number
    /// counts as absent (RFC 3261 section 10.2.1.1).
    pub fn expires_s(&self) -> Result<Option<u32>, HeaderError> {
        Ok(self.sole(name::EXPIRES)?.and_then(text::seconds))
    }

    /// Min-Expires in seconds.
    pub fn min_expires_s(&self) -> Result<Option<u32>, HeaderError> {
        self.optional_seconds(name::MIN_EXPIRES)
    }

    /// Min-SE in seconds.
    pub fn min_se_s(&self) -> Result<Option<u32>, HeaderError> {
        match self.sole(name::MIN_SE)? {
            None => Ok(None),
            Some(value) => {
                let interval: SessionExpires =
                    value.parse().map_err(|error: SyntaxError| error.in_header(name::MIN_SE))?;
                Ok(Some(interval.interval_s))
            }
        }
    }

    /// Whether a list of tokens (Supported, Require, Allow, Accept, Privacy, …) has this one, whatever its
    /// case.
    #[must_use]
    pub fn lists(&self, name: &str, token: &str) -> bool {
        self.all(name)
            .flat_map(|value| value.split([',', ';']))
            .any(|own| text::trim(own).eq_ignore_ascii_case(token))
    }

    /// Content-Type.
    pub fn content_type(&self) -> Result<Option<ContentType>, HeaderError> {
        self.optional(name::CONTENT_TYPE)
    }

    /// Session-Expires.
    pub fn session_expires(&self) -> Result<Option<SessionExpires>, HeaderError> {
        self.optional(name::SESSION_EXPIRES)
    }

    /// Event.
    pub fn event(&self) -> Result<Option<Event>, HeaderError> {
        self.optional(name::EVENT)
    }

    /// Refer-To.
    pub fn refer_to(&self) -> Result<Option<NameAddr>, HeaderError> {
        self.optional(name::REFER_TO)
    }

    /// RAck.
    pub fn rack(&self) -> Result<Option<RAck>, HeaderError> {
        self.optional(name::RACK)
    }

    /// RSeq.
    pub fn rseq(&self) -> Result<Option<u32>, HeaderError> {
        match self.sole(name::RSEQ)? {
            None => Ok(None),
            Some(value) => {
                text::number(value).map(Some).ok_or(SyntaxError::expected("a number").in_header(name::RSEQ))
            }
        }
    }

    /// Retry-After.
    pub fn retry_after(&self) -> Result<Option<RetryAfter>, HeaderError> {
        self.optional(name::RETRY_AFTER)
    }

    /// Reason values.
    pub fn reasons(&self) -> Result<Vec<Reason>, HeaderError> {
        self.list(name::REASON)
    }

    /// Warning values.
    pub fn warnings(&self) -> Result<Vec<Warning>, HeaderError> {
        self.list(name::WARNING)
    }

    /// P-Asserted-Identity values: who the trusted network says is calling.
    pub fn asserted_identities(&self) -> Result<Vec<NameAddr>, HeaderError> {
        self.list(name::P_ASSERTED_IDENTITY)
    }

    /// The first Remote-Party-ID, the older form of the same.
    pub fn remote_party_id(&self) -> Result<Option<NameAddr>, HeaderError> {
        Ok(self.list(name::REMOTE_PARTY_ID)?.into_iter().next())
    }

    /// Whether the caller asked that who they are is hidden: Privacy `id`, `user` or `header` (RFC 3323, RFC
    /// 3325).
    #[must_use]
    pub fn wants_privacy(&self) -> bool {
        ["id", "user", "header"].iter().any(|kind| self.lists(name::PRIVACY, kind))
    }

    /// Digest credentials in Authorization or Proxy-Authorization; other schemes are passed over.
    pub fn credentials(&self, header_name: &'static str) -> Result<Vec<Credentials>, HeaderError> {
        self.digest_values(header_name)
    }

    /// Digest challenges in WWW-Authenticate or Proxy-Authenticate; other schemes are passed over.
    pub fn challenges(&self, header_name: &'static str) -> Result<Vec<Challenge>, HeaderError> {
        self.digest_values(header_name)
    }

    /// Every value of a header as a type.
    pub fn list<T: FromStr<Err = SyntaxError>>(
        &self,
        header_name: &'static str,
    ) -> Result<Vec<T>, HeaderError> {
        self.all(header_name)
            .map(|value| value.parse().map_err(|error: SyntaxError| error.in_header(header_name)))
            .collect()
    }

    /// The value of a header that may stand once.
    pub fn optional<T: FromStr<Err = SyntaxError>>(
        &self,
        header_name: &'static str,
    ) -> Result<Option<T>, HeaderError> {
        let Some(value) = self.sole(header_name)? else { return Ok(None) };
        value.parse().map(Some).map_err(|error: SyntaxError| error.in_header(header_name))
    }

    /// The value of a header that must stand once.
    pub fn required<T: FromStr<Err = SyntaxError>>(
        &self,
        header_name: &'static str,
    ) -> Result<T, HeaderError> {
        self.optional(header_name)?.ok_or(HeaderError::Missing { name: header_name })
    }

    fn digest_values<T: FromStr<Err = SyntaxError>>(
        &self,
        header_name: &'static str,
    ) -> Result<Vec<T>, HeaderError> {
        self.all(header_name)
            .filter(|value| value.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("digest")))
            .map(|value| value.parse().map_err(|error: SyntaxError| error.in_header(header_name)))
            .collect()
    }

    fn optional_seconds(&self, header_name: &'static str) -> Result<Option<u32>, HeaderError> {
        match self.sole(header_name)? {
            None => Ok(None),
            Some(value) => {
                text::seconds(value).map(Some).ok_or(SyntaxError::expected("seconds").in_header(header_name))
            }
        }
    }

    /// The value of a header that may not stand twice.
    pub(crate) fn sole(&self, header_name: &'static str) -> Result<Option<&str>, HeaderError> {
        let mut values = self.all(header_name);
        match (values.next(), values.next()) {
            (value, None) => Ok(value),
            _ => Err(HeaderError::Repeated { name: header_name }),
        }
    }
}
