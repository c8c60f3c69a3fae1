//! `org.tandem.Store1`: the owner of durable state.

use serde::{Deserialize, Serialize};
use zbus::{OwnedFd, zvariant::Type};

/// Bus name of the store.
pub const NAME: &str = "org.tandem.Store1";
/// Object path of the store.
pub const PATH: &str = "/org/tandem/Store1";

/// A wish to change the configuration, as one named transaction (rows U1, U8, U10 to U15).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
pub struct Change {
    /// Named by the client; repeating it returns the first outcome
    pub transaction_id: String,
    /// Who
    pub author: String,
    /// From which address, or `local`
    pub source_address: String,
    /// What for, for people
    pub description: String,
    /// Revision it was made from; 0: whatever is in force
    pub base_revision: u64,
}

/// Outcome of a change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
pub struct Outcome {
    /// The transaction
    pub transaction_id: String,
    /// It was stored by this call or by an earlier one of the same name
    pub applied: bool,
    /// Revision of the configuration after it
    pub revision: u64,
    /// It is on both disks; false on a single node or while the peer is away
    pub protected: bool,
    /// Objects touched
    pub rows: u64,
    /// Why it was refused, one entry per problem (`path`, line, message); empty when applied
    pub problems: Vec<Problem>,
}

/// Something wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
pub struct Problem {
    /// Dotted path, e.g. `account.101.password`
    pub path: String,
    /// Line in the text, from 1; 0 when it belongs to none
    pub line: u32,
    /// What is wrong and what to do
    pub message: String,
}

/// State of the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
pub struct StoreStatus {
    /// This node
    pub node: String,
    /// This store takes settings now
    pub writer: bool,
    /// Revision of the configuration; 0 before the first
    pub revision: u64,
    /// Hash over all settings and registers: equal on both nodes when they agree
    pub state_hash: String,
    /// Connected to the peer's store
    pub peer_connected: bool,
    /// Entries that the peer has not yet acknowledged
    pub unprotected: u64,
    /// Call records held
    pub call_records: u64,
    /// Settings records "made while apart", of both nodes: kept beside what is in force (promise 3 of the design)
    pub parked: u64,
    /// Quarantined segments (corruption found), for people; empty is good
    pub quarantined: Vec<String>,
}

/// Client side of the store.
#[zbus::proxy(
    interface = "org.tandem.Store1",
    default_service = "org.tandem.Store1",
    default_path = "/org/tandem/Store1"
)]
pub trait Store {
    /// State of the store.
    fn status(&self) -> zbus::Result<StoreStatus>;

    /// The configuration in force: revision and a sealed memfd with its text form. Revision 0: none yet.
    fn configuration(&self) -> zbus::Result<(u64, OwnedFd)>;

    /// Replaces the configuration by the text in `text` (a memfd), all or nothing.
    fn apply(&self, change: Change, text: OwnedFd) -> zbus::Result<Outcome>;

    /// Stores one call record (JSON object, keys of `tandemctl records list`); true: it is on both disks.
    fn record_call(&self, record: String) -> zbus::Result<bool>;

    /// Call records as JSON lines in a sealed memfd, oldest first; `month` is `2026-11` or empty for all.
    fn call_records(&self, month: &str) -> zbus::Result<OwnedFd>;

    /// Audit rows as JSON lines in a sealed memfd, oldest first; `month` as above (rows U5, U8 to U15).
    fn audit_rows(&self, month: &str) -> zbus::Result<OwnedFd>;

    /// Rows of changes "made while apart" as JSON lines in a sealed memfd, with the keys of the audit rows: another
    /// node's settings went on without them.
    fn made_apart(&self) -> zbus::Result<OwnedFd>;

    /// Throws the view away and makes it anew from the journal; returns the number of records read.
    fn rebuild(&self) -> zbus::Result<u64>;

    /// Another revision is in force.
    #[zbus(signal)]
    fn revision_changed(&self, revision: u64) -> zbus::Result<()>;
}
