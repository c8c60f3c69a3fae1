//! The telephone exchange: transactions, registrar, routing and calls as one deterministic state machine.
//!
//! [`Exchange`] takes one [`Input`] at a time and hands out [`Output`]s; its shell (`pbxd`) owns the sockets, the media
//! relay, the clock and the link to the peer node.
//!
//! Pure: no clock, no file, no socket, no randomness of the operating system.

mod authentication;
mod call;
mod core;
mod counters;
mod dialling;
mod exchange;
mod incoming;
mod io;
mod ports;
mod registrar;
mod requests;
mod routing;
mod services;
mod setup;
mod signalling;
mod timers;
mod tokens;
mod transaction;

pub use counters::Counters;
pub use exchange::{Exchange, Load};
pub use io::{
    CallRecord, CallStatus, Destination, EndpointType, Flow, Input, InputError, MediaCommand, MediaSession,
    Output, Side, Transport,
};
pub use setup::{Limits, LocalAddress, Setup};
