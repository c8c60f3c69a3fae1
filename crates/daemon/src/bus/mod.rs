//! The D-Bus vocabulary: names, data and client proxies of every daemon's interface, written once; and the way to
//! the bus itself.
//!
//! D-Bus has no null: an absent text is empty, an absent number is said so at its field.
//!
//! A daemon serves its object first and asks for its name last ([`serve`]), so that a client never finds one without
//! the other.

use std::time::Duration;

use zbus::Connection;
use zbus::connection::Builder;
use zbus::object_server::Interface;

pub mod cluster;
pub(crate) mod follow;
pub mod host;
pub mod pbx;
pub mod store;

/// How long [`connect`] waits for a bus that is not there yet.
pub const BUS_PATIENCE: Duration = Duration::from_secs(30);
/// Pause between two attempts.
const RETRY: Duration = Duration::from_millis(200);
/// A method of another daemon that takes longer has failed; the longest is a planned switchover.
pub const METHOD_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a call to ourselves may take before it counts as lost.
const ECHO_PATIENCE: Duration = Duration::from_millis(200);

/// The bus cannot be reached.
#[derive(Debug, thiserror::Error)]
#[error("connecting to the system bus at {address}")]
pub struct BusError {
    /// Where it should be
    pub address: String,
    /// Why not
    #[source]
    pub source: Box<zbus::Error>,
}

/// Connects to the system bus (`DBUS_SYSTEM_BUS_ADDRESS`, else the usual socket), patiently: at start the bus may
/// be a moment behind.
///
/// # Errors
/// [`BusError`] after [`BUS_PATIENCE`].
pub async fn connect() -> Result<Connection, BusError> {
    let deadline = tokio::time::Instant::now() + BUS_PATIENCE;
    loop {
        match connect_once(None).await {
            Ok(connection) => return Ok(connection),
            Err(error) if tokio::time::Instant::now() >= deadline => return Err(error),
            Err(error) => {
                log::debug!(error:% = error.source; "the bus is not there yet");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

/// Connects once, to `address` or as [`connect`] does: for tools, where a person waits.
///
/// # Errors
/// [`BusError`].
pub async fn connect_once(address: Option<&str>) -> Result<Connection, BusError> {
    let builder = match address {
        Some(address) => Builder::address(address),
        None => Builder::system(),
    };
    builder.method_timeout(METHOD_TIMEOUT).build().await.map_err(|source| BusError {
        address: match address {
            Some(address) => address.to_owned(),
            None => {
                std::env::var("DBUS_SYSTEM_BUS_ADDRESS").unwrap_or_else(|_| "the usual socket".to_owned())
            }
        },
        source: Box::new(source),
    })
}

/// Serves `interface` at `path`, then takes `name`.
///
/// The library starts to listen for method calls in a task of its own some time after the first object is there, and
/// a call that comes earlier is lost without an answer. So the name is asked for when we have heard ourselves.
///
/// # Errors
/// The bus is gone, or another process has the name.
pub async fn serve<I: Interface>(
    connection: &Connection,
    path: &'static str,
    interface: I,
    name: &'static str,
) -> zbus::Result<()> {
    connection.object_server().at(path, interface).await?;
    let ourselves = connection.unique_name().cloned();
    loop {
        let echo =
            connection.call_method(ourselves.clone(), path, Some("org.freedesktop.DBus.Peer"), "Ping", &());
        match tokio::time::timeout(ECHO_PATIENCE, echo).await {
            Ok(answer) => break answer.map(|_| ())?,
            Err(_) => log::debug!(path; "a call to ourselves was lost; once more"),
        }
    }
    connection.request_name(name).await
}
