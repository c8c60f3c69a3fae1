//! `org.tandem.Host1` on the bus. Who may call is the bus policy's matter: people at the box and administrators.

use std::sync::Arc;

use daemon::bus::host::{HostStatus, NAME, PATH};
use daemon::bus::store::StoreProxy;
use daemon::{chain, memfd};
use tokio::sync::{mpsc, oneshot};
use zbus::{Connection, fdo};

use crate::journal::{self, Query};
use crate::network::keeper::{Wish, in_force};
use crate::status::Sources;
use crate::systemd::{self, End};

/// Serves the object and takes the name.
///
/// # Errors
/// The bus is gone, or another process has the name.
pub async fn serve(sources: Arc<Sources>, wishes: mpsc::Sender<Wish>) -> zbus::Result<()> {
    let connection = sources.connection.clone();
    daemon::bus::serve(&connection, PATH, HostService { sources, wishes }, NAME).await
}

/// The object at [`PATH`].
struct HostService {
    sources: Arc<Sources>,
    wishes: mpsc::Sender<Wish>,
}

#[zbus::interface(name = "org.tandem.Host1")]
impl HostService {
    /// The whole state.
    async fn status(&self) -> HostStatus {
        self.sources.status().await
    }

    /// Sets a link's own address and the gateway, while no configuration is in force.
    async fn set_network(&self, link: String, address: String, gateway: String) -> fdo::Result<()> {
        // The store knows best; where it does not run (no data disk), the keeper knows from the last start.
        if let Ok(revision) = revision(&self.sources.connection).await
            && revision > 0
        {
            return Err(fdo::Error::Failed(in_force(revision, &self.sources.identity.name)));
        }
        let (answer, outcome) = oneshot::channel();
        let wish = Wish { link, address, gateway, answer };
        self.wishes
            .try_send(wish)
            .map_err(|_| fdo::Error::Failed("others set the network now".to_owned()))?;
        let outcome = outcome.await.map_err(|_| fdo::Error::Failed("the host daemon ends".to_owned()))?;
        outcome.map_err(fdo::Error::InvalidArgs)
    }

    /// Entries of the journal as text.
    async fn logs(&self, unit: String, since_s: u64, lines: u32) -> fdo::Result<zbus::OwnedFd> {
        let query =
            Query::new(&unit, since_s, lines).map_err(|error| fdo::Error::InvalidArgs(error.to_string()))?;
        let text = journal::read(&query).await.map_err(|error| fdo::Error::Failed(chain(&error)))?;
        let descriptor =
            memfd::write("logs", &text).map_err(|error| fdo::Error::Failed(error.to_string()))?;
        Ok(descriptor.into())
    }

    /// Restarts the node in order.
    async fn reboot(&self) -> fdo::Result<()> {
        self.end(End::Reboot).await
    }

    /// Switches the node off in order.
    async fn power_off(&self) -> fdo::Result<()> {
        self.end(End::PowerOff).await
    }
}

impl HostService {
    /// The manager answers when the end is queued; this daemon, and with it the answer, ends later.
    async fn end(&self, end: End) -> fdo::Result<()> {
        log::warn!("the end of this machine is asked for: {end:?}");
        let outcome = systemd::end(&self.sources.connection, end).await;
        outcome.map_err(|error| {
            fdo::Error::Failed(format!("neither logind nor the service manager does it: {error}"))
        })
    }
}

/// The revision in force as the store says.
async fn revision(connection: &Connection) -> zbus::Result<u64> {
    let (revision, _) = StoreProxy::new(connection).await?.configuration().await?;
    Ok(revision)
}
