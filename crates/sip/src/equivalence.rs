//! Comparison of URIs by RFC 3261 section 19.1.4.

use crate::params::{Params, is_unreserved};
use crate::text;
use crate::uri::{SipUri, Uri};

/// Parameters that must stand in both URIs or in neither; all others count only where both have them.
const ALWAYS_COMPARED: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];

impl Uri {
    /// Whether both name the same resource: RFC 3261 section 19.1.4 for SIP, RFC 3966 section 4 for `tel:`,
    /// equal text otherwise.
    #[must_use]
    pub fn is_equivalent(&self, other: &Uri) -> bool {
        match (self, other) {
            (Uri::Sip(own), Uri::Sip(other)) => own.is_equivalent(other),
            (Uri::Tel(own), Uri::Tel(other)) => {
                own.digits().eq_ignore_ascii_case(&other.digits())
                    && normal_params(&own.params) == normal_params(&other.params)
            }
            (Uri::Other(own), Uri::Other(other)) => own == other,
            _ => false,
        }
    }
}

impl SipUri {
    /// Whether both name the same resource by RFC 3261 section 19.1.4.
    #[must_use]
    pub fn is_equivalent(&self, other: &SipUri) -> bool {
        self.secure == other.secure
            && normal_optional(self.raw_user.as_deref()) == normal_optional(other.raw_user.as_deref())
            && normal_optional(self.raw_password.as_deref()) == normal_optional(other.raw_password.as_deref())
            && self.host == other.host
            && self.port == other.port
            && params_match(&self.params, &other.params)
            && sorted_headers(self) == sorted_headers(other)
    }
}

/// A parameter that only one URI has does not count, unless it is one of [`ALWAYS_COMPARED`].
fn params_match(own: &Params, other: &Params) -> bool {
    let (own, other) = (normal_params(own), normal_params(other));
    let value = |params: &[NormalParam], name: &str| params.iter().find(|(known, _)| known == name).cloned();
    ALWAYS_COMPARED.iter().all(|name| value(&own, name).is_some() == value(&other, name).is_some())
        && own.iter().all(|param| value(&other, &param.0).is_none_or(|theirs| theirs == *param))
}

/// Name and value of a parameter, comparable as text.
type NormalParam = (String, Option<String>);

/// Sorted by name; of a repeated parameter the first counts, as everywhere.
fn normal_params(params: &Params) -> Vec<NormalParam> {
    let comparable = |text: &str| normal(text).to_ascii_lowercase();
    let mut normal: Vec<NormalParam> =
        params.iter().map(|(name, value)| (comparable(name), value.map(comparable))).collect();
    normal.sort_by(|one, other| one.0.cmp(&other.0));
    normal.dedup_by(|later, first| later.0 == first.0);
    normal
}

/// Header names compare without regard to case, values as text; the order does not count.
fn sorted_headers(uri: &SipUri) -> Vec<(String, String)> {
    let mut headers: Vec<_> = uri
        .raw_headers
        .iter()
        .flat_map(|headers| headers.split('&'))
        .map(|header| header.split_once('=').unwrap_or((header, "")))
        .map(|(name, value)| (normal(name).to_ascii_lowercase(), normal(value)))
        .collect();
    headers.sort();
    headers
}

fn normal_optional(text: Option<&str>) -> Option<String> {
    text.map(normal)
}

/// Escapes of unreserved characters are undone, all others get upper-case digits: equal text then means equal
/// meaning.
fn normal(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        match text::escaped_octet(&bytes[at..]) {
            Some(octet) if is_unreserved(octet) => plain.push(octet as char),
            Some(octet) => plain.push_str(&format!("%{octet:02X}")),
            None => {
                plain.push(bytes[at] as char);
                at += 1;
                continue;
            }
        }
        at += 3;
    }
    plain
}
