//! Links between the nodes of a pair: mutual TLS 1.3 over TCP, carrying frames.
//!
//! Both sides show a certificate of the pair's own authority, and each checks that the other's names the node it
//! expects: a certificate of the pair is not enough, it must be *that* node's. No session is resumed, so every link
//! is a whole handshake and [`TlsLink::export_key`] is fresh each time.
//!
//! A dead peer is noticed within about 2 s: TCP keepalives every second while idle, and `TCP_USER_TIMEOUT`
//! ([`PEER_TIMEOUT`]) on anything unacknowledged. A caller that needs it sooner sends frames of its own.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{NoServerSessionStorage, ParsedCertificate, WebPkiClientVerifier};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use crate::frames::{FrameReader, FrameWriter, read_frame, write_frame};

pub use crate::frames::{FRAME_BYTES_MAX, FrameError};

/// Time for TCP to connect.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Time for the handshake after that.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(3);
/// Unacknowledged for this long, a link is dead (`TCP_USER_TIMEOUT`, RFC 5482).
pub const PEER_TIMEOUT: Duration = Duration::from_secs(2);
/// Idle time before a keepalive and between two of them.
const KEEPALIVE: Duration = Duration::from_secs(1);
/// Handshakes under way at once on one listener; further connections wait in the kernel.
const HANDSHAKES_MAX: usize = 16;
/// Connections that the kernel queues.
const BACKLOG: u32 = 64;
/// Bytes of an exported key.
pub const KEY_BYTES: usize = 32;

/// A link could not be made.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A PEM text does not hold what it should.
    #[error("{what} is no usable PEM")]
    Pem {
        /// `authority`, `certificate` or `key`
        what: &'static str,
        /// Cause
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// Authority, certificate and key do not make a TLS identity.
    #[error("authority, certificate and key do not fit together")]
    Credentials(#[source] rustls::Error),
    /// The authority cannot vouch for clients.
    #[error("the authority is no usable trust anchor")]
    Authority(#[source] rustls::server::VerifierBuilderError),
    /// The expected name can stand in no certificate.
    #[error("{name:?} cannot be the name in a certificate")]
    PeerName {
        /// As given by the caller
        name: String,
    },
    /// The listening socket failed.
    #[error("listening on {address} failed")]
    Listen {
        /// Address
        address: SocketAddr,
        /// Cause
        #[source]
        source: io::Error,
    },
    /// TCP did not connect.
    #[error("connecting to {address} failed")]
    Connect {
        /// Address
        address: SocketAddr,
        /// Cause
        #[source]
        source: io::Error,
    },
    /// The handshake failed: wrong authority, no certificate, other node, timeout.
    #[error("the handshake with {address} as node {peer:?} failed")]
    Handshake {
        /// Address
        address: SocketAddr,
        /// Expected name
        peer: String,
        /// Cause
        #[source]
        source: io::Error,
    },
}

/// What this node proves itself with, and whom it believes. Cheap to clone.
#[derive(Clone)]
pub struct Credentials {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Credentials(‹hidden›)")
    }
}

impl Credentials {
    /// Reads PEM texts: the pair's authority, this node's certificate (followed by intermediates, if any) and its key.
    ///
    /// # Errors
    /// [`TlsError::Pem`], [`TlsError::Authority`] or [`TlsError::Credentials`] when the texts are unusable or do not
    /// belong together.
    pub fn from_pem(authority_pem: &str, certificate_pem: &str, key_pem: &str) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        for authority in certificates("authority", authority_pem)? {
            roots.add(authority).map_err(TlsError::Credentials)?;
        }
        let roots = Arc::new(roots);
        let chain = certificates("certificate", certificate_pem)?;
        let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes())
            .map_err(|source| TlsError::Pem { what: "key", source })?;
        // The provider is named here and never installed for the process: ring is the only one in the house.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions = [&rustls::version::TLS13];

        let mut client = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&versions)
            .map_err(TlsError::Credentials)?
            .with_root_certificates(Arc::clone(&roots))
            .with_client_auth_cert(chain.clone(), key.clone_key())
            .map_err(TlsError::Credentials)?;
        client.resumption = Resumption::disabled();

        let verifier = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider))
            .build()
            .map_err(TlsError::Authority)?;
        let mut server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)
            .map_err(TlsError::Credentials)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .map_err(TlsError::Credentials)?;
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
        Ok(Credentials { client: Arc::new(client), server: Arc::new(server) })
    }
}

