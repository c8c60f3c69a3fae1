//! What happens to each packet stream of a call: here the plain relay of RTP and RTCP in user space.
//!
//! The relay stands between the two sides of a call. Each side has one local port for RTP and the next one for RTCP; a
//! packet that comes to one side leaves from the same channel of the other. Where a phone really sends from is learned
//! from its packets (symmetric RTP, RFC 4961), since a phone behind address translation cannot say it in its SDP;
//! `endpoint` holds the rules of that learning and of the protection against strangers.
//!
//! The core is pure: no socket, clock, file or randomness. **One input, then drain outputs until [`Output::Timeout`].**
//! It allocates when a session opens, never per packet.

mod counters;
mod endpoint;
mod io;
mod packet;
mod policy;
mod relay;

pub use counters::{Counters, DropReason};
pub use endpoint::{RELEARN_SILENCE_MS_MIN, RELEARN_WINDOW_MS, SAME_HOST_SILENCE_MS_MIN};
pub use io::{Channel, Input, InputError, Output, PACKET_BYTES_MAX, SESSIONS_MAX, Side, Slot};
pub use policy::Policy;
pub use relay::Relay;
