//! What the tests of the store share: a bus of their own, real stores on it, and a client.

#![allow(dead_code)] // each test file uses its part

use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use daemon::bus::store::{Change, Outcome, StoreProxy, StoreStatus};
use daemon::memfd;
use tempfile::TempDir;

#[path = "../../../daemon/tests/private_bus/mod.rs"]
mod private_bus;

pub use private_bus::PrivateBus;

/// Nothing in a test takes longer.
pub const DEADLINE: Duration = Duration::from_secs(20);
/// Pause between two looks at a condition.
const LOOK: Duration = Duration::from_millis(20);

/// A node: its folder, its bus and, while it runs, its store.
pub struct Node {
    pub folder: TempDir,
    pub bus: PrivateBus,
    pub connection: zbus::Connection,
    process: Option<Child>,
}

impl Node {
    /// A single box; its store is not yet started.
    pub async fn single() -> Node {
        Node::new(|folder| {
            format!(
                "name = \"a\"\nserial-number = \"TD-A\"\ncoordinator = true\nlisten = \"127.0.0.1\"\n\
                 data = \"{0}/data\"\nrun = \"{0}/run\"\n",
                folder.display()
            )
        })
        .await
    }

    async fn new(node_file: impl FnOnce(&Path) -> String) -> Node {
        let folder = tempfile::tempdir().expect("temporary folder");
        std::fs::write(folder.path().join("node.toml"), node_file(folder.path())).expect("node file");
        let bus = PrivateBus::start();
        let connection = daemon::bus::connect_once(Some(bus.address())).await.expect("bus");
        Node { folder, bus, connection, process: None }
    }

    pub fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// The store's process, not started.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stored"));
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.path("log")).expect("log");
        command
            .arg("--node")
            .arg(self.path("node.toml"))
            .env("DBUS_SYSTEM_BUS_ADDRESS", self.bus.address())
            .env("TANDEM_LOG", "info,stored=debug")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        command
    }

    pub fn spawn(&mut self) {
        assert!(self.process.is_none(), "one store at a time");
        self.process = Some(self.command().spawn().expect("the store starts"));
    }

    /// Starts the store and waits until it answers.
    pub async fn start(&mut self) {
        self.spawn();
        self.answers().await;
    }

    /// Waits until the store answers.
    pub async fn answers(&mut self) -> StoreStatus {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let failure = match self.proxy().await.status().await {
                Ok(status) => return status,
                Err(failure) => failure,
            };
            let ended = self.process.as_mut().and_then(|process| process.try_wait().expect("wait"));
            assert!(ended.is_none(), "the store has ended with {ended:?}:\n{}", self.log());
            assert!(Instant::now() < deadline, "the store does not answer: {failure}\n{}", self.log());
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The power is cut.
    pub fn kill(&mut self) {
        let mut process = self.process.take().expect("it runs");
        process.kill().expect("SIGKILL");
        process.wait().expect("wait");
    }

    /// Ends the store in order.
    pub fn stop(&mut self) {
        let mut process = self.process.take().expect("it runs");
        let pid = nix::unistd::Pid::from_raw(i32::try_from(process.id()).expect("a process id"));
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).expect("SIGTERM");
        let status = process.wait().expect("wait");
        assert!(status.success(), "the store ended with {status}:\n{}", self.log());
    }

    pub async fn proxy(&self) -> StoreProxy<'static> {
        StoreProxy::new(&self.connection).await.expect("proxy")
    }

    pub async fn status(&self) -> StoreStatus {
        self.proxy().await.status().await.expect("status")
    }

    /// Waits until the status is as wanted.
    pub async fn await_status(&self, what: &str, wanted: impl Fn(&StoreStatus) -> bool) -> StoreStatus {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let status = self.status().await;
            if wanted(&status) {
                return status;
            }
            assert!(Instant::now() < deadline, "never {what}: {status:?}\n{}", self.log());
            tokio::time::sleep(LOOK).await;
        }
    }

    pub async fn apply(&self, change: Change, text: &str) -> zbus::Result<Outcome> {
        let text = memfd::write("test", text.as_bytes()).expect("memfd");
        self.proxy().await.apply(change, text.into()).await
    }

    pub async fn configuration(&self) -> (u64, String) {
        let (revision, text) = self.proxy().await.configuration().await.expect("configuration");
        (revision, read(text.into()))
    }

    pub async fn calls(&self, month: &str) -> String {
        read(self.proxy().await.call_records(month).await.expect("call records").into())
    }

    pub async fn audit(&self, month: &str) -> String {
        read(self.proxy().await.audit_rows(month).await.expect("audit rows").into())
    }

    pub async fn made_apart(&self) -> String {
        read(self.proxy().await.made_apart().await.expect("rows").into())
    }

    /// Files of the journal, largest last.
    pub fn segments(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        collect(&self.path("data/store/journal"), &mut files);
        files.sort_by_key(|path| std::fs::metadata(path).map_or(0, |metadata| metadata.len()));
        files
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { collect(&path, files) } else { files.push(path) }
    }
}

