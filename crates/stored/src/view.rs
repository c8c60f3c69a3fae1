//! The view: what queries and the configuration in force are answered from. A copy of the journal in sled, never the
//! only one: it says up to which record of each stream it has come, is checked against the journal at start and made
//! anew when the two disagree.

mod check;
mod keys;

use std::collections::BTreeMap;
use std::path::Path;

use ledger::{Body, Position, Record, Stream, Transaction};
use minicbor::{Decode, Encode};
use model::{ObjectKey, ObjectType};
use sled::Batch;

use crate::clock::Period;
use keys::{Table, number_at, stream_key};

pub use check::Check;

/// Version of the layout: a view of another one is made anew.
const LAYOUT: u64 = 1;
/// Memory for pages; the rest is read from disk.
const CACHE_BYTES: u64 = 32 * 1024 * 1024;
/// Kind of the entries that are call records.
pub const CALL: &str = "call";

/// Objects of the configuration in force with their canonical text.
pub type Objects = BTreeMap<ObjectKey, String>;

/// The view failed. The journal is not touched by it.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// sled could not do what was asked
    #[error("{attempt} the view")]
    Sled {
        /// What was attempted
        attempt: &'static str,
        /// Why it failed
        #[source]
        source: sled::Error,
    },
    /// What is in it cannot be read: it must be made anew
    #[error("the view holds something unreadable under {table}")]
    Unreadable {
        /// Which kind of entry
        table: &'static str,
    },
}

/// How far the view has come in a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
struct Progress {
    #[n(0)]
    position: Position,
    /// Records taken, gaps not counted
    #[n(1)]
    count: u64,
}

/// The view. Clones share one database; readers never wait for the writer.
#[derive(Clone, Debug)]
pub struct View {
    tree: sled::Db,
}

impl View {
    /// Opens the view at `path`, empty where there is none or where sled cannot read it.
    ///
    /// # Errors
    /// It can neither be opened nor made.
    pub fn open(path: &Path) -> Result<View, ViewError> {
        let config = sled::Config::new().path(path).cache_capacity(CACHE_BYTES);
        let tree = match config.open() {
            Ok(tree) => tree,
            Err(error) => {
                log::warn!(error:% = error; "the view cannot be opened and is made anew");
                std::fs::remove_dir_all(path).map_err(|error| failed("removing")(error.into()))?;
                config.open().map_err(failed("making"))?
            }
        };
        let view = View { tree };
        let layout = view.get(&Table::Layout.key(&[]))?;
        if layout.as_deref() != Some(LAYOUT.to_be_bytes().as_slice()) {
            view.clear()?;
        }
        Ok(view)
    }

    /// Empties the view.
    ///
    /// # Errors
    /// sled refuses.
    pub fn clear(&self) -> Result<(), ViewError> {
        self.tree.clear().map_err(failed("emptying"))?;
        self.put(&Table::Layout.key(&[]), &LAYOUT.to_be_bytes())
    }

    /// Takes a record that is durable in the journal: its content and the progress of its stream, at once.
    ///
    /// # Errors
    /// sled refuses, or holds something unreadable.
    pub fn take(&self, record: &Record) -> Result<(), ViewError> {
        let fields = record.fields();
        let mut progress = self.progress(&fields.stream)?;
        let late = record.position().sequence <= progress.position.sequence;
        if !late {
            progress.position = record.position();
        }
        progress.count += 1;
        let mut batch = Batch::default();
        batch.insert(Table::Progress.key(&stream_key(&fields.stream)), minicbor_vec(progress));
        match &fields.body {
            Body::Transaction(transaction) => put_transaction(&mut batch, record, transaction, !late),
            Body::Entry(entry) if entry.kind == CALL => {
                let key = keys::call(entry.time_unix_ms, &fields.stream, fields.sequence);
                batch.insert(key, entry.body.reveal().as_bytes());
            }
            Body::Entry(_) => {}
            Body::Parked(_) => {
                batch.insert(keys::parked(&fields.stream, fields.sequence), record.octets());
            }
        }
        self.tree.apply_batch(batch).map_err(failed("writing to"))?;
        // A gap was filled: what came after it decides what is in force.
        if late && record.transaction().is_some() { self.replay_objects() } else { Ok(()) }
    }

