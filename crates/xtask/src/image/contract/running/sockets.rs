//! Who listens: `/proc/net`, against the table of ports.

use super::super::data::{Protocol, Running};
use super::{PART, Report, Users, violation};

/// Files of proc(5), one part each.
pub(super) const COMMAND: &str = "cd /proc/net && for file in tcp tcp6 udp udp6 raw raw6 packet; do \
     echo \"== $file\"; cat $file 2>/dev/null; done; true";
/// State of a TCP socket that listens, and of a UDP socket that anybody may send to (include/net/tcp_states.h).
const TCP_LISTEN: &str = "0A";
const UDP_OPEN: &str = "07";

/// Whether `5060` or `10000-20000` contains a port.
pub(in super::super) fn ports_contain(ports: &str, port: u16) -> bool {
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    match (first.parse(), last.parse()) {
        (Ok(first), Ok(last)) => (first..=last).contains(&port),
        _ => false,
    }
}

pub(super) fn check(running: &Running, users: &Users, text: &str, report: &mut Report) {
    for part in text.split(PART).skip(1) {
        let (name, lines) = part.split_once('\n').unwrap_or((part, ""));
        // The first line names the columns.
        for line in lines.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            match name.trim() {
                "tcp" | "tcp6" => listener(running, users, Protocol::Tcp, TCP_LISTEN, &fields, report),
                "udp" | "udp6" => listener(running, users, Protocol::Udp, UDP_OPEN, &fields, report),
                raw => raw_socket(running, users, raw, &fields, report),
            }
        }
    }
}

fn listener(
    running: &Running,
    users: &Users,
    protocol: Protocol,
    state: &str,
    fields: &[&str],
    report: &mut Report,
) {
    let (Some(local), Some(found_state)) = (fields.get(1), fields.get(3)) else { return };
    if *found_state != state {
        return;
    }
    let Some(port) = local.rsplit(':').next().and_then(|port| u16::from_str_radix(port, 16).ok()) else {
        return;
    };
    let user = user(users, fields.get(7));
    let listed = running.listener.iter().any(|listener| {
        listener.protocol == protocol && listener.user == user && ports_contain(&listener.ports, port)
    });
    report.hold(listed, || {
        let protocol = format!("{protocol:?}").to_lowercase();
        let what = format!("{user} listens there, which is not in the table of ports");
        violation(
            &format!("{protocol} port {port}"),
            what,
            "end it, or add it to image/contract/running.toml",
        )
    });
}

/// A line of `raw`, `raw6` or `packet`; the user stands in the same column as above, but for `packet`.
fn raw_socket(running: &Running, users: &Users, file: &str, fields: &[&str], report: &mut Report) {
    if fields.is_empty() {
        return;
    }
    let user = user(users, fields.get(7));
    report.hold(running.raw.iter().any(|raw| raw.user == user), || {
        let what = format!("{user} has a socket there that sees or makes whole packets");
        violation(&format!("/proc/net/{file}"), what, "take CAP_NET_RAW from it, or add it to running.toml")
    });
}

fn user(users: &Users, field: Option<&&str>) -> String {
    let number = field.and_then(|field| field.parse().ok());
    number.map_or_else(|| "somebody".to_owned(), |number| users.name(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A single port and a range with both ends.
    #[test]
    fn ports_are_one_or_a_range() {
        assert!(ports_contain("5060", 5060) && !ports_contain("5060", 5061));
        assert!(ports_contain("10-20", 10) && ports_contain("10-20", 20));
        assert!(!ports_contain("10-20", 9) && !ports_contain("10-20", 21) && !ports_contain("x", 1));
    }
}
