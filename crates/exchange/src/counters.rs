//! What the exchange has seen: bad messages of the world are counted, not reported as errors.

/// Counts since the start; they only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Messages that arrived while this node does not serve, or before its first configuration
    pub messages_not_served: u64,
    /// Octets that are no usable SIP message and cannot be answered
    pub messages_unusable: u64,
    /// Broken requests that were answered with 400, 505 or 513
    pub requests_refused: u64,
    /// Requests
    pub requests: u64,
    /// Responses
    pub responses: u64,
    /// Responses that belong to no transaction of ours
    pub responses_stray: u64,
    /// ACKs that belong to no dialog or transaction of ours
    pub acks_stray: u64,
    /// Repeated requests that a transaction absorbed
    pub retransmissions: u64,
    /// Digest challenges sent to requests without credentials or with an old nonce
    pub challenges: u64,
    /// Wrong passwords, unknown accounts, forged nonces
    pub authentication_failures: u64,
    /// Requests refused with 503 because a limit was reached
    pub refused_at_limit: u64,
    /// Calls that began (INVITE with valid credentials)
    pub calls: u64,
    /// Calls that were answered
    pub calls_answered: u64,
    /// Registration changes of the peer node that were older than what is known here
    pub replicas_stale: u64,
    /// Messages that the shell could not send
    pub sends_failed: u64,
}
