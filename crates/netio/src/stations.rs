//! Notices other stations on a network segment by their ARP requests: evidence that an interface is not cut off.
//!
//! ARP is broadcast, so a standby sees it too; and rare, so watching costs nothing. Stations that speak only IPv6 are
//! not noticed; an interface of that kind needs a ping group of its own ([`crate::ping`]).

use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr};

use socket2::{Socket, Type};
use tokio::io::unix::AsyncFd;

use crate::raw::{self, ETHERTYPE_ARP};

/// Bytes of an ARP packet for IPv4 over Ethernet (RFC 826).
const ARP_BYTES: usize = 28;

/// Watches one interface.
#[derive(Debug)]
pub struct StationWatch {
    socket: AsyncFd<Socket>,
}

impl StationWatch {
    /// Opens the socket of `interface`.
    ///
    /// # Errors
    /// [`io::Error`] when the interface is not there or the process lacks `CAP_NET_RAW`.
    pub fn open(interface: &str) -> io::Result<Self> {
        Ok(StationWatch { socket: raw::register(raw::open(interface, Type::DGRAM, ETHERTYPE_ARP)?)? })
    }

    /// Waits for an ARP packet of a station whose address is none of `ours` and returns that address. Cancel-safe.
    ///
    /// # Errors
    /// [`io::Error`]: the interface is down (`ENETDOWN`) or gone; open another watch.
    pub async fn seen(&self, ours: &[IpAddr]) -> io::Result<IpAddr> {
        loop {
            let mut guard = self.socket.readable().await?;
            let mut packet = [0; 128];
            let Ok(read) = guard.try_io(|socket| socket.get_ref().read(&mut packet)) else { continue };
            let length = read?;
            let sender = arp_sender(&packet[..length]).map(IpAddr::V4);
            if let Some(stranger) = sender.filter(|sender| !ours.contains(sender)) {
                return Ok(stranger);
            }
        }
    }
}

/// Protocol address of the sender; `None` for other packets and for probes, which have none yet (RFC 5227).
fn arp_sender(packet: &[u8]) -> Option<Ipv4Addr> {
    let packet: &[u8; ARP_BYTES] = packet.get(..ARP_BYTES)?.try_into().ok()?;
    let is_ipv4_over_ethernet = packet[..6] == [0, 1, 8, 0, 6, 4];
    let sender = Ipv4Addr::new(packet[14], packet[15], packet[16], packet[17]);
    (is_ipv4_over_ethernet && !sender.is_unspecified()).then_some(sender)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 826: the sender's address is at byte 14; probes and junk name nobody.
    #[test]
    fn senders_are_read() {
        let mut packet = vec![0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 9, 10, 20, 0, 200];
        packet.resize(46, 0);
        assert_eq!(arp_sender(&packet), Some(Ipv4Addr::new(10, 20, 0, 200)));
        packet[14..18].fill(0);
        assert_eq!(arp_sender(&packet), None);
        assert_eq!(arp_sender(&packet[..20]), None);
    }
}
