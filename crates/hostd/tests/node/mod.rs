//! A node for tests: the real `hostd` in a network namespace and a folder of its own, on a private bus where stand-ins
//! play the store and the service manager.

#![allow(clippy::unwrap_used, clippy::print_stderr)] // helpers of tests; a failing one shows the log

#[path = "../../../netio/tests/namespace/mod.rs"]
mod namespace;
#[path = "../../../daemon/tests/private_bus/mod.rs"]
mod private_bus;

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use daemon::bus::host::{HostProxy, HostStatus};
use daemon::bus::store;
pub use namespace::Namespace;
use private_bus::PrivateBus;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use zbus::{OwnedObjectPath, fdo};

/// Nothing in a test takes longer.
const DEADLINE: Duration = Duration::from_secs(20);
/// Says with which arguments it was started, and who its caller's log is.
const JOURNALCTL: &str = "#!/bin/sh\nfor word in \"$@\"; do echo \"argument $word\"; done\n";

/// Revision and text that the stand-in of the store has.
type Configuration = Arc<Mutex<(u64, String)>>;
/// What the stand-in of the service manager was asked for, `verb unit`.
type Orders = Arc<Mutex<Vec<String>>>;

/// The node; its processes end with it.
pub struct Node {
    pub namespace: Namespace,
    /// The other end of every cable
    pub switch: Namespace,
    folder: TempDir,
    bus: PrivateBus,
    runtime: Runtime,
    connection: zbus::Connection,
    configuration: Configuration,
    orders: Orders,
    daemon: Option<Child>,
}

impl Node {
    /// A node with `lan0`, with a store that has no configuration, whose daemon is not started yet.
    pub fn new() -> Node {
        let (namespace, switch) = (Namespace::new(), Namespace::new());
        namespace.cable("lan0", &switch, "lan0");
        namespace.ip("link set lan0 down");
        let folder = tempfile::tempdir().unwrap();
        for below in ["data/host", "etc", "run/tandem", "bin", "usr/share/zoneinfo/Europe", "usr/lib"] {
            fs::create_dir_all(folder.path().join(below)).unwrap();
        }
        let write = |below: &str, text: &str| fs::write(folder.path().join(below), text).unwrap();
        write("usr/share/zoneinfo/Europe/Rome", "TZif");
        write("usr/lib/os-release", "IMAGE_VERSION=9.9.9\nVARIANT_ID=debug\nTANDEM_ROOTFS=lab\n");
        write("run/tandem/prepare.json", "{\"problems\": [\"the setup medium was not used\"]}");
        write("bin/journalctl", JOURNALCTL);
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(folder.path().join("bin/journalctl"), executable).unwrap();
        let node_file =
            "name = 'a'\nserial-number = 'TD-A'\ndata = 'data'\nrun = 'run'\nlisten = '127.0.0.1'\n";
        write("node.toml", node_file);
        let bus = PrivateBus::start();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (configuration, orders) = (Configuration::default(), Orders::default());
        let stand_ins = serve(bus.address(), Arc::clone(&configuration), Arc::clone(&orders));
        let connection = runtime.block_on(stand_ins).unwrap();
        Node { namespace, switch, folder, bus, runtime, connection, configuration, orders, daemon: None }
    }

    /// A place below the node's root.
    pub fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    /// The text of a file; empty while there is none.
    pub fn text(&self, below: &str) -> String {
        fs::read_to_string(self.path(below)).unwrap_or_default()
    }

    /// Starts the daemon and waits until it answers.
    pub fn start(&mut self) {
        let log = fs::File::options().create(true).append(true).open(self.path("log")).unwrap();
        let path = format!("{}:/usr/bin:/bin", self.path("bin").display());
        let start = || {
            Command::new(env!("CARGO_BIN_EXE_hostd"))
                .arg("--node")
                .arg(self.path("node.toml"))
                .env("DBUS_SYSTEM_BUS_ADDRESS", self.bus.address())
                .env("TANDEM_ROOT", self.folder.path())
                .env("TANDEM_LOG", "debug")
                .env("PATH", path)
                .stdin(Stdio::null())
                .stderr(log)
                .spawn()
                .unwrap()
        };
        self.daemon = Some(self.namespace.run(start));
        until("the daemon answers", || self.status_now().is_some());
    }

    /// The daemon dies at once.
    pub fn kill(&mut self) {
        let mut daemon = self.daemon.take().unwrap();
        daemon.kill().unwrap();
        daemon.wait().unwrap();
        until("the bus has noticed", || self.status_now().is_none());
    }

