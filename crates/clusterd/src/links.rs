//! Tells the heartbeat thread which interfaces are there and have carrier.

use std::time::Duration;

use netio::links::LinkWatch;

use crate::heartbeat::{Command, Commands};

/// Pause before the netlink socket is opened again.
const RETRY: Duration = Duration::from_secs(1);

/// Watches for as long as it is polled; ends with the heartbeat thread.
pub async fn watch(commands: Commands) {
    loop {
        if let Err(failure) = watch_once(&commands).await {
            log::error!(failure:%; "interfaces cannot be watched");
        }
        if commands.is_closed() {
            return;
        }
        tokio::time::sleep(RETRY).await;
    }
}

async fn watch_once(commands: &Commands) -> Result<(), netio::NetlinkError> {
    let mut watch = LinkWatch::open()?;
    loop {
        let links = watch.next().await?;
        if commands.send(Command::Links(links)).await.is_err() {
            return Ok(());
        }
    }
}
