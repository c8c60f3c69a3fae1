//! The telephone daemon: SIP and media sockets around the pure cores `exchange` and `media`.
//!
//! One task owns the exchange (`core`), one thread owns the audio (`media_thread`); everything else brings news to the
//! first or takes work from it through bounded channels. README.md has the picture.

mod addresses;
mod bus;
mod clock;
mod core;
mod event;
mod media_thread;
mod peer;
mod records;
mod sockets;
mod tcp;
mod udp;

use std::fs::File;
use std::io::Read as _;
use std::time::Duration;

use anyhow::{Context as _, bail};
use daemon::NodeIdentity;
use daemon::bus::store::StoreProxy;
use exchange::{Exchange, Limits, Setup};
use media::Policy;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::clock::Clock;
use crate::core::{Core, Inlets, State};
use crate::event::{EVENTS_MAX, Event};
use crate::media_thread::MediaThread;
use crate::peer::PeerLink;
use crate::records::Records;
use crate::tcp::{Connections, Listeners};
use crate::udp::UdpSockets;

/// Purpose of the key of digest nonces, the same on both nodes.
const NONCE_KEY_LABEL: &str = "tandem sip nonce 1";
/// At the end, how long the last call records may take to the store.
const LAST_RECORDS_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs the daemon until it is asked to end.
///
/// # Errors
/// The bus cannot be reached or goes away, another telephone daemon has the name, the port between the nodes is taken, or
/// audio has failed for good.
pub async fn serve(identity: NodeIdentity) -> anyhow::Result<()> {
    if let Err(error) = sockets::raise_descriptor_limit() {
        log::warn!("the number of calls is limited: {error:#}");
    }
    let connection = daemon::bus::connect().await?;
    let (sender, events) = mpsc::channel(EVENTS_MAX);
    let store = StoreProxy::new(&connection).await.context("making the proxy of the store")?;
    let (records, delivery) = Records::start(store);
    let core = make_core(identity, sender.clone(), records)?;
    let inlets = Inlets {
        events,
        configuration: daemon::configuration::watch(&connection),
        role: daemon::role::watch(&connection),
    };
    bus::serve(&connection, sender).await?;
    daemon::readiness::ready("waiting for the configuration");

    core.run(inlets, async {
        tokio::select! {
            signal = daemon::signals::terminated() => {
                log::info!(signal = signal.context("waiting for signals")?; "asked to end");
            }
            // Neither configuration nor role would ever come again, and no record could leave.
            () = connection.closed() => bail!("the bus has gone"),
        }
        daemon::readiness::stopping();
        Ok(())
    })
    .await?;

    if timeout(LAST_RECORDS_TIMEOUT, delivery).await.is_err() {
        log::error!("the store has not taken the last call records");
    }
    Ok(())
}

/// An exchange without configuration, and all that it acts through.
fn make_core(identity: NodeIdentity, events: mpsc::Sender<Event>, records: Records) -> anyhow::Result<Core> {
    let clock = Clock::start();
    // Nowhere, until the first configuration says where.
    let policy = Policy { own_addresses: Vec::new(), media_ports: 0..=0, local_phones: false };
    let setup = Setup {
        node: identity.name.clone(),
        seed: random_key()?,
        // A single box has nobody to share the key with.
        nonce_key: identity.derive(NONCE_KEY_LABEL).map_or_else(random_key, Ok)?,
        unix_at_start: clock.unix_at_start(),
        local_addresses: Vec::new(),
        limits: Limits::default(),
    };
    Ok(Core {
        clock,
        exchange: Exchange::new(setup),
        media: MediaThread::start(clock, policy, events.clone())?,
        records,
        peer: PeerLink::start(&identity, &events)?,
        udp: UdpSockets::default(),
        listeners: Listeners::default(),
        connections: Connections::new(events.clone()),
        state: State::default(),
        events,
        identity,
    })
}

/// Randomness of the operating system.
fn random_key() -> anyhow::Result<[u8; 32]> {
    let mut key = [0; 32];
    File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut key))
        .context("reading /dev/urandom")?;
    Ok(key)
}
