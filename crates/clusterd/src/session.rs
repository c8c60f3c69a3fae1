//! The TLS session between the two agents: where the keys of the heartbeats come from.
//!
//! The node whose name is lower dials, the other listens (TCP, same number as the heartbeats' port). Every session gives
//! one secret to the heartbeat thread; the session then only waits to break. What the heartbeats need survives it: the
//! last key serves until the next. A peer that starts anew has no key, so it dials, or its old session breaks and is
//! dialled again, over whichever of its addresses answers first.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::Context;
use daemon::{NodeIdentity, Peer};
use netio::seal::Turn;
use netio::tls::{self, Credentials, Listener, TlsError, TlsLink};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::heartbeat::{Command, Commands};

/// Name of the exported secret (RFC 8446 section 7.5): the same on both sides, changed with the datagrams' layout.
const KEY_LABEL: &str = "EXPORTER-tandem-heartbeat-1";
/// A session is replaced by a new one, and thereby the key, after this.
const REKEY_INTERVAL: Duration = Duration::from_secs(3_600);
/// Head start of an address over the next one in the list.
const ADDRESS_HEAD_START: Duration = Duration::from_millis(300);
/// Pause before the next attempt when no address answered.
const REDIAL_PAUSE: Duration = Duration::from_millis(100);
/// Pause before the listening socket is tried again.
const LISTEN_PAUSE: Duration = Duration::from_secs(1);
/// Sessions kept at once by the listening side: the one in use and its successor.
const SESSIONS_MAX: usize = 2;

/// Keeps a session with the peer for as long as it is polled.
///
/// # Errors
/// The credentials of the node file are unusable, or the heartbeat thread has ended.
pub async fn keep(identity: NodeIdentity, commands: Commands) -> anyhow::Result<()> {
    let (Some(peer), Some(pem)) = (&identity.peer, &identity.credentials) else {
        return std::future::pending().await;
    };
    let credentials = Credentials::from_pem(&pem.authority_pem, &pem.certificate_pem, pem.key_pem.reveal())
        .context("reading the credentials of the node file")?;
    if identity.name < peer.name {
        dial_forever(&credentials, peer, identity.ports.cluster, &commands).await
    } else {
        listen_forever(&credentials, &identity, peer, &commands).await
    }
}

async fn dial_forever(
    credentials: &Credentials,
    peer: &Peer,
    port: u16,
    commands: &Commands,
) -> anyhow::Result<()> {
    let mut session: Option<TlsLink> = None;
    let mut failure_told = false;
    loop {
        match dial(credentials, peer, port).await {
            Ok(link) => {
                failure_told = false;
                log::info!(peer:% = peer.name, address:% = link.remote_addr(); "session with the peer, new heartbeat key");
                install(&link, Turn::WhenHeard, commands).await?;
                // Only now does the session before end: the listening side never sees a gap.
                session = Some(link);
            }
            Err(failure) if session.is_none() => {
                if !std::mem::replace(&mut failure_told, true) {
                    log::warn!(peer:% = peer.name, failure:% = chain(&failure); "no session with the peer yet");
                }
                sleep(REDIAL_PAUSE).await;
                continue;
            }
            // Renewal failed while the session stands: it goes on under its key.
            Err(failure) => {
                log::warn!(peer:% = peer.name, failure:% = chain(&failure); "the heartbeat key was not renewed");
            }
        }
        let renewal = Instant::now() + REKEY_INTERVAL;
        if let Some(link) = &mut session {
            tokio::select! {
                () = ended(link) => {
                    log::info!(peer:% = peer.name; "the session with the peer has ended");
                    session = None;
                }
                () = sleep_until(renewal) => {}
            }
        }
    }
}

/// Tries the addresses in order, each with a head start over the next; the first to answer wins.
async fn dial(credentials: &Credentials, peer: &Peer, port: u16) -> Result<TlsLink, TlsError> {
    let mut attempts = JoinSet::new();
    let mut waiting = peer.addresses.iter();
    let mut failure = TlsError::PeerName { name: String::new() };
    loop {
        let is_last = match waiting.next() {
            Some(address) => {
                let (credentials, name) = (credentials.clone(), peer.name.to_string());
                let address = SocketAddr::new(*address, port);
                attempts.spawn(async move { tls::connect(&credentials, &name, address, None).await });
                false
            }
            None => true,
        };
        tokio::select! {
            done = attempts.join_next() => match done {
                Some(Ok(Ok(link))) => return Ok(link),
                Some(Ok(Err(error))) => failure = error,
                Some(Err(panic)) => log::error!(failure:% = panic; "a dialling task panicked"),
                None => return Err(failure),
            },
            () = sleep(ADDRESS_HEAD_START), if !is_last => {}
        }
    }
}

async fn listen_forever(
    credentials: &Credentials,
    identity: &NodeIdentity,
    peer: &Peer,
    commands: &Commands,
) -> anyhow::Result<()> {
    let unspecified = match identity.listen {
        IpAddr::V4(_) => IpAddr::from([0; 4]),
        IpAddr::V6(_) => IpAddr::from([0; 16]),
    };
    let address = SocketAddr::new(unspecified, identity.ports.cluster);
    let mut sessions = JoinSet::new();
    loop {
        let mut listener = match Listener::bind(address, credentials, peer.name.as_str()) {
            Ok(listener) => listener.only_from(peer.addresses.clone()),
            Err(failure) => {
                log::error!(failure:% = chain(&failure); "cannot listen for the peer");
                sleep(LISTEN_PAUSE).await;
                continue;
            }
        };
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok(link) => {
                        log::info!(peer:% = peer.name, address:% = link.remote_addr(); "session with the peer, new heartbeat key");
                        install(&link, Turn::Now, commands).await?;
                        while sessions.len() >= SESSIONS_MAX {
                            sessions.abort_all();
                            sessions.join_next().await;
                        }
                        sessions.spawn(async move { let mut link = link; ended(&mut link).await });
                    }
                    Err(failure @ TlsError::Listen { .. }) => {
                        log::error!(failure:% = chain(&failure); "cannot listen for the peer");
                        sleep(LISTEN_PAUSE).await;
                        break;
                    }
                    Err(failure) => log::warn!(failure:% = chain(&failure); "a session was refused"),
                },
                Some(_) = sessions.join_next() => {}
            }
        }
    }
}

async fn install(link: &TlsLink, turn: Turn, commands: &Commands) -> anyhow::Result<()> {
    let secret = link.export_key(KEY_LABEL).context("exporting the heartbeat key")?;
    commands.send(Command::Key { secret, turn }).await.context("the heartbeat thread has ended")
}

/// Waits until the session breaks. Nothing is said over it; a peer that says something is of a later version.
async fn ended(link: &mut TlsLink) {
    while let Ok(Some(_)) = link.recv().await {}
}

/// An error with all its causes, for the log.
fn chain(error: &TlsError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
