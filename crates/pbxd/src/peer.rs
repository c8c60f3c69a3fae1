//! The link to the other node's telephone daemon: registrations, both ways, over mutual TLS.
//!
//! The node whose name comes first in order listens, the other dials. After every connection each side sends all it
//! knows; from then on each change. When the link cannot take a change it is cut: the next connection brings all again.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use daemon::NodeIdentity;
use netio::tls::{Credentials, LinkReader, LinkWriter, Listener, TlsError, TlsLink, connect};
use tokio::sync::{Notify, mpsc};
use tokio::time::sleep;
use wire::live::LiveMessage;
use wire::registration::RegistrationUpdate;

use crate::event::Event;

/// Changes that wait for the link: the whole set of a large exchange.
pub const UPDATES_MAX: usize = 65_536;
/// Pause between two attempts to connect.
const RECONNECT_PAUSE: Duration = Duration::from_millis(500);

/// The core task's end of the link.
#[derive(Debug)]
pub struct PeerLink {
    /// `None` on a single box
    link: Option<Link>,
    is_connected: bool,
}

#[derive(Debug)]
struct Link {
    updates: mpsc::Sender<RegistrationUpdate>,
    /// Asks the task to cut the link and make a new one
    restart: Arc<Notify>,
}

impl PeerLink {
    /// Starts the task that keeps the link up, if there is a peer.
    ///
    /// # Errors
    /// The credentials are unusable, or the port between the nodes is taken.
    pub fn start(identity: &NodeIdentity, events: &mpsc::Sender<Event>) -> anyhow::Result<Self> {
        let Some(way) = Way::to_peer(identity)? else {
            return Ok(PeerLink { link: None, is_connected: false });
        };
        let (sender, updates) = mpsc::channel(UPDATES_MAX);
        let restart = Arc::new(Notify::new());
        tokio::spawn(keep_up(way, updates, Arc::clone(&restart), events.clone()));
        Ok(PeerLink { link: Some(Link { updates: sender, restart }), is_connected: false })
    }

    /// Notes what the task has said: the link stands, or it is gone.
    pub fn set_connected(&mut self, is_connected: bool) {
        self.is_connected = is_connected;
    }

    /// Whether the peer hears us.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.is_connected
    }

    /// Sends a change if the link stands, without waiting.
    pub fn replicate(&mut self, update: RegistrationUpdate) {
        let Some(link) = self.link.as_ref().filter(|_| self.is_connected) else {
            return; // the next connection brings all
        };
        if link.updates.try_send(update).is_err() {
            log::warn!(limit = UPDATES_MAX; "the peer does not keep up with registrations: the link starts anew");
            self.is_connected = false;
            link.restart.notify_one();
        }
    }
}

/// How links come about on this node.
enum Way {
    /// The peer dials
    Listen(Listener),
    /// We dial
    Dial { credentials: Credentials, peer: String, addresses: Vec<SocketAddr> },
}

impl Way {
    fn to_peer(identity: &NodeIdentity) -> anyhow::Result<Option<Self>> {
        let (Some(peer), Some(credentials)) = (&identity.peer, &identity.credentials) else {
            return Ok(None);
        };
        let credentials = Credentials::from_pem(
            &credentials.authority_pem,
            &credentials.certificate_pem,
            credentials.key_pem.reveal(),
        )
        .context("reading the credentials of this node")?;
        let name = peer.name.as_str().to_owned();
        if identity.name > peer.name {
            let with_port = |ip: &IpAddr| SocketAddr::new(*ip, identity.ports.pbx);
            let addresses = peer.addresses.iter().map(with_port).collect();
            return Ok(Some(Way::Dial { credentials, peer: name, addresses }));
        }
        let address = SocketAddr::new(identity.listen, identity.ports.pbx);
        let listener = Listener::bind(address, &credentials, &name)
            .context("listening for the peer's telephone daemon")?
            .only_from(peer.addresses.clone());
        Ok(Some(Way::Listen(listener)))
    }

