//! The beginning of a conversation: who has what, who writes, and who therefore sends what to whom.
//!
//! Both sides compare the other's hello with their own journal. Whoever has more of a stream sends the rest. Where both
//! have something that the other has not, the settings of the writer count and the other side's tail is parked; in a
//! register what the keeper has acknowledged counts, and the owner parks its own.

use std::time::Duration;

use wire::replication::{Fetch, Hello, Message, Position, Stream};

use super::Ledger;
use super::link::{FETCH_AFTER, REPEAT_AFTER};
use crate::disk::{Disk, DiskError};
use crate::io::Event;

/// Longest wait of new records for what the peer has more of in their stream, from the last of it that came.
pub(super) const AWAIT_PEER: Duration = Duration::from_secs(2);

impl<D: Disk> Ledger<D> {
    /// A connection is there.
    pub(super) fn link_up(&mut self) {
        if std::mem::take(&mut self.link.introduced) {
            self.event(Event::PeerDisconnected);
        }
        self.link.begin(self.now);
    }

    /// The connection is gone.
    pub(super) fn link_down(&mut self) {
        if std::mem::take(&mut self.link.introduced) {
            self.event(Event::PeerDisconnected);
        }
        self.link.end();
        self.awaited.clear();
        self.peer_gone();
    }

    /// Something has changed that the hello said: the conversation begins anew.
    pub(super) fn greet_again(&mut self) {
        if self.link.is_up() {
            self.link.begin(self.now);
        }
    }

    /// Says what is due: hello, appends without answer, wishes.
    pub(super) fn link_timeout(&mut self) -> Result<(), DiskError> {
        let now = self.now;
        if self.link.hello_at.is_some_and(|at| at <= now) {
            self.send_hello()?;
        }
        if !self.link.is_greeted() {
            return Ok(());
        }
        for cursor in self.link.cursors.values_mut() {
            if cursor.repeat_at.is_some_and(|at| at <= now) {
                cursor.restart(cursor.acknowledged);
            }
        }
        if self.link.fetch_at <= now {
            self.send_wishes()?;
        }
        Ok(())
    }

    /// The peer's hello.
    pub(super) fn hello_came(&mut self, hello: &Hello, answers: u64) -> Result<(), DiskError> {
        if self.setup.peer.as_ref().is_none_or(|peer| peer.as_str() != hello.node) {
            self.bad_frame(format!("a hello of {:?}, which is not the peer", hello.node));
            return Ok(());
        }
        let new = self.link.greet(hello.session);
        self.link.peer_knows = answers == self.link.session();
        if !self.link.peer_knows {
            // It has not had our hello, or an earlier one: say it now, with its session in it.
            self.link.hello_at = Some(self.now);
        }
        if !new {
            return Ok(());
        }
        self.learn_epoch(&hello.epoch);
        self.link.peer_writer = hello.writer;
        self.link.announced.clear();
        self.link.contested.clear();
        let peer_end = hello.settings.first().copied().unwrap_or_default();
        if !std::mem::replace(&mut self.link.introduced, true) {
            self.event(Event::PeerConnected { settings: peer_end });
        }
        self.compare_settings(hello, peer_end)?;
        for (stream, position) in &hello.streams {
            self.compare_register(stream, *position)?;
        }
        // Streams that the peer does not name it has nothing of.
        for stream in self.journal.ends().map(|(stream, _)| stream.clone()).collect::<Vec<_>>() {
            if stream != Stream::Settings && !hello.streams.iter().any(|(named, _)| *named == stream) {
                self.link.cursors.entry(stream).or_default().restart(0);
            }
        }
        self.forward_again();
        self.send_wishes()
    }

