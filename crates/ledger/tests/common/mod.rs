//! A disk in memory and two ledgers with a link, moved by hand.
#![allow(dead_code, reason = "each test file uses a part")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use ledger::{
    Action, Attempt, Disk, DiskError, Entry, Epoch, Event, Input, Ledger, Outcome, Output, Recovery, Request,
    Row, Segment, Setup, Transaction,
};
use model::{Private, Time};

/// 2026-11-15 in milliseconds since 1970.
pub const TIME_UNIX_MS: u64 = 1_794_700_800_000;

/// Segments in memory; everything is durable at once.
#[derive(Clone, Debug, Default)]
pub struct MemoryDisk {
    pub segments: Rc<RefCell<BTreeMap<String, Vec<u8>>>>,
    pub syncs: Rc<RefCell<u64>>,
    pub sync_fails: Rc<RefCell<bool>>,
    pub full: Rc<RefCell<bool>>,
}

fn failed(attempt: Attempt, name: &str) -> DiskError {
    DiskError::Failed { attempt, name: name.to_owned(), reason: "no".into() }
}

impl Disk for MemoryDisk {
    fn list(&self) -> Result<Vec<Segment>, DiskError> {
        let segment =
            |(name, octets): (&String, &Vec<u8>)| Segment { name: name.clone(), bytes: octets.len() as u64 };
        Ok(self.segments.borrow().iter().map(segment).collect())
    }
    fn create(&mut self, name: &str) -> Result<(), DiskError> {
        let old = self.segments.borrow_mut().insert(name.to_owned(), Vec::new());
        if old.is_some() { Err(failed(Attempt::Create, name)) } else { Ok(()) }
    }
    fn append(&mut self, name: &str, octets: &[u8]) -> Result<(), DiskError> {
        if *self.full.borrow() {
            return Err(DiskError::Full { attempt: Attempt::Append, name: name.to_owned() });
        }
        let mut segments = self.segments.borrow_mut();
        segments.get_mut(name).ok_or_else(|| failed(Attempt::Append, name))?.extend_from_slice(octets);
        Ok(())
    }
    fn read(&self, name: &str, offset: u64, bytes_max: usize) -> Result<Vec<u8>, DiskError> {
        let segments = self.segments.borrow();
        let octets = segments.get(name).ok_or_else(|| failed(Attempt::Read, name))?;
        let from = (offset as usize).min(octets.len());
        Ok(octets[from..from.saturating_add(bytes_max).min(octets.len())].to_vec())
    }
    fn truncate(&mut self, name: &str, bytes: u64) -> Result<(), DiskError> {
        self.segments.borrow_mut().get_mut(name).unwrap().truncate(bytes as usize);
        Ok(())
    }
    fn sync(&mut self, name: &str) -> Result<(), DiskError> {
        *self.syncs.borrow_mut() += 1;
        if *self.sync_fails.borrow() { Err(failed(Attempt::Sync, name)) } else { Ok(()) }
    }
    fn remove(&mut self, name: &str) -> Result<(), DiskError> {
        self.segments.borrow_mut().remove(name).map(|_| ()).ok_or_else(|| failed(Attempt::Remove, name))
    }
    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        let octets = self.segments.borrow_mut().remove(from).ok_or_else(|| failed(Attempt::Rename, from))?;
        self.segments.borrow_mut().insert(to.to_owned(), octets);
        Ok(())
    }
    fn sync_folder(&mut self, _: &str) -> Result<(), DiskError> {
        Ok(())
    }
}

/// A ledger and everything it has said.
pub struct Node {
    pub name: &'static str,
    pub disk: MemoryDisk,
    pub ledger: Ledger<MemoryDisk>,
    pub recovery: Recovery,
    pub now: Time,
    /// Frames for the peer
    pub sent: Vec<Vec<u8>>,
    /// Everything else
    pub said: Vec<Output>,
    pub timeout: Time,
}

impl Node {
    pub fn open(name: &'static str, disk: MemoryDisk) -> Node {
        let peer = if name == "a" { "b" } else { "a" };
        let setup = Setup {
            node: name.parse().unwrap(),
            peer: Some(peer.parse().unwrap()),
            seed: u64::from(name.as_bytes()[0]) * 1_000,
            segment_bytes_max: 4_096,
        };
        let (ledger, recovery) = Ledger::open(disk.clone(), setup, &mut |_| {}).unwrap();
        Node { name, disk, ledger, recovery, now: Time::ZERO, sent: vec![], said: vec![], timeout: Time::MAX }
    }

