//! Raw sockets: packet sockets (packet(7)) bound to one interface, and waiting for any socket of socket2.

use std::io;

use nix::libc;
use nix::net::if_::if_nametoindex;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::io::unix::AsyncFd;

/// `EtherType` of ARP (RFC 826).
pub(crate) const ETHERTYPE_ARP: u16 = 0x0806;
/// `EtherType` of IPv6 (RFC 2464).
pub(crate) const ETHERTYPE_IPV6: u16 = 0x86dd;

/// Lets the runtime wait for a non-blocking `socket`.
#[allow(unsafe_code)]
// JUSTIFICATION: the safe constructors of tokio 1.54 are deprecated as unsound; raw sockets have no type of tokio's own.
pub(crate) fn register(socket: Socket) -> io::Result<AsyncFd<Socket>> {
    // SAFETY: a `Socket` owns its descriptor, returns the same one each time and closes it only when dropped, which the
    // `AsyncFd` that owns it does after its registration has ended.
    unsafe { AsyncFd::register(socket) }.map_err(io::Error::from)
}

/// A non-blocking packet socket on `interface` that receives frames of `ethertype`; 0 receives none and only sends.
pub(crate) fn open(interface: &str, kind: Type, ethertype: u16) -> io::Result<Socket> {
    let index = if_nametoindex(interface)?;
    // Protocol 0 until bound: otherwise frames of every interface come in between.
    let socket = Socket::new(Domain::PACKET, kind, Some(Protocol::from(0)))?;
    socket.set_nonblocking(true)?;
    socket.bind(&link_address(index, ethertype)?)?;
    Ok(socket)
}

/// Address of an interface for `bind`: packet(7) wants family, protocol and index, all else zero.
#[allow(unsafe_code)]
// JUSTIFICATION: neither nix nor socket2 has a safe constructor for `sockaddr_ll`, without which a packet socket cannot
// be bound to an interface.
fn link_address(index: u32, ethertype: u16) -> io::Result<SockAddr> {
    let index = libc::c_int::try_from(index).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let family = libc::sa_family_t::try_from(libc::AF_PACKET).expect("AF_PACKET is 17");
    let length = libc::socklen_t::try_from(size_of::<libc::sockaddr_ll>()).expect("sockaddr_ll has 20 bytes");
    // SAFETY: `storage` is a zeroed `sockaddr_storage`, larger than and aligned for `sockaddr_ll`; the latter is plain
    // integers, so every field is valid; `length` is exactly what was initialised.
    let ((), address) = unsafe {
        SockAddr::try_init(|storage, bytes| {
            let link = storage.cast::<libc::sockaddr_ll>();
            (*link).sll_family = family;
            (*link).sll_protocol = ethertype.to_be();
            (*link).sll_ifindex = index;
            *bytes = length;
            Ok(())
        })?
    };
    Ok(address)
}