fn read(descriptor: OwnedFd) -> String {
    let octets = memfd::read(descriptor, memfd::LISTING_BYTES_MAX).expect("a sealed memory file");
    String::from_utf8(octets).expect("UTF-8")
}

/// A change by `admin`, from whatever is in force.
pub fn change(transaction_id: &str) -> Change {
    Change {
        transaction_id: transaction_id.to_owned(),
        author: "admin".to_owned(),
        source_address: "192.0.2.9".to_owned(),
        description: format!("test {transaction_id}"),
        base_revision: 0,
    }
}

/// A configuration with these accounts, each with its extension.
pub fn configuration(accounts: &[&str]) -> String {
    let account = |name: &&str| {
        format!(
            "[account.{name}]\npassword = \"secret-{name}\"\n[extension.{name}]\naccounts = [\"{name}\"]\n"
        )
    };
    let accounts: String = accounts.iter().map(account).collect();
    format!("[system]\ndomain = \"pbx.example.com\"\n{accounts}")
}

/// A call record.
pub fn call(unique_id: &str) -> String {
    format!(
        "{{\"unique_id\":\"{unique_id}\",\"start_datetime\":\"2026-11-21T22:26:40.007Z\",\"called\":\"101\"}}"
    )
}

/// Two nodes `a` (coordinator) and `b` on loopback addresses of their own, with certificates of one authority.
pub async fn pair() -> (Node, Node) {
    let mut parameters = rcgen::CertificateParams::new(Vec::new()).expect("parameters");
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::generate().expect("key");
    let authority = rcgen::CertifiedIssuer::self_signed(parameters, key).expect("authority");
    // The addresses are this process's own, so that tests beside each other do not meet.
    let process = std::process::id().to_be_bytes();
    let address = |host: u8| IpAddr::from(Ipv4Addr::new(127, process[2].max(1), process[3], host));
    let (first, second) = (address(1), address(2));
    let port = TcpListener::bind((second, 0)).expect("a free port").local_addr().expect("address").port();

    let node = async |name: &str, own: IpAddr, peer: &str, peer_address: IpAddr| {
        let key = rcgen::KeyPair::generate().expect("key");
        let parameters = rcgen::CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        let certificate = parameters.signed_by(&key, &authority).expect("certificate");
        let files = [
            ("ca.pem", authority.pem()),
            ("node.pem", certificate.pem()),
            ("node.key", key.serialize_pem()),
            ("pair.key", "07".repeat(32)),
        ];
        Node::new(|folder| {
            for (file, content) in files {
                std::fs::write(folder.join(file), content).expect("credentials");
            }
            format!(
                "name = \"{name}\"\nserial-number = \"TD-{name}\"\ncoordinator = {coordinator}\nlisten = \"{own}\"\n\
                 data = \"{data}/data\"\nrun = \"{data}/run\"\n[peer]\nname = \"{peer}\"\naddresses = [\"{peer_address}\"]\n\
                 [credentials]\nauthority = \"ca.pem\"\ncertificate = \"node.pem\"\nkey = \"node.key\"\n\
                 secret = \"pair.key\"\n[ports]\nstore = {port}\n",
                coordinator = name == "a",
                data = folder.display(),
            )
        })
        .await
    };
    (node("a", first, "b", second).await, node("b", second, "a", first).await)
}
