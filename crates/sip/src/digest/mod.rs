//! Digest authentication (RFC 2617, RFC 7616, RFC 8760): challenges, credentials, and nonces that any node of
//! a pair knows.

mod challenge;
mod credentials;
mod hash;
mod nonce;
mod pairs;

pub use challenge::Challenge;
pub use credentials::{ClientNonce, Credentials, Verdict, Verifier};
pub use hash::{Algorithm, constant_time_eq};
pub use nonce::{NONCE_FUTURE_MAX_S, NonceKey, NonceState};
