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

#[cfg(test)]
mod tests {
    use super::*;

    /// What the first version always sends; later fields are optional on both sides.
    #[derive(Encode, Decode)]
    struct Oldest {
        #[n(0)]
        account: String,
        #[n(1)]
        contact: String,
        #[n(2)]
        remaining_ms: u64,
        #[n(3)]
        transport: String,
        #[n(4)]
        local: String,
        #[n(5)]
        remote: String,
        #[n(6)]
        call_id: String,
        #[n(7)]
        cseq: u32,
    }

    /// Version N reads N-1 and the reverse: absent optional fields are none, unknown ones are passed over.
    #[test]
    fn versions_read_each_other() {
        let oldest = Oldest {
            account: "101".to_owned(),
            contact: "sip:101@10.20.0.101".to_owned(),
            remaining_ms: 60_000,
            transport: "udp".to_owned(),
            local: "10.20.0.10:5060".to_owned(),
            remote: "10.20.0.101:5060".to_owned(),
            call_id: "a".to_owned(),
            cseq: 2,
        };
        let mut update: RegistrationUpdate = minicbor::decode(&minicbor::to_vec(&oldest).unwrap()).unwrap();
        assert_eq!((update.account.as_str(), update.cseq, &update.instance), ("101", 2, &None));
        update.instance = Some("<urn:uuid:1>".to_owned());
        update.user_agent = Some("Phone/1".to_owned());
        let back: Oldest = minicbor::decode(&minicbor::to_vec(&update).unwrap()).unwrap();
        assert_eq!((back.contact, back.remaining_ms), (oldest.contact, 60_000));
        let same: RegistrationUpdate = minicbor::decode(&minicbor::to_vec(&update).unwrap()).unwrap();
        assert_eq!(same, update);
    }
}
