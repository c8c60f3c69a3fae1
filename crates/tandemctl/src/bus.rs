//! Reaching a daemon, and saying what to do when it is not there.

use daemon::zbus::{self, Connection, fdo};

/// The bus or a daemon is not there. The cause, if it helps, is in the chain.
#[derive(Debug, thiserror::Error)]
pub enum Unreachable {
    /// No bus
    #[error(
        "the node's bus cannot be reached: is the node running, and are you in the group tandem-admin? (--bus names another bus)"
    )]
    Bus(#[source] daemon::bus::BusError),
    /// No owner of the name
    #[error(
        "{daemon} is not running on this node: see `systemctl status {daemon}`, or the node's log in the lab"
    )]
    Daemon {
        /// Name of the daemon
        daemon: &'static str,
    },
    /// It is there and does not answer
    #[error("{daemon} does not answer: see `journalctl -u {daemon}`, or the node's log in the lab")]
    Silent {
        /// Name of the daemon
        daemon: &'static str,
    },
}

/// The daemon has answered with an error: its words, for people.
#[derive(Debug, thiserror::Error)]
#[error("{daemon} says: {message}")]
pub struct Refused {
    daemon: &'static str,
    message: String,
}

/// Connects to `address`, or to the system bus.
pub async fn connect(address: Option<&str>) -> Result<Connection, Unreachable> {
    daemon::bus::connect_once(address).await.map_err(Unreachable::Bus)
}

/// Puts the failure of a call into words.
pub fn explain(daemon: &'static str) -> impl FnOnce(zbus::Error) -> anyhow::Error {
    move |error| match error {
        zbus::Error::FDO(error) => explain_standard(daemon, *error),
        zbus::Error::MethodError(name, message, _) => match name.as_str() {
            "org.freedesktop.DBus.Error.ServiceUnknown" | "org.freedesktop.DBus.Error.NameHasNoOwner" => {
                Unreachable::Daemon { daemon }.into()
            }
            name => Refused { daemon, message: message.unwrap_or_else(|| name.to_owned()) }.into(),
        },
        zbus::Error::InputOutput(error) if error.kind() == std::io::ErrorKind::TimedOut => {
            Unreachable::Silent { daemon }.into()
        }
        other => anyhow::Error::new(other).context(format!("asking {daemon}")),
    }
}

fn explain_standard(daemon: &'static str, error: fdo::Error) -> anyhow::Error {
    match error {
        fdo::Error::ServiceUnknown(_) | fdo::Error::NameHasNoOwner(_) => {
            Unreachable::Daemon { daemon }.into()
        }
        fdo::Error::NoReply(_) | fdo::Error::Timeout(_) | fdo::Error::TimedOut(_) => {
            Unreachable::Silent { daemon }.into()
        }
        fdo::Error::Failed(message)
        | fdo::Error::InvalidArgs(message)
        | fdo::Error::AccessDenied(message)
        | fdo::Error::NotSupported(message) => Refused { daemon, message }.into(),
        other => anyhow::Error::new(other).context(format!("asking {daemon}")),
    }
}
