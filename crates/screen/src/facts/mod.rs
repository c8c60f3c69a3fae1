//! What the screen says, in words: made from a [`Sample`] and the time, compared with what it said before, and only
//! drawn when it differs. Pure.

mod headline;
mod links;
mod pair;
mod problems;

use crate::sample::Sample;
use crate::words::{Clock, clean, duration};

pub use headline::Headline;
pub use links::LinkFacts;

/// Shown for what is not known.
const UNKNOWN: &str = "not known";

/// How good a piece of news is. The text itself says it too: a terminal may have no colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    /// Neither
    #[default]
    Plain,
    /// As it should be
    Good,
    /// Somebody should look at it
    Attention,
    /// Something does not work
    Bad,
}

/// A named line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its name
    pub label: &'static str,
    /// What it says
    pub text: String,
    /// How good that is
    pub mood: Mood,
}

impl Row {
    fn new(label: &'static str, mood: Mood, text: impl Into<String>) -> Row {
        Row { label, text: text.into(), mood }
    }
}

/// Everything that the screen says about the box.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Name of the box; empty while it is not known
    pub name: String,
    /// Role in plain words
    pub headline: Headline,
    /// Serial number, alone: it is copied into the other box's configuration (row H13)
    pub serial_number: String,
    /// Version, root file system, time since power-on
    pub software: String,
    /// Peer, stores, telephones, where phones find them
    pub rows: Vec<Row>,
    /// What to do next, while the box has no duty yet
    pub steps: Vec<String>,
    /// Ethernet interfaces
    pub links: Vec<LinkFacts>,
    /// Router towards everything else; empty when none
    pub gateway: String,
    /// The network may be set here, since no configuration is in force; `None` while the store does not say
    pub may_set_network: Option<bool>,
    /// What a person should do something about, worst first
    pub problems: Vec<String>,
    /// What has happened to the pair, newest first
    pub events: Vec<String>,
}

impl Facts {
    /// The words for `sample`.
    #[must_use]
    pub fn of(sample: &Sample, clock: &Clock) -> Facts {
        Facts {
            name: clean(name(sample)),
            headline: headline::headline(sample, clock),
            serial_number: clean(serial_number(sample)),
            software: software(sample),
            rows: pair::rows(sample),
            steps: headline::steps(sample),
            links: links::links(sample),
            gateway: clean(sample.host.here().map_or("", |host| host.gateway.as_str())),
            may_set_network: sample.is_configured().map(|is_configured| !is_configured),
            problems: problems::problems(sample),
            events: events(sample, clock),
        }
    }
}

fn name(sample: &Sample) -> &str {
    let from_host = sample.host.here().map(|host| host.name.as_str());
    from_host.or_else(|| sample.cluster.here().map(|cluster| cluster.node.as_str())).unwrap_or_default()
}

fn serial_number(sample: &Sample) -> &str {
    let from_host = sample.host.here().map(|host| host.serial_number.as_str());
    let from_agent = || {
        let cluster = sample.cluster.here()?;
        let own = cluster.nodes.iter().find(|node| node.name == cluster.node)?;
        Some(own.serial_number.as_str())
    };
    from_host.or_else(from_agent).unwrap_or(UNKNOWN)
}

fn software(sample: &Sample) -> String {
    let Some(host) = sample.host.here() else {
        return format!("Tandem {}", env!("CARGO_PKG_VERSION"));
    };
    let variant = if host.variant == "debug" { ", DEBUG IMAGE" } else { "" };
    let text = format!(
        "Tandem {}, root file system {}{variant}, up {}",
        host.version,
        host.rootfs,
        duration(host.uptime_s)
    );
    clean(&text)
}

fn events(sample: &Sample, clock: &Clock) -> Vec<String> {
    let events = sample.cluster.here().map(|cluster| cluster.events.as_slice()).unwrap_or_default();
    events.iter().rev().map(|event| format!("{}  {}", clock.stamp(&event.time), clean(&event.text))).collect()
}
