//! The D-Bus vocabulary: names, data and client proxies of every daemon's interface, written once; and the way to
//! the bus itself.
//!
//! D-Bus has no null: an absent text is empty, an absent number is said so at its field.
//!
//! A daemon serves its objects first and asks for its name last, so that a client never finds one without the
//! other: `connection.object_server().at(PATH, interface)`, then `connection.request_name(NAME)`.

use std::time::Duration;

use zbus::Connection;
use zbus::connection::Builder;

pub mod cluster;
pub(crate) mod follow;
pub mod pbx;
pub mod store;

/// How long [`connect`] waits for a bus that is not there yet.
pub const BUS_PATIENCE: Duration = Duration::from_secs(30);
/// Pause between two attempts.
const RETRY: Duration = Duration::from_millis(200);
/// A method of another daemon that takes longer has failed; the longest is a planned switchover.
pub const METHOD_TIMEOUT: Duration = Duration::from_secs(30);

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
