//! One call of the demonstration: dial, talk with a tone each way, find both tones in the recordings, hang up.

use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use crate::peers::baresip::Baresip;
use crate::peers::tone::Heard;
use crate::peers::wait_for;

/// How much tone must be heard each way.
const HEARD_MS_MIN: u64 = 2_000;
/// How long dialling, answering and each way of audio may take.
const STEP_DEADLINE: Duration = Duration::from_secs(15);

/// A phone, what it is called and what it plays.
pub struct Party {
    /// The phone
    pub phone: Baresip,
    /// Its number
    pub number: String,
    /// The tone that it plays, hertz
    pub tone_hz: u32,
}

/// What became of a call; the first three keys are a contract with scripts.
#[derive(Clone, Debug, Serialize)]
pub struct CallReport {
    /// The called phone answered
    pub answered: bool,
    /// The called phone heard the caller's tone at its level
    pub audio_a_to_b: bool,
    /// The caller heard the called phone's tone at its level
    pub audio_b_to_a: bool,
    /// What exactly the called phone heard
    pub heard_by_b: Heard,
    /// What exactly the caller heard
    pub heard_by_a: Heard,
    /// Milliseconds from dialling until both phones said that the call is established
    pub setup_ms: u64,
}

impl CallReport {
    /// Everything that a call is for.
    #[must_use]
    pub fn good(&self) -> bool {
        self.answered && self.audio_a_to_b && self.audio_b_to_a
    }
}

/// Lets `caller` dial `called` and reports; an unanswered or silent call is a report, not an error.
///
/// # Errors
/// A phone takes no commands, or its recordings cannot be read.
pub fn make(caller: &mut Party, called: &mut Party) -> Result<CallReport> {
    caller.phone.forget_events();
    called.phone.forget_events();
    let (before_caller, before_called) = (caller.phone.recordings()?.len(), called.phone.recordings()?.len());
    let dialled = std::time::Instant::now();
    caller.phone.command("dial", &called.number)?;
    let answered = caller.phone.wait_event("CALL_ESTABLISHED", STEP_DEADLINE).is_ok()
        && called.phone.wait_event("CALL_ESTABLISHED", STEP_DEADLINE).is_ok();
    let setup_ms = u64::try_from(dialled.elapsed().as_millis()).unwrap_or(u64::MAX);
    let deadline = if answered { STEP_DEADLINE } else { Duration::ZERO };
    // A recording of an earlier call does not count: only a new file is listened to.
    let listen = |party: &Party, tone_hz: u32, before: usize| -> Heard {
        let silence = Heard { tone_hz, heard_ms: 0, level_db: None };
        let enough = |heard: &Heard| heard.heard_ms >= HEARD_MS_MIN;
        let look = || {
            let recorded = party.phone.recordings().is_ok_and(|recordings| recordings.len() > before);
            recorded.then(|| party.phone.heard(tone_hz).ok()).flatten()
        };
        wait_for(deadline, || look().filter(enough)).or_else(look).unwrap_or(silence)
    };
    let heard_by_b = listen(called, caller.tone_hz, before_called);
    let heard_by_a = listen(caller, called.tone_hz, before_caller);
    caller.phone.command("hangup", "")?;
    if answered {
        called.phone.wait_event("CALL_CLOSED", STEP_DEADLINE)?;
    }
    Ok(CallReport {
        answered,
        audio_a_to_b: heard_by_b.heard_ms >= HEARD_MS_MIN,
        audio_b_to_a: heard_by_a.heard_ms >= HEARD_MS_MIN,
        heard_by_b,
        heard_by_a,
        setup_ms,
    })
}
