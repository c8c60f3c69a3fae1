//! The heartbeat sockets: one per interface, bound to it and to the node's own address there.
//!
//! The kernel drops what does not come from the peer's address there, so that no flood occupies the thread.
//! `SO_BINDTODEVICE` keeps two interfaces on one switch two paths (row H12). A socket may be missing for a while (no
//! such interface yet, or it was made anew); it is opened again as soon as that can work.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::task::{Context, Poll};

use membership::LinkIndex;
use netio::freebind;
use netio::links::Link;
use tokio::io::ReadBuf;

use crate::plan::Path;

/// All paths, in the order of the core's links.
pub(super) struct Paths {
    port: u16,
    ends: Vec<End>,
    /// Which path is asked first next time, so that a flood on one does not silence the others
    first: usize,
}

struct End {
    path: Path,
    /// Number of the interface that the socket is bound to
    interface_index: Option<u32>,
    socket: Option<Socket>,
    /// The last failure, so that each is logged once
    failure: Option<String>,
}

struct Socket {
    receiving: tokio::net::UdpSocket,
    /// Sends at once or not at all, whatever the runtime knows of readiness
    sending: UdpSocket,
    peer: SocketAddr,
}

impl Paths {
    pub(super) fn new(port: u16) -> Self {
        Paths { port, ends: Vec::new(), first: 0 }
    }

    /// Takes another plan; the sockets of paths that stay as they are stay open.
    pub(super) fn configure(&mut self, paths: &[Path]) {
        let mut before = std::mem::take(&mut self.ends);
        for path in paths {
            let same = |end: &End| {
                (&end.path.interface, end.path.own, end.path.peer) == (&path.interface, path.own, path.peer)
            };
            let end = match before.iter().position(same) {
                Some(position) => End { path: path.clone(), ..before.swap_remove(position) },
                None => End { path: path.clone(), interface_index: None, socket: None, failure: None },
            };
            self.ends.push(end);
        }
        drop(before);
        self.first = 0;
        self.open_missing();
    }

    /// Index of the path over `interface`.
    pub(super) fn index_of(&self, interface: &str) -> Option<LinkIndex> {
        self.ends.iter().position(|end| end.path.interface == interface).map(LinkIndex)
    }

    /// Which paths have carrier, as `links` says; sockets of interfaces that were made anew are opened again.
    pub(super) fn update_links(&mut self, links: &[Link]) -> Vec<(LinkIndex, bool)> {
        let mut states = Vec::with_capacity(self.ends.len());
        for (index, end) in self.ends.iter_mut().enumerate() {
            let link = links.iter().find(|link| link.name == end.path.interface);
            let interface_index = link.map(|link| link.index);
            if end.interface_index != interface_index {
                end.interface_index = interface_index;
                end.socket = None;
            }
            states.push((LinkIndex(index), link.is_some_and(|link| link.up)));
        }
        self.open_missing();
        states
    }

    /// Opens what is not open.
    pub(super) fn open_missing(&mut self) {
        for end in self.ends.iter_mut().filter(|end| end.socket.is_none()) {
            let outcome = open(&end.path, self.port);
            let failure = outcome.as_ref().err().map(ToString::to_string);
            if let Some(text) = failure.as_ref().filter(|text| end.failure.as_ref() != Some(*text)) {
                log::warn!(interface = end.path.interface.as_str(), failure = text.as_str(); "no heartbeats here");
            }
            end.failure = failure;
            end.socket = outcome.ok().flatten();
        }
    }

    /// Sends a datagram to the peer over one path.
    pub(super) fn send(&self, link: LinkIndex, datagram: &[u8]) -> io::Result<()> {
        let end =
            self.ends.get(link.0).and_then(|end| end.socket.as_ref()).ok_or(io::ErrorKind::NotConnected)?;
        end.sending.send_to(datagram, end.peer).map(|_| ())
    }

    /// The next datagram that comes from the peer's address.
    pub(super) fn poll_receive(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<(LinkIndex, usize)> {
        let count = self.ends.len();
        for step in 0..count {
            let index = (self.first + step) % count;
            let end = &mut self.ends[index];
            while let Some(socket) = &end.socket {
                let mut read = ReadBuf::new(buffer);
                match socket.receiving.poll_recv_from(context, &mut read) {
                    Poll::Pending => break,
                    Poll::Ready(Ok(source)) if source == socket.peer => {
                        self.first = (index + 1) % count;
                        return Poll::Ready((LinkIndex(index), read.filled().len()));
                    }
                    Poll::Ready(Ok(_stranger)) => {}
                    Poll::Ready(Err(failure)) => {
                        log::debug!(interface = end.path.interface.as_str(), failure:%; "socket reopened");
                        end.socket = None;
                    }
                }
            }
        }
        Poll::Pending
    }
}

/// `None`: this path has no two ends.
fn open(path: &Path, port: u16) -> io::Result<Option<Socket>> {
    let (Some(own), Some(peer)) = (path.own, path.peer) else { return Ok(None) };
    let sending = freebind::udp_on_interface(SocketAddr::new(own, port), &path.interface)?;
    freebind::only_from(&sending, peer)?;
    let receiving = tokio::net::UdpSocket::from_std(sending.try_clone()?)?;
    Ok(Some(Socket { receiving, sending, peer: SocketAddr::new(peer, port) }))
}