    /// Ends the process and starts it again on the same disk.
    pub fn restart(&mut self) {
        *self = Node::open(self.name, self.disk.clone());
    }

    pub fn serve(&mut self, counter: u64, node: &str, writer: bool) {
        self.input(Input::Role { epoch: Epoch { counter, node: node.into() }, writer });
    }

    pub fn input(&mut self, input: Input<'_>) {
        self.ledger.handle_input(self.now, input).unwrap();
        self.drain();
    }

    pub fn drain(&mut self) {
        loop {
            match self.ledger.poll_output() {
                Output::Timeout(at) => {
                    self.timeout = at;
                    return;
                }
                Output::Send(frame) => self.sent.push(frame),
                output => self.said.push(output),
            }
        }
    }

    pub fn pass(&mut self, duration: Duration) {
        self.now = self.now + duration;
        self.input(Input::Timeout);
    }

    /// The outcome of a request, if it has been said; takes it.
    pub fn outcome(&mut self, request: &Request) -> Option<Outcome> {
        let at = self
            .said
            .iter()
            .position(|o| matches!(o, Output::Finished { request: r, .. } if r == request))?;
        match self.said.remove(at) {
            Output::Finished { outcome, .. } => Some(outcome),
            _ => None,
        }
    }

    pub fn transaction_outcome(&mut self, id: &str) -> Option<Outcome> {
        self.outcome(&Request::Transaction(id.into()))
    }

    pub fn entry_outcome(&mut self, id: &str) -> Option<Outcome> {
        self.outcome(&Request::Entry(id.into()))
    }

    pub fn events(&self) -> Vec<Event> {
        self.said
            .iter()
            .filter_map(|output| if let Output::Event(event) = output { Some(event.clone()) } else { None })
            .collect()
    }
}

/// Brings frames over until nobody has any; the shells submit what they are to review.
pub fn exchange(a: &mut Node, b: &mut Node) {
    for _ in 0..10_000 {
        if a.sent.is_empty() && b.sent.is_empty() {
            return;
        }
        deliver(a, b);
        deliver(b, a);
    }
    panic!("the nodes never stop talking");
}

pub fn deliver(from: &mut Node, to: &mut Node) {
    for frame in std::mem::take(&mut from.sent) {
        to.input(Input::Frame(&frame));
        let reviews: Vec<Transaction> = to
            .said
            .iter()
            .filter_map(|o| if let Output::Review(t) = o { Some((**t).clone()) } else { None })
            .collect();
        to.said.retain(|output| !matches!(output, Output::Review(_)));
        reviews.into_iter().for_each(|transaction| to.input(Input::Submit(transaction)));
    }
}

/// Both on the link, A writes.
pub fn pair() -> (Node, Node) {
    let mut a = Node::open("a", MemoryDisk::default());
    let mut b = Node::open("b", MemoryDisk::default());
    a.serve(1, "a", true);
    b.serve(1, "a", false);
    connect(&mut a, &mut b);
    (a, b)
}

pub fn connect(a: &mut Node, b: &mut Node) {
    a.input(Input::LinkUp);
    b.input(Input::LinkUp);
    exchange(a, b);
}

pub fn disconnect(a: &mut Node, b: &mut Node) {
    for node in [a, b] {
        node.sent.clear();
        node.input(Input::LinkDown);
        node.sent.clear();
    }
}

pub fn transaction(id: &str) -> Transaction {
    Transaction {
        id: id.into(),
        epoch: Epoch::default(),
        author: "admin".into(),
        source_address: "192.0.2.1".into(),
        time_unix_ms: TIME_UNIX_MS,
        description: "new phone".into(),
        rows: vec![Row {
            action: Action::Create,
            object_type: "account".into(),
            object_key: "101".into(),
            description: String::new(),
            before: None,
            after: Some(Private::new("password = \"secret\"".into())),
        }],
    }
}

pub fn entry(id: &str) -> Entry {
    Entry {
        id: id.into(),
        kind: "call".into(),
        time_unix_ms: TIME_UNIX_MS,
        body: Private::new("{\"caller\":\"101\"}".into()),
    }
}
