//! The two hashes of digest authentication and the comparison that tells nothing by its time.

use std::fmt;
use std::str::FromStr;

use md5::{Digest as _, Md5};
use sha2::Sha256;

use crate::error::SyntaxError;

/// Hash of a challenge (RFC 7616 section 3.3, RFC 8760). The `-sess` variants are not offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// `MD5`, what every phone knows
    Md5,
    /// `SHA-256`
    Sha256,
}

impl Algorithm {
    /// The hash of the text in lower-case hexadecimal digits.
    #[must_use]
    pub fn hash(self, text: &str) -> String {
        match self {
            Algorithm::Md5 => hex::encode(Md5::digest(text.as_bytes())),
            Algorithm::Sha256 => hex::encode(Sha256::digest(text.as_bytes())),
        }
    }
}

impl FromStr for Algorithm {
    type Err = SyntaxError;

    fn from_str(name: &str) -> Result<Self, SyntaxError> {
        if name.eq_ignore_ascii_case("MD5") {
            Ok(Algorithm::Md5)
        } else if name.eq_ignore_ascii_case("SHA-256") {
            Ok(Algorithm::Sha256)
        } else {
            Err(SyntaxError::expected("MD5 or SHA-256"))
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Sha256 => "SHA-256",
        })
    }
}

/// Whether two secrets are equal, in a time that depends on their lengths only.
#[must_use]
pub fn constant_time_eq(own: &[u8], other: &[u8]) -> bool {
    let difference = own.iter().zip(other).fold(0, |difference, (own, other)| difference | (own ^ other));
    own.len() == other.len() && std::hint::black_box(difference) == 0
}
