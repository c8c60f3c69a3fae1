//! What only a running node can show: who listens, who runs with what rights, how it is mounted, which settings are in
//! force.
//!
//! Read from `/proc` by a shell with `cat`, `grep` and `stat`, which every debug image has; programs such as `ss` and
//! `ip` may be missing.

use std::collections::BTreeMap;

use anyhow::Context;

use super::data::{Contract, Mount, Running};
use super::release::{self, DEBUG};
use super::{Report, Violation};

mod bus;
mod processes;
mod sockets;
#[cfg(test)]
mod tests;

pub(super) use sockets::ports_contain;

const RULE: &str = "running";
/// Between the outputs of several commands in one.
const PART: &str = "== ";

type Shell<'a> = &'a mut dyn FnMut(&str) -> anyhow::Result<String>;

pub(super) fn check(contract: &Contract, shell: Shell<'_>, report: &mut Report) -> anyhow::Result<()> {
    let mut ask = |command: &str| shell(command).with_context(|| format!("asking the node: {command}"));
    let running = &contract.running;
    let release = release::keys(&ask("cat /etc/os-release")?);
    let is_debug = release.get("VARIANT_ID").is_some_and(|variant| variant == DEBUG);
    let users = Users::parse(&ask("cat /etc/passwd")?);
    sockets::check(running, &users, &ask(sockets::COMMAND)?, report);
    processes::check(contract, &users, is_debug, &ask(processes::COMMAND)?, report);
    mounts(&running.mount, &ask("cat /proc/self/mounts")?, report);
    bus::check(running, &ask(&bus::command(running))?, report);
    let touched = ask("touch /usr/.contract 2>&1 && echo WRITTEN; true")?;
    report.hold(!touched.contains("WRITTEN"), || {
        violation("/usr", "can be written", "mount the root read-only")
    });
    let failed = ask("systemctl list-units --failed --plain --no-legend --no-pager")?;
    report.hold(failed.trim().is_empty(), || {
        let names: Vec<&str> = failed.lines().filter_map(|line| line.split_whitespace().next()).collect();
        violation(&names.join(", "), "failed", "journalctl -u UNIT says why")
    });
    paths(running, &ask(&stat_command(running))?, report);
    settings(running, &ask(&settings_command(running))?, report);
    Ok(())
}

/// Users of the node by name.
#[derive(Debug, Default)]
struct Users(BTreeMap<String, u32>);

impl Users {
    fn parse(passwd: &str) -> Users {
        let fields = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
        Users(
            fields
                .filter_map(|fields| Some(((*fields.first()?).to_owned(), fields.get(2)?.parse().ok()?)))
                .collect(),
        )
    }

    /// The name of a number, or the number.
    fn name(&self, number: u32) -> String {
        let found = self.0.iter().find(|(_, known)| **known == number);
        found.map_or_else(|| number.to_string(), |(name, _)| name.clone())
    }
}

fn mounts(mounts: &[Mount], text: &str, report: &mut Report) {
    for wanted in mounts {
        // The last one on a path is the one that is seen.
        let found = text.lines().rev().find_map(|line| {
            let mut fields = line.split(' ').skip(1);
            let path = fields.next()?;
            let (kind, options) = (fields.next()?, fields.next()?);
            (path == wanted.path).then_some((kind, options))
        });
        let Some((kind, options)) = found else {
            report.hold(false, || {
                let to_do = "see /run/tandem/prepare.json and the journal of the start";
                violation(&wanted.path, format!("nothing is mounted there ({})", wanted.reason), to_do)
            });
            continue;
        };
        report.hold(wanted.types.iter().any(|known| known == kind), || {
            let what = format!("is {kind} and must be {} ({})", wanted.types.join(" or "), wanted.reason);
            violation(&wanted.path, what, "see /run/tandem/prepare.json")
        });
        let options: Vec<&str> = options.split(',').collect();
        let missing: Vec<&str> =
            wanted.options.iter().map(String::as_str).filter(|option| !options.contains(option)).collect();
        report.hold(missing.is_empty(), || {
            let what = format!("is mounted without {} ({})", missing.join(", "), wanted.reason);
            violation(&wanted.path, what, "crates/hostd/src/prepare mounts it")
        });
    }
}

fn stat_command(running: &Running) -> String {
    let paths: Vec<&str> = running.path.iter().map(|path| path.path.as_str()).collect();
    format!("stat -c '%n %U %G %a' {} 2>/dev/null; true", paths.join(" "))
}

fn paths(running: &Running, text: &str, report: &mut Report) {
    for wanted in &running.path {
        let expected = format!("{} {} {}", wanted.owner, wanted.group, wanted.mode);
        let found = text.lines().find_map(|line| line.strip_prefix(&wanted.path)?.strip_prefix(' '));
        report.hold(found == Some(&expected), || {
            let found = found.unwrap_or("missing");
            let what = format!("is {found} and must be {expected} (owner, group, mode)");
            violation(&wanted.path, what, "crates/hostd/src/prepare makes it")
        });
    }
}

fn settings_command(running: &Running) -> String {
    let names: Vec<&str> = running.setting.iter().map(|setting| setting.name.as_str()).collect();
    format!(
        "for name in {}; do echo \"$name $(cat /proc/sys/$(echo $name | tr . /))\"; done",
        names.join(" ")
    )
}

fn settings(running: &Running, text: &str, report: &mut Report) {
    for wanted in &running.setting {
        let found = text.lines().find_map(|line| line.strip_prefix(&wanted.name)?.strip_prefix(' '));
        report.hold(found.map(str::trim) == Some(&wanted.value), || {
            let what = format!("is {found:?} and must be {} ({})", wanted.value, wanted.reason);
            violation(&wanted.name, what, "overlays/common/usr/lib/sysctl.d/90-tandem.conf sets it")
        });
    }
}

fn violation(place: &str, what: impl Into<String>, to_do: impl Into<String>) -> Violation {
    Violation { rule: RULE, place: place.to_owned(), what: what.into(), to_do: to_do.into() }
}