    /// Drops the records of `stream` after the sequence `after`; transactions are undone, last first.
    ///
    /// # Errors
    /// sled refuses, or holds something unreadable.
    pub fn withdraw(&self, stream: &Stream, after: u64) -> Result<(), ViewError> {
        let mut batch = Batch::default();
        let mut progress = self.progress(stream)?;
        match stream {
            Stream::Settings => {
                for record in self.settings_after(after)?.into_iter().rev() {
                    remove_transaction(&mut batch, &record);
                    progress.count = progress.count.saturating_sub(1);
                    progress.position = record.predecessor();
                }
            }
            Stream::Register { .. } | Stream::Parked { .. } => {
                let table = if matches!(stream, Stream::Parked { .. }) { Table::Parked } else { Table::Call };
                let wanted = stream_key(stream);
                for key in self.tree.scan_prefix(table.key(&[])).keys() {
                    let key = key.map_err(failed("reading"))?;
                    let sequence = number_at(&key, key.len() - 8);
                    if keys::names_stream(&key, &wanted) && sequence.is_some_and(|sequence| sequence > after)
                    {
                        batch.remove(key);
                    }
                }
                // The hash of the record that is last now is not kept here: the next start makes the view anew.
                progress =
                    Progress { position: Position { sequence: after, ..Position::default() }, count: after };
            }
        }
        batch.insert(Table::Progress.key(&stream_key(stream)), minicbor_vec(progress));
        self.tree.apply_batch(batch).map_err(failed("writing to"))
    }

    /// The configuration in force, object by object.
    ///
    /// # Errors
    /// sled refuses, or holds something unreadable.
    pub fn objects(&self) -> Result<Objects, ViewError> {
        let mut objects = Objects::new();
        for item in self.tree.scan_prefix(Table::Object.key(&[])) {
            let (key, text) = item.map_err(failed("reading"))?;
            let unreadable = || ViewError::Unreadable { table: "object" };
            let key = keys::read_object(&key).ok_or_else(unreadable)?;
            objects.insert(key, String::from_utf8(text.to_vec()).map_err(|_| unreadable())?);
        }
        Ok(objects)
    }

    /// Sequence of the last transaction: the revision in force.
    ///
    /// # Errors
    /// sled refuses, or holds something unreadable.
    pub fn revision(&self) -> Result<u64, ViewError> {
        Ok(self.progress(&Stream::Settings)?.position.sequence)
    }

    /// The transaction of this name.
    ///
    /// # Errors
    /// sled refuses, or holds something unreadable.
    pub fn transaction(&self, id: &str) -> Result<Option<Transaction>, ViewError> {
        let Some(key) = self.get(&Table::TransactionName.key(id.as_bytes()))? else { return Ok(None) };
        let Some(octets) = self.get(&key)? else { return Ok(None) };
        Ok(read_record(octets.to_vec())?.transaction().cloned())
    }

    /// Transactions of `period` by time, oldest first.
    ///
    /// # Errors
    /// sled refuses, or holds something unreadable.
    pub fn transactions(&self, period: Period) -> Result<Vec<Record>, ViewError> {
        let mut records = Vec::new();
        for item in self.tree.range(Table::Audit.range(period)) {
            let (_, key) = item.map_err(failed("reading"))?;
            if let Some(octets) = self.get(&key)? {
                records.push(read_record(octets.to_vec())?);
            }
        }
        Ok(records)
    }

    /// Transactions "made while apart", each as it stood in the settings.
    ///
    /// # Errors
    /// sled refuses, or holds something unreadable.
    pub fn made_apart(&self) -> Result<Vec<Record>, ViewError> {
        let mut records = Vec::new();
        for octets in self.tree.scan_prefix(Table::Parked.key(&[])).values() {
            let parked = read_record(octets.map_err(failed("reading"))?.to_vec())?;
            if let Body::Parked(original) = &parked.fields().body {
                records.push(read_record(original.octets.clone())?);
            }
        }
        Ok(records)
    }

    /// Call records of `period` as JSON lines by time, oldest first; stops before `bytes_max`.
    ///
    /// # Errors
    /// sled refuses.
    pub fn calls(&self, period: Period, bytes_max: usize) -> Result<Vec<u8>, ViewError> {
        let mut lines = Vec::new();
        for item in self.tree.range(Table::Call.range(period)) {
            let (_, body) = item.map_err(failed("reading"))?;
            if lines.len() + body.len() + 1 > bytes_max {
                log::warn!(bytes_max = bytes_max; "the listing of call records is cut: ask month by month");
                break;
            }
            lines.extend_from_slice(&body);
            lines.push(b'\n');
        }
        Ok(lines)
    }

