//! Sockets on addresses that this node does not hold yet: *the address is the permission*.
//!
//! The telephone daemon of a standby binds the resource addresses in advance (`IP_FREEBIND`, ip(7); `IPV6_FREEBIND`).
//! Nothing arrives until the agent adds the address; then everything does, with no word between the daemons. What such
//! a socket **sends** while the address is elsewhere fails with `EINVAL` (UDP) or `EADDRNOTAVAIL` (TCP connect): the
//! kernel lets nobody speak under an address that is not its own.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};

use socket2::{Domain, Protocol, SockFilter, SockRef, Socket, Type};

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

/// Lets the kernel drop what comes from any other address than `source`: a flood of strangers then costs the process
/// nothing. Sources can be forged; what is let through is not thereby authentic.
///
/// # Errors
/// [`io::Error`] of `SO_ATTACH_FILTER`.
pub fn only_from(socket: &UdpSocket, source: IpAddr) -> io::Result<()> {
    SockRef::from(socket).attach_filter(&source_filter(source))
}

/// Classic BPF: compare the source address in the IP header, 32 bits at a time; keep whole or drop.
fn source_filter(source: IpAddr) -> Vec<SockFilter> {
    const LOAD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
    const JUMP_IF_EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
    const RETURN: u16 = 0x06; // BPF_RET | BPF_K
    const NETWORK_HEADER: u32 = 0xfff0_0000; // SKF_NET_OFF: a UDP socket's filter sees the UDP header at 0
    let statement = |code, k| SockFilter::new(code, 0, 0, k);
    let (offset, bytes) = match source {
        IpAddr::V4(address) => (12, address.octets().to_vec()),
        IpAddr::V6(address) => (8, address.octets().to_vec()),
    };
    let words = bytes.chunks_exact(4).map(|word| u32::from_be_bytes([word[0], word[1], word[2], word[3]]));
    let mut filter = Vec::new();
    for (at, word) in (offset..).step_by(4).zip(words) {
        filter.push(statement(LOAD, NETWORK_HEADER + at));
        filter.push(SockFilter::new(JUMP_IF_EQUAL, 1, 0, word));
        filter.push(statement(RETURN, 0));
    }
    filter.push(statement(RETURN, u32::MAX));
    filter
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

    /// What strangers send is gone before it costs anything; the one peer is heard.
    #[test]
    fn strangers_are_filtered_out() {
        for (peer, stranger) in [("127.0.0.2:0", "127.0.0.3:0"), ("[::1]:0", "[::1]:0")] {
            let receiver =
                udp(if peer.starts_with('[') { "[::1]:0" } else { "127.0.0.1:0" }.parse().unwrap(), 1 << 16);
            let receiver = receiver.unwrap();
            receiver.set_nonblocking(false).unwrap();
            receiver.set_read_timeout(Some(std::time::Duration::from_secs(5))).unwrap();
            let (peer, stranger) = (UdpSocket::bind(peer).unwrap(), UdpSocket::bind(stranger).unwrap());
            let address = receiver.local_addr().unwrap();
            let mut buffer = [0; 16];
            only_from(&receiver, peer.local_addr().unwrap().ip()).unwrap();
            if peer.local_addr().unwrap().ip() != stranger.local_addr().unwrap().ip() {
                stranger.send_to(b"stranger", address).unwrap();
            }
            peer.send_to(b"peer", address).unwrap();
            let length = receiver.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], b"peer");
            only_from(&receiver, "2001:db8::1".parse().unwrap()).unwrap();
            peer.send_to(b"another", address).unwrap();
            receiver.set_nonblocking(true).unwrap();
            assert!(
                receiver.recv(&mut buffer).is_err(),
                "{address}: the filter of another address lets it through"
            );
        }
    }
}
