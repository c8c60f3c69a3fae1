//! Session timers (RFC 4028): a leg that asks for one proves now and then that it is still there, or has us do it.
//!
//! We never ask for a timer ourselves; a request of ours in a session that has one carries it on.

use std::time::Duration;

use sip::{Method, Refresher, Request, Response, SessionExpires, name};

use super::{Call, CallTimer, Cause, LegId, Outcome, Purpose};
use crate::core::Timer;
use crate::signalling::Signalling;
use crate::transaction::Owner;

/// Shortest interval that we take, in seconds (RFC 4028 section 5: not below 90).
pub(crate) const INTERVAL_MIN_S: u32 = 90;

/// A session timer as it was agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SessionTimer {
    pub(crate) interval_s: u32,
    /// Whether we refresh, else the other end
    pub(crate) is_ours: bool,
}

/// The interval asked for is shorter than [`INTERVAL_MIN_S`]: 422.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooBrief;

/// The timer that a request asks for and that we grant. A peer that wants us to refresh must take UPDATE; otherwise we
/// behave like one that has no timers.
pub(crate) fn wished(request: &Request) -> Result<Option<SessionTimer>, TooBrief> {
    let headers = &request.headers;
    let knows_timers = headers.lists(name::SUPPORTED, "timer") || headers.lists(name::REQUIRE, "timer");
    let Some(wish) = headers.session_expires().ok().flatten().filter(|_| knows_timers) else {
        return Ok(None);
    };
    if wish.interval_s < INTERVAL_MIN_S {
        return Err(TooBrief);
    }
    let is_ours = wish.refresher == Some(Refresher::Uas);
    let can_refresh = !is_ours || headers.lists(name::ALLOW, Method::UPDATE.as_str());
    Ok(can_refresh.then_some(SessionTimer { interval_s: wish.interval_s, is_ours }))
}

/// Says in a 2xx what was granted.
pub(crate) fn grant(response: &mut Response, timer: Option<SessionTimer>) {
    let Some(timer) = timer else { return };
    let refresher = Some(if timer.is_ours { Refresher::Uas } else { Refresher::Uac });
    response.headers.push(name::SESSION_EXPIRES, SessionExpires { interval_s: timer.interval_s, refresher });
    if !timer.is_ours {
        response.headers.push(name::REQUIRE, "timer");
    }
}

/// Carries the timer of a session on in a request of ours.
pub(crate) fn carry_on(request: &mut Request, timer: Option<SessionTimer>) {
    let Some(timer) = timer else { return };
    let refresher = Some(if timer.is_ours { Refresher::Uac } else { Refresher::Uas });
    request.headers.push(name::SUPPORTED, "timer");
    request.headers.push(name::SESSION_EXPIRES, SessionExpires { interval_s: timer.interval_s, refresher });
}

/// The timer that the 2xx to a request of ours leaves; none when the other end dropped it.
fn left_by(response: &Response, carried: Option<SessionTimer>) -> Option<SessionTimer> {
    carried?;
    let answer = response.headers.session_expires().ok().flatten()?;
    Some(SessionTimer {
        interval_s: answer.interval_s.max(INTERVAL_MIN_S),
        is_ours: answer.refresher == Some(Refresher::Uac),
    })
}

impl Call {
    /// Starts the timer of a leg anew, or stops it.
    pub(super) fn arm_session(
        &mut self,
        signalling: &mut Signalling,
        id: LegId,
        timer: Option<SessionTimer>,
    ) {
        let call = self.id;
        let Some(leg) = self.leg_mut(id) else { return };
        signalling.core.timers.cancel(leg.session_due.take());
        leg.session = timer;
        if let Some(timer) = timer {
            let interval = Duration::from_secs(timer.interval_s.into());
            let wait = if timer.is_ours { interval / 2 } else { interval };
            let due = Timer::Call(call, CallTimer::Session(id));
            leg.session_due = Some(signalling.core.timers.set(signalling.core.now + wait, due));
        }
    }

    /// A 2xx to a request of ours that carried the timer.
    pub(super) fn rearm_session(&mut self, signalling: &mut Signalling, id: LegId, response: &Response) {
        let carried = self.leg_mut(id).and_then(|leg| leg.session);
        self.arm_session(signalling, id, left_by(response, carried));
    }

    /// The timer of a leg is due: refresh, or take the other end for dead.
    pub(crate) fn on_session_due(&mut self, signalling: &mut Signalling, id: LegId) -> Outcome {
        let call = self.id;
        let Some(leg) = self.leg_mut(id) else { return Ok(()) };
        leg.session_due = None;
        let Some(timer) = leg.session.filter(|timer| timer.is_ours) else { return Err(Cause::Ended) };
        let (update, destination) = (leg.offer_request(Method::UPDATE, None), leg.next_hop());
        let owner = Owner::Leg { call, leg: id, purpose: Purpose::Refresh };
        signalling.request(update, destination, owner);
        self.arm_session(signalling, id, Some(timer));
        Ok(())
    }

    /// The answer to our refresh.
    pub(crate) fn on_refresh_response(
        &mut self,
        signalling: &mut Signalling,
        id: LegId,
        response: &Response,
    ) -> Outcome {
        match response.code() {
            200..=299 => self.rearm_session(signalling, id, response),
            408 | 481 => return Err(Cause::Ended),
            _ => {}
        }
        Ok(())
    }
}
