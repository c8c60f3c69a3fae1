//! Requests by the names their clients gave them: what is under way, and what became of those before.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use model::Time;
use wire::replication::Stream;

use crate::io::Request;
use crate::record::{Body, Entry, Record, Transaction};

/// Outcomes remembered for repeated requests, of transactions and of entries.
pub(super) const REMEMBERED_MAX: usize = 50_000;
/// Requests that wait for the peer, for the writer or for a review at one time.
pub(super) const WAITING_MAX: usize = 10_000;
/// Longest wait for the writer's outcome of a forwarded transaction.
pub(super) const FORWARD_WAIT: Duration = Duration::from_secs(3);
/// Longest name of a request, octets.
pub(super) const ID_BYTES_MAX: usize = 128;

/// A record that waits for the peer's acknowledgement.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) stream: Stream,
    pub(super) sequence: u64,
    /// Set once it is durable here
    pub(super) until: Option<Time>,
    /// A client of this node wants to know
    pub(super) local: bool,
    /// A client of the peer wants to know
    pub(super) remote: bool,
}

/// A transaction on its way to the writer.
#[derive(Debug)]
pub(super) struct Forwarding {
    pub(super) octets: Vec<u8>,
    /// The writer may have it
    pub(super) sent: bool,
    pub(super) until: Time,
}

/// A request that may be written only when an awaited stream has come.
#[derive(Debug)]
pub(super) enum Held {
    Transaction(Transaction),
    Entry(Entry),
}

/// All requests.
#[derive(Debug, Default)]
pub(super) struct Requests {
    remembered: HashMap<Request, (Stream, u64)>,
    transactions: VecDeque<Request>,
    entries: VecDeque<Request>,
    pub(super) waiting: BTreeMap<Request, Waiting>,
    pub(super) forwarded: BTreeMap<String, Forwarding>,
    /// Transactions of the peer's clients that the shell examines (or that are held after that)
    pub(super) reviews: BTreeSet<String>,
    pub(super) held: VecDeque<Held>,
}

impl Requests {
    /// Where a request of this name was stored.
    pub(super) fn find(&self, request: &Request) -> Option<&(Stream, u64)> {
        self.remembered.get(request)
    }

    /// Remembers the name of a record; the oldest of its kind is forgotten when there are too many.
    pub(super) fn remember(&mut self, record: &Record) {
        let Some(request) = name_of(record) else { return };
        let fields = record.fields();
        let place = (fields.stream.clone(), fields.sequence);
        if self.remembered.insert(request.clone(), place).is_some() {
            return;
        }
        let order = match request {
            Request::Transaction(_) => &mut self.transactions,
            Request::Entry(_) => &mut self.entries,
        };
        order.push_back(request);
        if order.len() > REMEMBERED_MAX
            && let Some(oldest) = order.pop_front()
        {
            self.remembered.remove(&oldest);
        }
    }

    /// Forgets the names of records that were withdrawn, and returns those that still waited.
    pub(super) fn forget_after(&mut self, stream: &Stream, sequence: u64) -> Vec<(Request, Waiting)> {
        let gone = |(of, at): &(Stream, u64)| of == stream && *at > sequence;
        self.remembered.retain(|_, place| !gone(place));
        let remembered = &self.remembered;
        self.transactions.retain(|request| remembered.contains_key(request));
        self.entries.retain(|request| remembered.contains_key(request));
        self.take_waiting(|waiting| waiting.stream == *stream && waiting.sequence > sequence)
    }

    /// Takes out all waiting requests that `wanted` picks.
    pub(super) fn take_waiting(
        &mut self,
        mut wanted: impl FnMut(&Waiting) -> bool,
    ) -> Vec<(Request, Waiting)> {
        let (taken, kept) =
            std::mem::take(&mut self.waiting).into_iter().partition(|(_, waiting)| wanted(waiting));
        self.waiting = kept;
        BTreeMap::into_iter(taken).collect()
    }

    /// As many as there may be.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() + self.forwarded.len() + self.reviews.len() + self.held.len() >= WAITING_MAX
    }

    /// Next time one of them has waited long enough.
    pub(super) fn next_timeout(&self) -> Option<Time> {
        let waiting = self.waiting.values().filter_map(|waiting| waiting.until).min();
        let forwarded = self.forwarded.values().map(|forwarding| forwarding.until).min();
        [waiting, forwarded].into_iter().flatten().min()
    }
}

/// Name under which a record was asked for.
fn name_of(record: &Record) -> Option<Request> {
    match &record.fields().body {
        Body::Transaction(transaction) => Some(Request::Transaction(transaction.id.clone())),
        Body::Entry(entry) => Some(Request::Entry(entry.id.clone())),
        Body::Parked(_) => None,
    }
}
