//! Who runs: the user and the rights of every process, by the unit it belongs to.

use std::collections::BTreeMap;

use super::super::data::{Contract, Daemon};
use super::{Report, Users, violation};

/// Facts of every process (proc(5)), and the group of the manager it is in (cgroups(7)).
pub(super) const COMMAND: &str = "grep -sH '^\\(Name\\|PPid\\|Uid\\|CapPrm\\|CapEff\\|CapBnd\\|NoNewPrivs\\|Seccomp\\):' /proc/[0-9]*/status; \
     grep -sH '^0::' /proc/[0-9]*/cgroup; true";
/// The kernel's own threads are children of this process.
const KERNEL_THREADS: &str = "2";
/// `Seccomp:` of a process with a filter.
const SECCOMP_FILTER: &str = "2";

/// Names of capabilities by number (capabilities(7), `linux/capability.h`).
const CAPABILITIES: [&str; 41] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

/// Facts of a process by name.
type Facts<'a> = BTreeMap<&'a str, &'a str>;

pub(super) fn check(contract: &Contract, users: &Users, is_debug: bool, text: &str, report: &mut Report) {
    let processes = parse(text);
    let mut units = Vec::new();
    for (number, facts) in &processes {
        if *number == KERNEL_THREADS || facts.get("PPid") == Some(&KERNEL_THREADS) {
            continue;
        }
        let name = facts.get("Name").copied().unwrap_or("?");
        let Some(unit) = facts.get("cgroup").and_then(|group| unit_of(group)) else {
            // A process that ended between the two looks has no group; one that lives is somebody's.
            let ended = !facts.contains_key("Name") || !facts.contains_key("cgroup");
            report.hold(ended, || {
                violation(&format!("process {name}"), "belongs to no unit", "find out who started it")
            });
            continue;
        };
        units.push(unit);
        let user = user(users, facts);
        if let Some(daemon) = contract.units.daemon.iter().find(|daemon| is_instance(unit, &daemon.unit)) {
            ours(daemon, unit, &user, facts, report);
            continue;
        }
        let known = contract.running.process.iter().any(|process| {
            is_instance(unit, &process.unit)
                && (process.user == user || process.also.contains(&user))
                && (is_debug || !process.debug)
        });
        report.hold(known, || {
            let what = format!("{name} runs as {user}, which is not in the contract");
            violation(unit, what, "disable the unit, or add it to image/contract/running.toml")
        });
    }
    for unit in &contract.running.running {
        report.hold(units.contains(&unit.as_str()), || {
            violation(unit, "is not running", format!("systemctl status {unit} says why"))
        });
    }
}

/// `/proc/7/status:Name:\tx` and `/proc/7/cgroup:0::/system.slice/x.service`, by process.
fn parse(text: &str) -> BTreeMap<&str, Facts<'_>> {
    let mut processes: BTreeMap<&str, Facts<'_>> = BTreeMap::new();
    for line in text.lines() {
        let Some((number, rest)) = line.strip_prefix("/proc/").and_then(|line| line.split_once('/')) else {
            continue;
        };
        let facts = processes.entry(number).or_default();
        if let Some(group) = rest.strip_prefix("cgroup:0::") {
            facts.insert("cgroup", group);
        } else if let Some((key, value)) = rest.strip_prefix("status:").and_then(|fact| fact.split_once(':'))
        {
            facts.insert(key, value.trim());
        }
    }
    processes
}

/// `/system.slice/system-screen.slice/screen@tty1.service` → `screen@tty1.service`.
fn unit_of(group: &str) -> Option<&str> {
    group.split('/').find(|name| name.ends_with(".service") || name.ends_with(".scope"))
}

/// Whether `unit` is `wanted`, or an instance of it.
fn is_instance(unit: &str, wanted: &str) -> bool {
    match wanted.split_once("@.") {
        Some((name, kind)) => unit
            .strip_prefix(name)
            .is_some_and(|rest| rest.starts_with('@') && rest.ends_with(&format!(".{kind}"))),
        None => unit == wanted,
    }
}

/// The user of a process; all four numbers (real, effective, saved, of files) must be the same.
fn user(users: &Users, facts: &Facts<'_>) -> String {
    let mut numbers: Vec<&str> = facts.get("Uid").copied().unwrap_or_default().split_whitespace().collect();
    numbers.dedup();
    match numbers.as_slice() {
        [number] => number.parse().map_or_else(|_| (*number).to_owned(), |number| users.name(number)),
        several => format!("{several:?}"),
    }
}

fn ours(daemon: &Daemon, unit: &str, user: &str, facts: &Facts<'_>, report: &mut Report) {
    report.hold(user == daemon.user, || {
        let what = format!("runs as {user} and must run as {}", daemon.user);
        violation(unit, what, "User= in the unit")
    });
    for set in ["CapPrm", "CapEff", "CapBnd"] {
        let more = beyond(facts.get(set).copied().unwrap_or_default(), &daemon.capabilities);
        report.hold(more.is_empty(), || {
            let what = format!("{set} has {more:?}; at most {:?} are allowed", daemon.capabilities);
            violation(unit, what, "CapabilityBoundingSet= in the unit")
        });
    }
    for (fact, wanted, directive) in
        [("NoNewPrivs", "1", "NoNewPrivileges=yes"), ("Seccomp", SECCOMP_FILTER, "SystemCallFilter=")]
    {
        let value = facts.get(fact).copied();
        report.hold(value == Some(wanted), || {
            violation(
                unit,
                format!("{fact} is {value:?} and must be {wanted}"),
                format!("{directive} in the unit"),
            )
        });
    }
}

/// Capabilities of a set (hexadecimal) that are not allowed; a set that cannot be read is no good either.
fn beyond(set: &str, allowed: &[String]) -> Vec<String> {
    let Ok(bits) = u64::from_str_radix(set, 16) else { return vec![format!("{set:?}")] };
    let names = (0..u64::BITS as usize).filter(|bit| bits >> bit & 1 == 1).map(|bit| {
        CAPABILITIES.get(bit).map_or_else(|| format!("capability {bit}"), |name| (*name).to_owned())
    });
    names.filter(|name| !allowed.contains(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bits of capabilities(7): 12 is CAP_NET_ADMIN, 13 CAP_NET_RAW, 40 the last.
    #[test]
    fn capabilities_beyond_the_allowed_are_named() {
        let allowed = vec!["CAP_NET_ADMIN".to_owned()];
        assert_eq!(beyond("0000000000001000", &allowed), Vec::<String>::new());
        assert_eq!(beyond("0000000000003000", &allowed), ["CAP_NET_RAW"]);
        assert_eq!(beyond("0000010000000000", &allowed), ["CAP_CHECKPOINT_RESTORE"]);
        assert_eq!(beyond("", &allowed), ["\"\""]);
    }

    /// A template stands for its instances only.
    #[test]
    fn instances_belong_to_their_template() {
        assert!(is_instance("screen@tty1.service", "screen@.service"));
        assert!(is_instance("hostd.service", "hostd.service"));
        assert!(!is_instance("screenshot.service", "screen@.service"));
        assert!(!is_instance("hostd.service", "stored.service"));
        assert_eq!(unit_of("/system.slice/systemd-udevd.service/udev"), Some("systemd-udevd.service"));
        assert_eq!(unit_of("/"), None);
    }
}
