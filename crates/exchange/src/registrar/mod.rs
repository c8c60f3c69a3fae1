//! The registrar: where the phones of an account are (RFC 3261 section 10).

mod bindings;
mod register;
mod replication;

pub(crate) use bindings::{BindingId, Bindings};
pub(crate) use register::{Refusal, Registration};
