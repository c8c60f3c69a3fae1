//! Rewriting a description so that media flows through us.

use std::net::IpAddr;

use sdp_types::{Attribute, Connection, Media, Origin};

use super::{Description, Direction};

/// Attributes that promise a path around the relay, or RTCP elsewhere than on the next port.
const DROPPED_ATTRIBUTES: [&str; 12] = [
    "candidate",
    "remote-candidates",
    "end-of-candidates",
    "ice-ufrag",
    "ice-pwd",
    "ice-options",
    "ice-lite",
    "ice-mismatch",
    "ice-pacing",
    "rtcp",
    "rtcp-mux",
    "rtcp-mux-only",
];

/// Whether a media description is of the kind that is relayed.
pub(super) fn is_relayed_kind(kind: &str, protocol: &str) -> bool {
    kind.eq_ignore_ascii_case("audio") && protocol.eq_ignore_ascii_case("RTP/AVP")
}

/// The descriptions that one leg gets from us: one origin, whose version grows when the content changes (RFC
/// 3264 section 8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relay {
    session_id: u64,
    version: u64,
    last: Vec<u8>,
}

impl Relay {
    /// For a new leg; `session_id` is unique among our sessions.
    #[must_use]
    pub const fn new(session_id: u64) -> Self {
        Relay { session_id, version: 0, last: Vec::new() }
    }

    /// The body to send to this leg: the other side's description with media at `address`, RTP on `rtp_port`
    /// and RTCP on the next port. The first RTP/AVP audio is relayed; every other media keeps its line with
    /// port 0, so that offer and answer still match line by line (RFC 3264 section 6).
    pub fn rewrite(&mut self, description: &Description, address: IpAddr, rtp_port: u16) -> Vec<u8> {
        let streams = description.streams();
        let relayed = streams.iter().position(super::Stream::is_relayed);
        let mut session = description.0.clone();
        if session.session_name.is_empty() {
            "-".clone_into(&mut session.session_name);
        }
        session.connection = Some(Connection::from_ip_addr(address));
        retain_attributes(&mut session.attributes);
        session.attributes.retain(|attribute| attribute.attribute != "group");
        for (index, media) in session.medias.iter_mut().enumerate() {
            media.connections.clear();
            media.num_ports = None;
            if Some(index) == relayed {
                relay_media(media, rtp_port);
                if streams[index].zero_address {
                    set_direction(media, streams[index].direction.without_receiving());
                }
            } else {
                switch_off(media);
            }
        }
        session.origin = Origin::with_ip_addr(self.session_id, self.version, address);
        session.origin.username = Some("-".to_owned());
        let mut own = Description(session);
        let body = own.to_bytes();
        if body == self.last {
            return body;
        }
        self.version += 1;
        own.0.origin.sess_version = self.version;
        self.last = own.to_bytes();
        self.last.clone()
    }
}

fn relay_media(media: &mut Media, rtp_port: u16) {
    media.port = rtp_port;
    retain_attributes(&mut media.attributes);
}

fn switch_off(media: &mut Media) {
    media.port = 0;
    media.bandwidths.clear();
    media.attributes.clear();
}

fn retain_attributes(attributes: &mut Vec<Attribute>) {
    attributes.retain(|attribute| !DROPPED_ATTRIBUTES.contains(&attribute.attribute.as_str()));
}

fn set_direction(media: &mut Media, direction: Direction) {
    media.attributes.retain(|attribute| {
        !matches!(attribute.attribute.as_str(), "sendrecv" | "sendonly" | "recvonly" | "inactive")
    });
    media.attributes.push(Attribute::new(direction.as_str()));
}
