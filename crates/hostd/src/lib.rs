//! The appliance itself: network, `/etc`, time, logs, reboot; and the first stage of its start.
//!
//! The daemon's state, the network, has one owner ([`network::keeper`]); everything else is asked for when somebody
//! wants to know ([`status`]). What the network was is applied before the bus is there: a box that cannot reach its own
//! bus can still be reached.

pub mod bus;
pub mod etc;
pub mod image;
pub mod journal;
pub mod network;
pub mod network_file;
pub mod prepare;
pub mod problems;
pub mod setup;
pub mod status;
pub mod systemd;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use daemon::{NodeIdentity, readiness, signals};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;

use crate::image::Image;
use crate::network::keeper::{Keeper, WISHES_MAX};
use crate::prepare::Place;
use crate::status::Sources;

/// A folder that stands for the root of the machine, so that tests change no machine.
pub const ROOT_VARIABLE: &str = "TANDEM_ROOT";

/// Serves until SIGTERM or SIGINT. The network stays as it is: the next start finds it.
///
/// # Errors
/// There is no netlink socket or no bus, or the bus has gone.
pub async fn serve(identity: NodeIdentity) -> anyhow::Result<()> {
    let place = match std::env::var_os(ROOT_VARIABLE) {
        Some(root) => Place::workbench(PathBuf::from(root), Vec::new()),
        None => Place::machine(),
    };
    let time_servers = Arc::new(Notify::new());
    let keeper = Keeper::start(place.clone(), identity.name.clone(), Arc::clone(&time_servers))
        .await
        .context("taking over the network")?;

    let connection = daemon::bus::connect().await?;
    let (wishes, wish_queue) = mpsc::channel(WISHES_MAX);
    let sources = Sources {
        image: Image::read(&place),
        network: keeper.report(),
        connection: connection.clone(),
        place,
        identity,
    };
    let mut duties = JoinSet::new();
    duties.spawn(keeper.run(daemon::configuration::watch(&connection), wish_queue));
    duties.spawn(systemd::keep_time_client(connection.clone(), time_servers));
    bus::serve(Arc::new(sources), wishes).await.context("serving on the bus")?;
    readiness::ready("the network is on");
    tokio::select! {
        signal = signals::terminated() => {
            log::info!(signal = signal?; "ending; the network stays");
            readiness::stopping();
            Ok(())
        }
        _ = duties.join_next() => bail!("a duty has ended: the bus has gone, or see above"),
        () = connection.closed() => bail!("the bus has gone"),
    }
}
