//! Sockets on addresses that this node does not hold yet: *the address is the permission*.
//!
//! The telephone daemon of a standby binds the resource addresses in advance (`IP_FREEBIND`, ip(7); `IPV6_FREEBIND`).
//! Nothing arrives until the agent adds the address; then everything does, with no word between the daemons. What such
//! a socket **sends** while the address is elsewhere fails with `EINVAL` (UDP) or `EADDRNOTAVAIL` (TCP connect): the
//! kernel lets nobody speak under an address that is not its own.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that the kernel queues for a listener.
pub const BACKLOG: i32 = 1024;

/// A non-blocking UDP socket on `address`, whether or not this node holds it; `buffer_bytes` is asked of the kernel for
/// each direction (bounded by `net.core.rmem_max`, `wmem_max`).
///
/// Not shared: a second process on the same port is an error, not a thief of half the datagrams.
///
/// # Errors
/// [`io::Error`] when the port is taken or (below 1024) not permitted.
pub fn udp(address: SocketAddr, buffer_bytes: usize) -> io::Result<UdpSocket> {
    let socket = unbound(address, Type::DGRAM, Protocol::UDP)?;
    socket.set_recv_buffer_size(buffer_bytes)?;
    socket.set_send_buffer_size(buffer_bytes)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// A non-blocking UDP socket on `address` that sends and receives only through `interface` (`SO_BINDTODEVICE`): two
/// interfaces on one switch stay two paths.
///
/// # Errors
/// As [`udp`]; also when the interface is not there.
pub fn udp_on_interface(address: SocketAddr, interface: &str) -> io::Result<UdpSocket> {
    let socket = unbound(address, Type::DGRAM, Protocol::UDP)?;
    socket.bind_device(Some(interface.as_bytes()))?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// A non-blocking TCP listener on `address`, whether or not this node holds it. Connections of a former life do not
/// keep it from binding (`SO_REUSEADDR`).
///
/// # Errors
/// As [`udp`].
pub fn tcp_listener(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = unbound(address, Type::STREAM, Protocol::TCP)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// A non-blocking TCP socket bound to `address` to dial from, e.g. from the resource address to a trunk.
///
/// # Errors
/// As [`udp`].
pub fn tcp_dialler(address: SocketAddr) -> io::Result<std::net::TcpStream> {
    let socket = unbound(address, Type::STREAM, Protocol::TCP)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

fn unbound(address: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    socket.set_nonblocking(true)?;
    if address.is_ipv4() {
        socket.set_freebind_v4(true)?;
    } else {
        socket.set_only_v6(true)?;
        socket.set_freebind_v6(true)?;
    }
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Addresses for documentation (RFC 5737, RFC 3849): this machine does not hold them.
    fn foreign() -> [SocketAddr; 2] {
        ["192.0.2.10:0", "[2001:db8::10]:0"].map(|text| text.parse().unwrap())
    }

    /// DESIGN section 4: listeners bind the resource address before it is here; nothing leaves from it until then.
    #[test]
    fn addresses_are_bound_in_advance() {
        for address in foreign() {
            assert!(UdpSocket::bind(address).is_err(), "{address} is foreign to this machine");
            let socket = udp(address, 1 << 16).unwrap();
            assert_eq!(socket.local_addr().unwrap().ip(), address.ip());
            assert!(socket.send_to(b"x", address).is_err(), "spoke under a foreign address");
            assert_eq!(tcp_listener(address).unwrap().local_addr().unwrap().ip(), address.ip());
        }
    }

    /// A second owner of a UDP port is refused.
    #[test]
    fn ports_have_one_owner() {
        let first = udp("127.0.0.1:0".parse().unwrap(), 1 << 16).unwrap();
        assert!(udp(first.local_addr().unwrap(), 1 << 16).is_err());
    }

    /// A socket of one interface serves only that one.
    #[test]
    fn interfaces_are_kept_apart() {
        assert!(udp_on_interface("127.0.0.1:0".parse().unwrap(), "lo").is_ok());
        assert!(udp_on_interface("127.0.0.1:0".parse().unwrap(), "no-such-link").is_err());
    }
}
