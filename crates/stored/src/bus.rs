//! `org.tandem.Store1`: what the store offers on the bus. Every method passes its wish on and waits; none owns anything.

use std::os::fd::OwnedFd;

use daemon::NodeIdentity;
use daemon::bus::store::{self, Change, Outcome, StoreStatus};
use daemon::memfd;
use model::NodeName;
use tokio::task::spawn_blocking;
use zbus::fdo;
use zbus::object_server::SignalEmitter;

use crate::clock::Period;
use crate::configuration;
use crate::handle::{CoreHandle, InForce};
use crate::pairing;
use crate::registers::{self, RecordError};
use crate::view::{View, ViewError};

/// The object on the bus.
pub struct Store {
    node: NodeName,
    /// Nodes of the pair
    pair: Vec<NodeName>,
    core: CoreHandle,
}

#[zbus::interface(name = "org.tandem.Store1")]
impl Store {
    async fn status(&self) -> fdo::Result<StoreStatus> {
        let status = self.core.status().await.map_err(failed)?;
        let ledger = status.ledger;
        Ok(StoreStatus {
            node: self.node.to_string(),
            writer: ledger.writer,
            revision: ledger.settings.sequence,
            state_hash: hex(&ledger.state_hash),
            peer_connected: ledger.peer_connected,
            unprotected: ledger.unprotected,
            call_records: status.call_records,
            parked: ledger.parked,
            quarantined: status.quarantined,
        })
    }

    async fn configuration(&self) -> fdo::Result<(u64, zbus::OwnedFd)> {
        let InForce { revision, objects } = self.core.in_force();
        let text = spawn_blocking(move || model::text_of(&objects)).await.map_err(failed)?;
        Ok((revision, sealed("configuration", text.as_bytes())?))
    }

    async fn apply(&self, change: Change, text: zbus::OwnedFd) -> fdo::Result<Outcome> {
        let octets = memfd::read(OwnedFd::from(text), memfd::CONFIGURATION_BYTES_MAX);
        let octets = octets.map_err(|error| fdo::Error::InvalidArgs(chain(error)))?;
        let text = String::from_utf8(octets).map_err(|error| {
            fdo::Error::InvalidArgs(format!("the configuration is no UTF-8 text: {error}"))
        })?;
        let (id, author) = (change.transaction_id.clone(), change.author.clone());
        let outcome = configuration::apply(&self.core, &self.pair, change, text).await.map_err(failed)?;
        log::info!(transaction = id.as_str(), author = author.as_str(), applied = outcome.applied,
            revision = outcome.revision, rows = outcome.rows, protected = outcome.protected,
            problems = outcome.problems.len(); "a change was decided");
        Ok(outcome)
    }

    async fn record_call(&self, record: String) -> fdo::Result<bool> {
        registers::record_call(&self.core, &record).await.map_err(|error| match error {
            RecordError::Malformed { .. } => fdo::Error::InvalidArgs(error.to_string()),
            RecordError::Refused { .. } | RecordError::Gone(_) => fdo::Error::Failed(error.to_string()),
        })
    }

    async fn call_records(&self, month: String) -> fdo::Result<zbus::OwnedFd> {
        self.list("call-records", &month, |view, period| view.calls(period, memfd::LISTING_BYTES_MAX)).await
    }

    async fn audit_rows(&self, month: String) -> fdo::Result<zbus::OwnedFd> {
        let list = |view: &View, period| registers::audit_lines(view, period, memfd::LISTING_BYTES_MAX);
        self.list("audit-rows", &month, list).await
    }

    async fn made_apart(&self) -> fdo::Result<zbus::OwnedFd> {
        self.list("made-apart", "", |view, _| registers::made_apart_lines(view, memfd::LISTING_BYTES_MAX))
            .await
    }

    async fn rebuild(&self) -> fdo::Result<u64> {
        self.core.rebuild().await.map_err(failed)?.map_err(fdo::Error::Failed)
    }

    #[zbus(signal)]
    async fn revision_changed(emitter: &SignalEmitter<'_>, revision: u64) -> zbus::Result<()>;
}

impl Store {
    /// The object for the store of a node.
    #[must_use]
    pub fn new(identity: &NodeIdentity, core: CoreHandle) -> Store {
        Store { node: identity.name.clone(), pair: pairing::nodes(identity), core }
    }

    async fn list(
        &self,
        name: &'static str,
        month: &str,
        lines: impl FnOnce(&View, Period) -> Result<Vec<u8>, ViewError> + Send + 'static,
    ) -> fdo::Result<zbus::OwnedFd> {
        let period = Period::parse(month).ok_or_else(|| {
            fdo::Error::InvalidArgs(format!("{month:?} is no month; write it as 2026-11, or nothing for all"))
        })?;
        let view = self.core.view().clone();
        let lines = spawn_blocking(move || lines(&view, period)).await.map_err(failed)?;
        sealed(name, &lines.map_err(failed)?)
    }
}

/// Puts the object on the bus, then the name.
///
/// # Errors
/// The bus refuses, e.g. because another store is there.
pub async fn serve(connection: &zbus::Connection, store: Store) -> zbus::Result<()> {
    daemon::bus::serve(connection, store::PATH, store, store::NAME).await
}

/// Tells the bus each revision that comes into force, until the store ends.
///
/// # Errors
/// The bus cannot be used.
pub async fn announce_revisions(connection: zbus::Connection, core: CoreHandle) -> zbus::Result<()> {
    let emitter = SignalEmitter::new(&connection, store::PATH)?;
    let mut in_force = core.watch();
    drop(core);
    while in_force.changed().await.is_ok() {
        let revision = in_force.borrow_and_update().revision;
        Store::revision_changed(&emitter, revision).await?;
    }
    Ok(())
}

fn sealed(name: &'static str, octets: &[u8]) -> fdo::Result<zbus::OwnedFd> {
    memfd::write(name, octets).map(Into::into).map_err(failed)
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> fdo::Error {
    let text = chain(error);
    log::warn!(reason = text.as_str(); "a request failed");
    fdo::Error::Failed(text)
}

fn chain(error: impl std::error::Error + Send + Sync + 'static) -> String {
    format!("{:#}", anyhow::Error::new(error))
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
