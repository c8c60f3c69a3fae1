//! Users and groups: numbers, members, and no password anywhere.

use std::collections::BTreeMap;

use super::data::Users;
use super::root::Root;
use super::{Report, Violation};

const RULE: &str = "users";
const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";
const SHADOW: &str = "/etc/shadow";
/// Whoever gets one of these as a shell gets no shell.
const NO_SHELLS: &[&str] =
    &["/usr/sbin/nologin", "/sbin/nologin", "/bin/false", "/usr/bin/false", "/bin/nologin"];
const TO_DO_SYSUSERS: &str = "run `systemd-sysusers --root=ROOT` with overlays/common laid over the root";

pub(super) fn check(users: &Users, root: &Root, report: &mut Report) {
    let passwd = table(root, PASSWD, report);
    let group = table(root, GROUP, report);
    for wanted in &users.group {
        let found = group.get(&wanted.name);
        let number = found.and_then(|fields| fields.get(2)?.parse().ok());
        report.hold(number == Some(wanted.number), || {
            wrong_number("group", &wanted.name, wanted.number, number, &wanted.reason)
        });
        let mut members: Vec<&str> = found
            .and_then(|fields| fields.get(3))
            .map(|members| members.split(',').filter(|name| !name.is_empty()).collect())
            .unwrap_or_default();
        members.sort_unstable();
        let mut expected: Vec<&str> = wanted.members.iter().map(String::as_str).collect();
        expected.sort_unstable();
        report.hold(members == expected, || Violation {
            rule: RULE,
            place: format!("group {}", wanted.name),
            what: format!(
                "has the members {members:?} and should have {expected:?}: who is in it {}",
                wanted.reason
            ),
            to_do: TO_DO_SYSUSERS.to_owned(),
        });
    }
    for wanted in &users.user {
        let found = passwd.get(&wanted.name);
        let number = found.and_then(|fields| fields.get(2)?.parse().ok());
        report.hold(number == Some(wanted.number), || {
            wrong_number("user", &wanted.name, wanted.number, number, &wanted.reason)
        });
        let own_group = group.get(&wanted.name).and_then(|fields| fields.get(2)?.parse().ok());
        let primary = found.and_then(|fields| fields.get(3)?.parse().ok());
        report.hold(own_group == Some(wanted.number) && primary == own_group, || Violation {
            rule: RULE,
            place: format!("user {}", wanted.name),
            what: format!(
                "has the group {primary:?}, and the group of its name is {own_group:?}; both should be {}",
                wanted.number
            ),
            to_do: TO_DO_SYSUSERS.to_owned(),
        });
        let shell = found.and_then(|fields| fields.get(6)).map(String::as_str).unwrap_or_default();
        report.hold(NO_SHELLS.contains(&shell), || Violation {
            rule: RULE,
            place: format!("user {}", wanted.name),
            what: format!("has the shell {shell:?}"),
            to_do: format!("give it {}", NO_SHELLS[0]),
        });
    }
    passwords(&passwd, root, report);
}

/// No user but root has the number 0; no user has a password, and none can come in without one.
fn passwords(passwd: &BTreeMap<String, Vec<String>>, root: &Root, report: &mut Report) {
    for (name, fields) in passwd {
        let number = fields.get(2).map(String::as_str).unwrap_or_default();
        report.hold(name == "root" || number.parse().is_ok_and(|number: u32| number != 0), || Violation {
            rule: RULE,
            place: format!("user {name}"),
            what: format!("has the number {number:?}: it is root under another name"),
            to_do: "remove it".to_owned(),
        });
        let password = fields.get(1).map(String::as_str).unwrap_or_default();
        report.hold(password == "x" || is_locked(password), || has_password(name, PASSWD));
    }
    // A root without the file has users that nobody can log in as: `x` refers to nothing.
    let Some(shadow) = root.text(SHADOW) else { return };
    for line in shadow.lines().filter(|line| !line.is_empty()) {
        let mut fields = line.split(':');
        let (name, password) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
        report.hold(is_locked(password), || has_password(name, SHADOW));
    }
    let shadow_mode = root.resolve(SHADOW).map_or(0, |(_, entry)| entry.mode);
    report.hold(shadow_mode & 0o007 == 0, || Violation {
        rule: RULE,
        place: SHADOW.to_owned(),
        what: format!("everybody may look at it ({shadow_mode:o})"),
        to_do: format!("chmod 640 {SHADOW}"),
    });
}

/// Nothing that is typed becomes this (crypt(5)).
fn is_locked(password: &str) -> bool {
    password.starts_with(['!', '*'])
}

fn has_password(name: &str, file: &str) -> Violation {
    Violation {
        rule: RULE,
        place: format!("user {name}"),
        what: format!("has a password, or needs none, in {file}"),
        to_do: "lock it: `*` or `!*` in the second field".to_owned(),
    }
}

fn wrong_number(noun: &str, name: &str, wanted: u32, found: Option<u32>, reason: &str) -> Violation {
    let found = found.map_or_else(|| "is missing".to_owned(), |number| format!("has the number {number}"));
    Violation {
        rule: RULE,
        place: format!("{noun} {name}"),
        what: format!("{found}; it must be {wanted} ({reason})"),
        to_do: TO_DO_SYSUSERS.to_owned(),
    }
}

/// Lines of fields parted by colons, by their first.
fn table(root: &Root, path: &str, report: &mut Report) -> BTreeMap<String, Vec<String>> {
    let text = root.text(path);
    report.hold(text.is_some(), || Violation {
        rule: RULE,
        place: path.to_owned(),
        what: "is missing".to_owned(),
        to_do: TO_DO_SYSUSERS.to_owned(),
    });
    let lines = text.unwrap_or_default();
    let fields = lines.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| {
        let fields: Vec<String> = line.split(':').map(str::to_owned).collect();
        (fields[0].clone(), fields)
    });
    fields.collect()
}
