//! How calls end: always here, once, with one record and the media closed.

use super::{Call, LegId, Outcome};
use crate::signalling::Signalling;
use crate::transaction::ServerId;
use crate::{CallStatus, MediaCommand, Output};

/// Reason for the end of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A leg has hung up (BYE), or its dialog is lost: it is told nothing more
    HungUp(LegId),
    /// We end it: no ACK, session expired, longest duration, media gone
    Ended,
    /// Not answered; the caller gets this response
    Unanswered { status: CallStatus, sip_status: u16 },
    /// This node no longer serves: nothing is sent
    Abandoned,
}

/// Final response of an INVITE or re-INVITE whose call is over (RFC 3261 section 15.1.2).
const REQUEST_TERMINATED: u16 = 487;

impl Call {
    /// Ends the call towards everybody but the one who ended it. Who calls this forgets the call.
    pub(crate) fn end(mut self, signalling: &mut Signalling, cause: Cause) {
        let core = &mut signalling.core;
        core.timers.cancel(self.ring.take());
        core.timers.cancel(self.life.take());
        for leg in std::iter::once(&mut self.caller).chain(&mut self.callees) {
            core.timers.cancel(leg.session_due.take());
            signalling.dialogs.remove(leg.dialog.local_tag());
        }
        if !self.answered {
            self.note_failure(cause);
        }
        if !self.media_failed {
            core.push(Output::Media(MediaCommand::Close { session: self.id.session() }));
        }
        core.push(Output::Record(self.record.clone().close(core.now)));
        if cause != Cause::Abandoned {
            self.finish_transactions(signalling, cause);
            self.tell_legs(signalling, cause);
        }
    }

    /// A leg hangs up.
    pub(crate) fn on_bye(&mut self, signalling: &mut Signalling, leg: LegId, server: ServerId) -> Outcome {
        // A phone that only rings may not hang up, it has to decline (RFC 3261 section 15)
        if !self.answered && leg != LegId::CALLER {
            signalling.respond(server, 481);
            return Ok(());
        }
        signalling.respond(server, 200);
        Err(Cause::HungUp(leg))
    }

    /// A 2xx of ours was never acknowledged: the leg is told and the call is over (RFC 3261 section 13.3.1.4).
    pub(crate) fn on_not_acknowledged(&mut self, leg: LegId) -> Outcome {
        if let Some(leg) = self.leg_mut(leg) {
            leg.unacknowledged = None;
        }
        Err(Cause::Ended)
    }

    fn note_failure(&mut self, cause: Cause) {
        let (status, sip_status) = match cause {
            Cause::Unanswered { status, sip_status } => (status, sip_status),
            Cause::HungUp(LegId::CALLER) => (CallStatus::Cancelled, REQUEST_TERMINATED),
            Cause::HungUp(_) | Cause::Ended => (CallStatus::Failed, REQUEST_TERMINATED),
            Cause::Abandoned => (CallStatus::Failed, 0),
        };
        self.record.fail(status, sip_status);
    }

    /// Whoever waits for a final response gets one.
    fn finish_transactions(&mut self, signalling: &mut Signalling, cause: Cause) {
        if let Some(renegotiation) = self.renegotiation.take() {
            signalling.clients.abandon(&mut signalling.core, renegotiation.client, None);
            signalling.respond(renegotiation.server, REQUEST_TERMINATED);
        }
        if let Some(invite) = self.invite.take() {
            let status = match cause {
                Cause::Unanswered { sip_status, .. } => sip_status,
                _ => REQUEST_TERMINATED,
            };
            signalling.respond(invite, status);
        }
    }

    fn tell_legs(self, signalling: &mut Signalling, cause: Cause) {
        let Call { caller, callees, answered, late_answer, .. } = self;
        if !answered {
            for invite in callees.iter().filter_map(|leg| leg.invite) {
                signalling.clients.abandon(&mut signalling.core, invite, None);
            }
            return;
        }
        for leg in std::iter::once(caller).chain(callees) {
            if cause == Cause::HungUp(leg.id) {
                if let Some(server) = leg.unacknowledged {
                    signalling.servers.acknowledge_success(&mut signalling.core, server);
                }
                continue;
            }
            // An offer in its 2xx was never answered: the dialog still needs the ACK before it can end
            if let Some(late) = late_answer.as_ref().filter(|late| late.to == leg.id) {
                signalling.acknowledge(leg.dialog.ack(late.cseq), leg.next_hop());
            }
            signalling.hang_up(leg);
        }
    }
}
