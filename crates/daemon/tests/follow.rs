//! Configuration and role stay current while their owners come, go and talk: against a real bus.

mod private_bus;

use std::time::Duration;

use daemon::bus::cluster::{self, ClusterStatus};
use daemon::bus::store;
use daemon::role::{Role, RoleState};
use daemon::zbus::object_server::SignalEmitter;
use daemon::zbus::{self, Connection, fdo};
use daemon::{bus, configuration, memfd, role};
use private_bus::PrivateBus;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(20);

struct Store {
    revision: u64,
    /// Domain, where it is not the one of the revision
    domain: Option<&'static str>,
}

#[zbus::interface(name = "org.tandem.Store1")]
impl Store {
    fn configuration(&self) -> fdo::Result<(u64, zbus::OwnedFd)> {
        let domain =
            self.domain.map_or_else(|| format!("revision-{}.example.com", self.revision), str::to_owned);
        let text = format!("[system]\ndomain = \"{domain}\"\n");
        let descriptor = memfd::write("configuration", text.as_bytes())
            .map_err(|error| fdo::Error::Failed(error.to_string()))?;
        Ok((self.revision, descriptor.into()))
    }

    #[zbus(signal)]
    async fn revision_changed(emitter: &SignalEmitter<'_>, revision: u64) -> zbus::Result<()>;
}

struct Agent {
    role: &'static str,
}

#[zbus::interface(name = "org.tandem.Cluster1")]
impl Agent {
    fn status(&self) -> ClusterStatus {
        ClusterStatus {
            node: "a".to_owned(),
            role: self.role.to_owned(),
            reason: String::new(),
            role_since: String::new(),
            active_node: "a".to_owned(),
            epoch: 4,
            lease_remaining_ms: 0,
            mode: "available".to_owned(),
            enablement: "enabled".to_owned(),
            pairing: "paired".to_owned(),
            nodes: Vec::new(),
            interfaces: Vec::new(),
            warnings: 0,
            events: Vec::new(),
        }
    }

    #[zbus(signal)]
    async fn role_changed(
        emitter: &SignalEmitter<'_>,
        role: &str,
        epoch: u64,
        active_node: &str,
    ) -> zbus::Result<()>;
}

async fn serve_store(bus: &PrivateBus, revision: u64) -> Connection {
    let connection = bus::connect_once(Some(bus.address())).await.expect("bus");
    let object = Store { revision, domain: None };
    bus::serve(&connection, store::PATH, object, store::NAME).await.expect("object and name");
    connection
}

async fn set_revision(connection: &Connection, revision: u64) {
    let interface = connection.object_server().interface::<_, Store>(store::PATH).await.expect("object");
    interface.get_mut().await.revision = revision;
}

async fn await_revision(
    watched: &mut tokio::sync::watch::Receiver<Option<configuration::Snapshot>>,
    wanted: u64,
) {
    let seen = watched.wait_for(|seen| seen.as_ref().is_some_and(|seen| seen.revision == wanted));
    let snapshot = timeout(DEADLINE, seen).await.unwrap_or_else(|_| panic!("revision {wanted} never came"));
    let snapshot = snapshot.expect("watched").clone().expect("the condition waited for");
    assert_eq!(snapshot.config.system.domain, format!("revision-{wanted}.example.com"));
}

/// U10: a daemon learns each revision, also one made while the store was away, whoever starts first.
#[tokio::test]
async fn configuration_survives_the_store_restarting() {
    let bus = PrivateBus::start();
    let client = bus::connect_once(Some(bus.address())).await.expect("bus");
    let mut watched = configuration::watch(&client);
    assert!(watched.borrow().is_none());

    let store = serve_store(&bus, 1).await;
    await_revision(&mut watched, 1).await;

    drop(store);
    let store = serve_store(&bus, 2).await;
    await_revision(&mut watched, 2).await;

    set_revision(&store, 3).await;
    let emitter = SignalEmitter::new(&store, store::PATH).expect("emitter");
    Store::revision_changed(&emitter, 3).await.expect("signal");
    await_revision(&mut watched, 3).await;
}

/// Promise 3 of the design: after a split another configuration may come under a number that is known already.
#[tokio::test]
async fn another_text_under_the_same_number_is_taken() {
    let bus = PrivateBus::start();
    let client = bus::connect_once(Some(bus.address())).await.expect("bus");
    let mut watched = configuration::watch(&client);
    let store = serve_store(&bus, 1).await;
    await_revision(&mut watched, 1).await;
    let interface = store.object_server().interface::<_, Store>(store::PATH).await.expect("object");
    interface.get_mut().await.domain = Some("apart.example.com");
    Store::revision_changed(interface.signal_emitter(), 1).await.expect("signal");
    let taken = watched.wait_for(|seen| {
        seen.as_ref()
            .is_some_and(|seen| seen.revision == 1 && seen.config.system.domain == "apart.example.com")
    });
    timeout(DEADLINE, taken).await.expect("never taken").expect("watched");
}

/// More signals than a stream can hold must not block replies on the connection (they did, for 10 minutes).
#[tokio::test]
async fn a_flood_of_signals_blocks_nothing() {
    let bus = PrivateBus::start();
    let client = bus::connect_once(Some(bus.address())).await.expect("bus");
    let mut watched = configuration::watch(&client);
    let store = serve_store(&bus, 1).await;
    await_revision(&mut watched, 1).await;

    let emitter = SignalEmitter::new(&store, store::PATH).expect("emitter");
    set_revision(&store, 2).await;
    for _ in 0..500 {
        Store::revision_changed(&emitter, 2).await.expect("signal");
    }
    await_revision(&mut watched, 2).await;
    let names = timeout(DEADLINE, async {
        fdo::DBusProxy::new(&client).await?.list_names().await.map_err(Into::into)
    });
    names.await.expect("the connection answers").map_err(|error: zbus::Error| error).expect("names");
}

/// DESIGN 4: the last word of the agent stands while it restarts, and is replaced when it is back.
#[tokio::test]
async fn role_survives_the_agent_restarting() {
    let bus = PrivateBus::start();
    let client = bus::connect_once(Some(bus.address())).await.expect("bus");
    let mut watched = role::watch(&client);
    let serve = async |role| {
        let connection = bus::connect_once(Some(bus.address())).await.expect("bus");
        bus::serve(&connection, cluster::PATH, Agent { role }, cluster::NAME).await.expect("object and name");
        connection
    };
    let agent = serve("active").await;
    let state = timeout(DEADLINE, watched.wait_for(RoleState::serves))
        .await
        .expect("active")
        .expect("watched")
        .clone();
    assert_eq!((state.epoch, state.active_node.as_str(), state.agent_present), (4, "a", true));

    drop(agent);
    let state = timeout(DEADLINE, watched.wait_for(|state| !state.agent_present))
        .await
        .expect("absent")
        .expect("watched")
        .clone();
    assert_eq!(state.role, Role::Active, "the last word stands");

    let _agent = serve("standby").await;
    let seen = watched.wait_for(|state| state.agent_present && state.role == Role::Standby);
    timeout(DEADLINE, seen).await.expect("standby").expect("watched");
}