    /// The next link, however long it takes. Cancel-safe.
    async fn next(&mut self) -> TlsLink {
        loop {
            match self {
                Way::Listen(listener) => match listener.accept().await {
                    Ok(link) => return link,
                    Err(error @ TlsError::Listen { .. }) => {
                        log::warn!("{:#}", anyhow::Error::new(error));
                        sleep(RECONNECT_PAUSE).await;
                    }
                    Err(error) => log::warn!("{:#}", anyhow::Error::new(error)),
                },
                Way::Dial { credentials, peer, addresses } => {
                    for address in addresses.iter() {
                        match connect(credentials, peer, *address, None).await {
                            Ok(link) => return link,
                            Err(error) => log::debug!("{:#}", anyhow::Error::new(error)),
                        }
                    }
                    sleep(RECONNECT_PAUSE).await;
                }
            }
        }
    }

    /// A link that replaces the one that stands: the peer has dialled again. Who dials knows of none.
    async fn newer(&mut self) -> TlsLink {
        match self {
            Way::Listen(_) => self.next().await,
            Way::Dial { .. } => std::future::pending().await,
        }
    }
}

/// Keeps the link up for the life of the daemon.
async fn keep_up(
    mut way: Way,
    mut updates: mpsc::Receiver<RegistrationUpdate>,
    restart: Arc<Notify>,
    events: mpsc::Sender<Event>,
) {
    let mut next = None;
    loop {
        let link = match next.take() {
            Some(link) => link,
            None => way.next().await,
        };
        let remote = link.remote_addr();
        // What waited for the link before is part of what this one brings.
        while updates.try_recv().is_ok() {}
        if events.send(Event::PeerConnected).await.is_err() {
            return;
        }
        log::info!(remote:%; "connected to the peer's telephone daemon");
        tokio::select! {
            reason = converse(link, &mut updates, &events) => match reason {
                Ok(()) => log::info!(remote:%; "the peer's telephone daemon closed the link"),
                Err(error) => log::warn!(remote:%; "the link to the peer's telephone daemon is lost: {error:#}"),
            },
            link = way.newer() => next = Some(link),
            () = restart.notified() => {}
        }
        if events.send(Event::PeerLost).await.is_err() {
            return;
        }
        if next.is_none() {
            sleep(RECONNECT_PAUSE).await;
        }
    }
}

/// Reads and writes until the link ends.
async fn converse(
    link: TlsLink,
    updates: &mut mpsc::Receiver<RegistrationUpdate>,
    events: &mpsc::Sender<Event>,
) -> anyhow::Result<()> {
    let (reader, writer) = link.split();
    tokio::select! {
        outcome = read(reader, events) => outcome,
        outcome = write(writer, updates) => outcome,
    }
}

async fn read(mut reader: LinkReader, events: &mpsc::Sender<Event>) -> anyhow::Result<()> {
    while let Some(frame) = reader.recv().await? {
        match LiveMessage::from_frame(&frame) {
            Ok(LiveMessage::Hello { version }) => {
                log::info!(version; "the peer's telephone daemon says hello");
            }
            Ok(LiveMessage::Registration(update)) => events.send(Event::Replica(*update)).await?,
            Err(error) => log::warn!("skipped: {:#}", anyhow::Error::new(error)),
        }
    }
    Ok(())
}

