//! What a datagram on a media port is, told from its first octets.

use crate::Channel;

/// Octets of an RTP header without contributing sources (RFC 3550 section 5.1).
const RTP_HEADER_BYTES: usize = 12;
/// Octets of the smallest RTCP packet: header and sender (RFC 3550 section 6.4.2).
const RTCP_PACKET_BYTES_MIN: usize = 8;
/// RTCP packet types: the range that RFC 5761 section 4 keeps apart from RTP.
const RTCP_TYPES: std::ops::RangeInclusive<u8> = 192..=223;
/// Octets of a STUN header (RFC 8489 section 5).
const STUN_HEADER_BYTES: usize = 20;
/// STUN Binding indication: the keep-alive of RFC 6263 section 4.5.
const STUN_BINDING_INDICATION: [u8; 2] = [0x00, 0x11];
/// Octets 4 to 8 of every STUN message (RFC 8489 section 5).
const STUN_MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

/// Kinds of datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// RTP, with what the counters need
    Rtp {
        /// Sequence number
        sequence: u16,
        /// Synchronisation source
        ssrc: u32,
    },
    /// RTCP
    Rtcp,
    /// It only keeps an address translation open (RFC 6263): it may teach a source and goes no further
    KeepAlive,
    /// Anything else: DTLS, STUN requests, T.38; passed between known ends, never taught from
    Other,
}

/// Tells what came in on a channel.
pub(crate) fn classify(channel: Channel, bytes: &[u8]) -> Kind {
    if bytes.is_empty() || is_binding_indication(bytes) {
        return Kind::KeepAlive;
    }
    let is_version_2 = bytes[0] >> 6 == 2;
    if !is_version_2 || bytes.len() < RTCP_PACKET_BYTES_MIN {
        return Kind::Other;
    }
    if RTCP_TYPES.contains(&bytes[1]) {
        return Kind::Rtcp;
    }
    if channel == Channel::Rtcp || bytes.len() < RTP_HEADER_BYTES {
        return Kind::Other;
    }
    Kind::Rtp {
        sequence: u16::from_be_bytes([bytes[2], bytes[3]]),
        ssrc: u32::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]),
    }
}

fn is_binding_indication(bytes: &[u8]) -> bool {
    bytes.len() >= STUN_HEADER_BYTES
        && bytes[..2] == STUN_BINDING_INDICATION
        && bytes[4..8] == STUN_MAGIC_COOKIE
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3550 section 5.1: version, sequence number and source of a plain RTP packet are read from their places.
    #[test]
    fn rtp_is_recognised() {
        let bytes = [0x80, 0x00, 0x12, 0x34, 0, 0, 0, 0xa0, 0xde, 0xad, 0xbe, 0xef, 0xff];
        assert_eq!(classify(Channel::Rtp, &bytes), Kind::Rtp { sequence: 0x1234, ssrc: 0xdead_beef });
    }

    /// RFC 5761 section 4: RTCP is known by its packet type on either port; the marker bit of RTP does not confuse it.
    #[test]
    fn rtcp_is_recognised_on_both_channels() {
        let sender_report = [0x80, 200, 0, 1, 0, 0, 0, 7];
        assert_eq!(classify(Channel::Rtp, &sender_report), Kind::Rtcp);
        assert_eq!(classify(Channel::Rtcp, &sender_report), Kind::Rtcp);
        let marked_pcma = [0x80, 0x88, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9];
        assert_eq!(classify(Channel::Rtp, &marked_pcma), Kind::Rtp { sequence: 1, ssrc: 9 });
    }

    /// RFC 6263 sections 4.1 and 4.5: an empty datagram and a STUN Binding indication are keep-alives.
    #[test]
    fn keep_alives_are_recognised() {
        assert_eq!(classify(Channel::Rtp, &[]), Kind::KeepAlive);
        let mut indication = [0u8; 20];
        indication[..2].copy_from_slice(&STUN_BINDING_INDICATION);
        assert_eq!(
            classify(Channel::Rtp, &indication),
            Kind::Other,
            "without the magic cookie it is no STUN"
        );
        indication[4..8].copy_from_slice(&STUN_MAGIC_COOKIE);
        assert_eq!(classify(Channel::Rtp, &indication), Kind::KeepAlive);
    }

    /// Row A18: other versions, short packets and RTP on the RTCP port are none of what teaches a source.
    #[test]
    fn the_rest_is_other() {
        assert_eq!(classify(Channel::Rtp, &[0x40; 12]), Kind::Other);
        assert_eq!(classify(Channel::Rtp, &[0x80; 7]), Kind::Other);
        assert_eq!(classify(Channel::Rtp, &[0x80, 0, 0, 0, 0, 0, 0, 0]), Kind::Other);
        assert_eq!(classify(Channel::Rtcp, &[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), Kind::Other);
    }
}
