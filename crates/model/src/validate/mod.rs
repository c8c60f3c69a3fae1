//! What a configuration must be beyond its types: bounds, relations, references. All findings at once.

mod calls;
mod cluster;
pub mod limits;
mod network;
mod syntax;

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::problem::Finding;
use crate::text::{format_duration, join};
use crate::{Config, Problem};

impl Config {
    /// Everything wrong with a configuration that was built rather than read; empty is good. Lines are 0.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let problem = |Finding { path, message, .. }| Problem { line: 0, path, message };
        findings(self).into_iter().map(problem).collect()
    }
}

/// Everything wrong with the values of `config`.
pub(crate) fn findings(config: &Config) -> Vec<Finding> {
    let mut check = Check::default();
    if let Some(message) = syntax::domain_problem(&config.system.domain) {
        check.add("system.domain", message);
    }
    cluster::check(config, &mut check);
    network::check(config, &mut check);
    check_sip(config, &mut check);
    check_media(config, &mut check);
    calls::check(config, &mut check);
    check.0
}

/// Collects findings.
#[derive(Default)]
pub(crate) struct Check(Vec<Finding>);

impl Check {
    fn add(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.0.push(Finding::new(path, message));
    }

    /// `message` says that `absent` (a dotted path) is not there.
    fn add_absent(&mut self, path: impl Into<String>, absent: impl Into<String>, message: impl Into<String>) {
        self.0.push(Finding::absent(path, absent, message));
    }

    fn duration(&mut self, path: &str, value: Duration, range: &RangeInclusive<Duration>) {
        let (from, to) = (format_duration(*range.start()), format_duration(*range.end()));
        if !range.contains(&value) {
            self.add(path, format!("is {}; write a duration from {from} to {to}", format_duration(value)));
        } else if !value.subsec_nanos().is_multiple_of(1_000_000) {
            self.add(path, format!("is {value:?}; write whole milliseconds"));
        }
    }
}

fn check_sip(config: &Config, check: &mut Check) {
    let sip = &config.sip;
    if sip.port == 0 {
        check.add("sip.port", "is 0; write the port that phones use, e.g. 5060");
    }
    if !(1..=limits::CONTACTS_MAX).contains(&sip.contacts_max) {
        let message = format!("is {}; write a number from 1 to {}", sip.contacts_max, limits::CONTACTS_MAX);
        check.add("sip.contacts-max", message);
    }
    check.duration("sip.registration-min", sip.registration_min, &limits::REGISTRATION);
    check.duration("sip.registration-default", sip.registration_default, &limits::REGISTRATION);
    check.duration("sip.registration-max", sip.registration_max, &limits::REGISTRATION);
    check.duration("sip.nonce", sip.nonce_life, &limits::NONCE);
    let (min, max) = (format_duration(sip.registration_min), format_duration(sip.registration_max));
    if sip.registration_min > sip.registration_max {
        let message = format!("is {min}, longer than sip.registration-max ({max}); make it shorter");
        check.add("sip.registration-min", message);
    } else if !(sip.registration_min..=sip.registration_max).contains(&sip.registration_default) {
        let default = format_duration(sip.registration_default);
        let message = format!(
            "is {default}; it must lie between registration-min ({min}) and registration-max ({max})"
        );
        check.add("sip.registration-default", message);
    }
}

fn check_media(config: &Config, check: &mut Check) {
    let (min, max) = (config.media.port_min, config.media.port_max);
    if min < limits::MEDIA_PORT_MIN {
        check.add(
            "media.port-min",
            format!("is {min}; write an even port from {} on", limits::MEDIA_PORT_MIN),
        );
    } else if !min.is_multiple_of(2) {
        let message = format!("is {min}, an odd port; RTP takes even ports: write {}", min.saturating_sub(1));
        check.add("media.port-min", message);
    }
    if max <= min {
        let message =
            format!("is {max}; the range needs at least 2 ports: write {} or more", min.saturating_add(1));
        check.add("media.port-max", message);
    } else if (min..=max).contains(&config.sip.port) {
        let message =
            format!("the range {min} to {max} contains sip.port {}; move one of the two", config.sip.port);
        check.add("media.port-min", message);
    }
}

/// Path of an object below a table: `account.101`.
fn below(table: &str, key: &str) -> String {
    format!("{table}.{}", join("", key))
}