    fn compare_settings(&mut self, hello: &Hello, peer_end: Position) -> Result<(), DiskError> {
        let common = self.common(&Stream::Settings, &hello.settings)?;
        let end = self.journal.end(&Stream::Settings);
        self.link.announced.insert(Stream::Settings, peer_end.sequence);
        let cursor = self.link.cursors.entry(Stream::Settings).or_default();
        cursor.restart(common.sequence.min(end.sequence));
        // Who has a tail that the writer has not may send it only where the writer has nothing else instead.
        let is_writer = self.is_writer();
        let cursor = self.link.cursors.entry(Stream::Settings).or_default();
        cursor.blocked = common != peer_end && !is_writer;
        // What the peer has more is awaited, unless it stands on a record that contradicts ours: that will be parked.
        let before = hello.settings.iter().find(|place| place.sequence <= end.sequence);
        let continues = before.is_none_or(|place| *place == common);
        if is_writer && !hello.writer && continues && peer_end.sequence > end.sequence {
            self.awaited.insert(Stream::Settings, (peer_end.sequence, self.now + AWAIT_PEER));
        }
        Ok(())
    }

    fn compare_register(&mut self, stream: &Stream, peer_end: Position) -> Result<(), DiskError> {
        if *stream == Stream::Settings {
            return Ok(());
        }
        let own = self.is_own(stream);
        let end = self.journal.end(stream);
        self.link.announced.insert(stream.clone(), peer_end.sequence);
        let cursor = self.link.cursors.entry(stream.clone()).or_default();
        cursor.restart(peer_end.sequence.min(end.sequence));
        if peer_end.sequence > end.sequence {
            // The end of our own stream was lost here. What was written since, if anything, contradicts the peer's.
            if own {
                self.awaited.insert(stream.clone(), (peer_end.sequence, self.now + AWAIT_PEER));
                self.link.contested.insert(stream.clone());
            }
            return Ok(());
        }
        let here = self.journal.position(stream, peer_end.sequence)?;
        if here.is_some_and(|here| here != peer_end) {
            let cursor = self.link.cursors.entry(stream.clone()).or_default();
            cursor.restart(0);
            cursor.blocked = true;
            if own {
                self.link.contested.insert(stream.clone());
            }
        }
        Ok(())
    }

    /// The first of the peer's places that stands in our journal too.
    pub(super) fn common(&self, stream: &Stream, places: &[Position]) -> Result<Position, DiskError> {
        let end = self.journal.end(stream).sequence;
        for place in places.iter().filter(|place| place.sequence <= end) {
            if self.journal.position(stream, place.sequence)? == Some(*place) {
                return Ok(*place);
            }
        }
        Ok(Position::default())
    }

    /// Places in a stream at growing distance from its end: 1, 2, 4, 8 … records back.
    pub(super) fn places(&self, stream: &Stream) -> Result<Vec<Position>, DiskError> {
        let end = self.journal.end(stream);
        let mut places = vec![end];
        let mut back = 1;
        while back < end.sequence {
            places.extend(self.journal.position(stream, end.sequence - back)?);
            back *= 2;
        }
        Ok(places)
    }

    fn send_hello(&mut self) -> Result<(), DiskError> {
        let streams = self
            .journal
            .ends()
            .filter(|(stream, end)| **stream != Stream::Settings && end.sequence > 0)
            .map(|(stream, end)| (stream.clone(), end))
            .collect();
        let hello = Hello {
            version: wire::VERSION,
            node: self.setup.node.as_str().to_owned(),
            session: self.link.session(),
            epoch: self.epoch.clone(),
            writer: self.is_writer(),
            settings: self.places(&Stream::Settings)?,
            streams,
        };
        self.send(Message::Hello(hello));
        self.link.hello_at = (!self.link.peer_knows).then(|| self.now + REPEAT_AFTER);
        Ok(())
    }

    /// Asks for what corruption took, and for the peer's side of what is contested; one chunk of each at a time.
    fn send_wishes(&mut self) -> Result<(), DiskError> {
        if !self.link.is_greeted() {
            return Ok(());
        }
        self.link.fetch_at = self.now + FETCH_AFTER;
        for gap in self.journal.missing() {
            let before = self.journal.position(&gap.stream, gap.first - 1)?;
            let after = before.into_iter().collect();
            self.send(Message::Fetch(Fetch { stream: gap.stream, after, last: gap.last }));
        }
        for stream in self.link.contested.clone() {
            let after = self.places(&stream)?;
            self.send(Message::Fetch(Fetch { stream, after, last: u64::MAX }));
        }
        Ok(())
    }

    /// A stream that only this node writes.
    pub(super) fn is_own(&self, stream: &Stream) -> bool {
        *stream == self.own_register || *stream == self.own_parked
    }
}
