//! The core itself (being written: the surface stands).
use model::{NodeName, Time};
use wire::heartbeat::Epoch;
use crate::{Input, InputError, Output, Setup, SetupError, Status, Role};

/// One node's view of who may serve.
#[derive(Debug)]
pub struct Membership { setup: Setup }

impl Membership {
    /// A node that has just started at `now`.
    ///
    /// # Errors
    /// The setup is not one of a pair or a single box.
    pub fn new(now: Time, setup: Setup) -> Result<Self, SetupError> { let _ = now; Ok(Membership { setup }) }
    /// Takes one input; then drain [`Self::poll_output`] until [`Output::Timeout`].
    ///
    /// # Errors
    /// The caller's mistakes only.
    pub fn handle_input(&mut self, _now: Time, _input: Input) -> Result<(), InputError> { Ok(()) }
    /// The next output.
    pub fn poll_output(&mut self) -> Output { Output::Timeout(Time::MAX) }
    /// State at `now`.
    #[must_use]
    pub fn status(&self, _now: Time) -> Status {
        let _: Option<NodeName> = None;
        Status { node: self.setup.node.clone(), role: Role::Initialising, reason: "", active_node: None, epoch: Epoch::default(),
            lease_remaining: std::time::Duration::ZERO, mode: self.setup.mode, score: 0, peer: None, links: Vec::new(), warnings: 0,
            heartbeats_refused: 0, hold_down: std::time::Duration::ZERO }
    }
}
