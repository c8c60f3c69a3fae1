//! The connection to the peer's store: mutual TLS on the synchronisation interface, one at a time. The node whose name
//! comes first dials, the other listens, so that the two never meet half-way.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use daemon::{NodeIdentity, Peer};
use netio::tls::{self, Credentials, LinkReader, LinkWriter, Listener, TlsError, TlsLink};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::handle::{Command, CoreHandle, FRAMES_MAX, Gone};

/// Pause between two attempts to connect or to listen.
const RETRY: Duration = Duration::from_millis(250);
/// A problem that stays is logged again after so many attempts.
const ATTEMPTS_SILENT: u32 = 240;

/// Keeps the connection to the peer, if there is one, until the store ends.
///
/// # Errors
/// The credentials cannot be used.
pub async fn serve(identity: NodeIdentity, core: CoreHandle) -> anyhow::Result<()> {
    let (Some(peer), Some(pem)) = (&identity.peer, &identity.credentials) else { return Ok(()) };
    let credentials = Credentials::from_pem(&pem.authority_pem, &pem.certificate_pem, pem.key_pem.reveal())
        .context("reading the credentials for the peer's store")?;
    let links = Links { core, last: 0 };
    let gone = if identity.name < peer.name {
        dial(&identity, peer, &credentials, links).await
    } else {
        listen(&identity, peer, &credentials, links).await
    };
    log::debug!(reason:% = gone; "no more connections to the peer");
    Ok(())
}

/// Numbers connections and hands them to the owner of the ledger.
struct Links {
    core: CoreHandle,
    last: u64,
}

impl Links {
    /// Puts a connection into use; the task ends with it.
    fn start(&mut self, link: TlsLink) -> JoinHandle<Result<(), Gone>> {
        self.last += 1;
        log::info!(remote:% = link.remote_addr(); "connected to the peer's store");
        let (reader, writer) = link.split();
        tokio::spawn(carry(self.core.clone(), self.last, reader, writer))
    }
}

/// Carries frames both ways until the connection ends on either side.
async fn carry(core: CoreHandle, link: u64, mut reader: LinkReader, writer: LinkWriter) -> Result<(), Gone> {
    let (frames, outgoing) = mpsc::channel(FRAMES_MAX);
    core.tell(Command::LinkUp { link, frames }).await?;
    let mut writing = tokio::spawn(write(writer, outgoing));
    let outcome = loop {
        tokio::select! {
            frame = reader.recv() => match frame {
                Ok(Some(octets)) => core.tell(Command::Frame { link, octets }).await?,
                Ok(None) => break "closed by the peer".to_owned(),
                Err(error) => break format!("{:#}", anyhow::Error::new(error)),
            },
            // The owner of the ledger has dropped the connection, or it cannot be written to.
            _ = &mut writing => break "closed here".to_owned(),
        }
    };
    writing.abort();
    log::info!(reason = outcome.as_str(); "the connection to the peer's store has ended");
    core.tell(Command::LinkDown { link }).await
}

async fn write(mut writer: LinkWriter, mut outgoing: mpsc::Receiver<Vec<u8>>) {
    while let Some(frame) = outgoing.recv().await {
        if let Err(error) = writer.send(&frame).await {
            log::debug!(error:% = error; "a frame could not be sent");
            return;
        }
    }
    let _already_closed = writer.close().await;
}

async fn dial(identity: &NodeIdentity, peer: &Peer, credentials: &Credentials, mut links: Links) -> Gone {
    let mut attempts: u32 = 0;
    loop {
        for address in &peer.addresses {
            let address = SocketAddr::new(*address, identity.ports.store);
            // From the synchronisation address where the path allows it (row H21).
            let bind = (Some(address.ip()) == peer.addresses.first().copied()).then_some(identity.listen);
            match tls::connect(credentials, peer.name.as_str(), address, bind).await {
                Ok(link) => {
                    attempts = 0;
                    match links.start(link).await {
                        Ok(Ok(())) => break,
                        Ok(Err(gone)) => return gone,
                        Err(panic) => log::error!(panic:% = panic; "the connection's task failed"),
                    }
                }
                Err(error) => complain(&mut attempts, &error),
            }
        }
        sleep(RETRY).await;
    }
}

async fn listen(identity: &NodeIdentity, peer: &Peer, credentials: &Credentials, mut links: Links) -> Gone {
    let address = SocketAddr::new(identity.listen, identity.ports.store);
    let mut attempts: u32 = 0;
    let mut current: Option<JoinHandle<Result<(), Gone>>> = None;
    loop {
        let bound = Listener::bind(address, credentials, peer.name.as_str());
        let mut listener = match bound {
            Ok(listener) => listener.only_from(peer.addresses.clone()),
            Err(error) => {
                complain(&mut attempts, &error);
                sleep(RETRY).await;
                continue;
            }
        };
        log::info!(address:% = address; "listening for the peer's store");
        loop {
            match listener.accept().await {
                Ok(link) => {
                    // The peer dials anew only when it has lost the connection before: so have we.
                    if let Some(old) = current.take() {
                        old.abort();
                    }
                    attempts = 0;
                    current = Some(links.start(link));
                }
                Err(error @ TlsError::Handshake { .. }) => complain(&mut attempts, &error),
                Err(error) => {
                    complain(&mut attempts, &error);
                    sleep(RETRY).await;
                    break;
                }
            }
            if links.core.commands.is_closed() {
                return Gone;
            }
        }
    }
}

/// Says the first failure, then one now and then: a peer that is switched off is no news.
fn complain(attempts: &mut u32, error: &TlsError) {
    if attempts.is_multiple_of(ATTEMPTS_SILENT) {
        let mut causes = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            causes = format!("{causes}: {cause}");
            source = cause.source();
        }
        log::warn!(reason = causes.as_str(); "no connection to the peer's store; trying again");
    }
    *attempts = attempts.saturating_add(1);
}
