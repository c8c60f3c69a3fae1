//! Session descriptions (RFC 8866) as a B2BUA that relays media needs them (RFC 3264).

mod relay;

use std::fmt;
use std::net::{IpAddr, SocketAddr};

pub use relay::Relay;
use sdp_types::{Attribute, Connection, Media, Session};

use crate::limits::SDP_MEDIA_MAX;
use crate::text;

/// Content-Type of a session description.
pub const CONTENT_TYPE: &str = "application/sdp";

/// A body that is no usable session description.
#[derive(Debug, thiserror::Error)]
pub enum SdpError {
    /// It does not follow the grammar
    #[error("cannot read the session description")]
    Malformed {
        /// What the parser says
        #[source]
        source: sdp_types::ParserError,
    },
    /// It has more media than [`SDP_MEDIA_MAX`]
    #[error("a session description with {count} media, {SDP_MEDIA_MAX} at most")]
    TooManyMedia {
        /// Number of media
        count: usize,
    },
}

/// Who sends (RFC 3264 section 5.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Both
    #[default]
    SendRecv,
    /// The one whose description it is: the other is on hold
    SendOnly,
    /// The other one
    RecvOnly,
    /// Nobody
    Inactive,
}

impl Direction {
    /// The attribute name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }

    /// The direction that the one who no longer wants to receive is left with.
    #[must_use]
    pub const fn without_receiving(self) -> Self {
        match self {
            Direction::SendRecv | Direction::SendOnly => Direction::SendOnly,
            Direction::RecvOnly | Direction::Inactive => Direction::Inactive,
        }
    }

    fn of(attributes: &[Attribute]) -> Option<Direction> {
        [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive]
            .into_iter()
            .find(|direction| attributes.iter().any(|attribute| attribute.attribute == direction.as_str()))
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// One media description, what signalling needs of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// `audio`, `video`, `image`, …
    pub kind: String,
    /// `RTP/AVP`, `RTP/SAVP`, `udptl`, …
    pub protocol: String,
    /// Port as written; 0 means refused or switched off
    pub port: u16,
    /// Where it wants media; `None` when switched off, on hold with address 0, or named by a host name
    pub rtp: Option<SocketAddr>,
    /// Where it wants RTCP: `a=rtcp` (RFC 3605), else the port after that of media
    pub rtcp: Option<SocketAddr>,
    /// Direction, with that of the session as its default
    pub direction: Direction,
    /// Whether its connection address is 0.0.0.0 or `::`, the hold of RFC 2543
    pub zero_address: bool,
}

impl Stream {
    /// Whether we relay it: RTP/AVP audio that is not switched off.
    #[must_use]
    pub fn is_relayed(&self) -> bool {
        self.port != 0 && relay::is_relayed_kind(&self.kind, &self.protocol)
    }

    /// Whether its owner has put the other side on hold.
    #[must_use]
    pub fn is_hold(&self) -> bool {
        self.zero_address || matches!(self.direction, Direction::SendOnly | Direction::Inactive)
    }
}

/// A session description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description(Session);

impl Description {
    /// Reads a body. Octets that are no UTF-8 are read as Latin-1, as in headers.
    ///
    /// # Errors
    ///
    /// It is no session description, or has too many media.
    pub fn parse(body: &[u8]) -> Result<Self, SdpError> {
        let body = text::utf8_or_latin1(body);
        let session = Session::parse(body.as_bytes()).map_err(|source| SdpError::Malformed { source })?;
        match session.medias.len() {
            count if count > SDP_MEDIA_MAX => Err(SdpError::TooManyMedia { count }),
            _ => Ok(Description(session)),
        }
    }

    /// The body for the wire.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.0.write(&mut bytes).expect("writing to memory does not fail");
        bytes
    }

    /// The media in order.
    #[must_use]
    pub fn streams(&self) -> Vec<Stream> {
        self.0.medias.iter().map(|media| self.stream(media)).collect()
    }

    /// The stream that is relayed: the first RTP/AVP audio that is not switched off.
    #[must_use]
    pub fn relayed_stream(&self) -> Option<Stream> {
        self.streams().into_iter().find(Stream::is_relayed)
    }

    fn stream(&self, media: &Media) -> Stream {
        let connection = media.connections.first().or(self.0.connection.as_ref());
        let address = connection.and_then(address_of);
        let zero_address = address.is_some_and(|address| address.is_unspecified());
        let usable = address.filter(|address| media.port != 0 && !address.is_unspecified());
        Stream {
            kind: media.media.clone(),
            protocol: media.proto.clone(),
            port: media.port,
            rtp: usable.map(|address| (address, media.port).into()),
            rtcp: usable.and_then(|address| rtcp_of(media, address)),
            direction: Direction::of(&media.attributes)
                .or_else(|| Direction::of(&self.0.attributes))
                .unwrap_or_default(),
            zero_address,
        }
    }
}

/// IPv4 written as IPv6 (RFC 5118 section 4.10) is read as IPv4.
fn address_of(connection: &Connection) -> Option<IpAddr> {
    connection.try_address().ok().map(|address| address.ip.to_canonical())
}

/// `a=rtcp:port [IN IP4|IP6 address]` (RFC 3605 section 2.1).
fn rtcp_of(media: &Media, address: IpAddr) -> Option<SocketAddr> {
    let attribute = media.attributes.iter().find(|attribute| attribute.attribute == "rtcp");
    let Some(value) = attribute.and_then(|attribute| attribute.value.as_deref()) else {
        return media.port.checked_add(1).map(|port| (address, port).into());
    };
    let mut words = value.split_ascii_whitespace();
    let port: u16 = words.next().and_then(text::number)?;
    let own_address = words.nth(2).and_then(|address| address.parse::<IpAddr>().ok());
    Some((own_address.map_or(address, |own| own.to_canonical()), port).into())
}
