//! Votes: who has one, what this node's voter has promised, and what a candidate has been granted.
//!
//! A node may serve while the promises of a majority of votes stand for it. A pair without a witness has two
//! votes, so both are needed; the mode says how the second can be had from a peer that does not answer:
//! in *available* mode the timers grant it ([`Vote::Standing`] after D without an answer), in *safe* mode nothing
//! does but a release, a spoken grant or an operator's statement. A witness adds a third member whose votes run out
//! ([`Vote::Until`] from it and from the peer) and with it no vote is granted by timers.

use std::time::Duration;

use model::{HaMode, Time};
use wire::heartbeat::Epoch;

/// A member that has a vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Member {
    /// This node
    Own,
    /// The other node
    Peer,
}

/// The members that have a vote, and the mode.
#[derive(Clone, Copy, Debug)]
pub struct Electorate {
    members: &'static [Member],
    mode: HaMode,
}

impl Electorate {
    /// One vote of one for a node without a peer, two votes for a pair.
    pub const fn new(has_peer: bool, mode: HaMode) -> Self {
        let members: &[Member] = if has_peer { &[Member::Own, Member::Peer] } else { &[Member::Own] };
        Electorate { members, mode }
    }

    /// Votes that make a majority.
    pub const fn quorum(&self) -> usize {
        self.members.len() / 2 + 1
    }

    /// The vote of a silent peer is granted by the timers.
    pub const fn grants_by_timer(&self) -> bool {
        self.members.len() == 2 && matches!(self.mode, HaMode::Available)
    }

    /// When a promise that is made or renewed at `now` ends: never in *safe* mode.
    pub fn promise_end(&self, now: Time, promise: Duration) -> Time {
        if self.grants_by_timer() { now + promise } else { Time::MAX }
    }
}

/// A vote that a candidate has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vote {
    /// Runs out unless renewed
    Until(Time),
    /// Stands until the candidate lets go or is overruled
    Standing,
}

impl Vote {
    const fn end(self) -> Time {
        match self {
            Vote::Until(end) => end,
            Vote::Standing => Time::MAX,
        }
    }
}

/// The votes of a candidate or holder for one epoch.
#[derive(Clone, Debug)]
pub struct Ballot {
    votes: Vec<(Member, Vote)>,
}

impl Ballot {
    /// No vote yet.
    pub const fn new() -> Self {
        Ballot { votes: Vec::new() }
    }

    /// `member` has granted, or renewed.
    pub fn grant(&mut self, member: Member, vote: Vote) {
        self.votes.retain(|(voter, _)| *voter != member);
        self.votes.push((member, vote));
    }

    /// End of the lease: as long as a majority of `electorate` has voted; `None` without one.
    pub fn lease_end(&self, electorate: &Electorate) -> Option<Time> {
        let mut ends: Vec<Time> = self
            .votes
            .iter()
            .filter(|(member, _)| electorate.members.contains(member))
            .map(|(_, vote)| vote.end())
            .collect();
        ends.sort_unstable_by(|a, b| b.cmp(a));
        ends.get(electorate.quorum() - 1).copied()
    }
}

/// Promise of this node's voter.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Promise {
    /// To whom
    to: Member,
    /// For which epoch
    epoch: Epoch,
    /// It does not hold at or after this time
    until: Time,
    /// For a release: number of our message that first carried it. A peer that answers an earlier one does not know yet
    released_in: Option<u64>,
}

/// This node's voter: at most one promise at a time.
///
/// A restarted voter of a pair has forgotten its promise; the only foreign holder it can have promised to is the
/// peer, which is also the only one that can ask: so it answers at once. (With a witness it must wait D.)
#[derive(Clone, Debug, Default)]
pub struct Voter {
    promise: Option<Promise>,
}

impl Voter {
    /// Nothing is promised at `now`.
    pub fn is_free(&self, now: Time) -> bool {
        self.promise.as_ref().is_none_or(|promise| promise.until <= now)
    }

    /// Promises to this node itself for as long as it claims or holds `epoch`.
    pub fn promise_own(&mut self, epoch: Epoch) {
        self.promise = Some(Promise { to: Member::Own, epoch, until: Time::MAX, released_in: None });
    }

