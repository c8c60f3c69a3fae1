//! What the nodes of a pair say to each other, versioned.
//!
//! Fields are numbered (CBOR by `minicbor`): a field that is added is optional, a number is never used twice, so a
//! node of version N reads what N-1 says and the reverse. Deadlines travel as *remaining* milliseconds: the two
//! clocks share no start.

pub mod heartbeat;
pub mod live;
pub mod registration;
pub mod replication;

/// Version that this build speaks; it also understands the one before.
pub const VERSION: u16 = 1;
