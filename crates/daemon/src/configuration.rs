//! The configuration in force, always current: fetched from the store at start, after each revision, and again when
//! the store comes back.

use std::sync::Arc;

use tokio::sync::watch;
use zbus::Connection;

use crate::bus::follow::{Presence, follow};
use crate::bus::store::{self, StoreProxy};
use crate::memfd;

/// A revision of the configuration: immutable, shared by everyone who runs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Its number, from 1
    pub revision: u64,
    /// The typed value
    pub config: Arc<model::Config>,
}

/// Follows the configuration. `None` until the first revision exists; afterwards the last known one stays while the
/// store is away. Ends when the receiver is dropped or the bus is gone.
#[must_use]
pub fn watch(connection: &Connection) -> watch::Receiver<Option<Snapshot>> {
    let (sender, receiver) = watch::channel(None);
    let connection = connection.clone();
    tokio::spawn(async move {
        if let Err(error) = keep_current(&connection, &sender).await {
            log::error!(error:% = error; "the configuration can no longer be followed");
        }
    });
    receiver
}

/// Waits for the first revision.
///
/// # Errors
/// The bus is gone: nothing will ever come.
pub async fn first(
    receiver: &mut watch::Receiver<Option<Snapshot>>,
) -> Result<Snapshot, watch::error::RecvError> {
    let snapshot = receiver.wait_for(Option::is_some).await?;
    Ok(snapshot.clone().expect("the condition waited for"))
}

async fn keep_current(connection: &Connection, sender: &watch::Sender<Option<Snapshot>>) -> zbus::Result<()> {
    let store = StoreProxy::new(connection).await?;
    follow(store.inner().clone(), "RevisionChanged", |presence| fetch(&store, sender, presence)).await
}

/// Takes over the revision in force, if it is another one; `Ok(false)` when nobody listens any more.
async fn fetch(
    store: &StoreProxy<'_>,
    sender: &watch::Sender<Option<Snapshot>>,
    presence: Presence,
) -> zbus::Result<bool> {
    if sender.is_closed() {
        return Ok(false);
    }
    if presence == Presence::Absent {
        log::warn!(service = store::NAME; "the store has left the bus; the last configuration stays in force");
        return Ok(true);
    }
    let (revision, descriptor) = store.configuration().await?;
    if revision == 0 {
        return Ok(true);
    }
    match read(revision, descriptor) {
        // After a split another configuration may come under a number that is known: the text decides.
        Ok(snapshot) if sender.borrow().as_ref() == Some(&snapshot) => {}
        Ok(snapshot) => {
            log::info!(revision = revision; "another configuration is in force");
            sender.send_replace(Some(snapshot));
        }
        // The store has checked it; a text that this build cannot read comes from a newer one.
        Err(reason) => {
            log::error!(revision = revision, reason = reason.as_str(); "the configuration cannot be read");
        }
    }
    Ok(true)
}

fn read(revision: u64, descriptor: zbus::OwnedFd) -> Result<Snapshot, String> {
    let descriptor = std::os::fd::OwnedFd::from(descriptor);
    let bytes = memfd::read(descriptor, memfd::CONFIGURATION_BYTES_MAX).map_err(|error| error.to_string())?;
    let text = String::from_utf8(bytes).map_err(|error| error.to_string())?;
    let config = model::Config::parse(&text).map_err(|problems| say(&problems))?;
    Ok(Snapshot { revision, config: Arc::new(config) })
}

/// All problems in one line of the log.
fn say(problems: &[model::Problem]) -> String {
    problems.iter().map(model::Problem::to_string).collect::<Vec<_>>().join("; ")
}
