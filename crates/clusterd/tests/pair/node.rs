//! One node: identity, bus, store and agent.

#![allow(clippy::print_stderr)] // a failing test shows the log

use std::fs;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use daemon::bus::cluster::{ClusterProxy, ClusterStatus};
use daemon::bus::store;
use futures_util::StreamExt;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::namespace::Namespace;
use super::private_bus::PrivateBus;

/// A node of the pair; its processes end with it.
pub struct Node {
    pub namespace: Namespace,
    folder: TempDir,
    bus: PrivateBus,
    store: Arc<Mutex<(u64, String)>>,
    runtime: Runtime,
    connection: zbus::Connection,
    agent: Option<Child>,
}

impl Node {
    pub fn new(
        namespace: Namespace,
        authority: &Authority,
        name: &str,
        peer: &str,
        [host, peer_host]: [u8; 2],
        configuration: &str,
    ) -> Node {
        let folder = tempfile::tempdir().unwrap();
        let path = |file: &str| folder.path().join(file);
        authority.issue(name, &folder);
        let node_file = format!(
            "name = '{name}'\nserial-number = 'TD-{}'\ncoordinator = {}\ndata = '{}'\nrun = '{}'\n\
             listen = '10.30.0.{host}'\n[peer]\nname = '{peer}'\naddresses = ['10.30.0.{peer_host}', '10.20.0.{peer_host}']\n\
             [credentials]\nauthority = 'ca.pem'\ncertificate = 'node.pem'\nkey = 'node.key'\nsecret = 'pair.key'\n",
            name.to_uppercase(),
            name == "a",
            path("data").display(),
            path("run").display(),
        );
        fs::write(path("node.toml"), node_file).unwrap();
        let bus = PrivateBus::start();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let store = Arc::new(Mutex::new((1, configuration.to_owned())));
        let connection = runtime.block_on(serve_store(bus.address(), Arc::clone(&store))).unwrap();
        Node { namespace, folder, bus, store, runtime, connection, agent: None }
    }

    pub fn start_agent(&mut self) {
        let log = fs::File::options().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        let start = || {
            Command::new(env!("CARGO_BIN_EXE_clusterd"))
                .arg("--node")
                .arg(self.folder.path().join("node.toml"))
                .env("DBUS_SYSTEM_BUS_ADDRESS", self.bus.address())
                .env("TANDEM_LOG", "debug")
                .stdin(Stdio::null())
                .stderr(log)
                .spawn()
                .unwrap()
        };
        self.agent = Some(self.namespace.run(start));
    }

    /// Sends a signal to the agent.
    pub fn signal_agent(&self, signal: Signal) {
        let agent = self.agent.as_ref().unwrap();
        kill(Pid::from_raw(i32::try_from(agent.id()).unwrap()), signal).unwrap();
    }

    /// Waits for the agent's end; true: it ended in order.
    pub fn agent_ended(&mut self) -> bool {
        self.agent.take().unwrap().wait().unwrap().success()
    }

    /// The agent dies at once.
    pub fn kill_agent(&mut self) {
        self.signal_agent(Signal::SIGKILL);
        assert!(!self.agent_ended());
    }

    pub fn status(&self) -> Option<ClusterStatus> {
        self.runtime
            .block_on(async { ClusterProxy::new(&self.connection).await.unwrap().status().await.ok() })
    }

    /// Role of this node; empty while its agent does not answer.
    pub fn role(&self) -> String {
        self.status().map(|status| status.role).unwrap_or_default()
    }

    pub fn warnings(&self) -> u64 {
        self.status().map_or(0, |status| status.warnings)
    }

    /// A planned switchover, asked of this node.
    pub fn switch(&self) -> zbus::Result<()> {
        self.runtime.block_on(async { ClusterProxy::new(&self.connection).await.unwrap().switch().await })
    }

    /// Another revision of the configuration.
    pub fn apply(&self, configuration: &str) {
        let revision = {
            let mut store = self.store.lock().unwrap();
            *store = (store.0 + 1, configuration.to_owned());
            store.0
        };
        let emit = async {
            let emitter = zbus::object_server::SignalEmitter::new(&self.connection, store::PATH).unwrap();
            Store::revision_changed(&emitter, revision).await.unwrap();
        };
        self.runtime.block_on(emit);
    }

    pub fn kill_bus(&mut self) {
        self.bus.stop();
    }

    pub fn holds(&self, address: &str) -> bool {
        self.namespace.ip("-o address show").contains(&format!(" {address}/"))
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("---- log of {} ----\n{}", self.folder.path().display(), self.log());
        }
        if let Some(child) = &mut self.agent {
            // It may have ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A store with nothing but a configuration; flushing is done at once.
struct Store {
    state: Arc<Mutex<(u64, String)>>,
}

#[zbus::interface(name = "org.tandem.Store1")]
impl Store {
    fn configuration(&self) -> (u64, zbus::OwnedFd) {
        let (revision, text) = self.state.lock().unwrap().clone();
        let descriptor: OwnedFd = daemon::memfd::write("configuration", text.as_bytes()).unwrap();
        (revision, descriptor.into())
    }

    #[zbus(signal)]
    async fn revision_changed(
        emitter: &zbus::object_server::SignalEmitter<'_>,
        revision: u64,
    ) -> zbus::Result<()>;
}

async fn serve_store(bus: &str, state: Arc<Mutex<(u64, String)>>) -> zbus::Result<zbus::Connection> {
    let connection = zbus::connection::Builder::address(bus).build().await?;
    daemon::bus::serve(&connection, store::PATH, Store { state }, store::NAME).await?;
    let cluster = ClusterProxy::new(&connection).await?;
    let mut freezes = cluster.receive_freeze().await?;
    tokio::spawn(async move {
        while freezes.next().await.is_some() {
            cluster.flushed().await.unwrap();
        }
    });
    Ok(connection)
}

/// The authority of the pair, and its shared secret.
pub struct Authority {
    issuer: rcgen::CertifiedIssuer<'static, rcgen::KeyPair>,
}

impl Authority {
    pub fn new() -> Self {
        let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        Authority { issuer: rcgen::CertifiedIssuer::self_signed(parameters, key).unwrap() }
    }

    /// Writes what `[credentials]` of the node file names.
    fn issue(&self, node: &str, folder: &TempDir) {
        let key = rcgen::KeyPair::generate().unwrap();
        let parameters = rcgen::CertificateParams::new(vec![node.to_owned()]).unwrap();
        let certificate = parameters.signed_by(&key, &self.issuer).unwrap();
        let files = [
            ("ca.pem", self.issuer.pem()),
            ("node.pem", certificate.pem()),
            ("node.key", key.serialize_pem()),
            ("pair.key", "07".repeat(32)),
        ];
        for (file, text) in files {
            fs::write(folder.path().join(file), text).unwrap();
        }
    }
}
