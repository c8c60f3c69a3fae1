//! The terminal: keys from its octets, octets for its frames, and the tty itself.

pub mod encode;
pub mod keys;
pub mod tty;
