//! `org.tandem.Pbx1` on the bus.

use std::time::Duration;

use anyhow::Context as _;
use daemon::bus::pbx::{NAME, PATH, PbxStatus};
use daemon::zbus;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::event::Event;

/// The core task answers within this time, or it is not well.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// The object that answers.
struct Pbx {
    events: mpsc::Sender<Event>,
}

#[zbus::interface(name = "org.tandem.Pbx1")]
impl Pbx {
    /// State of the telephone daemon.
    async fn status(&self) -> zbus::fdo::Result<PbxStatus> {
        let (sender, answer) = oneshot::channel();
        let ask = async {
            self.events.send(Event::Status(sender)).await.ok()?;
            answer.await.ok()
        };
        timeout(ANSWER_TIMEOUT, ask).await.ok().flatten().ok_or_else(|| {
            zbus::fdo::Error::Failed("the telephone daemon has not started or is too busy".to_owned())
        })
    }
}

/// Serves the object, then takes the name.
///
/// # Errors
/// The bus is gone, or another process has the name.
pub async fn serve(connection: &zbus::Connection, events: mpsc::Sender<Event>) -> anyhow::Result<()> {
    daemon::bus::serve(connection, PATH, Pbx { events }, NAME)
        .await
        .with_context(|| format!("serving {PATH} as {NAME}"))
}
