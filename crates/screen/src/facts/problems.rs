//! What a person should know and do something about, worst first (row H23): what the screen sees itself (a daemon that
//! is away cannot complain), then failed units, then what hostd and the store report.

use super::pair;
use crate::sample::{Answer, Sample};
use crate::words::{clean, count};

/// Every problem, one line each.
pub(super) fn problems(sample: &Sample) -> Vec<String> {
    let mut problems = Vec::new();
    problems.extend(away("clusterd (high availability)", &sample.cluster));
    problems.extend(away("pbxd (telephones)", &sample.pbx));
    problems.extend(away("stored (settings and records)", &sample.store));
    problems.extend(away("hostd (network, logs, restart)", &sample.host));
    let reported = sample.host.here().map(|host| host.problems.as_slice()).unwrap_or_default();
    let is_reported = |word: &str| reported.iter().any(|problem| problem.contains(word));
    if let Some(host) = sample.host.here() {
        let unreported = host.failed_units.iter().filter(|unit| !is_reported(unit));
        problems.extend(unreported.map(|unit| format!("{} has failed: its log says why (L)", clean(unit))));
        problems.extend(reported.iter().map(|problem| clean(problem)));
    }
    problems.extend(of_store(sample));
    if let Some(cluster) = sample.cluster.here() {
        let unreported =
            cluster.interfaces.iter().filter(|interface| !interface.up && !is_reported(&interface.name));
        problems.extend(unreported.map(|interface| {
            format!("{} has no carrier: is the cable plugged in at both ends?", clean(&interface.name))
        }));
    }
    if sample.host.here().is_some_and(|host| !host.clock_synchronised) && !is_reported("clock") {
        problems.push("the clock follows no time server: times of records may be wrong".to_owned());
    }
    problems
}

fn of_store(sample: &Sample) -> Vec<String> {
    let Some(store) = sample.store.here() else { return Vec::new() };
    let damaged = |part: &String| format!("a damaged part of the journal was set aside: {}", clean(part));
    let mut problems: Vec<String> = store.quarantined.iter().map(damaged).collect();
    if store.parked > 0 {
        let changes = count(store.parked, "change was", "changes were");
        problems
            .push(format!("{changes} made while the boxes were apart: `tandemctl store apart` lists them"));
    }
    if let Some(peer) = sample.peer().filter(|peer| pair::is_heard(peer))
        && !store.peer_connected
    {
        problems.push(format!("the stores are not connected, though box {} is heard", clean(&peer.name)));
    }
    problems
}

fn away<T>(daemon: &str, answer: &Answer<T>) -> Option<String> {
    match answer {
        Answer::NotAsked | Answer::Here(_) => None,
        Answer::Absent => Some(format!("{daemon} is not running")),
        Answer::Silent => Some(format!("{daemon} does not answer")),
        Answer::Refused(words) => Some(format!("{daemon} answers: {}", clean(words))),
    }
}
