//! What comes from the peer.

use minicbor::bytes::ByteVec;
use wire::replication::{Append, Frame, Message, Position, Stream};

use super::Ledger;
use super::greeting::AWAIT_PEER;
use crate::disk::{Disk, DiskError};
use crate::io::{Event, Output};
use crate::journal::{AppendError, Gap};
use crate::record::{Body, Record};

/// What became of one received record.
enum Received {
    /// It stands in the journal now, or did already
    Here(Position),
    /// It cannot be used now; those behind it neither
    Useless,
}

impl<D: Disk> Ledger<D> {
    /// A frame from the peer.
    pub(super) fn frame(&mut self, octets: &[u8]) -> Result<(), DiskError> {
        let frame = match Frame::decode(octets) {
            Ok(frame) => frame,
            Err(error) => {
                self.bad_frame(format!("{error}: {}", error.cause));
                return Ok(());
            }
        };
        if let Message::Hello(hello) = frame.message {
            if hello.version.abs_diff(wire::VERSION) > 1 {
                self.bad_frame(format!(
                    "the peer speaks version {}, this is {}",
                    hello.version,
                    wire::VERSION
                ));
                self.outputs.push_back(Output::CloseLink);
                return Ok(());
            }
            return if self.link.is_up() { self.hello_came(&hello, frame.session) } else { Ok(()) };
        }
        if !self.link.is_greeted() || frame.session != self.link.session() {
            return Ok(()); // said in an earlier conversation
        }
        self.link.peer_knows = true;
        self.link.hello_at = None;
        match frame.message {
            Message::Hello(_) => Ok(()),
            Message::Append(append) => self.append_came(append),
            Message::Acknowledge(acknowledge) => self.acknowledge_came(&acknowledge),
            Message::Fetch(fetch) => self.fetch_came(&fetch),
            Message::Forward(forward) => {
                self.forward_came(&forward);
                Ok(())
            }
            Message::Forwarded(forwarded) => {
                self.forwarded_came(forwarded);
                Ok(())
            }
            Message::Fenced(epoch) => {
                self.learn_epoch(&epoch);
                Ok(())
            }
        }
    }

    /// Counted by the shell, never an error.
    pub(super) fn bad_frame(&mut self, reason: String) {
        self.event(Event::BadFrame { reason });
    }

    fn append_came(&mut self, append: Append) -> Result<(), DiskError> {
        if append.stream == Stream::Settings && append.writer && append.epoch < self.epoch {
            self.event(Event::AppendRefused { epoch: append.epoch });
            self.send(Message::Fenced(self.epoch.clone()));
            return Ok(());
        }
        self.learn_epoch(&append.epoch);
        if append.stream == Stream::Settings && append.writer {
            self.link.peer_writer = true;
        }
        let mut last = None;
        for (sequence, octets) in (append.first..).zip(append.records) {
            let Some(record) = self.readable(&append.stream, sequence, octets) else { break };
            match self.receive(&record, append.writer)? {
                Received::Here(position) => last = Some(position),
                Received::Useless => break,
            }
        }
        if let Some(position) = last {
            self.acknowledge_later(&append.stream, position);
        }
        Ok(())
    }

    /// The record, if it is one, and the one announced.
    fn readable(&mut self, stream: &Stream, sequence: u64, octets: ByteVec) -> Option<Record> {
        let record = match Record::decode(octets.into()) {
            Ok(record) => record,
            Err(error) => {
                self.bad_frame(format!("{error}: {}", error.cause));
                return None;
            }
        };
        let fields = record.fields();
        let kind_fits = matches!(
            (stream, &fields.body),
            (Stream::Settings, Body::Transaction(_))
                | (Stream::Register { .. }, Body::Entry(_))
                | (Stream::Parked { .. }, Body::Parked(_))
        );
        if fields.stream == *stream && fields.sequence == sequence && kind_fits {
            return Some(record);
        }
        self.bad_frame(format!("record {sequence} of {stream:?} is another one"));
        None
    }

    fn receive(&mut self, record: &Record, from_writer: bool) -> Result<Received, DiskError> {
        let (stream, position) = (record.fields().stream.clone(), record.position());
        let end = self.journal.end(&stream);
        if position.sequence <= end.sequence {
            match self.journal.read(&stream, position.sequence)? {
                Some(here) if here.position() == position => return Ok(Received::Here(position)),
                Some(_) if self.yields(&stream, from_writer) => {
                    // Parting begins where the record before is the same: what comes out of order waits.
                    let before = self.journal.position(&stream, position.sequence - 1)?;
                    if before != Some(record.predecessor()) || !self.park_from(&stream, position.sequence)? {
                        return Ok(Received::Useless);
                    }
                }
                // The other side yields, or a third stream is not what it was: nothing is thrown away.
                Some(_) => return Ok(Received::Useless),
                None => return self.repair(record),
            }
        }
        self.take(record)
    }

    /// Our records give way to those of the peer, where both have the same sequence.
    fn yields(&self, stream: &Stream, from_writer: bool) -> bool {
        match stream {
            Stream::Settings => from_writer && !self.is_writer(),
            Stream::Register { .. } | Stream::Parked { .. } => self.link.contested.contains(stream),
        }
    }

    /// Appends a record that follows; what does not follow comes again when the sender repeats.
    fn take(&mut self, record: &Record) -> Result<Received, DiskError> {
        let fields = record.fields();
        let (stream, position, epoch) = (fields.stream.clone(), record.position(), fields.epoch.clone());
        match self.journal.append(record.clone()) {
            Ok(()) => {
                self.requests.remember(record);
                if stream == Stream::Settings {
                    self.learn_epoch(&epoch);
                }
                self.link.contested.remove(&stream);
                if let Some((_, until)) = self.awaited.get_mut(&stream) {
                    *until = self.now + AWAIT_PEER; // it is coming
                }
                Ok(Received::Here(position))
            }
            Err(AppendError::Fatal(error)) => Err(error),
            Err(AppendError::Full(_) | AppendError::DoesNotFollow { .. } | AppendError::TooLarge { .. }) => {
                Ok(Received::Useless)
            }
        }
    }

    /// Puts a record into a gap.
    fn repair(&mut self, record: &Record) -> Result<Received, DiskError> {
        let gap_of = |ledger: &Self, at: u64| {
            let gaps = ledger.journal.missing();
            gaps.into_iter()
                .find(|gap| gap.stream == record.fields().stream && (gap.first..=gap.last).contains(&at))
        };
        let sequence = record.fields().sequence;
        let gap: Option<Gap> = gap_of(self, sequence);
        let received = self.take(record)?;
        if matches!(received, Received::Here(_))
            && let Some(gap) = gap
            && sequence == gap.last
        {
            self.link.fetch_at = self.now; // there may be more to ask for
            self.event(Event::Repaired(gap));
        }
        Ok(received)
    }
}
