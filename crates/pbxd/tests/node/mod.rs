//! One node on loopback: the real daemon on a bus of its own, between a store and an agent that the test plays.

use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use daemon::bus::cluster::{self, ClusterStatus};
use daemon::bus::pbx::{PbxProxy, PbxStatus};
use daemon::bus::store;
use daemon::memfd;
use daemon::zbus::{self, Connection, fdo};
use tempfile::TempDir;
use tokio::net::UdpSocket;
use tokio::time::{Instant, sleep, timeout};

#[path = "../../../daemon/tests/private_bus/mod.rs"]
mod private_bus;

use private_bus::PrivateBus;

/// Everything that is waited for comes within this time.
pub const DEADLINE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(20);

/// The store that the test plays.
struct Store {
    text: String,
    records: Arc<Mutex<Vec<String>>>,
}

#[zbus::interface(name = "org.tandem.Store1")]
impl Store {
    fn configuration(&self) -> fdo::Result<(u64, zbus::OwnedFd)> {
        let descriptor = memfd::write("configuration", self.text.as_bytes())
            .map_err(|error| fdo::Error::Failed(error.to_string()))?;
        Ok((1, descriptor.into()))
    }

    fn record_call(&self, record: String) -> bool {
        self.records.lock().expect("no test has panicked").push(record);
        false
    }
}

/// The high-availability agent that the test plays.
struct Agent;

#[zbus::interface(name = "org.tandem.Cluster1")]
impl Agent {
    fn status(&self) -> ClusterStatus {
        ClusterStatus {
            node: "a".to_owned(),
            role: "active".to_owned(),
            reason: String::new(),
            role_since: String::new(),
            active_node: "a".to_owned(),
            epoch: 1,
            lease_remaining_ms: 0,
            mode: "available".to_owned(),
            enablement: "enabled".to_owned(),
            pairing: "single".to_owned(),
            nodes: Vec::new(),
            interfaces: Vec::new(),
            warnings: 0,
            events: Vec::new(),
        }
    }
}

/// A process that ends with this value.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The node under test.
pub struct Node {
    /// Where it takes SIP
    pub sip: SocketAddr,
    connection: Connection,
    records: Arc<Mutex<Vec<String>>>,
    // In this order they end.
    daemon: Process,
    bus: PrivateBus,
    _folder: TempDir,
}

impl Node {
    /// Starts bus, store and daemon; no agent yet. Hosts at 127.0.0.2 are a trunk.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let bus = PrivateBus::start();
        let connection =
            zbus::connection::Builder::address(bus.address()).build().await.expect("the private bus");
        let sip = free_address();
        let text = format!(
            "[system]\ndomain = \"pbx.example.com\"\n[sip]\nport = {}\n\
             [account.101]\npassword = \"secret-of-101\"\n[extension.101]\nname = \"Ada\"\naccounts = [\"101\"]\n\
             [trunk.provider]\naddress = \"127.0.0.2:5060\"\n",
            sip.port()
        );
        let records = Arc::new(Mutex::new(Vec::new()));
        let object = Store { text, records: Arc::clone(&records) };
        daemon::bus::serve(&connection, store::PATH, object, store::NAME).await.expect("the store");
        let daemon = start_daemon(&folder, bus.address());
        let node = Node { sip, connection, records, daemon, bus, _folder: folder };
        node.until("the daemon runs the configuration", async |node| {
            node.status().await.is_some_and(|s| s.revision == 1)
        })
        .await;
        node
    }

    /// The agent appears and says that this node serves.
    pub async fn serve(&self) {
        daemon::bus::serve(&self.connection, cluster::PATH, Agent, cluster::NAME).await.expect("the agent");
        let phone = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        self.until("the node answers", async |node| node.try_ask(&phone, &options()).await.is_some()).await;
    }

    /// The store leaves the bus.
    pub async fn stop_store(&self) {
        self.connection.release_name(store::NAME).await.expect("the name of the store");
    }

    /// The store is back.
    pub async fn start_store(&self) {
        self.connection.request_name(store::NAME).await.expect("the name of the store");
    }

    /// The bus dies.
    pub fn stop_bus(&mut self) {
        self.bus.stop();
    }

    /// How the daemon ends.
    pub async fn ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.daemon.0.try_wait().expect("a child") {
                return status;
            }
            assert!(Instant::now() < deadline, "not in time: the daemon ends");
            sleep(POLL).await;
        }
    }

    /// The call records that the store has been given so far.
    pub fn records(&self) -> Vec<String> {
        self.records.lock().expect("no test has panicked").clone()
    }

    /// What the daemon says of itself.
    pub async fn status(&self) -> Option<PbxStatus> {
        PbxProxy::new(&self.connection).await.expect("a proxy").status().await.ok()
    }

    /// Sends a request over UDP; the first answer, if one comes soon.
    pub async fn try_ask(&self, phone: &UdpSocket, request: &str) -> Option<String> {
        phone.send_to(request.as_bytes(), self.sip).await.expect("loopback");
        let mut buffer = vec![0; 65_535];
        let (length, _) =
            timeout(Duration::from_millis(200), phone.recv_from(&mut buffer)).await.ok()?.ok()?;
        Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
    }

    /// Waits for something to become true.
    pub async fn until(&self, what: &str, mut condition: impl AsyncFnMut(&Self) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while !condition(self).await {
            assert!(Instant::now() < deadline, "not in time: {what}");
            sleep(POLL).await;
        }
    }
}

/// An address with a port that nobody has.
fn free_address() -> SocketAddr {
    std::net::UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port")
}

fn start_daemon(folder: &TempDir, bus: &str) -> Process {
    let file = folder.path().join("node.toml");
    let text =
        "name = \"a\"\nserial-number = \"TD-A\"\ndata = \"data\"\nrun = \"run\"\nlisten = \"127.0.0.1\"\n";
    std::fs::write(&file, text).expect("node.toml");
    let process = Command::new(env!("CARGO_BIN_EXE_pbxd"))
        .arg("--node")
        .arg(file)
        .env("DBUS_SYSTEM_BUS_ADDRESS", bus)
        .env("TANDEM_LOG", "warn")
        .spawn()
        .expect("pbxd");
    Process(process)
}

/// An OPTIONS request of a phone.
pub fn options() -> String {
    request("OPTIONS", "sip:pbx.example.com", "")
}

/// A request without body; each has its own transaction and call.
pub fn request(method: &str, uri: &str, headers: &str) -> String {
    static NUMBER: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;rport;branch=z9hG4bK{number}\r\nMax-Forwards: 70\r\n\
         From: <sip:101@pbx.example.com>;tag={number}\r\nTo: <{uri}>\r\nCall-ID: call-{number}\r\nCSeq: 1 {method}\r\n\
         {headers}Content-Length: 0\r\n\r\n"
    )
}
