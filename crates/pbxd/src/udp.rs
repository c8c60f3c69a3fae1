//! The UDP sockets of SIP: one per address, read by the core task itself, so that a message makes no detour.
//!
//! ICMP errors (nobody listens there, host unreachable) come out of the sockets' error queues in a small task per socket
//! and reach the core as events: a call to a phone that was unplugged fails at once, not after 32 s (RFC 3261 section
//! 18.4).

use std::future::poll_fn;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::task::Poll;

use nix::errno::Errno;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrLike, SockaddrStorage, recvmsg};
use socket2::{SockAddr, SockRef};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::event::Event;
use crate::sockets;

/// Largest UDP payload in bytes.
pub const DATAGRAM_BYTES_MAX: usize = 65_535;

/// The SIP sockets in force.
#[derive(Debug, Default)]
pub struct UdpSockets {
    sockets: Vec<BoundSocket>,
    /// Where the next look for a readable socket begins, so that none starves
    next: usize,
}

#[derive(Debug)]
struct BoundSocket {
    local: SocketAddr,
    socket: Arc<UdpSocket>,
    errors: AbortHandle,
}

impl Drop for BoundSocket {
    fn drop(&mut self) {
        self.errors.abort();
    }
}

impl UdpSockets {
    /// Binds exactly these addresses: keeps those that are bound, closes the others. Failures are logged; the next call
    /// tries again.
    pub fn bind(&mut self, addresses: &[SocketAddr], events: &mpsc::Sender<Event>) {
        self.sockets.retain(|bound| addresses.contains(&bound.local));
        self.next = 0;
        for &local in addresses {
            if self.find(local).is_some() {
                continue;
            }
            match BoundSocket::bind(local, events) {
                Ok(bound) => self.sockets.push(bound),
                Err(error) => log::error!(local:%, error:%; "the SIP address cannot be bound for UDP"),
            }
        }
    }

    /// Waits until a socket can be read; its number. Pending for ever while nothing is bound.
    pub async fn readable(&mut self) -> usize {
        let count = self.sockets.len();
        let index = poll_fn(|context| {
            for offset in 0..count {
                let index = (self.next + offset) % count;
                // An error of the readiness itself shows when the socket is read.
                if self.sockets[index].socket.poll_recv_ready(context).is_ready() {
                    return Poll::Ready(index);
                }
            }
            Poll::Pending
        })
        .await;
        self.next = (index + 1) % count;
        index
    }

