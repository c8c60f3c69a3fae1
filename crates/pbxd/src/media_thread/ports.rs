//! The four sockets of a call, and the numbers under which epoll reports them.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use exchange::MediaSession;
use media::{Channel, Side, Slot};

use crate::sockets;

/// The sockets of one session.
#[derive(Debug)]
pub(super) struct Ports {
    pub(super) session: MediaSession,
    sockets: [UdpSocket; 4],
}

/// One socket of one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Port {
    pub(super) slot: Slot,
    pub(super) side: Side,
    pub(super) channel: Channel,
}

impl Ports {
    /// Binds RTP of both sides and RTCP on the ports that follow.
    pub(super) fn bind(session: MediaSession, caller: SocketAddr, callee: SocketAddr) -> io::Result<Self> {
        let [caller_rtcp, callee_rtcp] = [rtcp_of(caller)?, rtcp_of(callee)?];
        let sockets = [
            sockets::media_udp(caller)?,
            sockets::media_udp(caller_rtcp)?,
            sockets::media_udp(callee)?,
            sockets::media_udp(callee_rtcp)?,
        ];
        Ok(Ports { session, sockets })
    }

    /// The socket of a side and channel.
    #[inline]
    pub(super) fn socket(&self, side: Side, channel: Channel) -> &UdpSocket {
        &self.sockets[Port { slot: Slot(0), side, channel }.place()]
    }
}

impl Port {
    /// All four of a session.
    pub(super) fn of(slot: Slot) -> impl Iterator<Item = Port> {
        Side::BOTH
            .into_iter()
            .flat_map(move |side| Channel::BOTH.into_iter().map(move |channel| Port { slot, side, channel }))
    }

    /// Its number among all sockets of the thread.
    pub(super) fn token(self) -> u64 {
        u64::from(self.slot.0) << 2 | self.place() as u64
    }

    /// The port of a number that [`Self::token`] gave.
    #[inline]
    pub(super) fn from_token(token: u64) -> Option<Port> {
        let slot = Slot(u32::try_from(token >> 2).ok()?);
        let side = if token & 2 == 0 { Side::Caller } else { Side::Callee };
        let channel = if token & 1 == 0 { Channel::Rtp } else { Channel::Rtcp };
        Some(Port { slot, side, channel })
    }

    fn place(self) -> usize {
        (self.side as usize) << 1 | self.channel as usize
    }
}

/// The RTCP port that belongs to an RTP port (RFC 3550 section 11).
fn rtcp_of(rtp: SocketAddr) -> io::Result<SocketAddr> {
    let port = rtp.port().checked_add(1).ok_or(io::ErrorKind::InvalidInput)?;
    Ok(SocketAddr::new(rtp.ip(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Row A18: each of the four sockets of a call is found again by its number.
    #[test]
    fn tokens_name_one_socket_each() {
        let ports: Vec<Port> = Port::of(Slot(7)).collect();
        assert_eq!(ports.len(), 4);
        for (place, port) in ports.iter().enumerate() {
            assert_eq!(port.token(), 28 + place as u64);
            assert_eq!(Port::from_token(port.token()), Some(*port));
        }
    }
}
