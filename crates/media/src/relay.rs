//! The table of sessions and the path of a packet through it.

use std::net::SocketAddr;

use model::Time;

use crate::endpoint::{Admission, Endpoint};
use crate::packet::{Kind, classify};
use crate::{
    Channel, Counters, DropReason, Input, InputError, Output, PACKET_BYTES_MAX, Policy, SESSIONS_MAX, Side,
    Slot,
};

/// The relay of all calls of one media thread.
///
/// **One input, then drain outputs until [`Output::Timeout`].**
#[derive(Debug)]
pub struct Relay {
    policy: Policy,
    sessions: Vec<Option<Box<Session>>>,
    learned: Option<Output>,
    forward: Option<Output>,
    last_input: Time,
}

/// The four streams of a call.
#[derive(Debug, Default)]
struct Session {
    endpoints: [[Endpoint; 2]; 2],
}

impl Session {
    #[inline]
    fn endpoint(&mut self, side: Side, channel: Channel) -> &mut Endpoint {
        &mut self.endpoints[side as usize][channel as usize]
    }
}

impl Relay {
    /// A relay without sessions.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Relay { policy, sessions: Vec::new(), learned: None, forward: None, last_input: Time::ZERO }
    }

    /// Takes one input.
    ///
    /// # Errors
    ///
    /// [`InputError`] when the shell names a session that is not there (or opens one that is), or time runs backwards.
    /// The input then has no effect.
    #[inline]
    pub fn handle_input(&mut self, now: Time, input: Input<'_>) -> Result<(), InputError> {
        if now < self.last_input {
            return Err(InputError::TimeRanBackwards { now, last: self.last_input });
        }
        self.last_input = now;
        (self.learned, self.forward) = (None, None);
        match input {
            Input::Packet { slot, side, channel, source, bytes } => {
                self.handle_packet(now, slot, side, channel, source, bytes)
            }
            Input::Describe { slot, side, rtp, rtcp } => {
                let Relay { policy, sessions, .. } = self;
                let session = open_session(sessions, slot)?;
                session.endpoint(side, Channel::Rtp).describe(now, rtp, policy);
                session.endpoint(side, Channel::Rtcp).describe(now, rtcp, policy);
                Ok(())
            }
            Input::Open { slot } => self.open(slot),
            Input::Close { slot } => {
                open_session(&mut self.sessions, slot)?;
                self.sessions[slot.0 as usize] = None;
                Ok(())
            }
            Input::Configure(policy) => {
                self.policy = policy;
                Ok(())
            }
        }
    }

    /// What to do now; call it until it says [`Output::Timeout`].
    #[inline]
    pub fn poll_output(&mut self) -> Output {
        self.learned.take().or_else(|| self.forward.take()).unwrap_or(Output::Timeout(Time::MAX))
    }

    /// What one side has sent on one channel; `None` when no session is open there.
    #[must_use]
    pub fn counters(&self, slot: Slot, side: Side, channel: Channel) -> Option<&Counters> {
        let session = self.sessions.get(slot.0 as usize)?.as_ref()?;
        Some(&session.endpoints[side as usize][channel as usize].counters)
    }

    fn open(&mut self, slot: Slot) -> Result<(), InputError> {
        let index = slot.0 as usize;
        if index >= SESSIONS_MAX {
            return Err(InputError::SlotTooLarge { slot: slot.0 });
        }
        if index >= self.sessions.len() {
            self.sessions.resize_with(index + 1, || None);
        }
        if self.sessions[index].is_some() {
            return Err(InputError::SlotInUse { slot: slot.0 });
        }
        self.sessions[index] = Some(Box::default());
        Ok(())
    }

    #[inline]
    fn handle_packet(
        &mut self,
        now: Time,
        slot: Slot,
        side: Side,
        channel: Channel,
        source: SocketAddr,
        bytes: &[u8],
    ) -> Result<(), InputError> {
        let Relay { policy, sessions, .. } = self;
        let session = open_session(sessions, slot)?;
        let destination = session.endpoint(side.other(), channel).destination();
        let endpoint = session.endpoint(side, channel);
        if bytes.len() > PACKET_BYTES_MAX {
            endpoint.counters.count_drop(DropReason::TooLong);
            return Ok(());
        }
        let kind = classify(channel, bytes);
        match endpoint.admit(now, source, kind, policy) {
            Admission::Refused(reason) => {
                endpoint.counters.count_drop(reason);
                return Ok(());
            }
            Admission::Learned => self.learned = Some(Output::Learned { slot, side, channel, source }),
            Admission::Admitted => {}
        }
        match kind {
            Kind::KeepAlive => {
                endpoint.counters.count_drop(DropReason::KeepAlive);
                return Ok(());
            }
            Kind::Rtp { sequence, ssrc } => endpoint.counters.count_sequence(ssrc, sequence),
            Kind::Rtcp | Kind::Other => {}
        }
        let Some(destination) = destination else {
            endpoint.counters.count_drop(DropReason::NoDestination);
            return Ok(());
        };
        endpoint.counters.count_relayed(bytes.len());
        self.forward = Some(Output::Forward { slot, side: side.other(), channel, destination });
        Ok(())
    }
}

#[inline]
fn open_session(sessions: &mut [Option<Box<Session>>], slot: Slot) -> Result<&mut Session, InputError> {
    sessions
        .get_mut(slot.0 as usize)
        .and_then(Option::as_deref_mut)
        .ok_or(InputError::NoSession { slot: slot.0 })
}
