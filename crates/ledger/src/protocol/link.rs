//! What is known of the peer and of the conversation with it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use model::Time;
use wire::replication::{Frame, Message, Position, Stream};

/// A hello, or an append without acknowledgement, is said again after this.
pub(super) const REPEAT_AFTER: Duration = Duration::from_secs(1);
/// A wish to fill a gap is repeated after this.
pub(super) const FETCH_AFTER: Duration = Duration::from_secs(5);

/// How far the peer is with one stream.
#[derive(Debug, Default)]
pub(super) struct Cursor {
    /// The peer has all up to this sequence on its disk
    pub(super) acknowledged: u64,
    /// All up to this sequence has been sent
    pub(super) sent: u64,
    /// Last sequence and octets of each append under way
    under_way: VecDeque<(u64, usize)>,
    /// When what is under way is sent again
    pub(super) repeat_at: Option<Time>,
    /// Nothing is sent: the peer's records contradict ours, and who yields is being found out
    pub(super) blocked: bool,
}

impl Cursor {
    /// The peer has all up to `sequence`.
    pub(super) fn acknowledge(&mut self, sequence: u64, now: Time) {
        self.acknowledged = self.acknowledged.max(sequence);
        self.sent = self.sent.max(self.acknowledged);
        while self.under_way.front().is_some_and(|(last, _)| *last <= self.acknowledged) {
            self.under_way.pop_front();
        }
        self.repeat_at = (!self.under_way.is_empty()).then(|| now + REPEAT_AFTER);
    }

    /// An append up to `last` has left.
    pub(super) fn sent(&mut self, last: u64, bytes: usize, now: Time) {
        self.sent = last;
        self.under_way.push_back((last, bytes));
        self.repeat_at.get_or_insert(now + REPEAT_AFTER);
    }

    /// Octets under way.
    pub(super) fn bytes_under_way(&self) -> usize {
        self.under_way.iter().map(|(_, bytes)| bytes).sum()
    }

    /// Sending goes on after `sequence`.
    pub(super) fn restart(&mut self, sequence: u64) {
        *self = Cursor { acknowledged: sequence, sent: sequence, ..Cursor::default() };
    }
}

/// The conversation with the peer.
#[derive(Debug)]
pub(super) struct Link {
    up: bool,
    /// Number of our side of the conversation
    session: u64,
    /// Number of the peer's side, once its hello has come
    peer_session: Option<u64>,
    /// Both have said hello on this connection (and may be saying it again)
    pub(super) introduced: bool,
    /// The peer has shown that it has our hello
    pub(super) peer_knows: bool,
    pub(super) peer_writer: bool,
    /// Ends the peer announced in its hello
    pub(super) announced: BTreeMap<Stream, u64>,
    pub(super) cursors: BTreeMap<Stream, Cursor>,
    /// Streams in which our own tail contradicts the peer's: theirs is wanted
    pub(super) contested: BTreeSet<Stream>,
    /// Acknowledgements that wait for the sync
    pub(super) to_acknowledge: BTreeMap<Stream, Position>,
    pub(super) hello_at: Option<Time>,
    pub(super) fetch_at: Time,
    /// [`crate::Event::Agreed`] has been said in this conversation
    pub(super) agreed: bool,
}

impl Link {
    /// No connection yet. Sessions count from `seed`.
    pub(super) fn new(seed: u64) -> Link {
        Link {
            up: false,
            session: seed,
            peer_session: None,
            introduced: false,
            peer_knows: false,
            peer_writer: false,
            announced: BTreeMap::new(),
            cursors: BTreeMap::new(),
            contested: BTreeSet::new(),
            to_acknowledge: BTreeMap::new(),
            hello_at: None,
            fetch_at: Time::ZERO,
            agreed: false,
        }
    }

    /// There is a connection.
    pub(super) fn is_up(&self) -> bool {
        self.up
    }

    /// The peer's hello has come.
    pub(super) fn is_greeted(&self) -> bool {
        self.up && self.peer_session.is_some()
    }

    /// Number of our side.
    pub(super) fn session(&self) -> u64 {
        self.session
    }

    /// A new conversation on a new connection, or on the old one because something has changed.
    pub(super) fn begin(&mut self, now: Time) {
        self.reset();
        self.up = true;
        self.session = self.session.wrapping_add(1).max(1); // 0 means: none yet
        self.hello_at = Some(now);
    }

    /// The connection is gone.
    pub(super) fn end(&mut self) {
        self.reset();
        self.up = false;
    }

    fn reset(&mut self) {
        self.peer_session = None;
        self.peer_knows = false;
        self.peer_writer = false;
        self.announced.clear();
        self.contested.clear();
        self.to_acknowledge.clear();
        self.hello_at = None;
        self.fetch_at = Time::ZERO;
        self.agreed = false;
        for cursor in self.cursors.values_mut() {
            cursor.restart(cursor.acknowledged);
            cursor.blocked = true; // until the peer's hello says where it is
        }
    }

    /// The peer began this conversation; true: it is a new one.
    pub(super) fn greet(&mut self, session: u64) -> bool {
        self.peer_session.replace(session) != Some(session)
    }

    /// A frame around a message; none while there is no connection, or no hello of the peer to answer.
    pub(super) fn frame(&self, message: Message) -> Option<Frame> {
        let greeting = matches!(message, Message::Hello(_));
        let session = self.peer_session.or(greeting.then_some(0))?;
        self.up.then_some(Frame { session, message })
    }

    /// Next time something is to be said without cause from outside.
    pub(super) fn next_timeout(&self, gaps: bool) -> Option<Time> {
        let repeat = self.cursors.values().filter_map(|cursor| cursor.repeat_at).min();
        let wishes = gaps || !self.contested.is_empty();
        let fetch = (self.is_greeted() && wishes).then_some(self.fetch_at);
        if self.up { [repeat, fetch, self.hello_at].into_iter().flatten().min() } else { None }
    }
}
