//! The role in one sentence that an installer understands (rows H28 to H30), and what to do next on a new box.

use daemon::bus::cluster::{ClusterStatus, NodeStatus};

use super::{Mood, pair};
use crate::sample::{Answer, Sample};
use crate::words::{Clock, clean};

/// The role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headline {
    /// How good it is
    pub mood: Mood,
    /// One sentence
    pub text: String,
    /// Why, or what it means; may be empty
    pub detail: String,
}

impl Headline {
    fn new(mood: Mood, text: impl Into<String>, detail: impl Into<String>) -> Headline {
        Headline { mood, text: text.into(), detail: detail.into() }
    }
}

/// The role of the box.
pub(super) fn headline(sample: &Sample, clock: &Clock) -> Headline {
    if is_new(sample) {
        return Headline::new(
            Mood::Attention,
            "NOT COMMISSIONED: nobody has told this box who it is",
            "It serves no calls yet. What to do next:",
        );
    }
    let cluster = match &sample.cluster {
        Answer::Here(cluster) => cluster,
        Answer::NotAsked => return Headline::new(Mood::Plain, "One moment: asking the daemons", ""),
        Answer::Absent | Answer::Silent | Answer::Refused(_) => {
            return Headline::new(
                Mood::Bad,
                "ROLE NOT KNOWN: the high-availability agent does not answer",
                "Systemd starts it again by itself; the problems below may say why not.",
            );
        }
    };
    if sample.is_configured() == Some(false) {
        return Headline::new(
            Mood::Attention,
            "NO CONFIGURATION: this box waits for its first one",
            "It serves no calls yet. What to do next:",
        );
    }
    by_role(sample, cluster, clock)
}

/// What to do next, in order, on a box that has no duty yet.
pub(super) fn steps(sample: &Sample) -> Vec<String> {
    let configuration = "Load a configuration: `tandemctl config apply FILE`. In a pair the coordinator's counts for \
                         both boxes.";
    let steps: &[&str] = if is_new(sample) {
        &[
            "A box of a pair: plug in its setup medium (a USB stick with setup.toml), then restart it (R).",
            "A single box: set its address under Network (N).",
            configuration,
        ]
    } else if sample.is_configured() == Some(false) && sample.cluster.here().is_some() {
        &[configuration]
    } else {
        &[]
    };
    steps.iter().map(|step| (*step).to_owned()).collect()
}

/// Neither a setup medium nor a configuration has said who the box is.
fn is_new(sample: &Sample) -> bool {
    let is_commissioned = sample.host.here().is_none_or(|host| host.commissioned);
    !is_commissioned && sample.is_configured() != Some(true)
}

fn by_role(sample: &Sample, cluster: &ClusterStatus, clock: &Clock) -> Headline {
    let peer = sample.peer();
    let is_single = cluster.pairing == "single";
    let since = clock.point(&cluster.role_since).map(|point| format!(" since {point}")).unwrap_or_default();
    match cluster.role.as_str() {
        "active" if is_single => {
            served(sample, "SINGLE BOX", &since, "There is no other box.".to_owned(), Mood::Good)
        }
        "active" => active(sample, &since, peer),
        "standby" if is_single => {
            Headline::new(Mood::Attention, "SINGLE BOX: does not serve", reason(cluster))
        }
        "standby" => standby(sample, cluster, peer),
        "taking" => {
            Headline::new(Mood::Attention, "TAKING OVER: will serve calls in a moment", reason(cluster))
        }
        "yielding" => {
            Headline::new(Mood::Attention, "HANDING OVER: the other box will serve calls", reason(cluster))
        }
        "initialising" => Headline::new(Mood::Plain, "STARTING: does not serve calls yet", reason(cluster)),
        other => Headline::new(Mood::Attention, format!("ROLE: {}", clean(other)), reason(cluster)),
    }
}

fn active(sample: &Sample, since: &str, peer: Option<&NodeStatus>) -> Headline {
    let (mood, detail) = match peer {
        Some(peer) if pair::is_heard(peer) => {
            (Mood::Good, format!("Box {} takes over if this one fails.", clean(&peer.name)))
        }
        Some(peer) => {
            let name = clean(&peer.name);
            (Mood::Attention, format!("Nobody takes over if this box fails: box {name} is not heard."))
        }
        None => (Mood::Good, String::new()),
    };
    served(sample, "ACTIVE", since, detail, mood)
}

/// This box has the service: it serves calls if its telephone daemon does.
fn served(sample: &Sample, role: &str, since: &str, detail: String, mood: Mood) -> Headline {
    match sample.pbx {
        Answer::Here(_) | Answer::NotAsked => {
            Headline::new(mood, format!("{role}: serves calls{since}"), detail)
        }
        Answer::Absent | Answer::Silent | Answer::Refused(_) => {
            let text = format!("{role}, BUT NO CALLS: the telephone daemon does not answer");
            Headline::new(Mood::Bad, text, detail)
        }
    }
}

fn standby(sample: &Sample, cluster: &ClusterStatus, peer: Option<&NodeStatus>) -> Headline {
    if let Some(obstacle) = obstacle(sample) {
        return Headline::new(Mood::Attention, format!("STANDBY, NOT READY: {obstacle}"), reason(cluster));
    }
    match peer {
        Some(peer) if peer.role == "active" => Headline::new(
            Mood::Good,
            "STANDBY: ready to take over",
            format!("Box {} serves calls.", clean(&peer.name)),
        ),
        _ => Headline::new(Mood::Attention, "STANDBY: nobody serves calls", reason(cluster)),
    }
}

/// What a takeover would lack now.
fn obstacle(sample: &Sample) -> Option<&'static str> {
    let Some(store) = sample.store.here() else { return Some("its store does not answer") };
    let Some(pbx) = sample.pbx.here() else { return Some("its telephone daemon does not answer") };
    if sample.peer().is_some_and(pair::is_heard) {
        if !store.peer_connected {
            return Some("its store is not connected to the other's");
        }
        if !pbx.peer_connected {
            return Some("registrations do not reach it");
        }
    }
    None
}

/// The agent's own reason as a sentence.
fn reason(cluster: &ClusterStatus) -> String {
    let reason = clean(&cluster.reason);
    let mut characters = reason.chars();
    match characters.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), characters.as_str()),
        None => String::new(),
    }
}
