//! Requests of clients: from the first word to the outcome.

use minicbor::bytes::ByteVec;
use wire::replication::{Forward, Forwarded, Message, Outcome, Problem, Refusal, Stream};

use super::requests::{FORWARD_WAIT, Forwarding, Held, ID_BYTES_MAX, Waiting};
use super::{Ledger, PEER_WAIT};
use crate::disk::{Disk, DiskError};
use crate::io::{Output, Request};
use crate::journal::AppendError;
use crate::record::{Body, Entry, Fields, RECORD_BYTES_MAX, Record, Transaction};

impl<D: Disk> Ledger<D> {
    /// A transaction that the shell has found valid.
    pub(super) fn submit(&mut self, transaction: Transaction) -> Result<(), DiskError> {
        let request = Request::Transaction(transaction.id.clone());
        let remote = self.requests.reviews.remove(&transaction.id);
        if self.answer_known(&request, remote) {
            return Ok(());
        }
        if let Some(refused) = self.refused_before_writing(&transaction, remote) {
            self.finish(request, remote, refused);
            return Ok(());
        }
        if !self.is_writer() {
            self.forward(&transaction);
            return Ok(());
        }
        if self.awaited.contains_key(&Stream::Settings) {
            if remote {
                self.requests.reviews.insert(transaction.id.clone());
            }
            self.requests.held.push_back(Held::Transaction(transaction));
            return Ok(());
        }
        let transaction = Transaction { epoch: self.role.epoch.clone(), ..transaction };
        let time_unix_ms = transaction.time_unix_ms;
        self.write(request, &Stream::Settings, time_unix_ms, Body::Transaction(transaction), remote)
    }

    /// An entry of this node's register.
    pub(super) fn record(&mut self, entry: Entry) -> Result<(), DiskError> {
        let request = Request::Entry(entry.id.clone());
        if self.answer_known(&request, false) {
            return Ok(());
        }
        if !is_name(&entry.id) {
            self.finish(request, false, bad_name());
            return Ok(());
        }
        if self.requests.is_full() {
            self.finish(request, false, refuse(Refusal::Busy));
            return Ok(());
        }
        let stream = self.own_register.clone();
        if self.awaited.contains_key(&stream) {
            self.requests.held.push_back(Held::Entry(entry));
            return Ok(());
        }
        let time_unix_ms = entry.time_unix_ms;
        self.write(request, &stream, time_unix_ms, Body::Entry(entry), false)
    }

    /// The shell has found a transaction of the peer's client not valid.
    pub(super) fn refuse(&mut self, id: &str, problems: Vec<Problem>) {
        if self.requests.reviews.remove(id) {
            let outcome = Outcome::Refused { refusal: Refusal::Invalid, problems };
            self.send(Message::Forwarded(Forwarded { id: id.to_owned(), outcome }));
        }
    }

    /// The peer asks for a transaction of one of its clients.
    pub(super) fn forward_came(&mut self, forward: &Forward) {
        let Ok(transaction) = minicbor::decode::<Transaction>(&forward.transaction) else {
            self.bad_frame("a forwarded transaction cannot be read".to_owned());
            return;
        };
        let request = Request::Transaction(transaction.id.clone());
        if self.requests.reviews.contains(&transaction.id) || self.answer_known(&request, true) {
            return;
        }
        if let Some(refused) = self.refused_before_writing(&transaction, true) {
            self.finish(request, true, refused);
        } else {
            self.requests.reviews.insert(transaction.id.clone());
            self.outputs.push_back(Output::Review(Box::new(transaction)));
        }
    }

    /// The writer says what became of a transaction of a client of ours.
    pub(super) fn forwarded_came(&mut self, forwarded: Forwarded) {
        if self.requests.forwarded.remove(&forwarded.id).is_some() {
            self.finish(Request::Transaction(forwarded.id), false, forwarded.outcome);
        }
    }

    /// What is durable now waits for the peer, or is finished where there is none to wait for.
    pub(super) fn durable_here(&mut self) {
        let until = self.now + PEER_WAIT;
        for waiting in self.requests.waiting.values_mut() {
            waiting.until.get_or_insert(until);
        }
        if !(self.link.is_up() && self.link.introduced) {
            self.finish_waiting(false, |_| true);
        }
    }

