//! Methods: rsip's names for the standard ones, the text for all others.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use crate::error::SyntaxError;
use crate::text;

/// A request method. Names are case-sensitive (RFC 3261 section 7.1), which is why rsip's own parser is not
/// used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Method {
    /// One that an RFC defines; compare with the constants ([`Method::INVITE`]), they work in patterns too
    Standard(rsip::Method),
    /// Any other token
    Extension(String),
}

macro_rules! standard_methods {
    ($($constant:ident $variant:ident $name:literal $rfc:literal;)*) => {
        impl Method {
            $(#[doc = concat!("`", $name, "` (", $rfc, ")")]
            pub const $constant: Method = Method::Standard(rsip::Method::$variant);)*

            /// The name as it stands on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Method::Standard(rsip::Method::$variant) => $name,)*
                    Method::Extension(name) => name,
                }
            }

            fn standard(name: &str) -> Option<Method> {
                match name {
                    $($name => Some(Method::$constant),)*
                    _ => None,
                }
            }
        }
    };
}

standard_methods! {
    ACK Ack "ACK" "RFC 3261";
    BYE Bye "BYE" "RFC 3261";
    CANCEL Cancel "CANCEL" "RFC 3261";
    INFO Info "INFO" "RFC 6086";
    INVITE Invite "INVITE" "RFC 3261";
    MESSAGE Message "MESSAGE" "RFC 3428";
    NOTIFY Notify "NOTIFY" "RFC 6665";
    OPTIONS Options "OPTIONS" "RFC 3261";
    PRACK PRack "PRACK" "RFC 3262";
    PUBLISH Publish "PUBLISH" "RFC 3903";
    REFER Refer "REFER" "RFC 3515";
    REGISTER Register "REGISTER" "RFC 3261";
    SUBSCRIBE Subscribe "SUBSCRIBE" "RFC 6665";
    UPDATE Update "UPDATE" "RFC 3311";
}

impl FromStr for Method {
    type Err = SyntaxError;

    fn from_str(name: &str) -> Result<Self, SyntaxError> {
        if !text::is_token(name) {
            return Err(SyntaxError::expected("a method name"));
        }
        Ok(Method::standard(name).unwrap_or_else(|| Method::Extension(name.to_owned())))
    }
}

impl fmt::Display for Method {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Hash for Method {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}
