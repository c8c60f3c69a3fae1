//! Restart and power off: says what will happen to the service before it does, and wants a word for it (rows H33, H36).

use crate::sample::Sample;
use crate::terminal::keys::Key;
use crate::words::{clean, count};

/// A question that nobody answers goes away after this time, in milliseconds.
const QUESTION_MS: u64 = 60_000;

/// What a box can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Start again
    Restart,
    /// Switch off
    PowerOff,
}

/// How far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Waits for a yes
    Asking,
    /// hostd has been told
    Told,
    /// hostd has refused, in these words
    Failed(String),
}

/// The question on the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What for
    pub ending: Ending,
    /// What will happen
    pub consequences: Vec<String>,
    /// How far it is
    pub phase: Phase,
    asked_ms: u64,
}

/// What a key does to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Nothing
    None,
    /// Do it
    Yes,
    /// Take the question away
    No,
}

impl Question {
    /// The question, with its consequences for the pair as it is now.
    pub(super) fn new(ending: Ending, sample: &Sample, elapsed_ms: u64) -> Question {
        let consequences = consequences(ending, sample);
        Question { ending, consequences, phase: Phase::Asking, asked_ms: elapsed_ms }
    }

    /// What a key means.
    pub(super) fn press(&mut self, key: Key) -> Decision {
        match (&self.phase, key) {
            (Phase::Asking, Key::Char('y' | 'Y')) => {
                self.phase = Phase::Told;
                Decision::Yes
            }
            (Phase::Asking | Phase::Failed(_), Key::Escape | Key::Char('n' | 'N')) => Decision::No,
            _ => Decision::None,
        }
    }

    /// Nobody has answered in time.
    pub(super) fn is_stale(&self, elapsed_ms: u64) -> bool {
        self.phase == Phase::Asking && elapsed_ms.saturating_sub(self.asked_ms) >= QUESTION_MS
    }
}

fn consequences(ending: Ending, sample: &Sample) -> Vec<String> {
    let mut lines = service(sample);
    lines.push(match ending {
        Ending::Restart => "It starts again by itself; this screen comes back.".to_owned(),
        Ending::PowerOff => "It stays off until somebody presses its power button.".to_owned(),
    });
    lines
}

/// What it means for the telephones.
fn service(sample: &Sample) -> Vec<String> {
    let Some(cluster) = sample.cluster.here() else {
        return vec!["Whether this box serves calls is not known: calls may end.".to_owned()];
    };
    if sample.is_configured() == Some(false) {
        return vec!["This box has no configuration and serves no calls.".to_owned()];
    }
    let peer = sample.peer();
    let peer_name = peer.map(|peer| clean(&peer.name)).unwrap_or_default();
    let peer_role = peer.map_or("", |peer| peer.role.as_str());
    let serves = matches!(cluster.role.as_str(), "active" | "taking");
    match (serves, peer_role) {
        (true, "standby") => vec![
            format!("This box serves calls. First it hands over to box {peer_name}, which goes on serving."),
            calls(sample),
        ],
        (true, _) => vec![
            "This box serves calls and NO OTHER BOX is ready to take over:".to_owned(),
            "nobody can call until it is back.".to_owned(),
            calls(sample),
        ],
        (false, "active") => vec![
            format!("Box {peer_name} serves calls and goes on."),
            "Until this box is back, nobody takes over if that one fails.".to_owned(),
        ],
        (false, _) => vec!["This box serves no calls now, and neither does another.".to_owned()],
    }
}

fn calls(sample: &Sample) -> String {
    match sample.pbx.here().map(|pbx| pbx.calls) {
        Some(0) => "There is no call now.".to_owned(),
        Some(calls) => format!("{} now: they END.", count(calls, "call", "calls")),
        None => "Calls in progress END.".to_owned(),
    }
}