    /// The peer has acknowledged a stream up to `sequence`.
    pub(super) fn durable_at_peer(&mut self, stream: &Stream, sequence: u64) {
        // What is not yet durable here (the peer may have had it first, after a restart) is answered after the sync.
        self.finish_waiting(true, |waiting| {
            waiting.stream == *stream && waiting.sequence <= sequence && waiting.until.is_some()
        });
    }

    /// Nobody answers for the peer any more: what waits for it is answered unprotected.
    pub(super) fn peer_gone(&mut self) {
        self.finish_waiting(false, |waiting| waiting.until.is_some());
        // Who asked has gone as well; it repeats its question when it is back.
        self.requests.reviews.clear();
        self.requests.waiting.values_mut().for_each(|waiting| waiting.remote = false);
    }

    /// The peer has said hello: it is asked (again) for what is not answered, or it is not the writer.
    pub(super) fn forward_again(&mut self) {
        if self.link.peer_writer {
            let forwards: Vec<Message> = self
                .requests
                .forwarded
                .iter_mut()
                .map(|(id, forwarding)| {
                    forwarding.sent = true;
                    forward_message(id, &forwarding.octets)
                })
                .collect();
            forwards.into_iter().for_each(|forward| self.send(forward));
            return;
        }
        // What was sent to a writer before may have been stored: that waits for its end.
        let unsent = self.requests.forwarded.iter().filter(|(_, forwarding)| !forwarding.sent);
        for id in unsent.map(|(id, _)| id.clone()).collect::<Vec<_>>() {
            self.requests.forwarded.remove(&id);
            self.finish(Request::Transaction(id), false, refuse(Refusal::WriterAway));
        }
    }

    pub(super) fn requests_timeout(&mut self) {
        let now = self.now;
        self.finish_waiting(false, |waiting| waiting.until.is_some_and(|until| until <= now));
        let late: Vec<String> = self
            .requests
            .forwarded
            .iter()
            .filter(|(_, f)| f.until <= now)
            .map(|(id, _)| id.clone())
            .collect();
        for id in late {
            self.requests.forwarded.remove(&id);
            let request = Request::Transaction(id);
            if !self.answer_known(&request, false) {
                self.finish(request, false, refuse(Refusal::Unknown));
            }
        }
    }

    /// Writes what was held back, as soon as nothing is awaited any more.
    pub(super) fn release_held(&mut self) -> Result<(), DiskError> {
        let (now, journal) = (self.now, &self.journal);
        self.awaited
            .retain(|stream, (sequence, until)| journal.end(stream).sequence < *sequence && *until > now);
        if !self.awaited.is_empty() || self.journal.is_dirty() {
            return Ok(());
        }
        for held in std::mem::take(&mut self.requests.held) {
            match held {
                Held::Transaction(transaction) => self.submit(transaction)?,
                Held::Entry(entry) => self.record(entry)?,
            }
        }
        Ok(())
    }

    /// Requests whose records were withdrawn: they are kept under "made while apart".
    pub(super) fn finish_withdrawn(&mut self, stream: &Stream, after: u64) {
        for (request, waiting) in self.requests.forget_after(stream, after) {
            self.finish_one(request, &waiting, &refuse(Refusal::Parked));
        }
    }

    /// Answers a request whose name is known: with its first outcome, or together with the one under way.
    fn answer_known(&mut self, request: &Request, remote: bool) -> bool {
        if let Some(waiting) = self.requests.waiting.get_mut(request) {
            waiting.local |= !remote;
            waiting.remote |= remote;
            return true;
        }
        if let Request::Transaction(id) = request
            && self.requests.forwarded.contains_key(id)
        {
            return true;
        }
        let Some((stream, sequence)) = self.requests.find(request) else { return false };
        let protected = self.is_acknowledged(stream, *sequence);
        let outcome = Outcome::Committed { sequence: *sequence, protected };
        self.finish(request.clone(), remote, outcome);
        true
    }