    /// Takes one datagram from a socket that [`Self::readable`] named: our address, the sender and the length in
    /// `buffer`; `None` when there is no more.
    pub fn receive(&self, index: usize, buffer: &mut [u8]) -> Option<(SocketAddr, SocketAddr, usize)> {
        let bound = self.sockets.get(index)?;
        loop {
            match bound.socket.try_recv_from(buffer) {
                Ok((length, remote)) => return Some((bound.local, remote, length)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                // The echo of an ICMP error; the error queue says whose. Reading it has cleared it.
                Err(error) => log::trace!(local:% = bound.local, error:%; "a UDP socket reports an error"),
            }
        }
    }

    /// Sends one datagram from our address.
    ///
    /// # Errors
    /// The kernel cannot send there, or nothing is bound at `local`. A full send buffer is no error: UDP may lose.
    pub fn send(&self, local: SocketAddr, remote: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        // Straight to the kernel: the runtime would refuse until it has seen the socket writable once.
        let socket = SockRef::from(self.find(local).ok_or(io::ErrorKind::AddrNotAvailable)?);
        let address = SockAddr::from(remote);
        // The first attempt may report an ICMP error that an earlier datagram to somebody else has earned.
        match socket.send_to(bytes, &address).or_else(|_| socket.send_to(bytes, &address)) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn find(&self, local: SocketAddr) -> Option<&UdpSocket> {
        self.sockets.iter().find(|bound| bound.local == local).map(|bound| bound.socket.as_ref())
    }
}

impl BoundSocket {
    fn bind(local: SocketAddr, events: &mpsc::Sender<Event>) -> io::Result<Self> {
        let socket = Arc::new(UdpSocket::from_std(sockets::signalling_udp(local)?)?);
        let errors = tokio::spawn(report_errors(local, Arc::clone(&socket), events.clone())).abort_handle();
        Ok(BoundSocket { local, socket, errors })
    }
}

/// Says to the core whom the network could not reach.
async fn report_errors(local: SocketAddr, socket: Arc<UdpSocket>, events: mpsc::Sender<Event>) {
    loop {
        if let Err(error) = socket.ready(Interest::ERROR).await {
            log::error!(local:%, error:%; "the error queue of a UDP socket can no longer be watched");
            return;
        }
        while let Ok(remote) = socket.try_io(Interest::ERROR, || next_error(&socket)) {
            let Some(remote) = remote else { continue };
            if events.send(Event::Unreachable { local, remote }).await.is_err() {
                return;
            }
        }
    }
}

/// Takes one entry from the error queue (ip(7), `IP_RECVERR`): whom a datagram did not reach, if that is what it says.
fn next_error(socket: &UdpSocket) -> io::Result<Option<SocketAddr>> {
    let mut payload = [0; 64];
    let mut slices = [IoSliceMut::new(&mut payload)];
    let mut control = nix::cmsg_space!(nix::libc::sock_extended_err, nix::libc::sockaddr_in6);
    let message = recvmsg::<SockaddrStorage>(
        socket.as_raw_fd(),
        &mut slices,
        Some(&mut control),
        MsgFlags::MSG_ERRQUEUE,
    )?;
    let errno = message.cmsgs()?.find_map(|control| match control {
        ControlMessageOwned::Ipv4RecvErr(error, ..) | ControlMessageOwned::Ipv6RecvErr(error, ..) => {
            Some(error.ee_errno)
        }
        _ => None,
    });
    let is_unreachable = errno
        .and_then(|errno| i32::try_from(errno).ok())
        .map(Errno::from_raw)
        .is_some_and(|errno| matches!(errno, Errno::ECONNREFUSED | Errno::EHOSTUNREACH | Errno::ENETUNREACH));
    Ok(message.address.as_ref().and_then(socket_address).filter(|_| is_unreachable))
}

fn socket_address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    match storage.family()? {
        nix::sys::socket::AddressFamily::Inet => {
            storage.as_sockaddr_in().map(|address| std::net::SocketAddrV4::from(*address).into())
        }
        nix::sys::socket::AddressFamily::Inet6 => {
            storage.as_sockaddr_in6().map(|address| std::net::SocketAddrV6::from(*address).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn bound() -> (UdpSockets, SocketAddr, mpsc::Receiver<Event>) {
        let local = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (sender, events) = mpsc::channel(8);
        let mut sockets = UdpSockets::default();
        sockets.bind(&[local], &sender);
        (sockets, local, events)
    }

    /// Row A14: a datagram to our address is read with its sender; an answer leaves from the same address.
    #[tokio::test]
    async fn datagrams_come_and_go() {
        let (mut sockets, local, _events) = bound().await;
        let phone = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        phone.send_to(b"ping", local).await.unwrap();
        let index = sockets.readable().await;
        let mut buffer = [0; 16];
        let (to, from, length) = sockets.receive(index, &mut buffer).unwrap();
        assert_eq!((to, from, &buffer[..length]), (local, phone.local_addr().unwrap(), &b"ping"[..]));
        sockets.send(local, from, b"pong").unwrap();
        let (length, from) = phone.recv_from(&mut buffer).await.unwrap();
        assert_eq!((&buffer[..length], from), (&b"pong"[..], local));
    }

    /// RFC 3261 section 18.4: an ICMP error names the peer that was not reached, and does not harm the next datagram.
    #[tokio::test]
    async fn unreachable_peers_are_reported() {
        let (sockets, local, mut events) = bound().await;
        let nobody = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        sockets.send(local, nobody, b"anyone?").unwrap();
        let event = tokio::time::timeout(Duration::from_secs(5), events.recv()).await.unwrap();
        assert!(
            matches!(event, Some(Event::Unreachable { local: from, remote }) if (from, remote) == (local, nobody)),
            "{event:?}"
        );
        let phone = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        sockets.send(local, phone.local_addr().unwrap(), b"hello").unwrap();
        let mut buffer = [0; 16];
        tokio::time::timeout(Duration::from_secs(5), phone.recv_from(&mut buffer)).await.unwrap().unwrap();
    }

    /// Row A14: after a new revision an address that is no longer ours is closed, one that stays is kept.
    #[tokio::test]
    async fn rebinding_keeps_what_stays() {
        let (mut sockets, local, _events) = bound().await;
        let (sender, _other) = mpsc::channel(8);
        sockets.bind(&[local], &sender);
        assert_eq!(sockets.sockets.len(), 1);
        sockets.bind(&[], &sender);
        let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
        while std::net::UdpSocket::bind(local).is_err() {
            assert!(tokio::time::Instant::now() < deadline, "the address is not free again");
            tokio::task::yield_now().await;
        }
    }
}
