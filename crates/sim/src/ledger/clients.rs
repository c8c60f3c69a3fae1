//! What the clients of a pair asked for and were told, and whether a journal keeps that word.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{Body, Outcome, Record, Request, Stream};

/// What clients know.
#[derive(Debug, Default)]
pub(super) struct Clients {
    pub(super) asked: BTreeSet<Request>,
    /// Answered "stored", with the sequence
    pub(super) committed: BTreeMap<Request, u64>,
    pub(super) protected: BTreeSet<Request>,
    pub(super) refused: u64,
}

impl Clients {
    /// An outcome has been said.
    pub(super) fn answered(&mut self, request: Request, outcome: &Outcome) {
        match outcome {
            Outcome::Committed { sequence, protected } => {
                if *protected {
                    self.protected.insert(request.clone());
                }
                self.committed.insert(request, *sequence);
            }
            Outcome::Refused { .. } => self.refused += 1,
        }
    }

    /// What was said must be true of a journal.
    pub(super) fn check(&self, name: &str, journal: &BTreeMap<(Stream, u64), Record>) -> Result<(), String> {
        let (mut in_force, mut apart) = (BTreeSet::new(), BTreeSet::new());
        for record in journal.values() {
            match &record.fields().body {
                Body::Parked(parked) => {
                    let original =
                        Record::decode(parked.octets.clone()).map_err(|error| error.to_string())?;
                    apart.extend(request_of(&original));
                }
                _ => {
                    let request = request_of(record).ok_or("a parked record in another stream")?;
                    if !in_force.insert(request.clone()) {
                        return Err(format!("{request:?} stands twice in the journal of {name}"));
                    }
                }
            }
        }
        for request in &self.protected {
            if !in_force.contains(request) {
                return Err(format!("lost: {request:?} was said to be on both disks, {name} has it not"));
            }
        }
        for request in self.committed.keys() {
            if !in_force.contains(request) && !apart.contains(request) {
                return Err(format!("lost: {request:?} was said to be stored, {name} has it not"));
            }
        }
        match in_force.union(&apart).find(|request| !self.asked.contains(*request)) {
            Some(request) => Err(format!("invented: nobody asked for {request:?}, {name} has it")),
            None => Ok(()),
        }
    }
}

fn request_of(record: &Record) -> Option<Request> {
    match &record.fields().body {
        Body::Transaction(transaction) => Some(Request::Transaction(transaction.id.clone())),
        Body::Entry(entry) => Some(Request::Entry(entry.id.clone())),
        Body::Parked(_) => None,
    }
}
