//! Who may call what on the bus: tried by each user, in a unit of its own for a moment.

use super::super::data::{Call, Running};
use super::{PART, Report, violation};

/// Before the exit code of a call.
const ENDED: &str = "ended ";
/// What busctl says when the bus has refused a message.
const REFUSED: &str = "Access denied";

/// Tries every call; one part each. `--collect` forgets the unit, so that a refusal leaves no failed one.
pub(super) fn command(running: &Running) -> String {
    let calls = running.call.iter().enumerate().map(|(number, call)| {
        let path = format!("/{}", call.interface.replace('.', "/"));
        format!(
            "echo '{PART}{number}'; systemd-run --quiet --collect --wait --pipe --property=User={user} \
             busctl --system call {name} {path} {name} {method} 2>&1; echo \"{ENDED}$?\"",
            user = call.user,
            name = call.interface,
            method = call.method,
        )
    });
    calls.collect::<Vec<_>>().join("; ")
}

pub(super) fn check(running: &Running, text: &str, report: &mut Report) {
    for (number, call) in running.call.iter().enumerate() {
        let mut parts = text.split(PART);
        let said = parts.find_map(|part| part.strip_prefix(&format!("{number}\n"))).unwrap_or_default();
        let holds = if call.allowed { said.contains(&format!("{ENDED}0")) } else { said.contains(REFUSED) };
        report.hold(holds, || wrong(call, said));
    }
}

fn wrong(call: &Call, said: &str) -> super::Violation {
    let outcome = if call.allowed { "is not answered" } else { "is not refused" };
    // An answer may be long; its beginning tells enough.
    let said: String = said.lines().next().unwrap_or("nothing was said").chars().take(200).collect();
    violation(
        &call.user,
        format!("{}.{} {outcome}: {said}", call.interface, call.method),
        "overlays/common/usr/share/dbus-1/system.d/org.tandem.conf says who may call what",
    )
}