    /// Number of call records.
    #[must_use]
    pub fn call_count(&self) -> u64 {
        self.tree.scan_prefix(Table::Call.key(&[])).count() as u64
    }

    fn progress(&self, stream: &Stream) -> Result<Progress, ViewError> {
        let Some(octets) = self.get(&Table::Progress.key(&stream_key(stream)))? else {
            return Ok(Progress::default());
        };
        minicbor::decode(&octets).map_err(|_| ViewError::Unreadable { table: "progress" })
    }

    /// Progress of every stream.
    fn all_progress(&self) -> Result<BTreeMap<Stream, Progress>, ViewError> {
        let mut all = BTreeMap::new();
        for item in self.tree.scan_prefix(Table::Progress.key(&[])) {
            let (key, value) = item.map_err(failed("reading"))?;
            let unreadable = |_| ViewError::Unreadable { table: "progress" };
            let stream = minicbor::decode(&key[1..]).map_err(unreadable)?;
            all.insert(stream, minicbor::decode(&value).map_err(unreadable)?);
        }
        Ok(all)
    }

    /// Settings after this sequence, in order.
    fn settings_after(&self, after: u64) -> Result<Vec<Record>, ViewError> {
        let from = Table::Settings.key(&after.saturating_add(1).to_be_bytes());
        let until = Table::Settings.end();
        let octets = self.tree.range(from..until).values();
        octets.map(|octets| read_record(octets.map_err(failed("reading"))?.to_vec())).collect()
    }

    /// Makes the objects anew from all transactions in order.
    fn replay_objects(&self) -> Result<(), ViewError> {
        let mut batch = Batch::default();
        for key in self.tree.scan_prefix(Table::Object.key(&[])).keys() {
            batch.remove(key.map_err(failed("reading"))?);
        }
        for record in self.settings_after(0)? {
            if let Some(transaction) = record.transaction() {
                put_objects(&mut batch, transaction);
            }
        }
        self.tree.apply_batch(batch).map_err(failed("writing to"))
    }

    fn get(&self, key: &[u8]) -> Result<Option<sled::IVec>, ViewError> {
        self.tree.get(key).map_err(failed("reading"))
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Result<(), ViewError> {
        self.tree.insert(key, value).map_err(failed("writing to")).map(drop)
    }
}

fn put_transaction(batch: &mut Batch, record: &Record, transaction: &Transaction, in_order: bool) {
    let sequence = record.fields().sequence;
    let key = Table::Settings.key(&sequence.to_be_bytes());
    batch.insert(keys::audit(transaction.time_unix_ms, sequence), key.as_slice());
    batch.insert(Table::TransactionName.key(transaction.id.as_bytes()), key.as_slice());
    batch.insert(key, record.octets());
    if in_order {
        put_objects(batch, transaction);
    }
}

fn put_objects(batch: &mut Batch, transaction: &Transaction) {
    for row in &transaction.rows {
        let key = keys::object(&row.object_type, &row.object_key);
        match &row.after {
            Some(after) => batch.insert(key, after.reveal().as_bytes()),
            None => batch.remove(key),
        }
    }
}

fn remove_transaction(batch: &mut Batch, record: &Record) {
    let Some(transaction) = record.transaction() else { return };
    let sequence = record.fields().sequence;
    batch.remove(keys::audit(transaction.time_unix_ms, sequence));
    batch.remove(Table::TransactionName.key(transaction.id.as_bytes()));
    batch.remove(Table::Settings.key(&sequence.to_be_bytes()));
    for row in transaction.rows.iter().rev() {
        let key = keys::object(&row.object_type, &row.object_key);
        match &row.before {
            Some(before) => batch.insert(key, before.reveal().as_bytes()),
            None => batch.remove(key),
        }
    }
}

/// The kind and key that a row names; `None` when a newer build knows more kinds.
#[must_use]
pub fn object_of(object_type: &str, object_key: &str) -> Option<ObjectKey> {
    Some(ObjectKey::new(ObjectType::from_word(object_type)?, object_key))
}

fn read_record(octets: Vec<u8>) -> Result<Record, ViewError> {
    Record::decode(octets).map_err(|_| ViewError::Unreadable { table: "settings" })
}

fn minicbor_vec(value: Progress) -> Vec<u8> {
    minicbor::to_vec(value).expect("a vector takes every octet")
}

fn failed(attempt: &'static str) -> impl Fn(sled::Error) -> ViewError {
    move |source| ViewError::Sled { attempt, source }
}
