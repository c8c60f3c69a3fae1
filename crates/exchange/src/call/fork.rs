//! While it rings: what the branches answer, and the one answer that the caller gets of it (RFC 3261 section 16.7).

use sip::sdp::Description;
use sip::{Method, Response, name};

use super::{Call, Cause, LateAnswer, Leg, LegId, Outcome, Party};
use crate::signalling::{Signalling, allow, contact};
use crate::transaction::{ClientId, ServerId};
use crate::{CallStatus, Side};

/// Why the other phones stop ringing (RFC 3326): they do not show a missed call then.
const ANSWERED_ELSEWHERE: &str = "SIP;cause=200;text=\"Call completed elsewhere\"";

/// The final response of a branch that no other has outdone yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Best {
    /// Its status
    status: u16,
}

impl Best {
    /// Which of two is told to the caller: 6xx, then the lower class (section 16.7.6); within it what says most.
    fn better(own: Option<Best>, status: u16) -> Best {
        match own {
            Some(own) if rank(own.status) <= rank(status) => own,
            _ => Best { status },
        }
    }
}

/// Lower is better.
const fn rank(status: u16) -> (u16, u16) {
    let within = match status {
        486 => 0,
        401 | 407 | 415 | 420 | 484 => 1,
        408 | 481 | 487 => 3,
        _ => 2,
    };
    match status / 100 {
        6 => (0, within),
        class => (class, within),
    }
}

/// What the caller is told of a status that a branch had: what concerns only our leg stays with us.
const fn told(status: u16) -> u16 {
    match status {
        // Nobody answered our INVITE, the dialog was gone, or a redirection, which is not followed: to the caller the
        // party just cannot be reached
        300..=399 | 408 | 481 | 487 => 480,
        // We have no credentials for the other side, and the caller's are none of its business
        401 | 407 => 403,
        // Section 16.7.6: a 503 would make the caller avoid us
        503 => 500,
        status => status,
    }
}

/// How a final status counts in the record.
fn status_of(status: u16, has_rung: bool) -> CallStatus {
    match status {
        486 | 600 => CallStatus::Busy,
        408 | 480 if has_rung => CallStatus::NoAnswer,
        _ => CallStatus::Failed,
    }
}

impl Call {
    /// A response to the INVITE of a branch.
    pub(crate) fn on_ring_response(
        &mut self,
        signalling: &mut Signalling,
        leg: LegId,
        client: ClientId,
        response: &Response,
    ) -> Outcome {
        match response.code() {
            100 => Ok(()),
            101..=199 => {
                self.on_progress(signalling, leg, response);
                Ok(())
            }
            200..=299 if self.answered => {
                self.on_answer_again(signalling, leg, client, response);
                Ok(())
            }
            200..=299 => self.on_answer(signalling, leg, client, response),
            status => self.on_branch_failed(signalling, leg, status),
        }
    }

    /// Ringing and early media reach the caller: the first 180, and the media of the first branch that has some.
    fn on_progress(&mut self, signalling: &mut Signalling, leg: LegId, response: &Response) {
        let Some(invite) = self.invite else { return };
        let description = description_of(response);
        let is_first_media = self.offered && self.early_media.is_none_or(|early| early == leg);
        let media = description.filter(|_| is_first_media);
        if let Some(media) = media {
            self.early_media = Some(leg);
            self.tell_media(signalling, Side::Callee, &media);
            let body = self.describe_to(LegId::CALLER, &media);
            if let Some(leg) = self.leg_mut(leg) {
                leg.description = Some(media);
            }
            self.ringing_sent |= response.code() == 180;
            let status = if response.code() == 180 { 180 } else { 183 };
            self.send_progress(signalling, invite, status, Some(body));
        } else if response.code() == 180 && !self.ringing_sent {
            self.ringing_sent = true;
            self.send_progress(signalling, invite, 180, None);
        }
    }

    fn send_progress(
        &mut self,
        signalling: &mut Signalling,
        invite: ServerId,
        status: u16,
        body: Option<Vec<u8>>,
    ) {
        self.record.channel_up(signalling.core.now);
        let contact = contact(&self.caller.destination);
        signalling.respond_with(invite, status, |response| {
            response.headers.push(name::CONTACT, contact);
            response.headers.push(name::ALLOW, allow());
            if let Some(body) = body {
                response.set_body(sip::sdp::CONTENT_TYPE, body);
            }
        });
    }

