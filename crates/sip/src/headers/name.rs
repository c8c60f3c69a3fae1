//! Header names: the long form, the compact form, and which values are comma lists.

macro_rules! header_names {
    ($($constant:ident $name:literal $compact:tt $list:tt $doc:literal;)*) => {
        $(#[doc = $doc] pub const $constant: &str = $name;)*

        /// All names known here: long name, compact form, whether a comma separates values.
        const KNOWN: &[(&str, Option<u8>, bool)] =
            &[$(($name, header_names!(@compact $compact), header_names!(@list $list)),)*];
    };
    (@compact -) => { None };
    (@compact $letter:literal) => { Some($letter) };
    (@list list) => { true };
    (@list one) => { false };
}

header_names! {
    VIA "Via" b'v' list "RFC 3261 section 20.42";
    ROUTE "Route" - list "RFC 3261 section 20.34";
    RECORD_ROUTE "Record-Route" - list "RFC 3261 section 20.30";
    MAX_FORWARDS "Max-Forwards" - one "RFC 3261 section 20.22";
    FROM "From" b'f' one "RFC 3261 section 20.20";
    TO "To" b't' one "RFC 3261 section 20.39";
    CALL_ID "Call-ID" b'i' one "RFC 3261 section 20.8";
    CSEQ "CSeq" - one "RFC 3261 section 20.16";
    CONTACT "Contact" b'm' list "RFC 3261 section 20.10";
    EXPIRES "Expires" - one "RFC 3261 section 20.19";
    MIN_EXPIRES "Min-Expires" - one "RFC 3261 section 20.23";
    REQUIRE "Require" - list "RFC 3261 section 20.32";
    PROXY_REQUIRE "Proxy-Require" - list "RFC 3261 section 20.29";
    SUPPORTED "Supported" b'k' list "RFC 3261 section 20.37";
    UNSUPPORTED "Unsupported" - list "RFC 3261 section 20.40";
    ALLOW "Allow" - list "RFC 3261 section 20.5";
    ACCEPT "Accept" - list "RFC 3261 section 20.1";
    ACCEPT_ENCODING "Accept-Encoding" - list "RFC 3261 section 20.2";
    ACCEPT_LANGUAGE "Accept-Language" - list "RFC 3261 section 20.3";
    CONTENT_TYPE "Content-Type" b'c' one "RFC 3261 section 20.15";
    CONTENT_LENGTH "Content-Length" b'l' one "RFC 3261 section 20.14";
    CONTENT_ENCODING "Content-Encoding" b'e' list "RFC 3261 section 20.12";
    CONTENT_LANGUAGE "Content-Language" - list "RFC 3261 section 20.13";
    CONTENT_DISPOSITION "Content-Disposition" - one "RFC 3261 section 20.11";
    AUTHORIZATION "Authorization" - one "RFC 3261 section 20.7";
    PROXY_AUTHORIZATION "Proxy-Authorization" - one "RFC 3261 section 20.28";
    WWW_AUTHENTICATE "WWW-Authenticate" - one "RFC 3261 section 20.44";
    PROXY_AUTHENTICATE "Proxy-Authenticate" - one "RFC 3261 section 20.27";
    AUTHENTICATION_INFO "Authentication-Info" - one "RFC 3261 section 20.6";
    DATE "Date" - one "RFC 3261 section 20.17";
    SUBJECT "Subject" b's' one "RFC 3261 section 20.36";
    USER_AGENT "User-Agent" - one "RFC 3261 section 20.41";
    SERVER "Server" - one "RFC 3261 section 20.35";
    ORGANIZATION "Organization" - one "RFC 3261 section 20.25";
    PRIORITY "Priority" - one "RFC 3261 section 20.26";
    RETRY_AFTER "Retry-After" - one "RFC 3261 section 20.33";
    WARNING "Warning" - list "RFC 3261 section 20.43";
    ALERT_INFO "Alert-Info" - list "RFC 3261 section 20.4";
    CALL_INFO "Call-Info" - list "RFC 3261 section 20.9";
    ERROR_INFO "Error-Info" - list "RFC 3261 section 20.18";
    IN_REPLY_TO "In-Reply-To" - list "RFC 3261 section 20.21";
    REPLY_TO "Reply-To" - one "RFC 3261 section 20.31";
    TIMESTAMP "Timestamp" - one "RFC 3261 section 20.38";
    MIME_VERSION "MIME-Version" - one "RFC 3261 section 20.24";
    RACK "RAck" - one "RFC 3262 section 7.2";
    RSEQ "RSeq" - one "RFC 3262 section 7.1";
    SESSION_EXPIRES "Session-Expires" b'x' one "RFC 4028 section 4";
    MIN_SE "Min-SE" - one "RFC 4028 section 5";
    EVENT "Event" b'o' one "RFC 6665 section 8.2.1";
    ALLOW_EVENTS "Allow-Events" b'u' list "RFC 6665 section 8.2.2";
    SUBSCRIPTION_STATE "Subscription-State" - one "RFC 6665 section 8.2.3";
    REFER_TO "Refer-To" b'r' one "RFC 3515 section 2.1";
    REFERRED_BY "Referred-By" b'b' one "RFC 3892 section 3";
    REFER_SUB "Refer-Sub" - one "RFC 4488 section 4";
    REPLACES "Replaces" - one "RFC 3891 section 6.1";
    REASON "Reason" - list "RFC 3326 section 2";
    PRIVACY "Privacy" - one "RFC 3323 section 4.2";
    P_ASSERTED_IDENTITY "P-Asserted-Identity" - list "RFC 3325 section 9.1";
    P_PREFERRED_IDENTITY "P-Preferred-Identity" - list "RFC 3325 section 9.2";
    REMOTE_PARTY_ID "Remote-Party-ID" - list "draft-ietf-sip-privacy-04, never an RFC, widely sent";
    DIVERSION "Diversion" - list "RFC 5806 section 3";
    HISTORY_INFO "History-Info" - list "RFC 7044 section 5";
    PATH "Path" - list "RFC 3327 section 4";
    SERVICE_ROUTE "Service-Route" - list "RFC 3608 section 5";
    SIP_ETAG "SIP-ETag" - one "RFC 3903 section 11.3.1";
    SIP_IF_MATCH "SIP-If-Match" - one "RFC 3903 section 11.3.2";
    IDENTITY "Identity" b'y' one "RFC 8224 section 4";
    ACCEPT_CONTACT "Accept-Contact" b'a' list "RFC 3841 section 9.2";
    REJECT_CONTACT "Reject-Contact" b'j' list "RFC 3841 section 9.3";
    REQUEST_DISPOSITION "Request-Disposition" b'd' list "RFC 3841 section 9.1";
}

/// The long name in its usual spelling, from the long or the compact form in any case; `None` when not known
/// here.
#[must_use]
pub fn known(name: &str) -> Option<&'static str> {
    let entry = match name.as_bytes() {
        [letter] => KNOWN.iter().find(|(_, compact, _)| *compact == Some(letter.to_ascii_lowercase())),
        _ => KNOWN.iter().find(|(long, ..)| long.eq_ignore_ascii_case(name)),
    };
    entry.map(|(long, ..)| *long)
}

/// Whether several values of this header may stand on one line, separated by commas (long name).
#[must_use]
pub fn is_list(name: &str) -> bool {
    KNOWN.iter().any(|(long, _, list)| *list && long.eq_ignore_ascii_case(name))
}
