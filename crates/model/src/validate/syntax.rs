//! Syntax of names, numbers and domains.

use std::net::Ipv4Addr;

use super::limits::{
    DOMAIN_BYTES_MAX, LABEL_BYTES_MAX, LINK_NAME_BYTES_MAX, NAME_BYTES_MAX, NUMBER_BYTES_MAX,
    TIME_ZONE_BYTES_MAX,
};

/// Why a text is no SIP domain: a host name (RFC 1123 section 2.1) or an IPv4 address; it is the digest realm too.
pub(super) fn domain_problem(domain: &str) -> Option<String> {
    host_problem(domain, "write a host name such as \"pbx.example.com\" or an IPv4 address")
}

/// Why a text is no host name (RFC 1123 section 2.1) and no IPv4 address; `hint` says what to write.
pub(super) fn host_problem(domain: &str, hint: &str) -> Option<String> {
    if domain.is_empty() {
        return Some(format!("is empty; {hint}"));
    }
    if domain.len() > DOMAIN_BYTES_MAX {
        return Some(format!("has {} letters, at most {DOMAIN_BYTES_MAX} are allowed; {hint}", domain.len()));
    }
    if domain.bytes().any(|b| b.is_ascii_uppercase()) {
        return Some(format!("is {domain:?}; write it in lower case"));
    }
    if domain.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return domain
            .parse::<Ipv4Addr>()
            .is_err()
            .then(|| format!("is {domain:?}, no IPv4 address; {hint}"));
    }
    let label_fits = |label: &str| {
        (1..=LABEL_BYTES_MAX).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    (!domain.split('.').all(label_fits)).then(|| format!("is {domain:?}, no host name; {hint}"))
}

/// Why a text is no name of an account or trunk: it stands unescaped in a SIP URI (RFC 3261 section 25.1).
pub(super) fn name_problem(name: &str) -> Option<String> {
    let fits = (1..=NAME_BYTES_MAX).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.+".contains(&b));
    (!fits).then(|| format!("is no name; use 1 to {NAME_BYTES_MAX} letters, digits and - _ . +"))
}

/// Whether a text can be dialled from a keypad: digits, `*`, `#` and a leading `+`.
pub(super) fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    text.len() <= NUMBER_BYTES_MAX
        && (!digits.is_empty() || text == "+")
        && digits.bytes().all(|b| b.is_ascii_digit() || b == b'*' || b == b'#')
}

/// Whether a text can name a link of Linux.
pub(super) fn is_link_name(name: &str) -> bool {
    (1..=LINK_NAME_BYTES_MAX).contains(&name.len())
        && name != "."
        && name != ".."
        && name.bytes().all(|b| b.is_ascii_graphic() && b != b'/' && b != b':')
}

/// Whether a text can name a time zone of the IANA database (its `Theory` file, section "Timezone identifiers"). It
/// becomes a path below a folder: no part may lead out of it.
pub(super) fn is_time_zone(name: &str) -> bool {
    let part_fits = |part: &str| {
        part.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+-".contains(&b))
    };
    (1..=TIME_ZONE_BYTES_MAX).contains(&name.len()) && name.split('/').all(part_fits)
}

/// Whether a text can be shown on one line.
pub(super) fn is_printable(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 1123 section 2.1, RFC 1035 section 2.3.4.
    #[test]
    fn tells_domains_from_other_texts() {
        for good in ["pbx.example.com", "pbx", "3com.com", "192.0.2.1", "a-b.example"] {
            assert_eq!(domain_problem(good), None, "{good}");
        }
        let long_label = "a".repeat(64);
        for bad in ["", "PBX", "a..b", "-a", "a-", "a_b", "a b", "300.1.1.1", "1.2.3", "ü.de", &long_label] {
            assert!(domain_problem(bad).is_some(), "{bad}");
        }
    }

    /// A name of a time zone stays below the folder of zones.
    #[test]
    fn tells_time_zones_from_other_texts() {
        for good in
            ["UTC", "Europe/Rome", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "America/Port-au-Prince"]
        {
            assert!(is_time_zone(good), "{good}");
        }
        for bad in
            ["", "/", "/etc/shadow", "../passwd", "Europe/", "Europe/..", "Eu rope", "5/6", &"a".repeat(65)]
        {
            assert!(!is_time_zone(bad), "{bad}");
        }
    }

    /// Numbers are what a keypad can dial.
    #[test]
    fn tells_numbers_from_other_texts() {
        for good in ["0", "101", "*21", "#31#", "+390501234"] {
            assert!(is_number(good), "{good}");
        }
        for bad in ["", "1+1", "10a", "1 0", &"1".repeat(33)] {
            assert!(!is_number(bad), "{bad}");
        }
    }
}
