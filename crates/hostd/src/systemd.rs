//! The service manager and logind: which units have failed, restart of the time client, restart and power-off of the
//! machine.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;
use zbus::Connection;
use zbus::OwnedObjectPath;
use zbus::zvariant::Type;

/// The time client.
const TIME_CLIENT: &str = "systemd-timesyncd.service";
/// How long the manager may take to answer while a person waits for the status.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// Pause before the time client is restarted once more.
const RETRY: Duration = Duration::from_secs(5);

/// A unit of `ListUnits` (org.freedesktop.systemd1(5)).
#[derive(Debug, serde::Deserialize, Type)]
struct Unit {
    name: String,
    _description: String,
    _load_state: String,
    _active_state: String,
    _sub_state: String,
    _following: String,
    _path: OwnedObjectPath,
    _job_id: u32,
    _job_type: String,
    _job_path: OwnedObjectPath,
}

#[zbus::proxy(
    interface = "org.freedesktop.systemd1.Manager",
    default_service = "org.freedesktop.systemd1",
    default_path = "/org/freedesktop/systemd1"
)]
trait Manager {
    fn list_units_filtered(&self, states: &[&str]) -> zbus::Result<Vec<Unit>>;
    fn restart_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;
    fn start_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;
}

#[zbus::proxy(
    interface = "org.freedesktop.login1.Manager",
    default_service = "org.freedesktop.login1",
    default_path = "/org/freedesktop/login1"
)]
trait Login {
    fn reboot(&self, interactive: bool) -> zbus::Result<()>;
    fn power_off(&self, interactive: bool) -> zbus::Result<()>;
}

/// How the machine ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It starts again
    Reboot,
    /// It stays off
    PowerOff,
}

impl End {
    /// The target that brings it about.
    const fn target(self) -> &'static str {
        match self {
            End::Reboot => "reboot.target",
            End::PowerOff => "poweroff.target",
        }
    }
}

/// Names of the units that have failed, in order.
///
/// # Errors
/// Why the manager does not answer.
pub async fn failed_units(connection: &Connection) -> Result<Vec<String>, String> {
    let ask = async { ManagerProxy::new(connection).await?.list_units_filtered(&["failed"]).await };
    let units = timeout(ANSWER_TIMEOUT, ask).await.map_err(|_| "no answer".to_owned())?;
    let mut names: Vec<_> =
        units.map_err(|error| error.to_string())?.into_iter().map(|unit| unit.name).collect();
    names.sort_unstable();
    Ok(names)
}

/// Ends the machine in order: every service is stopped, every disk written. logind is asked first, since it knows of
/// whoever wants to delay the end; the manager's own `Reboot` would stop no service, so otherwise its target is started.
///
/// # Errors
/// Both refuse, or are not there.
pub async fn end(connection: &Connection, end: End) -> zbus::Result<()> {
    let login = LoginProxy::new(connection).await?;
    let asked = match end {
        End::Reboot => login.reboot(false).await,
        End::PowerOff => login.power_off(false).await,
    };
    let Err(error) = asked else { return Ok(()) };
    log::warn!(error:%; "logind does not end the machine; the service manager is asked");
    let manager = ManagerProxy::new(connection).await?;
    manager.start_unit(end.target(), "replace-irreversibly").await.map(|_| ())
}

/// Restarts the time client each time that `changed` says so, until it has worked.
pub async fn keep_time_client(connection: Connection, changed: Arc<Notify>) {
    loop {
        changed.notified().await;
        while let Err(error) = restart_time_client(&connection).await {
            log::warn!(error:%; "{TIME_CLIENT} cannot be restarted: it does not know its servers yet");
            tokio::time::sleep(RETRY).await;
        }
        log::info!("{TIME_CLIENT} reads its servers again");
    }
}

async fn restart_time_client(connection: &Connection) -> zbus::Result<()> {
    ManagerProxy::new(connection).await?.restart_unit(TIME_CLIENT, "replace").await.map(|_| ())
}
