//! Units: what is enabled, masked and forbidden, what our daemons may do, and who listens for them.

use std::collections::BTreeSet;

use super::data::{Contract, Daemon, Protocol, Units};
use super::listing::Kind;
use super::root::Root;
use super::running::ports_contain;
use super::{Report, UnitFile, Violation, analyze};

const RULE: &str = "units";
/// Where units are: those of the machine before those of its packages (systemd.unit(5)).
const FOLDERS: [&str; 2] = ["/etc/systemd/system", "/usr/lib/systemd/system"];
const PROGRAM: &str = "systemd-analyze";
/// Exit code of a daemon whose node file is wrong (`daemon::run`).
const CONFIGURATION_WRONG: &str = "78";

pub(super) fn check(contract: &Contract, root: &Root, report: &mut Report) -> anyhow::Result<()> {
    let units = &contract.units;
    default_target(units, root, report);
    enabled(units, root, report);
    masked_and_forbidden(units, root, report);
    sockets(contract, root, report);
    root.stand_in_programs()?;
    let can_analyze = crate::packages::is_installed(&crate::packages::SYSTEMD);
    report.hold(can_analyze, || {
        violation(PROGRAM, "is not on this machine", "apt-get install -y --no-install-recommends systemd")
    });
    for daemon in &units.daemon {
        let Some(file) = load(root, &daemon.unit) else {
            report.hold(false, || {
                let what = format!("is missing ({})", daemon.reason);
                violation(&daemon.unit, what, "lay overlays/common over the root")
            });
            continue;
        };
        settings(daemon, &file, report);
        if can_analyze {
            judge(units, &daemon.unit, root, report)?;
        }
    }
    Ok(())
}

fn default_target(units: &Units, root: &Root, report: &mut Report) {
    let target =
        FOLDERS.iter().find_map(|folder| match &root.entry(&format!("{folder}/default.target"))?.kind {
            Kind::Link(target) => target.rsplit('/').next().map(str::to_owned),
            _ => Some("default.target".to_owned()),
        });
    report.hold(target.as_ref() == Some(&units.default_target), || {
        let what = format!("is {target:?} and must be {}", units.default_target);
        let to_do =
            format!("ln -s /usr/lib/systemd/system/{} {}/default.target", units.default_target, FOLDERS[0]);
        violation("default.target", what, to_do)
    });
}

/// What must be linked is, and in /etc nothing else.
fn enabled(units: &Units, root: &Root, report: &mut Report) {
    let mut known = BTreeSet::new();
    for rule in &units.enabled {
        for unit in &rule.units {
            let link = format!("{}.wants/{unit}", rule.by);
            let linked = FOLDERS.iter().any(|folder| root.entry(&format!("{folder}/{link}")).is_some());
            let there = load(root, unit).is_some();
            report.hold(linked && there, || {
                let what =
                    if there { format!("is not wanted by {}", rule.by) } else { "is missing".to_owned() };
                violation(unit, what, format!("link {}/{link}, or bring the package of the unit", FOLDERS[1]))
            });
            known.insert(link);
        }
    }
    let others: Vec<&str> = wanted(root, FOLDERS[0]).filter(|link| !known.contains(*link)).collect();
    report.hold(others.is_empty(), || {
        let what = format!("{} enabled and not in the contract", others.join(", "));
        violation(
            FOLDERS[0],
            what,
            "run `systemctl --root=ROOT preset-all` over the overlays, or add it to units.toml",
        )
    });
}

/// Links like `multi-user.target.wants/x.service` below `folder`.
fn wanted<'a>(root: &'a Root, folder: &'static str) -> impl Iterator<Item = &'a str> {
    root.entries().filter_map(move |(path, _)| {
        let link = path.strip_prefix(folder)?.strip_prefix('/')?;
        let (by, unit) = link.split_once('/')?;
        (!unit.contains('/') && (by.ends_with(".wants") || by.ends_with(".requires"))).then_some(link)
    })
}

fn masked_and_forbidden(units: &Units, root: &Root, report: &mut Report) {
    for rule in &units.masked {
        for unit in &rule.units {
            let masked = is_masked(root, unit);
            report.hold(masked == Some(true), || {
                let what = format!("is not masked: {}", rule.reason);
                violation(unit, what, format!("ln -s /dev/null {}/{unit}", FOLDERS[0]))
            });
        }
    }
    for rule in &units.forbidden {
        for unit in &rule.units {
            report.hold(is_masked(root, unit) != Some(false), || {
                violation(unit, format!("must not be there: {}", rule.reason), "leave its package out")
            });
        }
    }
}

/// Whether a unit leads to /dev/null; `None` when there is none.
fn is_masked(root: &Root, unit: &str) -> Option<bool> {
    let entry = FOLDERS.iter().find_map(|folder| root.entry(&format!("{folder}/{unit}")))?;
    Some(matches!(&entry.kind, Kind::Link(target) if target == "/dev/null"))
}