    fn status_now(&self) -> Option<HostStatus> {
        self.runtime.block_on(async { self.host().await.status().await.ok() })
    }

    pub fn status(&self) -> HostStatus {
        self.status_now().expect("the daemon answers")
    }

    /// Calls a method of the daemon.
    pub fn ask<T>(&self, call: impl AsyncFnOnce(HostProxy<'static>) -> zbus::Result<T>) -> zbus::Result<T> {
        self.runtime.block_on(async { call(self.host().await).await })
    }

    async fn host(&self) -> HostProxy<'static> {
        HostProxy::new(&self.connection).await.unwrap()
    }

    /// Another revision of the configuration: `text` below a domain.
    pub fn apply(&self, text: &str) {
        let revision = {
            let mut configuration = self.configuration.lock().unwrap();
            *configuration = (configuration.0 + 1, format!("[system]\ndomain = 'pbx.example.com'\n{text}"));
            configuration.0
        };
        let emit = async {
            let emitter = zbus::object_server::SignalEmitter::new(&self.connection, store::PATH).unwrap();
            Store::revision_changed(&emitter, revision).await.unwrap();
        };
        self.runtime.block_on(emit);
    }

    /// What the service manager was asked for.
    pub fn orders(&self) -> Vec<String> {
        self.orders.lock().unwrap().clone()
    }

    /// The node has this address, with its prefix length, on this link.
    pub fn has(&self, link: &str, address: &str) -> bool {
        self.namespace.ip("-o address show").lines().any(|line| {
            let mut words = line.split_whitespace().skip(1);
            words.next() == Some(link) && words.any(|word| word == address)
        })
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("---- log of the daemon ----\n{}", self.text("log"));
        }
        if let Some(daemon) = &mut self.daemon {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}

/// Waits for a condition.
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

async fn serve(bus: &str, configuration: Configuration, orders: Orders) -> zbus::Result<zbus::Connection> {
    let connection = zbus::connection::Builder::address(bus).build().await?;
    daemon::bus::serve(&connection, store::PATH, Store { configuration }, store::NAME).await?;
    let manager = Manager { orders };
    daemon::bus::serve(&connection, "/org/freedesktop/systemd1", manager, "org.freedesktop.systemd1").await?;
    Ok(connection)
}

/// A store with nothing but a configuration.
struct Store {
    configuration: Configuration,
}

#[zbus::interface(name = "org.tandem.Store1")]
impl Store {
    fn configuration(&self) -> (u64, zbus::OwnedFd) {
        let (revision, text) = self.configuration.lock().unwrap().clone();
        let descriptor: OwnedFd = daemon::memfd::write("configuration", text.as_bytes()).unwrap();
        (revision, descriptor.into())
    }

    #[zbus(signal)]
    async fn revision_changed(
        emitter: &zbus::object_server::SignalEmitter<'_>,
        revision: u64,
    ) -> zbus::Result<()>;
}

/// A service manager that only notes what it is asked for, and one of whose units has failed.
struct Manager {
    orders: Orders,
}

/// As in `ListUnits` of org.freedesktop.systemd1(5).
type Unit = (String, String, String, String, String, String, OwnedObjectPath, u32, String, OwnedObjectPath);

#[zbus::interface(name = "org.freedesktop.systemd1.Manager")]
impl Manager {
    #[allow(clippy::needless_pass_by_value)] // what the bus hands over
    fn list_units_filtered(&self, states: Vec<String>) -> fdo::Result<Vec<Unit>> {
        if states != ["failed"] {
            return Err(fdo::Error::InvalidArgs(format!("{states:?}")));
        }
        let (path, text) = (OwnedObjectPath::try_from("/").unwrap(), String::new);
        let name = "pbxd.service".to_owned();
        Ok(vec![(name, text(), text(), text(), text(), text(), path.clone(), 0, text(), path)])
    }

    fn restart_unit(&self, name: &str, mode: &str) -> OwnedObjectPath {
        self.note("restart", name, mode)
    }

    fn start_unit(&self, name: &str, mode: &str) -> OwnedObjectPath {
        self.note("start", name, mode)
    }
}

impl Manager {
    fn note(&self, verb: &str, name: &str, mode: &str) -> OwnedObjectPath {
        self.orders.lock().unwrap().push(format!("{verb} {name} {mode}"));
        OwnedObjectPath::try_from("/org/freedesktop/systemd1/job/1").unwrap()
    }
}
