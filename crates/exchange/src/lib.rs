//! The telephone exchange: transactions, registrar, routing and calls as one deterministic state machine.

mod io;
mod setup;

pub use io::{
    CallRecord, CallStatus, Destination, EndpointType, Flow, Input, InputError, MediaCommand, MediaSession,
    Output, Side, Transport,
};
pub use setup::{Limits, LocalAddress, Setup};
