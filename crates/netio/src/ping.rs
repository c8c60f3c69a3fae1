//! ICMP echo to ping groups (row H20): how many of these addresses answer on this interface?
//!
//! A raw socket where the process may (`CAP_NET_RAW`), else the kernel's unprivileged echo socket (icmp(7),
//! `net.ipv4.ping_group_range`). Answers are recognised by a token in their data, whatever the kernel does to
//! identifiers; only who sees the request can forge one, and all it could forge is being there.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, timeout_at};

use crate::announce::internet_checksum;
use crate::raw;

/// Targets asked in one round; the rest of a longer list is left out.
pub const TARGETS_MAX: usize = 32;
const TOKEN_BYTES: usize = 16;
/// Type, code, checksum, identifier, sequence.
const HEADER_BYTES: usize = 8;
const ECHO_REQUEST_V4: u8 = 8;
const ECHO_REPLY_V4: u8 = 0;
const ECHO_REQUEST_V6: u8 = 128;
const ECHO_REPLY_V6: u8 = 129;

/// Pings through one interface.
#[derive(Debug)]
pub struct Pinger {
    socket: AsyncFd<Socket>,
    is_ipv4: bool,
    sequence: u16,
}

impl Pinger {
    /// Opens a socket that sends from `source` through `interface`; targets are of the family of `source`.
    ///
    /// # Errors
    /// [`io::Error`] when the interface or address is not there, or the process may not ping at all.
    pub fn open(interface: &str, source: IpAddr) -> io::Result<Self> {
        let is_ipv4 = source.is_ipv4();
        let (domain, protocol) =
            if is_ipv4 { (Domain::IPV4, Protocol::ICMPV4) } else { (Domain::IPV6, Protocol::ICMPV6) };
        let socket = Socket::new(domain, Type::RAW, Some(protocol))
            .or_else(|_| Socket::new(domain, Type::DGRAM, Some(protocol)))?;
        socket.set_nonblocking(true)?;
        socket.bind_device(Some(interface.as_bytes()))?;
        socket.bind(&SocketAddr::new(source, 0).into())?;
        Ok(Pinger { socket: raw::register(socket)?, is_ipv4, sequence: 0 })
    }

    /// Asks every target once and returns those that answered within `wait`; returns early when all have.
    ///
    /// A target that cannot be reached at all just does not answer.
    ///
    /// # Errors
    /// [`io::Error`] when the socket itself fails: open another pinger.
    pub async fn round(&mut self, targets: &[IpAddr], wait: Duration) -> io::Result<BTreeSet<IpAddr>> {
        let deadline = Instant::now() + wait;
        self.sequence = self.sequence.wrapping_add(1);
        let mut secret = [0; TOKEN_BYTES - 1];
        SystemRandom::new().fill(&mut secret).map_err(|_| io::Error::other("no randomness"))?;
        let targets = &targets[..targets.len().min(TARGETS_MAX)];
        for (index, target) in
            targets.iter().enumerate().filter(|(_, target)| target.is_ipv4() == self.is_ipv4)
        {
            let request = echo_request(self.is_ipv4, self.sequence, token(&secret, index));
            if let Err(failure) = self.socket.get_ref().send_to(&request, &SocketAddr::new(*target, 0).into())
            {
                log::debug!(target_address:% = target, failure:%; "echo request not sent");
            }
        }
        let mut answered = BTreeSet::new();
        while answered.len() < targets.len() {
            let Ok(readable) = timeout_at(deadline, self.socket.readable()).await else { break };
            let mut packet = [0; 256];
            let Ok(read) = readable?.try_io(|socket| socket.get_ref().read(&mut packet)) else { continue };
            // An error here is that of an earlier request (host unreachable, asynchronously).
            let Ok(length) = read else { continue };
            let Some(seen) = echo_reply_token(self.is_ipv4, &packet[..length]) else { continue };
            let index = usize::from(seen[TOKEN_BYTES - 1]);
            if let Some(target) = targets.get(index).filter(|_| seen == token(&secret, index)) {
                answered.insert(*target);
            }
        }
        Ok(answered)
    }
}

/// Data of the request to target number `index` of a round.
fn token(secret: &[u8; TOKEN_BYTES - 1], index: usize) -> [u8; TOKEN_BYTES] {
    let mut token = [0; TOKEN_BYTES];
    token[..TOKEN_BYTES - 1].copy_from_slice(secret);
    token[TOKEN_BYTES - 1] = u8::try_from(index).expect("an index is below TARGETS_MAX");
    token
}

/// RFC 792, RFC 4443 section 4.1. The kernel fills in the checksum of ICMPv6, and the identifier of its echo sockets.
fn echo_request(is_ipv4: bool, sequence: u16, token: [u8; TOKEN_BYTES]) -> Vec<u8> {
    let [high, low] = sequence.to_be_bytes();
    let kind = if is_ipv4 { ECHO_REQUEST_V4 } else { ECHO_REQUEST_V6 };
    let mut packet = vec![kind, 0, 0, 0, token[0], token[1], high, low];
    packet.extend_from_slice(&token);
    if is_ipv4 {
        let checksum = internet_checksum(&[&packet]);
        packet[2..4].copy_from_slice(&checksum.to_be_bytes());
    }
    packet
}

/// Data of an echo reply; a raw IPv4 socket brings the IP header too.
fn echo_reply_token(is_ipv4: bool, packet: &[u8]) -> Option<[u8; TOKEN_BYTES]> {
    let first = *packet.first()?;
    let has_ip_header = is_ipv4 && first >> 4 == 4;
    let message = if has_ip_header { packet.get(usize::from(first & 0x0f) * 4..)? } else { packet };
    let reply = if is_ipv4 { ECHO_REPLY_V4 } else { ECHO_REPLY_V6 };
    let is_reply = *message.first()? == reply;
    let data = message.get(HEADER_BYTES..HEADER_BYTES + TOKEN_BYTES)?;
    data.try_into().ok().filter(|_| is_reply)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// H20: replies are read with and without the IP header; requests and short packets are not replies.
    #[test]
    fn replies_are_recognised() {
        let token = [9; TOKEN_BYTES];
        let mut reply = echo_request(true, 1, token);
        assert_eq!(internet_checksum(&[&reply]), 0);
        assert_eq!(echo_reply_token(true, &reply), None, "a request");
        reply[0] = ECHO_REPLY_V4;
        assert_eq!(echo_reply_token(true, &reply), Some(token));
        let with_header = [&[0x45; 20][..], &reply].concat();
        assert_eq!(echo_reply_token(true, &with_header), Some(token));
        assert_eq!(echo_reply_token(true, &reply[..20]), None);
        reply[0] = ECHO_REPLY_V6;
        assert_eq!(echo_reply_token(false, &reply), Some(token));
    }
}