fn certificates(what: &'static str, pem: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match chain {
        Ok(chain) if chain.is_empty() => {
            Err(TlsError::Pem { what, source: rustls::pki_types::pem::Error::NoItemsFound })
        }
        Ok(chain) => Ok(chain),
        Err(source) => Err(TlsError::Pem { what, source }),
    }
}

/// Dials `address` and expects node `peer` there; `bind` is the source address, if it matters which path is taken.
///
/// # Errors
/// [`TlsError::Connect`] within [`CONNECT_TIMEOUT`], [`TlsError::Handshake`] within [`HANDSHAKE_TIMEOUT`], also when
/// another node of the same authority answers.
pub async fn connect(
    credentials: &Credentials,
    peer: &str,
    address: SocketAddr,
    bind: Option<IpAddr>,
) -> Result<TlsLink, TlsError> {
    let name = peer_name(peer)?;
    let stream = timeout(CONNECT_TIMEOUT, connect_tcp(address, bind))
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .map_err(|source| TlsError::Connect { address, source })?;
    let connector = TlsConnector::from(Arc::clone(&credentials.client));
    let stream = timeout(HANDSHAKE_TIMEOUT, connector.connect(name, stream))
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .map_err(|source| TlsError::Handshake { address, peer: peer.to_owned(), source })?;
    Ok(TlsLink::new(stream.into(), address))
}

async fn connect_tcp(address: SocketAddr, bind: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(source) = bind {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    let stream = socket.connect(address).await?;
    watch_peer(&stream)?;
    Ok(stream)
}

/// Makes the kernel notice a dead peer.
fn watch_peer(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    socket.set_tcp_keepalive(
        &TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE).with_retries(2),
    )?;
    socket.set_tcp_user_timeout(Some(PEER_TIMEOUT))
}

fn peer_name(peer: &str) -> Result<ServerName<'static>, TlsError> {
    ServerName::try_from(peer.to_owned()).map_err(|_| TlsError::PeerName { name: peer.to_owned() })
}

/// Accepts links of one peer.
pub struct Listener {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
    peer: String,
    name: ServerName<'static>,
    sources: Option<Vec<IpAddr>>,
    handshakes: JoinSet<Result<TlsLink, TlsError>>,
}

impl fmt::Debug for Listener {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Listener")
            .field("tcp", &self.tcp)
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

impl Listener {
    /// Listens at `address` for node `peer`.
    ///
    /// # Errors
    /// [`TlsError::Listen`] when the address is taken or not ours; [`TlsError::PeerName`].
    pub fn bind(address: SocketAddr, credentials: &Credentials, peer: &str) -> Result<Self, TlsError> {
        let name = peer_name(peer)?;
        let listen = || {
            let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            socket.listen(BACKLOG)
        };
        let tcp = listen().map_err(|source| TlsError::Listen { address, source })?;
        let acceptor = TlsAcceptor::from(Arc::clone(&credentials.server));
        Ok(Listener { tcp, acceptor, peer: peer.to_owned(), name, sources: None, handshakes: JoinSet::new() })
    }

    /// Connections from other addresses are closed before the handshake, so that strangers cost nothing.
    #[must_use]
    pub fn only_from(mut self, sources: Vec<IpAddr>) -> Self {
        self.sources = Some(sources);
        self
    }

    /// Where it listens (tests bind port 0).
    ///
    /// # Errors
    /// [`io::Error`] of `getsockname`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// The next finished handshake, good or bad. Cancel-safe. Handshakes run side by side: a slow stranger does not
    /// delay the peer.
    ///
    /// # Errors
    /// [`TlsError::Handshake`]: log it and call again. [`TlsError::Listen`]: the socket is out of descriptors or
    /// memory; wait before calling again.
    pub async fn accept(&mut self) -> Result<TlsLink, TlsError> {
        loop {
            tokio::select! {
                Some(done) = self.handshakes.join_next(), if !self.handshakes.is_empty() => match done {
                    Ok(link) => return link,
                    Err(failure) => log::error!(failure:%; "a handshake task panicked"),
                },
                accepted = self.tcp.accept(), if self.handshakes.len() < HANDSHAKES_MAX => match accepted {
                    Ok((stream, address)) => self.begin_handshake(stream, address),
                    Err(source) if is_transient(&source) => {}
                    Err(source) => {
                        let address = self.tcp.local_addr().unwrap_or_else(|_| SocketAddr::from(([0; 4], 0)));
                        return Err(TlsError::Listen { address, source });
                    }
                },
            }
        }
    }