/// Sockets that the manager would listen on are in the table of ports.
fn sockets(contract: &Contract, root: &Root, report: &mut Report) {
    let names: BTreeSet<&str> = FOLDERS
        .into_iter()
        .flat_map(|folder| wanted(root, folder))
        .filter_map(|link| link.rsplit('/').next())
        .filter(|unit| unit.ends_with(".socket"))
        .collect();
    for name in names {
        let Some(file) = load(root, name) else { continue };
        for (key, protocol) in [("ListenStream", Protocol::Tcp), ("ListenDatagram", Protocol::Udp)] {
            for address in file.values("Socket", key).unwrap_or_default() {
                let Some(port) = network_port(address) else { continue };
                let listed =
                    contract.running.listener.iter().any(|listener| {
                        listener.protocol == protocol && ports_contain(&listener.ports, port)
                    });
                report.hold(listed, || {
                    let what = format!("listens on {address}, which is not in the table of ports");
                    violation(name, what, "disable it, or add the port to running.toml")
                });
            }
        }
    }
}

/// The port of an address of systemd.socket(5) that is one of the network.
fn network_port(address: &str) -> Option<u16> {
    if address.starts_with(['/', '@', '%']) {
        return None;
    }
    address.rsplit(':').next()?.parse().ok()
}

/// What a unit of ours must say, drop-ins included.
fn settings(daemon: &Daemon, file: &UnitFile, report: &mut Report) {
    let unit = &daemon.unit;
    let service = |key| file.value("Service", key);
    let user = service("User").unwrap_or("root");
    report.hold(user == daemon.user, || {
        let what = format!("runs as {user} and must run as {} ({})", daemon.user, daemon.reason);
        violation(unit, what, format!("User={}", daemon.user))
    });
    for key in ["CapabilityBoundingSet", "AmbientCapabilities"] {
        let assigned = file.values("Service", key);
        let words: Vec<&str> = assigned.iter().flatten().flat_map(|value| value.split_whitespace()).collect();
        let within = words.iter().all(|word| daemon.capabilities.iter().any(|allowed| allowed == word));
        // Without the line the bounding set is everything; the ambient set is nothing.
        report.hold(within && (assigned.is_some() || key == "AmbientCapabilities"), || {
            let what = format!("{key} is {assigned:?}; at most {:?} are allowed", daemon.capabilities);
            violation(unit, what, format!("{key}={}", daemon.capabilities.join(" ")))
        });
    }
    for (key, wanted) in [("Type", "notify"), ("Restart", "always"), ("NoNewPrivileges", "yes")] {
        let value = service(key);
        report.hold(value == Some(wanted), || {
            violation(unit, format!("{key} is {value:?}"), format!("{key}={wanted}"))
        });
    }
    for key in ["WatchdogSec", "SystemCallFilter"] {
        report.hold(service(key).is_some(), || {
            violation(unit, format!("{key} is not set"), format!("set {key} in the unit"))
        });
    }
    let prevented = service("RestartPreventExitStatus").unwrap_or_default();
    report.hold(prevented.split_whitespace().any(|code| code == CONFIGURATION_WRONG), || {
        let what = "starts again with a wrong node file, which does not help";
        violation(unit, what, format!("RestartPreventExitStatus={CONFIGURATION_WRONG}"))
    });
}

/// What systemd says of it.
fn judge(units: &Units, unit: &str, root: &Root, report: &mut Report) -> anyhow::Result<()> {
    let analyzed = analyze(root.unpacked(), unit)?;
    report.hold(analyzed.complaints.is_empty(), || {
        violation(unit, analyzed.complaints.join("; "), "put the unit right: directives of systemd 252 only")
    });
    let exposure = analyzed.exposure.unwrap_or_default();
    report.hold(exposure <= units.exposure_max, || {
        let what = format!("its exposure is {}, at most {} is allowed", exposure, units.exposure_max);
        let name = unit.replace("@.", "@instance.");
        violation(
            unit,
            what,
            format!("systemd-analyze security --offline=yes --root=ROOT {name} says what is open"),
        )
    });
    Ok(())
}

/// A unit with its drop-ins; an instance is read from its template.
fn load(root: &Root, unit: &str) -> Option<UnitFile> {
    let template = unit
        .split_once('@')
        .map(|(name, rest)| format!("{name}@.{}", rest.rsplit_once('.').map_or(rest, |(_, kind)| kind)));
    let names: Vec<&str> = std::iter::once(unit).chain(template.as_deref()).collect();
    let find = |name: &&str| FOLDERS.iter().find_map(|folder| root.text(&format!("{folder}/{name}")));
    let mut file = UnitFile::default();
    file.add(&names.iter().find_map(find)?);
    let mut drop_ins: Vec<&str> = root
        .entries()
        .map(|(path, _)| path)
        .filter(|path| {
            names.iter().any(|name| {
                FOLDERS.iter().rev().any(|folder| {
                    path.strip_prefix(folder)
                        .and_then(|rest| rest.strip_prefix('/')?.strip_prefix(name)?.strip_prefix(".d/"))
                        .is_some_and(|file| file.ends_with(".conf"))
                })
            })
        })
        .collect();
    drop_ins.sort_by_key(|path| path.rsplit('/').next().map(str::to_owned));
    for path in drop_ins {
        file.add(&root.text(path).unwrap_or_default());
    }
    Some(file)
}

fn violation(place: &str, what: impl Into<String>, to_do: impl Into<String>) -> Violation {
    Violation { rule: RULE, place: place.to_owned(), what: what.into(), to_do: to_do.into() }
}
