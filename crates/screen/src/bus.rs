//! The daemons as the screen sees them: each wish is a task of its own with a time limit, so that a daemon that hangs
//! delays neither a key nor the news of the others.

use std::future::Future;
use std::os::fd::OwnedFd;
use std::time::Duration;

use daemon::bus::cluster::ClusterProxy;
use daemon::bus::host::HostProxy;
use daemon::bus::pbx::PbxProxy;
use daemon::bus::store::StoreProxy;
use daemon::zbus::{self, Connection, fdo};
use daemon::{memfd, role};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::sample::{Answer, Sample};
use crate::state::{Ask, Ending, Input, News};

/// A daemon that takes longer to say its state is silent.
const STATUS_TIMEOUT: Duration = Duration::from_secs(2);
/// The journal of a busy box takes its time.
const LOGS_TIMEOUT: Duration = Duration::from_secs(20);
/// Setting addresses and ordering an end.
const ACTION_TIMEOUT: Duration = Duration::from_secs(20);
/// Pause before a bus that has gone is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// Lines of the journal that are asked for.
const LOG_LINES_MAX: u32 = 500;
/// Octets of the journal that are taken.
const LOG_BYTES_MAX: usize = 4 << 20;
/// Wishes that wait while the bus is away.
const ASKS_MAX: usize = 8;

/// Where wishes go.
#[derive(Debug)]
pub(crate) struct Bus {
    asks: mpsc::Sender<Ask>,
}

impl Bus {
    /// Starts the duty; what it learns goes to `inputs`.
    pub(crate) fn start(inputs: mpsc::Sender<Input>) -> Bus {
        let (sender, asks) = mpsc::channel(ASKS_MAX);
        tokio::spawn(serve(asks, inputs));
        Bus { asks: sender }
    }

    /// Passes a wish on; one that has no room is answered at once, so that nobody waits for it.
    pub(crate) fn ask(&self, ask: Ask) -> Option<News> {
        let ask = match self.asks.try_send(ask) {
            Ok(()) => return None,
            Err(refused) => refused.into_inner(),
        };
        Some(failure(&ask, "too much is asked at once"))
    }
}

/// Does wishes for ever, on one connection after the other.
async fn serve(mut asks: mpsc::Receiver<Ask>, inputs: mpsc::Sender<Input>) {
    loop {
        match daemon::bus::connect_once(None).await {
            Ok(connection) => {
                let role = role::watch(&connection);
                tokio::spawn(follow_role(role, inputs.clone()));
                tokio::select! {
                    () = do_wishes(&connection, &mut asks, &inputs) => return,
                    () = connection.closed() => log::warn!("the bus has gone"),
                }
            }
            Err(error) => {
                log::debug!(error:% = error.source; "the bus is not there");
                while let Ok(ask) = asks.try_recv() {
                    tell(&inputs, failure(&ask, "the system bus is not there")).await;
                }
            }
        }
        sleep(RETRY).await;
    }
}

/// Has the state asked for at once when the role of this node changes.
async fn follow_role(mut role: tokio::sync::watch::Receiver<role::RoleState>, inputs: mpsc::Sender<Input>) {
    while role.changed().await.is_ok() {
        if inputs.send(Input::Changed).await.is_err() {
            return;
        }
    }
}

async fn do_wishes(connection: &Connection, asks: &mut mpsc::Receiver<Ask>, inputs: &mpsc::Sender<Input>) {
    let daemons = match Daemons::new(connection).await {
        Ok(daemons) => daemons,
        Err(error) => return log::error!(error:% = error; "the daemons cannot be addressed"),
    };
    while let Some(ask) = asks.recv().await {
        let (daemons, inputs) = (daemons.clone(), inputs.clone());
        tokio::spawn(async move { tell(&inputs, daemons.answer(ask).await).await });
    }
}

/// The state machine may have ended: then nobody waits.
async fn tell(inputs: &mpsc::Sender<Input>, news: News) {
    let _ = inputs.send(Input::News(news)).await;
}

/// The daemons on one connection.
#[derive(Clone, Debug)]
struct Daemons {
    host: HostProxy<'static>,
    cluster: ClusterProxy<'static>,
    store: StoreProxy<'static>,
    pbx: PbxProxy<'static>,
}

impl Daemons {
    async fn new(connection: &Connection) -> zbus::Result<Daemons> {
        Ok(Daemons {
            host: HostProxy::new(connection).await?,
            cluster: ClusterProxy::new(connection).await?,
            store: StoreProxy::new(connection).await?,
            pbx: PbxProxy::new(connection).await?,
        })
    }

