//! The record of a call while it is being written (row H21, exported fields of reports).

use model::{Private, Time};

use crate::{CallRecord, CallStatus};

/// A record whose end is open.
#[derive(Clone, Debug)]
pub(crate) struct RecordDraft(Box<CallRecord>);

impl RecordDraft {
    /// Begins with what the INVITE says.
    pub(crate) fn new(record: CallRecord) -> Self {
        RecordDraft(Box::new(record))
    }

    /// Ringing or early media reached the caller.
    pub(crate) fn channel_up(&mut self, now: Time) {
        self.0.channel_up.get_or_insert(now);
    }

    /// Whether anything rang.
    pub(crate) const fn has_rung(&self) -> bool {
        self.0.channel_up.is_some()
    }

    /// Somebody answered.
    pub(crate) fn answer(&mut self, now: Time, by: String) {
        self.channel_up(now);
        self.0.answer = Some(now);
        self.0.answered_by = Some(Private::new(by));
        self.0.status = CallStatus::Answered;
        self.0.sip_status = 200;
    }

    /// The call ends without an answer, with this final response (0: none was sent).
    pub(crate) fn fail(&mut self, status: CallStatus, sip_status: u16) {
        self.0.status = status;
        self.0.sip_status = sip_status;
    }

    /// The finished record.
    pub(crate) fn close(mut self, now: Time) -> Box<CallRecord> {
        self.0.end = now;
        self.0
    }
}
