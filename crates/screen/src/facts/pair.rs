//! The other box, the stores, the telephones and where phones find them (rows H15 to H19, H28 to H30).

use daemon::bus::cluster::NodeStatus;
use daemon::bus::store::StoreStatus;

use super::{Mood, Row};
use crate::sample::{Answer, Sample};
use crate::words::{clean, count, duration};

/// A peer that was heard within this time is heard now, in seconds.
const HEARD_NOW_S: u64 = 3;

/// The other node sends heartbeats.
pub(super) fn is_heard(peer: &NodeStatus) -> bool {
    peer.role != "unreachable"
}

/// The named lines, in the order in which they are shown.
pub(super) fn rows(sample: &Sample) -> Vec<Row> {
    vec![peer(sample), stores(sample), telephones(sample), reach(sample)]
}

fn peer(sample: &Sample) -> Row {
    const LABEL: &str = "Other box";
    if let Some(peer) = sample.peer() {
        let name = format!("{}, serial number {}", clean(&peer.name), or_unknown(&peer.serial_number));
        return match (is_heard(peer), peer.silent_ms) {
            (true, silent_ms) => {
                let role = clean(&peer.role);
                Row::new(LABEL, Mood::Plain, format!("{name}: {role}, {}", heard(silent_ms / 1000)))
            }
            (false, u64::MAX) => Row::new(LABEL, Mood::Bad, format!("{name}: NOT HEARD since the start")),
            (false, silent_ms) => {
                Row::new(LABEL, Mood::Bad, format!("{name}: NOT HEARD for {}", duration(silent_ms / 1000)))
            }
        };
    }
    match &sample.cluster {
        Answer::Here(_) => Row::new(LABEL, Mood::Plain, "none"),
        other => silent(LABEL, other),
    }
}

fn heard(seconds: u64) -> String {
    if seconds < HEARD_NOW_S { "heard now".to_owned() } else { format!("heard {} ago", duration(seconds)) }
}

fn stores(sample: &Sample) -> Row {
    const LABEL: &str = "Stored";
    match &sample.store {
        Answer::Here(store) if store.revision == 0 => Row::new(LABEL, Mood::Plain, "no configuration yet"),
        Answer::Here(store) if sample.peer().is_none() => Row::new(LABEL, Mood::Plain, contents(store)),
        Answer::Here(store) if !store.peer_connected => {
            let waiting = match store.unprotected {
                0 => "the stores are not connected".to_owned(),
                number => format!("{} on THIS BOX ONLY", count(number, "entry", "entries")),
            };
            Row::new(LABEL, Mood::Attention, format!("{}; {waiting}", contents(store)))
        }
        Answer::Here(store) if store.unprotected > 0 => {
            let waiting = count(store.unprotected, "entry", "entries");
            Row::new(
                LABEL,
                Mood::Attention,
                format!("{}; {waiting} on the way to the other", contents(store)),
            )
        }
        Answer::Here(store) => {
            Row::new(LABEL, Mood::Plain, format!("{}, on both boxes alike", contents(store)))
        }
        other => silent(LABEL, other),
    }
}

fn contents(store: &StoreStatus) -> String {
    let records = count(store.call_records, "call record", "call records");
    format!("configuration {}, {records}", store.revision)
}

fn telephones(sample: &Sample) -> Row {
    const LABEL: &str = "Telephones";
    match &sample.pbx {
        Answer::Here(pbx) => {
            let registrations = count(pbx.registrations, "registration", "registrations");
            let served =
                if pbx.serving { count(pbx.calls, "call", "calls") } else { "served elsewhere".to_owned() };
            Row::new(LABEL, Mood::Plain, format!("{registrations}, {served}"))
        }
        other => silent(LABEL, other),
    }
}

fn reach(sample: &Sample) -> Row {
    const LABEL: &str = "Reached at";
    let pbx = match &sample.pbx {
        Answer::Here(pbx) if pbx.sip_port > 0 => pbx,
        Answer::Here(_) => return Row::new(LABEL, Mood::Plain, "nowhere yet: phones need a configuration"),
        other => return silent(LABEL, other),
    };
    let domain = clean(&pbx.domain);
    Row::new(
        LABEL,
        Mood::Plain,
        match addresses(sample).as_str() {
            "" => format!("sip:{domain}, port {}", pbx.sip_port),
            addresses => format!("sip:{domain} at {addresses}, port {}", pbx.sip_port),
        },
    )
}

/// Where phones send to: the resource addresses; on a box without any, its own apart from the synchronisation link.
fn addresses(sample: &Sample) -> String {
    let interfaces = sample.cluster.here().map(|cluster| cluster.interfaces.as_slice()).unwrap_or_default();
    let bare = |text: &str| clean(text.split('/').next().unwrap_or_default());
    let resource = interfaces.iter().map(|interface| bare(&interface.resource_address));
    let own =
        interfaces.iter().filter(|one| !one.synchronisation).map(|interface| bare(&interface.local_address));
    let known = |addresses: Vec<String>| {
        addresses.into_iter().filter(|address| !address.is_empty()).collect::<Vec<_>>()
    };
    let resource = known(resource.collect());
    if resource.is_empty() { known(own.collect()).join(", ") } else { resource.join(", ") }
}

fn silent<T>(label: &'static str, answer: &Answer<T>) -> Row {
    match answer {
        Answer::NotAsked | Answer::Here(_) => Row::new(label, Mood::Plain, super::UNKNOWN),
        Answer::Absent => Row::new(label, Mood::Bad, "NOT KNOWN: the daemon is not running"),
        Answer::Silent => Row::new(label, Mood::Bad, "NOT KNOWN: the daemon does not answer"),
        Answer::Refused(_) => Row::new(label, Mood::Bad, "NOT KNOWN: the daemon answers with an error"),
    }
}

fn or_unknown(text: &str) -> String {
    if text.is_empty() { super::UNKNOWN.to_owned() } else { clean(text) }
}
