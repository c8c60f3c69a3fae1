//! Registrations between the telephone daemons of a pair (live state: best effort, full copy on reconnection).

use minicbor::{Decode, Encode};

/// One binding of an account, as the registering node holds it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RegistrationUpdate {
    /// Account (user part of the address of record)
    #[n(0)]
    pub account: String,
    /// Contact URI as registered, without parameters of the header
    #[n(1)]
    pub contact: String,
    /// Milliseconds until it expires; 0 removes it
    #[n(2)]
    pub remaining_ms: u64,
    /// `udp` or `tcp`
    #[n(3)]
    pub transport: String,
    /// Our address and port that the phone registered at
    #[n(4)]
    pub local: String,
    /// The phone's address and port as seen by the socket
    #[n(5)]
    pub remote: String,
    /// Call-ID of the registration
    #[n(6)]
    pub call_id: String,
    /// `CSeq` number of the registration
    #[n(7)]
    pub cseq: u32,
    /// `+sip.instance` (RFC 5626), if the phone has one
    #[n(8)]
    pub instance: Option<String>,
    /// `q` of the contact in thousandths (RFC 3261 section 20.10); absent is 1000
    #[n(9)]
    pub q_thousandths: Option<u16>,
    /// Value of the `User-Agent` header
    #[n(10)]
    pub user_agent: Option<String>,
}
