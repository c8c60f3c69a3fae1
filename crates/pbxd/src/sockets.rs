//! How sockets are made: bound to addresses that this node may not hold yet, marked for their class of traffic.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use anyhow::Context as _;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

/// Class of traffic of signalling: CS3 (RFC 4594 section 4.2), in the place of the TOS octet.
pub const TRAFFIC_CLASS_SIGNALLING: u32 = 24 << 2;
/// Class of traffic of audio: EF (RFC 4594 section 4.1).
pub const TRAFFIC_CLASS_AUDIO: u32 = 46 << 2;

/// Receive buffer of the SIP sockets in bytes: a second of registrations of a site after a power cut.
const SIGNALLING_RECEIVE_BYTES: usize = 4 << 20;
/// Connections that the kernel keeps for us while we are busy.
const ACCEPT_BACKLOG: i32 = 1_024;
/// Idle time of a connection before the kernel asks whether the peer is there.
const KEEP_ALIVE_IDLE: Duration = Duration::from_secs(60);
/// Time between two such questions.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// Unanswered questions until the connection counts as dead.
const KEEP_ALIVE_PROBES: u32 = 3;
/// Sent data may be unacknowledged for this long (RFC 5482).
const USER_TIMEOUT: Duration = Duration::from_secs(20);

/// A socket that may bind an address before this node holds it (`IP_FREEBIND`).
fn unbound(address: SocketAddr, kind: Type, protocol: Protocol, traffic_class: u32) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind.nonblocking().cloexec(), Some(protocol))?;
    match address {
        SocketAddr::V4(_) => {
            socket.set_freebind_v4(true)?;
            socket.set_tos_v4(traffic_class)?;
        }
        SocketAddr::V6(_) => {
            socket.set_only_v6(true)?;
            socket.set_freebind_v6(true)?;
            socket.set_tclass_v6(traffic_class)?;
        }
    }
    Ok(socket)
}

/// A UDP socket for SIP. It reports ICMP errors in its error queue (`IP_RECVERR`).
///
/// # Errors
/// The address is taken or of a family that the kernel lacks.
pub fn signalling_udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = unbound(address, Type::DGRAM, Protocol::UDP, TRAFFIC_CLASS_SIGNALLING)?;
    // Less than asked for is no failure: the kernel's limit stands above.
    socket.set_recv_buffer_size(SIGNALLING_RECEIVE_BYTES)?;
    match address {
        SocketAddr::V4(_) => setsockopt(&socket, sockopt::Ipv4RecvErr, &true),
        SocketAddr::V6(_) => setsockopt(&socket, sockopt::Ipv6RecvErr, &true),
    }?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// A UDP socket for one channel of a call.
///
/// # Errors
/// The port is taken.
pub fn media_udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = unbound(address, Type::DGRAM, Protocol::UDP, TRAFFIC_CLASS_AUDIO)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// A TCP listener for SIP.
///
/// # Errors
/// The address is taken or of a family that the kernel lacks.
pub fn signalling_listener(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = unbound(address, Type::STREAM, Protocol::TCP, TRAFFIC_CLASS_SIGNALLING)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(ACCEPT_BACKLOG)?;
    Ok(socket.into())
}

/// A TCP socket that will connect from the host of `local`, any port.
///
/// # Errors
/// The kernel has no socket or port left.
pub fn signalling_dialler(local: SocketAddr) -> io::Result<std::net::TcpStream> {
    let socket = unbound(local, Type::STREAM, Protocol::TCP, TRAFFIC_CLASS_SIGNALLING)?;
    socket.bind(&SocketAddr::new(local.ip(), 0).into())?;
    Ok(socket.into())
}

/// Makes the kernel notice that the peer of a connection is gone.
///
/// # Errors
/// The connection is gone already.
pub fn watch_peer(stream: &tokio::net::TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = socket2::SockRef::from(stream);
    socket.set_tcp_keepalive(
        &TcpKeepalive::new()
            .with_time(KEEP_ALIVE_IDLE)
            .with_interval(KEEP_ALIVE_INTERVAL)
            .with_retries(KEEP_ALIVE_PROBES),
    )?;
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))
}

/// Lifts the soft limit of open files to the hard one: a call takes four sockets.
///
/// # Errors
/// The kernel refuses.
pub fn raise_descriptor_limit() -> anyhow::Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).context("reading the limit of open files")?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).context("raising the limit of open files")
}
