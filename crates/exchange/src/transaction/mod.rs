//! Transactions: each request is handled once and answered reliably over UDP (RFC 3261 section 17, RFC 6026).

mod client;
mod constants;
mod server;

pub(crate) use client::{ClientId, Clients, Heard, origin, own_via};
pub(crate) use server::{ServerId, ServerKey, Servers};

use crate::call::{CallId, LegId, Purpose};

/// What a timer of a transaction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deadline {
    /// Send the last message again (timers A, E, G)
    Retransmit,
    /// Give up, or forget (timers B, D, F, H, I, J, K, L, M)
    End,
}

/// Whom the responses of a client transaction concern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A leg of a call
    Leg { call: CallId, leg: LegId, purpose: Purpose },
    /// An INVITE that nobody wants answered any more: a late 2xx is acknowledged and ended at once
    Abandoned,
    /// Nobody: BYE, CANCEL
    Nobody,
}