    async fn answer(&self, ask: Ask) -> News {
        match ask {
            Ask::State => News::State(Box::new(self.sample().await)),
            Ask::Logs { unit } => News::Logs { unit, outcome: self.logs(unit).await },
            Ask::SetNetwork { link, address, gateway } => {
                News::NetworkSet(act(self.host.set_network(&link, &address, &gateway)).await)
            }
            Ask::End(Ending::Restart) => News::Ends(act(self.host.reboot()).await),
            Ask::End(Ending::PowerOff) => News::Ends(act(self.host.power_off()).await),
        }
    }

    async fn sample(&self) -> Sample {
        let (host, cluster, store, pbx) = tokio::join!(
            status(self.host.status()),
            status(self.cluster.status()),
            status(self.store.status()),
            status(self.pbx.status()),
        );
        Sample { host, cluster, store, pbx }
    }

    async fn logs(&self, unit: &str) -> Result<String, String> {
        let answer = timeout(LOGS_TIMEOUT, self.host.logs(unit, 0, LOG_LINES_MAX)).await;
        let descriptor = answer.map_err(|_| too_late())?.map_err(|error| words(&error))?;
        let octets = memfd::read(OwnedFd::from(descriptor), LOG_BYTES_MAX).map_err(|error| chain(&error))?;
        Ok(String::from_utf8_lossy(&octets).into_owned())
    }
}

/// The answer to a wish that was not passed on.
fn failure(ask: &Ask, reason: &str) -> News {
    match ask {
        Ask::State => News::State(Box::new(Sample {
            host: Answer::Absent,
            cluster: Answer::Absent,
            store: Answer::Absent,
            pbx: Answer::Absent,
        })),
        Ask::Logs { unit } => News::Logs { unit, outcome: Err(reason.to_owned()) },
        Ask::SetNetwork { .. } => News::NetworkSet(Err(reason.to_owned())),
        Ask::End(_) => News::Ends(Err(reason.to_owned())),
    }
}

async fn act(call: impl Future<Output = zbus::Result<()>>) -> Result<(), String> {
    timeout(ACTION_TIMEOUT, call).await.map_err(|_| too_late())?.map_err(|error| words(&error))
}

async fn status<T>(call: impl Future<Output = zbus::Result<T>>) -> Answer<T> {
    match timeout(STATUS_TIMEOUT, call).await {
        Ok(Ok(status)) => Answer::Here(status),
        Ok(Err(error)) if is_absent(&error) => Answer::Absent,
        Ok(Err(error)) if is_silent(&error) => Answer::Silent,
        Ok(Err(error)) => Answer::Refused(words(&error)),
        Err(_) => Answer::Silent,
    }
}

/// Nobody has the name on the bus, or its owner has just left.
fn is_absent(error: &zbus::Error) -> bool {
    match error {
        zbus::Error::FDO(error) => {
            matches!(**error, fdo::Error::ServiceUnknown(_) | fdo::Error::NameHasNoOwner(_))
        }
        zbus::Error::MethodError(name, _, _) => matches!(
            name.as_str(),
            "org.freedesktop.DBus.Error.ServiceUnknown" | "org.freedesktop.DBus.Error.NameHasNoOwner"
        ),
        _ => false,
    }
}

fn is_silent(error: &zbus::Error) -> bool {
    match error {
        zbus::Error::FDO(error) => {
            matches!(**error, fdo::Error::NoReply(_) | fdo::Error::Timeout(_) | fdo::Error::TimedOut(_))
        }
        zbus::Error::MethodError(name, _, _) => name.as_str() == "org.freedesktop.DBus.Error.NoReply",
        zbus::Error::InputOutput(error) => error.kind() == std::io::ErrorKind::TimedOut,
        _ => false,
    }
}

/// What the daemon says, without the names of errors.
fn words(error: &zbus::Error) -> String {
    match error {
        zbus::Error::MethodError(_, Some(message), _) => message.clone(),
        error if is_absent(error) => "hostd is not running".to_owned(),
        zbus::Error::FDO(error) => match &**error {
            fdo::Error::Failed(message)
            | fdo::Error::InvalidArgs(message)
            | fdo::Error::AccessDenied(message)
            | fdo::Error::NotSupported(message) => message.clone(),
            other => chain(other),
        },
        other => chain(other),
    }
}

fn chain(error: &impl std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

fn too_late() -> String {
    "no answer in time".to_owned()
}
