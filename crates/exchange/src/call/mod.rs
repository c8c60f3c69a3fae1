//! Calls: two legs with their own dialogs, one media session between them (a back-to-back user agent).
//!
//! ```text
//!            INVITE                  2xx of one branch             BYE, failure, time
//!  start ───────────► Ringing ───────────────────────► Talking ─────────────────────► gone, one record
//!                        └── all branches failed, CANCEL, no answer ──────────────────►
//! ```
//!
//! While it rings, `callees` holds one leg per phone that rings; when it talks, exactly the one that answered.

mod dialog;
mod ending;
mod fork;
mod leg;
mod record;
mod renegotiation;
mod session_timer;
mod start;

use sip::sdp::Description;

pub(crate) use dialog::{Dialog, MAX_FORWARDS, without_headers};
pub(crate) use ending::Cause;
pub(crate) use leg::{Leg, LegId, Party};
pub(crate) use record::RecordDraft;
pub(crate) use session_timer::{INTERVAL_MIN_S, wished as wished_session_timer};
pub(crate) use start::{Caller, Invitation, Target};

use crate::core::Timer;
use crate::ports::SessionPorts;
use crate::signalling::Signalling;
use crate::timers::TimerHandle;
use crate::transaction::ServerId;
use crate::{MediaCommand, MediaSession, Output, Side};
use fork::Best;
use renegotiation::Renegotiation;
use session_timer::SessionTimer;

/// Names one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CallId(pub(crate) u64);

impl CallId {
    /// The media session of the call.
    pub(crate) const fn session(self) -> MediaSession {
        MediaSession(self.0)
    }
}

/// What a timer of a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallTimer {
    /// Nobody answered in time
    Ring,
    /// No call lasts longer
    Life,
    /// The other end should have refreshed the session, or we should (RFC 4028)
    Session(LegId),
}

/// What a request that we sent on a leg was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The first INVITE
    Ring,
    /// A re-INVITE or UPDATE that the other leg asked for
    Renegotiate,
    /// An INFO handed on; its answer goes to this transaction
    Relay(ServerId),
    /// An UPDATE that keeps the session alive
    Refresh,
}

/// The call goes on, or why it has ended.
pub(crate) type Outcome = Result<(), Cause>;

/// One call.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) id: CallId,
    pub(crate) caller: Leg,
    pub(crate) callees: Vec<Leg>,
    pub(crate) answered: bool,
    pub(crate) ports: SessionPorts,
    pub(crate) record: RecordDraft,
    /// The number that was dialled
    dialled: String,
    /// The session timer that the caller gets with its 2xx
    granted_timer: Option<SessionTimer>,
    /// The INVITE of the caller, until it has its final response
    invite: Option<ServerId>,
    /// Whether that INVITE brought an offer; if not, the answer of the callee is one
    offered: bool,
    /// The branch whose early media the caller hears
    early_media: Option<LegId>,
    ringing_sent: bool,
    best: Option<Best>,
    renegotiation: Option<Renegotiation>,
    /// An offer that went out in a 2xx; its answer comes in the ACK
    late_answer: Option<LateAnswer>,
    /// The media relay could not bind the ports: there is nothing to close
    pub(crate) media_failed: bool,
    ring: Option<TimerHandle>,
    life: Option<TimerHandle>,
}

/// A 2xx with an offer was handed on; the ACK of the one who gets it brings the answer for the one who made it.
#[derive(Debug)]
struct LateAnswer {
    /// Who got the offer and will acknowledge
    from: LegId,
    /// Who made the offer and waits for our ACK
    to: LegId,
    /// `CSeq` of the INVITE that is acknowledged
    cseq: u32,
}

impl Call {
    /// All legs.
    pub(crate) fn legs(&self) -> impl Iterator<Item = &Leg> {
        std::iter::once(&self.caller).chain(&self.callees)
    }

    pub(crate) fn leg(&self, id: LegId) -> Option<&Leg> {
        self.legs().find(|leg| leg.id == id)
    }

    pub(crate) fn leg_mut(&mut self, id: LegId) -> Option<&mut Leg> {
        if self.caller.id == id {
            return Some(&mut self.caller);
        }
        self.callees.iter_mut().find(|leg| leg.id == id)
    }

    /// The leg at the other end of an answered call.
    fn other_leg_mut(&mut self, id: LegId) -> Option<&mut Leg> {
        if self.caller.id == id { self.callees.first_mut() } else { Some(&mut self.caller) }
    }

    /// The description of the other side as this leg is to see it: media at our address and port.
    fn describe_to(&mut self, leg: LegId, description: &Description) -> Vec<u8> {
        let ports = self.ports;
        self.leg_mut(leg).map_or_else(Vec::new, |leg| {
            let port = if leg.side == Side::Caller { ports.caller } else { ports.callee };
            leg.relay.rewrite(description, leg.local().ip(), port)
        })
    }

    /// Tells the media relay what a side's description says.
    fn tell_media(&self, signalling: &mut Signalling, side: Side, description: &Description) {
        let stream = description.relayed_stream();
        signalling.core.push(Output::Media(MediaCommand::Describe {
            session: self.id.session(),
            side,
            rtp: stream.as_ref().and_then(|stream| stream.rtp),
            rtcp: stream.as_ref().and_then(|stream| stream.rtcp),
        }));
    }

    fn set_timer(&self, signalling: &mut Signalling, at: model::Time, timer: CallTimer) -> TimerHandle {
        signalling.core.timers.set(at, Timer::Call(self.id, timer))
    }
}