    /// Promises to the peer, or renews.
    pub fn promise_peer(&mut self, epoch: Epoch, until: Time) {
        self.promise = Some(Promise { to: Member::Peer, epoch, until, released_in: None });
    }

    /// Promises to the peer as the named successor; the release leaves in message `sequence` or later.
    pub fn promise_successor(&mut self, epoch: Epoch, until: Time, sequence: u64) {
        self.promise = Some(Promise { to: Member::Peer, epoch, until, released_in: Some(sequence) });
    }

    /// This node neither claims nor holds any more.
    pub fn withdraw_own(&mut self) {
        self.promise.take_if(|promise| promise.to == Member::Own);
    }

    /// The peer says that it neither claims nor holds; `answered` is the newest message of ours that it answers.
    pub fn hear_idle(&mut self, answered: Option<u64>) {
        self.promise.take_if(|promise| {
            let knows =
                promise.released_in.is_none_or(|first| answered.is_some_and(|sequence| sequence >= first));
            promise.to == Member::Peer && knows
        });
    }

    /// The mode has become *available*: a promise to the peer that had no end ends at `until`, unless renewed.
    pub fn bind_peer_until(&mut self, until: Time) {
        if let Some(promise) = &mut self.promise
            && promise.to == Member::Peer
        {
            promise.until = promise.until.min(until);
        }
    }

    /// Epoch promised to the peer, if that stands at `now`.
    pub fn promised_to_peer(&self, now: Time) -> Option<&Epoch> {
        self.promise
            .as_ref()
            .filter(|promise| promise.to == Member::Peer && promise.until > now)
            .map(|promise| &promise.epoch)
    }

    /// The peer has been named successor, and that stands at `now`.
    pub fn has_released(&self, now: Time) -> bool {
        self.promise.as_ref().is_some_and(|promise| promise.released_in.is_some() && promise.until > now)
    }

    /// When the promise ends.
    pub fn deadline(&self) -> Option<Time> {
        self.promise.as_ref().map(|promise| promise.until)
    }
}

#[cfg(test)]
mod tests {
    use model::{HaMode, Time};
    use wire::heartbeat::Epoch;

    use super::{Ballot, Electorate, Member, Vote, Voter};

    fn epoch(counter: u64) -> Epoch {
        Epoch { counter, node: "b".to_owned() }
    }

    /// H2: one vote of two is no lease; the lease of two ends with the shorter vote.
    #[test]
    fn a_lease_needs_a_majority() {
        let pair = Electorate::new(true, HaMode::Available);
        let mut ballot = Ballot::new();
        ballot.grant(Member::Own, Vote::Until(Time::from_millis(10)));
        assert_eq!(ballot.lease_end(&pair), None);
        assert_eq!(ballot.lease_end(&Electorate::new(false, HaMode::Safe)), Some(Time::from_millis(10)));
        ballot.grant(Member::Peer, Vote::Standing);
        assert_eq!(ballot.lease_end(&pair), Some(Time::from_millis(10)));
        ballot.grant(Member::Own, Vote::Until(Time::from_millis(20)));
        assert_eq!(ballot.lease_end(&pair), Some(Time::from_millis(20)));
    }

    /// H33: a peer that has not yet heard the release does not undo the promise by saying that it is standby.
    #[test]
    fn a_release_stands_until_it_is_known() {
        let mut voter = Voter::default();
        voter.promise_successor(epoch(3), Time::from_millis(100), 7);
        voter.hear_idle(Some(6));
        voter.hear_idle(None);
        assert!(voter.has_released(Time::ZERO));
        voter.hear_idle(Some(7));
        assert!(voter.is_free(Time::ZERO));
    }

    /// H24: a promise holds until its end, not longer.
    #[test]
    fn a_promise_ends() {
        let mut voter = Voter::default();
        voter.promise_peer(epoch(1), Time::from_millis(100));
        assert!(!voter.is_free(Time::from_millis(99)));
        assert_eq!(voter.promised_to_peer(Time::from_millis(99)), Some(&epoch(1)));
        assert!(voter.is_free(Time::from_millis(100)));
        assert_eq!(voter.promised_to_peer(Time::from_millis(100)), None);
    }
}