    fn refused_before_writing(&self, transaction: &Transaction, remote: bool) -> Option<Outcome> {
        let greeting = self.link.is_up() && !self.link.is_greeted();
        let writer_reachable = greeting || (self.link.is_greeted() && self.link.peer_writer);
        if !is_name(&transaction.id) {
            Some(bad_name())
        } else if self.frozen {
            Some(refuse(Refusal::Frozen))
        } else if self.requests.is_full() {
            Some(refuse(Refusal::Busy))
        } else if self.is_writer() {
            None
        } else if remote {
            Some(refuse(Refusal::NotWriter))
        } else {
            (!writer_reachable).then(|| refuse(Refusal::WriterAway))
        }
    }

    fn forward(&mut self, transaction: &Transaction) {
        let octets = minicbor::to_vec(transaction).expect("a vector takes every octet");
        let id = transaction.id.clone();
        if octets.len() > RECORD_BYTES_MAX {
            self.finish(Request::Transaction(id), false, refuse(Refusal::TooLarge));
            return;
        }
        let sent = self.link.is_greeted();
        self.send(forward_message(&id, &octets));
        let forwarding = Forwarding { octets, sent, until: self.now + FORWARD_WAIT };
        self.requests.forwarded.insert(id, forwarding);
    }

    fn write(
        &mut self,
        request: Request,
        stream: &Stream,
        time_unix_ms: u64,
        body: Body,
        remote: bool,
    ) -> Result<(), DiskError> {
        let end = self.journal.end(stream);
        let epoch = if *stream == Stream::Settings { self.role.epoch.clone() } else { self.epoch.clone() };
        let record = Record::encode(Fields {
            stream: stream.clone(),
            sequence: end.sequence + 1,
            epoch,
            node: self.setup.node.as_str().to_owned(),
            time_unix_ms,
            previous: end.hash,
            body,
        });
        let refusal = match self.journal.append(record.clone()) {
            Ok(()) => {
                self.requests.remember(&record);
                let sequence = record.fields().sequence;
                let waiting =
                    Waiting { stream: stream.clone(), sequence, until: None, local: !remote, remote };
                self.requests.waiting.insert(request, waiting);
                return Ok(());
            }
            Err(AppendError::Fatal(error)) => return Err(error),
            Err(AppendError::TooLarge { .. }) => Refusal::TooLarge,
            Err(AppendError::Full(_)) => Refusal::DiskFull,
            Err(AppendError::DoesNotFollow { .. }) => unreachable!("it was made from the end of the stream"),
        };
        self.finish(request, remote, refuse(refusal));
        Ok(())
    }

    fn finish_waiting(&mut self, protected: bool, wanted: impl FnMut(&Waiting) -> bool) {
        for (request, waiting) in self.requests.take_waiting(wanted) {
            let outcome = Outcome::Committed { sequence: waiting.sequence, protected };
            self.finish_one(request, &waiting, &outcome);
        }
    }

    fn finish_one(&mut self, request: Request, waiting: &Waiting, outcome: &Outcome) {
        if waiting.remote {
            self.finish(request.clone(), true, outcome.clone());
        }
        if waiting.local {
            self.finish(request, false, outcome.clone());
        }
    }

    /// Tells whoever asked: a client here, or the peer for one of its own.
    fn finish(&mut self, request: Request, remote: bool, outcome: Outcome) {
        match request {
            Request::Transaction(id) if remote => self.send(Message::Forwarded(Forwarded { id, outcome })),
            request => self.outputs.push_back(Output::Finished { request, outcome }),
        }
    }
}

fn refuse(refusal: Refusal) -> Outcome {
    Outcome::Refused { refusal, problems: Vec::new() }
}

fn is_name(id: &str) -> bool {
    (1..=ID_BYTES_MAX).contains(&id.len())
}

fn bad_name() -> Outcome {
    let message = format!("a request needs a name of 1 to {ID_BYTES_MAX} octets");
    let problem = Problem { path: "id".into(), line: 0, message };
    Outcome::Refused { refusal: Refusal::Invalid, problems: vec![problem] }
}

fn forward_message(id: &str, octets: &[u8]) -> Message {
    Message::Forward(Forward { id: id.to_owned(), transaction: ByteVec::from(octets.to_vec()) })
}
