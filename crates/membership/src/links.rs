//! This node's interfaces: carrier, and whether anything is seen on them.

use std::time::Duration;

use model::Time;

use crate::io::{Link, LinkIndex};

/// One interface.
#[derive(Clone, Debug)]
pub struct LinkState {
    /// As configured
    pub link: Link,
    /// Carrier present; an interface counts as down until the shell has said otherwise
    pub up: bool,
    targets: usize,
    stations_seen: bool,
    /// The shell reports what is seen here
    reported: bool,
    /// When a target, a station or the peer was last seen here, or the link came up
    seen_at: Time,
}

impl LinkState {
    fn sees_third_party(&self) -> bool {
        self.up && (self.targets > 0 || self.stations_seen)
    }
}

/// All interfaces.
#[derive(Clone, Debug)]
pub struct Links {
    each: Vec<LinkState>,
    /// Which of them decide: the required ones, or all where none is required
    any_required: bool,
}

impl Links {
    pub fn new(now: Time, links: Vec<Link>) -> Self {
        let any_required = links.iter().any(|link| link.required);
        let state = |link| LinkState {
            link,
            up: false,
            targets: 0,
            stations_seen: false,
            reported: false,
            seen_at: now,
        };
        Links { each: links.into_iter().map(state).collect(), any_required }
    }

    /// Takes another set of links. Those of known names keep their state; for each new one, the index it had before.
    pub fn replace(&mut self, now: Time, links: Vec<Link>) -> Vec<Option<LinkIndex>> {
        let before = std::mem::replace(self, Links::new(now, links));
        let mut origins = Vec::with_capacity(self.each.len());
        for state in &mut self.each {
            let origin = before.each.iter().position(|known| known.link.name == state.link.name);
            if let Some(origin) = origin {
                *state = LinkState { link: state.link.clone(), ..before.each[origin].clone() };
            }
            origins.push(origin.map(LinkIndex));
        }
        origins
    }

    pub fn len(&self) -> usize {
        self.each.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = &LinkState> {
        self.each.iter()
    }

    /// Interfaces with carrier.
    pub fn up(&self) -> impl Iterator<Item = LinkIndex> {
        self.each.iter().enumerate().filter(|(_, state)| state.up).map(|(index, _)| LinkIndex(index))
    }

    pub fn set_carrier(&mut self, now: Time, link: LinkIndex, up: bool) {
        let state = &mut self.each[link.0];
        if up && !state.up {
            state.seen_at = now;
        }
        if !up {
            state.targets = 0;
            state.stations_seen = false;
        }
        state.up = up;
    }

    pub fn report(&mut self, now: Time, link: LinkIndex, targets: usize, stations_seen: bool) {
        let state = &mut self.each[link.0];
        state.reported = true;
        state.targets = targets;
        state.stations_seen = stations_seen;
        if state.sees_third_party() {
            state.seen_at = now;
        }
    }

    /// The peer was heard here.
    pub fn hear_peer(&mut self, now: Time, link: LinkIndex) {
        self.each[link.0].seen_at = now;
    }

    fn deciding(&self) -> impl Iterator<Item = &LinkState> {
        self.each.iter().filter(|state| state.link.required || !self.any_required)
    }

    /// Every required interface has carrier.
    pub fn required_up(&self) -> bool {
        self.each.iter().all(|state| state.up || !state.link.required)
    }

    /// Something that is not the peer is seen on a required interface, or no ping group is set that could tell:
    /// the condition for taking from a silent peer.
    pub fn sees_third_party(&self) -> bool {
        self.each.iter().all(|state| !state.link.has_ping_group)
            || self.deciding().any(LinkState::sees_third_party)
    }

    /// No required interface has been without target, station and peer for `limit`. An interface of which the shell
    /// reports nothing is not judged.
    pub fn required_sighted(&self, now: Time, limit: Duration) -> bool {
        self.deciding().all(|state| !state.reported || now.since(state.seen_at) < limit)
    }

    /// Ping targets seen, over all interfaces (row H20).
    pub fn targets_seen(&self) -> u32 {
        let sum: usize = self.each.iter().map(|state| state.targets).sum();
        u32::try_from(sum).unwrap_or(u32::MAX)
    }
}
