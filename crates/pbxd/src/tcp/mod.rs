//! TCP for SIP: listeners, connections in both directions, and the table of them that the core task owns.
//!
//! Each connection has one task that reads, cuts the stream into messages (`sip::framing`) and writes what the core
//! puts into its bounded outbox. The core never waits for a connection; a connection waits for the core.

mod connection;
mod listener;
mod table;

#[cfg(test)]
mod tests;

pub use listener::Listeners;
pub use table::Connections;