async fn write(
    mut writer: LinkWriter,
    updates: &mut mpsc::Receiver<RegistrationUpdate>,
) -> anyhow::Result<()> {
    writer.send(&LiveMessage::Hello { version: wire::VERSION }.to_frame()).await?;
    while let Some(update) = updates.recv().await {
        writer.send(&LiveMessage::Registration(Box::new(update)).to_frame()).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use daemon::{Peer, Ports};
    use model::Private;
    use tokio::time::timeout;

    use super::*;

    const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    /// Nodes `a` and `b` of one pair on loopback.
    fn pair() -> [NodeIdentity; 2] {
        let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority =
            rcgen::CertifiedIssuer::self_signed(parameters, rcgen::KeyPair::generate().unwrap()).unwrap();
        let port = std::net::TcpListener::bind((LOOPBACK, 0)).unwrap().local_addr().unwrap().port();
        [("a", "b"), ("b", "a")].map(|(name, peer)| {
            let key = rcgen::KeyPair::generate().unwrap();
            let certificate = rcgen::CertificateParams::new(vec![name.to_owned()])
                .unwrap()
                .signed_by(&key, &authority)
                .unwrap();
            NodeIdentity {
                name: name.parse().unwrap(),
                serial_number: name.to_owned(),
                coordinator: name == "a",
                data: "/nonexistent".into(),
                run: "/nonexistent".into(),
                listen: LOOPBACK,
                peer: Some(Peer { name: peer.parse().unwrap(), addresses: vec![LOOPBACK] }),
                credentials: Some(daemon::Credentials {
                    authority_pem: authority.pem(),
                    certificate_pem: certificate.pem(),
                    key_pem: Private::new(key.serialize_pem()),
                    pair_secret: Private::new([7; 32]),
                }),
                ports: Ports { cluster: 0, store: 0, pbx: port },
            }
        })
    }

    fn update(account: &str) -> RegistrationUpdate {
        RegistrationUpdate {
            account: account.to_owned(),
            contact: format!("sip:{account}@192.0.2.1"),
            remaining_ms: 60_000,
            transport: "udp".to_owned(),
            local: "192.0.2.10:5060".to_owned(),
            remote: "192.0.2.1:5060".to_owned(),
            call_id: "c".to_owned(),
            cseq: 1,
            instance: None,
            q_thousandths: None,
            user_agent: None,
        }
    }

    async fn next(events: &mut mpsc::Receiver<Event>) -> Event {
        timeout(Duration::from_secs(10), events.recv()).await.expect("in time").expect("an event")
    }

    /// DESIGN section 5: both nodes find each other whatever the order of their start, and a registration goes over.
    #[tokio::test]
    async fn registrations_go_over() {
        let [a, b] = pair();
        let (b_sender, mut b_events) = mpsc::channel(8);
        let mut at_b = PeerLink::start(&b, &b_sender).unwrap();
        let (a_sender, mut a_events) = mpsc::channel(8);
        let mut at_a = PeerLink::start(&a, &a_sender).unwrap();
        for (link, events) in [(&mut at_a, &mut a_events), (&mut at_b, &mut b_events)] {
            assert!(matches!(next(events).await, Event::PeerConnected));
            link.set_connected(true);
        }
        at_a.replicate(update("101"));
        at_b.replicate(update("102"));
        assert!(matches!(next(&mut b_events).await, Event::Replica(known) if known == update("101")));
        assert!(matches!(next(&mut a_events).await, Event::Replica(known) if known == update("102")));
    }

    /// DESIGN section 5: a link that cannot take a change starts anew, so that nothing is missing for good.
    #[tokio::test]
    async fn a_link_that_is_behind_starts_anew() {
        let [a, b] = pair();
        let (a_sender, mut a_events) = mpsc::channel(8);
        let mut at_a = PeerLink::start(&a, &a_sender).unwrap();
        // The peer's core task takes what comes.
        let (b_sender, mut b_events) = mpsc::channel(8);
        let _at_b = PeerLink::start(&b, &b_sender).unwrap();
        tokio::spawn(async move { while b_events.recv().await.is_some() {} });
        assert!(matches!(next(&mut a_events).await, Event::PeerConnected));
        at_a.set_connected(true);
        // The task that sends has no turn in between, so the queue fills up.
        for _ in 0..=UPDATES_MAX {
            at_a.replicate(update("101"));
        }
        assert!(!at_a.is_connected());
        assert!(matches!(next(&mut a_events).await, Event::PeerLost));
        assert!(matches!(next(&mut a_events).await, Event::PeerConnected));
    }

    /// A single box has nobody to tell.
    #[tokio::test]
    async fn a_single_box_tells_nobody() {
        let [mut a, _] = pair();
        (a.peer, a.credentials) = (None, None);
        let (sender, _events) = mpsc::channel(8);
        let mut link = PeerLink::start(&a, &sender).unwrap();
        link.replicate(update("101"));
        assert!(!link.is_connected());
    }
}
