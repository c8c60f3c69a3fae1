//! Doubles of the four daemons on a private bus: they say what a sample says and note what they are told.
#![allow(dead_code)]

use std::sync::{Arc, Mutex};

use daemon::bus::cluster::ClusterStatus;
use daemon::bus::host::HostStatus;
use daemon::bus::pbx::PbxStatus;
use daemon::bus::store::StoreStatus;
use daemon::bus::{cluster, connect_once, host, pbx, serve, store};
use daemon::memfd;
use daemon::zbus::{self, Connection, fdo};
use screen::sample::Sample;

/// The doubles; they leave the bus with this value.
pub struct Doubles {
    connection: Connection,
    told: Arc<Mutex<Vec<String>>>,
}

impl Doubles {
    /// Serves what is here in `sample` at the bus `address`; what is absent there stays away.
    pub async fn start(address: &str, sample: &Sample) -> Doubles {
        let connection = connect_once(Some(address)).await.expect("the private bus");
        let told = Arc::new(Mutex::new(Vec::new()));
        if let Some(status) = sample.host.here().cloned() {
            let double = Host { status, told: Arc::clone(&told) };
            serve(&connection, host::PATH, double, host::NAME).await.expect("Host1");
        }
        if let Some(status) = sample.cluster.here().cloned() {
            serve(&connection, cluster::PATH, Cluster { status }, cluster::NAME).await.expect("Cluster1");
        }
        if let Some(status) = sample.store.here().cloned() {
            serve(&connection, store::PATH, Store { status }, store::NAME).await.expect("Store1");
        }
        if let Some(status) = sample.pbx.here().cloned() {
            serve(&connection, pbx::PATH, Pbx { status }, pbx::NAME).await.expect("Pbx1");
        }
        Doubles { connection, told }
    }

    /// What hostd has been told to do, oldest first.
    pub fn told(&self) -> Vec<String> {
        self.told.lock().expect("nobody panics holding it").clone()
    }

    /// They leave the bus.
    pub async fn stop(self) {
        self.connection.close().await.expect("an open connection");
    }
}

struct Host {
    status: HostStatus,
    told: Arc<Mutex<Vec<String>>>,
}

impl Host {
    fn note(&self, what: String) {
        self.told.lock().expect("nobody panics holding it").push(what);
    }
}

#[zbus::interface(name = "org.tandem.Host1")]
impl Host {
    fn status(&self) -> HostStatus {
        self.status.clone()
    }

    fn set_network(&self, link: &str, address: &str, gateway: &str) -> fdo::Result<()> {
        self.note(format!("network {link} {address} {gateway}"));
        Ok(())
    }

    fn logs(&self, unit: &str, _since_s: u64, lines: u32) -> fdo::Result<zbus::OwnedFd> {
        let line = |number: u32| {
            let minute = number % 60;
            format!(
                "Nov 22 02:{minute:02}:01 a {unit}[{number}]: line {number} of a journal with \x1b[31mcolour\n"
            )
        };
        let text: String = (1..=lines.min(120)).map(line).collect();
        let descriptor =
            memfd::write("logs", text.as_bytes()).map_err(|error| fdo::Error::Failed(error.to_string()))?;
        Ok(descriptor.into())
    }

    fn reboot(&self) {
        self.note("reboot".to_owned());
    }

    fn power_off(&self) -> fdo::Result<()> {
        self.note("power off".to_owned());
        Err(fdo::Error::Failed("an update is being written: try again in a minute".to_owned()))
    }
}

struct Cluster {
    status: ClusterStatus,
}

#[zbus::interface(name = "org.tandem.Cluster1")]
impl Cluster {
    fn status(&self) -> ClusterStatus {
        self.status.clone()
    }
}

struct Store {
    status: StoreStatus,
}

#[zbus::interface(name = "org.tandem.Store1")]
impl Store {
    fn status(&self) -> StoreStatus {
        self.status.clone()
    }
}

struct Pbx {
    status: PbxStatus,
}

#[zbus::interface(name = "org.tandem.Pbx1")]
impl Pbx {
    fn status(&self) -> PbxStatus {
        self.status.clone()
    }
}