    /// Somebody answers: the other branches are cancelled, the caller is connected.
    fn on_answer(
        &mut self,
        signalling: &mut Signalling,
        id: LegId,
        client: ClientId,
        response: &Response,
    ) -> Outcome {
        let Some(position) = self.callees.iter().position(|leg| leg.id == id) else { return Ok(()) };
        let early = self.callees[position].description.take();
        let Some(description) = description_of(response).or(early) else {
            // Neither offer nor answer: there is nothing to talk over
            signalling.end_unwanted(client, response);
            return self.on_branch_failed(signalling, id, 500);
        };
        let mut callee = self.callees.remove(position);
        callee.dialog.establish(response);
        callee.allows_update = response.headers.lists(name::ALLOW, Method::UPDATE.as_str());
        callee.description = Some(description.clone());
        for other in std::mem::replace(&mut self.callees, vec![callee]) {
            drop_branch(signalling, &other);
        }
        self.answered = true;
        signalling.core.counters.calls_answered += 1;
        signalling.core.timers.cancel(self.ring.take());
        self.tell_media(signalling, Side::Callee, &description);
        self.record.answer(signalling.core.now, self.answered_by());
        self.acknowledge_answer(signalling);
        self.connect_caller(signalling, &description);
        Ok(())
    }

    /// The account that answered, or the number that the trunk was given.
    fn answered_by(&self) -> String {
        match self.callees.first().map(|leg| (&leg.party, leg.dialog.next_hop())) {
            Some((Party::Account(account), _)) => account.as_str().to_owned(),
            _ => self.dialled.clone(),
        }
    }

    /// ACK for the callee at once when the offer was ours; when it is the callee's, with the answer of the caller.
    fn acknowledge_answer(&mut self, signalling: &mut Signalling) {
        let offered = self.offered;
        let Some(callee) = self.callees.first_mut() else { return };
        let cseq = callee.dialog.local_cseq();
        if offered {
            let ack = signalling.acknowledge(callee.dialog.ack(cseq), callee.next_hop());
            callee.last_ack = Some((cseq, ack));
        } else {
            self.late_answer = Some(LateAnswer { from: LegId::CALLER, to: callee.id, cseq });
        }
    }

    fn connect_caller(&mut self, signalling: &mut Signalling, description: &Description) {
        let Some(invite) = self.invite.take() else { return };
        let body = self.describe_to(LegId::CALLER, description);
        self.caller.unacknowledged = Some(invite);
        let contact = contact(&self.caller.destination);
        let timer = self.granted_timer.take();
        signalling.respond_with(invite, 200, |response| {
            response.headers.push(name::CONTACT, contact);
            response.headers.push(name::ALLOW, allow());
            super::session_timer::grant(response, timer);
            response.set_body(sip::sdp::CONTENT_TYPE, body);
        });
        self.arm_session(signalling, LegId::CALLER, timer);
    }

    /// A 2xx after the answer: repeated because our ACK was lost, or of a second phone behind the same branch.
    fn on_answer_again(
        &mut self,
        signalling: &mut Signalling,
        id: LegId,
        client: ClientId,
        response: &Response,
    ) {
        let tag = response.headers.to().ok().and_then(|to| to.tag().map(str::to_owned));
        let Some(leg) = self.leg_mut(id).filter(|leg| leg.dialog.remote_tag() == tag.as_deref()) else {
            signalling.end_unwanted(client, response);
            return;
        };
        leg.repeat_ack(signalling, response);
    }

    /// A branch failed; when it was the last one, or all of them by a 6xx, the call has failed.
    pub(crate) fn on_branch_failed(
        &mut self,
        signalling: &mut Signalling,
        leg: LegId,
        status: u16,
    ) -> Outcome {
        let Some(position) = self.callees.iter().position(|other| other.id == leg) else { return Ok(()) };
        let failed = self.callees.remove(position);
        signalling.dialogs.remove(failed.dialog.local_tag());
        if self.early_media == Some(leg) {
            self.early_media = None;
        }
        let best = Best::better(self.best, status);
        self.best = Some(best);
        if !self.callees.is_empty() && status < 600 {
            return Ok(());
        }
        let sip_status = told(best.status);
        Err(Cause::Unanswered { status: status_of(sip_status, self.record.has_rung()), sip_status })
    }

    /// Nobody answered in time.
    pub(crate) const fn on_ring_timeout(&self) -> Outcome {
        if self.answered {
            return Ok(());
        }
        Err(Cause::Unanswered { status: CallStatus::NoAnswer, sip_status: 480 })
    }
}

/// A branch that is no longer wanted because another one answered.
fn drop_branch(signalling: &mut Signalling, leg: &Leg) {
    signalling.dialogs.remove(leg.dialog.local_tag());
    if let Some(invite) = leg.invite {
        signalling.clients.abandon(&mut signalling.core, invite, Some(ANSWERED_ELSEWHERE));
    }
}

/// The session description in a response, if there is one that can be read.
pub(super) fn description_of(response: &Response) -> Option<Description> {
    let is_sdp = response.headers.content_type().ok().flatten().is_some_and(|kind| kind.is_sdp());
    if !is_sdp || response.body.is_empty() {
        return None;
    }
    Description::parse(&response.body).ok()
}
