//! What the exchange does on the wire, one file per behaviour, told by scripted phones.
#![allow(clippy::unwrap_used, reason = "clippy.toml allows it in tests, but not in the helpers beside them")]

mod call;
mod cancel;
mod common;
mod failure;
mod fork;
mod hold;
mod random;
mod registration;
mod retransmission;
mod services;
mod torture;
mod trunk;