    fn begin_handshake(&mut self, stream: TcpStream, address: SocketAddr) {
        let welcome =
            self.sources.as_ref().is_none_or(|sources| sources.contains(&address.ip().to_canonical()));
        if !welcome {
            log::debug!(address:%; "connection from a stranger closed");
            return;
        }
        let acceptor = self.acceptor.clone();
        let (name, peer) = (self.name.clone(), self.peer.clone());
        self.handshakes.spawn(async move {
            let handshake = async {
                watch_peer(&stream)?;
                let stream = acceptor.accept(stream).await?;
                check_client_name(stream.get_ref().1.peer_certificates(), &name)?;
                Ok(TlsLink::new(stream.into(), address))
            };
            timeout(HANDSHAKE_TIMEOUT, handshake)
                .await
                .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
                .map_err(|source| TlsError::Handshake { address, peer, source })
        });
    }
}

/// The connection died between the kernel's queue and us (accept(2), "Error handling").
fn is_transient(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

/// The chain is verified by rustls; here the *name* of the client is, with the rules for servers.
fn check_client_name(chain: Option<&[CertificateDer<'_>]>, name: &ServerName<'_>) -> io::Result<()> {
    let invalid = |cause: rustls::Error| io::Error::new(io::ErrorKind::InvalidData, cause);
    let end_entity =
        chain.and_then(<[_]>::first).ok_or_else(|| invalid(rustls::Error::NoCertificatesPresented))?;
    let parsed = ParsedCertificate::try_from(end_entity).map_err(invalid)?;
    rustls::client::verify_server_name(&parsed, name).map_err(invalid)
}

/// An authenticated, encrypted link to the peer that carries frames of at most [`FRAME_BYTES_MAX`] bytes.
#[derive(Debug)]
pub struct TlsLink {
    stream: TlsStream<TcpStream>,
    buffer: Vec<u8>,
    remote: SocketAddr,
}

/// Reading half of a link.
pub type LinkReader = FrameReader<ReadHalf<TlsStream<TcpStream>>>;
/// Writing half of a link.
pub type LinkWriter = FrameWriter<WriteHalf<TlsStream<TcpStream>>>;

impl TlsLink {
    fn new(stream: TlsStream<TcpStream>, remote: SocketAddr) -> Self {
        TlsLink { stream, buffer: Vec::new(), remote }
    }

    /// Sends one frame. Not cancel-safe: see [`FrameWriter::send`].
    ///
    /// # Errors
    /// [`FrameError::TooLong`] before anything is sent; [`FrameError::Stream`] when the link is lost.
    pub async fn send(&mut self, frame: &[u8]) -> Result<(), FrameError> {
        write_frame(&mut self.stream, frame).await
    }

    /// The next frame; `None` when the peer closed the link in order. Cancel-safe.
    ///
    /// # Errors
    /// [`FrameError`]; the link is useless afterwards.
    pub async fn recv(&mut self) -> Result<Option<Vec<u8>>, FrameError> {
        read_frame(&mut self.stream, &mut self.buffer).await
    }

    /// One task reads, another writes.
    #[must_use]
    pub fn split(self) -> (LinkReader, LinkWriter) {
        let (read, write) = tokio::io::split(self.stream);
        (FrameReader::with_buffer(read, self.buffer), FrameWriter::new(write))
    }

    /// A secret that only the two ends of this link know (RFC 8446 section 7.5), different for each `label`.
    ///
    /// # Errors
    /// [`rustls::Error`] when the session cannot export, which a finished handshake always can.
    pub fn export_key(&self, label: &str) -> Result<[u8; KEY_BYTES], rustls::Error> {
        let key = [0; KEY_BYTES];
        match &self.stream {
            TlsStream::Client(stream) => {
                stream.get_ref().1.export_keying_material(key, label.as_bytes(), None)
            }
            TlsStream::Server(stream) => {
                stream.get_ref().1.export_keying_material(key, label.as_bytes(), None)
            }
        }
    }

    /// Address of the peer's end.
    #[must_use]
    pub fn remote_addr(&self) -> SocketAddr {
        self.remote
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    /// The pair's authority.
    struct Authority {
        issuer: rcgen::CertifiedIssuer<'static, rcgen::KeyPair>,
    }

    impl Authority {
        fn new() -> Self {
            let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
            parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            let key = rcgen::KeyPair::generate().unwrap();
            Authority { issuer: rcgen::CertifiedIssuer::self_signed(parameters, key).unwrap() }
        }

        fn credentials(&self, node: &str) -> Credentials {
            let key = rcgen::KeyPair::generate().unwrap();
            let parameters = rcgen::CertificateParams::new(vec![node.to_owned()]).unwrap();
            let certificate = parameters.signed_by(&key, &self.issuer).unwrap();
            Credentials::from_pem(&self.issuer.pem(), &certificate.pem(), &key.serialize_pem()).unwrap()
        }
    }

    fn listener(credentials: &Credentials, peer: &str) -> (Listener, SocketAddr) {
        let listener = Listener::bind(SocketAddr::from(([127, 0, 0, 1], 0)), credentials, peer).unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    /// DESIGN section 5: node to node is mutual TLS; both ends export the same key, another label gives another.
    #[tokio::test]
    async fn two_nodes_talk_and_share_a_key() {
        let authority = Authority::new();
        let (a, b) = (authority.credentials("a"), authority.credentials("b"));
        let (mut listener, address) = listener(&b, "a");
        let source = Some(IpAddr::from([127, 0, 0, 2]));
        let (dialled, accepted) = tokio::join!(connect(&a, "b", address, source), listener.accept());
        let (mut dialled, mut accepted) = (dialled.unwrap(), accepted.unwrap());
        assert_eq!(Some(accepted.remote_addr().ip()), source);
        assert_eq!(dialled.export_key("one").unwrap(), accepted.export_key("one").unwrap());
        assert_ne!(dialled.export_key("one").unwrap(), dialled.export_key("two").unwrap());

        dialled.send(b"hello").await.unwrap();
        dialled.send(b"again").await.unwrap();
        assert_eq!(accepted.recv().await.unwrap().unwrap(), b"hello");
        let (mut reader, mut writer) = accepted.split();
        assert_eq!(reader.recv().await.unwrap().unwrap(), b"again");
        writer.send(b"answer").await.unwrap();
        writer.close().await.unwrap();
        assert_eq!(dialled.recv().await.unwrap().unwrap(), b"answer");
        assert!(dialled.recv().await.unwrap().is_none());
    }

    /// A node of another pair, and another node of the same authority, are refused by either side.
    #[tokio::test]
    async fn strangers_are_refused() {
        let authority = Authority::new();
        let (a, b, c) = (authority.credentials("a"), authority.credentials("b"), authority.credentials("c"));
        let (mut server, address) = listener(&b, "a");

        let stranger = Authority::new().credentials("a");
        let (dialled, accepted) = tokio::join!(connect(&stranger, "b", address, None), server.accept());
        assert!(matches!(dialled, Err(TlsError::Handshake { .. })), "the dialler trusts another authority");
        assert!(matches!(accepted, Err(TlsError::Handshake { .. })));

        // TLS 1.3: the dialler learns of the refusal with its first read.
        let (dialled, accepted) = tokio::join!(connect(&c, "b", address, None), server.accept());
        assert!(matches!(accepted, Err(TlsError::Handshake { .. })), "c is not a");
        assert!(!matches!(dialled.unwrap().recv().await, Ok(Some(_))));

        let (dialled, _) = tokio::join!(connect(&a, "c", address, None), server.accept());
        assert!(matches!(dialled, Err(TlsError::Handshake { .. })), "b is not c");
    }

    /// A stranger that connects and says nothing does not delay the peer; one from elsewhere is closed at once.
    #[tokio::test]
    async fn silent_strangers_delay_nobody() {
        let authority = Authority::new();
        let (a, b) = (authority.credentials("a"), authority.credentials("b"));
        let (mut server, address) = listener(&b, "a");
        let _silent = TcpStream::connect(address).await.unwrap();
        let started = Instant::now();
        let (dialled, accepted) = tokio::join!(connect(&a, "b", address, None), server.accept());
        assert!(dialled.is_ok() && accepted.is_ok() && started.elapsed() < HANDSHAKE_TIMEOUT);

        let (server, address) = listener(&b, "a");
        let mut server = server.only_from(vec![IpAddr::from([127, 0, 0, 9])]);
        tokio::select! {
            accepted = server.accept() => panic!("accepted a stranger: {accepted:?}"),
            refused = connect(&a, "b", address, None) => assert!(matches!(refused, Err(TlsError::Handshake { .. }))),
        }
    }

    /// Unusable texts are told apart.
    #[test]
    fn bad_credentials_are_named() {
        let authority = Authority::new();
        let pem = authority.issuer.pem();
        assert!(matches!(Credentials::from_pem("", &pem, ""), Err(TlsError::Pem { what: "authority", .. })));
        assert!(matches!(Credentials::from_pem(&pem, &pem, "x"), Err(TlsError::Pem { what: "key", .. })));
        let other = rcgen::KeyPair::generate().unwrap().serialize_pem();
        assert!(matches!(Credentials::from_pem(&pem, &pem, &other), Err(TlsError::Credentials(_))));
        assert!(!format!("{:?}", authority.credentials("a")).contains("KEY"));
    }
}
