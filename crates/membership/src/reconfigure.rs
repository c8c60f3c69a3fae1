//! Another revision of the configuration, adopted while the node goes on: a setting must not move the service.
//!
//! Role, lease, epoch and what is known of the peer stay; timers, mode, preference and links change. Both nodes adopt
//! a revision within moments of each other, but not at once. Therefore a node that was given longer timers goes on
//! to speak as often as before, and one that was given shorter ones believes no silence before the longer D has passed.

use model::Time;

use crate::error::SetupError;
use crate::io::Setup;
use crate::node::Membership;
use crate::timers::Timers;
use crate::votes::Electorate;

impl Membership {
    /// Adopts `setup`; then drain [`Self::poll_output`]. Links are known again by their names; those that are new count
    /// as down until the shell has said otherwise. What belongs to this start of the agent (`counter_reserved`,
    /// `incarnation`, `seed`) is left as it is.
    ///
    /// # Errors
    /// Those of [`Membership::new`], and [`SetupError::OtherNodes`] when a node of the pair is another one: that takes
    /// a new core. Nothing has changed then.
    pub fn reconfigure(&mut self, now: Time, setup: Setup) -> Result<(), SetupError> {
        setup.check()?;
        if (&setup.node, &setup.peer) != (&self.setup.node, &self.setup.peer) {
            let pair = |setup: &Setup| match &setup.peer {
                Some(peer) => format!("{} and {peer}", setup.node),
                None => format!("{} alone", setup.node),
            };
            return Err(SetupError::OtherNodes { before: pair(&self.setup), now: pair(&setup) });
        }
        self.now = self.now.max(now);
        let before = self.timers;
        self.timers = Timers::new(setup.dead, setup.warning, setup.initialisation);
        self.timers.heartbeat = self.timers.heartbeat.min(before.heartbeat);
        self.next_tick = self.next_tick.min(now + self.timers.heartbeat);
        self.electorate = Electorate::new(setup.peer.is_some(), setup.mode);
        if self.timers != before || setup.mode != self.setup.mode {
            self.listen_until = self.listen_until.max(now + self.timers.promise.max(before.promise));
            if self.electorate.grants_by_timer() {
                self.voter.bind_peer_until(self.listen_until);
            }
        }
        let origins = self.links.replace(now, setup.links.clone());
        if let Some(peer) = &mut self.peer {
            peer.replace_links(&origins);
        }
        self.setup = Setup {
            counter_reserved: self.setup.counter_reserved,
            incarnation: self.setup.incarnation,
            seed: self.setup.seed,
            ..setup
        };
        Ok(())
    }
}
