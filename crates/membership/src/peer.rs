//! What is known about the other node: its newest message, on which paths it is heard, and whether it hears us.

use std::collections::VecDeque;
use std::time::Duration;

use model::{NodeName, Time};
use wire::heartbeat::{Activity, Echo, Epoch, Heartbeat, Incarnation};

use crate::io::LinkIndex;

/// Earlier starts of the peer that are remembered, so that their late messages are refused.
const RETIRED_MAX: usize = 8;
/// Own messages whose time of sending is remembered.
const SENT_MAX: usize = 64;

/// What a received message is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worth {
    /// Not of the peer, or of an earlier start of it
    Refused,
    /// Heard already on another path, or overtaken
    Copy,
    /// News
    News,
}

/// Hearing on one path.
#[derive(Clone, Copy, Debug, Default)]
pub struct LinkHearing {
    newest: Option<(Incarnation, u64)>,
    /// When the peer was last heard here
    pub heard_at: Option<Time>,
    /// Time from a message of ours to the first answer here
    pub answer: Option<Duration>,
}

/// The other node.
#[derive(Clone, Debug)]
pub struct Peer {
    pub name: NodeName,
    own_incarnation: Incarnation,
    retired: VecDeque<Incarnation>,
    newest: Option<Heartbeat>,
    pub heard_at: Option<Time>,
    pub links: Vec<LinkHearing>,
    sent: VecDeque<(u64, Time)>,
    /// When we sent the newest message that the peer is known to have heard; our start before any
    answered_at: Time,
    /// Since when silence is counted: the last hearing, our start, or the end of our own sleep
    pub silent_from: Time,
    pub late: bool,
    pub lost: bool,
}

impl Peer {
    pub fn new(now: Time, name: NodeName, own_incarnation: Incarnation, links: usize) -> Self {
        Peer {
            name,
            own_incarnation,
            retired: VecDeque::new(),
            newest: None,
            heard_at: None,
            links: vec![LinkHearing::default(); links],
            sent: VecDeque::new(),
            answered_at: now,
            silent_from: now,
            late: false,
            lost: false,
        }
    }

    /// Remembers when message `sequence` left.
    pub fn note_sent(&mut self, now: Time, sequence: u64) {
        if self.sent.len() == SENT_MAX {
            self.sent.pop_front();
        }
        self.sent.push_back((sequence, now));
    }

    /// Takes a message that came over `link`.
    pub fn hear(&mut self, now: Time, link: LinkIndex, message: &Heartbeat) -> Worth {
        if message.version != wire::VERSION
            || message.node != self.name.as_str()
            || self.retired.contains(&message.incarnation)
        {
            return Worth::Refused;
        }
        self.hear_on_link(now, link, message);
        let newest = self.newest.as_ref().map(|newest| (newest.incarnation, newest.sequence));
        if let Some((incarnation, sequence)) = newest {
            if incarnation == message.incarnation && message.sequence <= sequence {
                return Worth::Copy;
            }
            if incarnation != message.incarnation {
                if self.retired.len() == RETIRED_MAX {
                    self.retired.pop_front();
                }
                self.retired.push_back(incarnation);
            }
        }
        self.heard_at = Some(now);
        self.silent_from = now;
        if let Some(sent_at) = self.sent_at(message.echo) {
            self.answered_at = self.answered_at.max(sent_at);
        }
        self.newest = Some(message.clone());
        Worth::News
    }

    /// The links are others now: for each, the index it had before.
    pub fn replace_links(&mut self, origins: &[Option<LinkIndex>]) {
        let before = std::mem::take(&mut self.links);
        let hearing = |origin: &Option<LinkIndex>| origin.and_then(|origin| before.get(origin.0).copied());
        self.links = origins.iter().map(|origin| hearing(origin).unwrap_or_default()).collect();
    }

    fn hear_on_link(&mut self, now: Time, link: LinkIndex, message: &Heartbeat) {
        let this = (message.incarnation, message.sequence);
        let newer = self.links[link.0]
            .newest
            .is_none_or(|(incarnation, sequence)| incarnation != this.0 || sequence < this.1);
        if newer {
            let answer = self.sent_at(message.echo).map(|sent_at| now.since(sent_at));
            let hearing = &mut self.links[link.0];
            *hearing =
                LinkHearing { newest: Some(this), heard_at: Some(now), answer: answer.or(hearing.answer) };
        }
    }

    fn sent_at(&self, echo: Option<Echo>) -> Option<Time> {
        let sequence = self.answered(echo)?;
        self.sent.iter().find(|(sent, _)| *sent == sequence).map(|(_, time)| *time)
    }

    /// Number of our message that `echo` answers, if it is one of this start.
    pub fn answered(&self, echo: Option<Echo>) -> Option<u64> {
        echo.filter(|echo| echo.incarnation == self.own_incarnation).map(|echo| echo.sequence)
    }

    /// Newest message.
    pub const fn newest(&self) -> Option<&Heartbeat> {
        self.newest.as_ref()
    }

    /// Newest message, if it came less than `limit` ago.
    pub fn recent(&self, now: Time, limit: Duration) -> Option<&Heartbeat> {
        let heard_at = self.heard_at?;
        self.newest.as_ref().filter(|_| now.since(heard_at) < limit)
    }

    /// What to answer: the newest message heard.
    pub fn echo(&self) -> Option<Echo> {
        self.newest.as_ref().map(|newest| Echo { incarnation: newest.incarnation, sequence: newest.sequence })
    }

    /// From this time on, `limit` has passed without the peer answering anything: it is silent, or deaf to us.
    pub fn unanswered_from(&self, limit: Duration) -> Time {
        self.answered_at + limit
    }

    /// The peer's newest message asked for the votes of `epoch`.
    pub fn asked_for(&self, epoch: &Epoch) -> bool {
        self.newest
            .as_ref()
            .is_some_and(|newest| newest.activity == Activity::Claiming && newest.epoch == *epoch)
    }

    /// The peer asks for votes itself.
    pub fn claims(&self, now: Time, limit: Duration) -> bool {
        self.recent(now, limit).is_some_and(|newest| newest.activity == Activity::Claiming)
    }
}
