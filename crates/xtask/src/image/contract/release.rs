//! What a root says about itself, and that the way in of a debug image is in no other.

use std::collections::BTreeMap;

use super::data::Release;
use super::listing::Kind;
use super::root::Root;
use super::{Report, Violation};

const RULE: &str = "release";
const FILE: &str = "/usr/lib/os-release";
const LINK: &str = "/etc/os-release";
/// Value of `VARIANT_ID` of an image with a root shell.
pub(super) const DEBUG: &str = "debug";

pub(super) fn check(release: &Release, root: &Root, report: &mut Report) {
    let keys = keys(&root.text(FILE).unwrap_or_default());
    for wanted in &release.key {
        let value = keys.get(&wanted.name).map(String::as_str).unwrap_or_default();
        let holds = if wanted.values.is_empty() {
            !value.is_empty()
        } else {
            wanted.values.iter().any(|v| v == value)
        };
        report.hold(holds, || Violation {
            rule: RULE,
            place: format!("{FILE}: {}", wanted.name),
            what: match (value, wanted.values.join(" or ")) {
                ("", values) if values.is_empty() => "is missing".to_owned(),
                (value, values) => format!("is {value:?} and must be {values}"),
            },
            to_do: "let the build of the image write it".to_owned(),
        });
    }
    let linked = root.resolve(LINK).is_some_and(|(path, entry)| path == FILE && entry.kind == Kind::File);
    report.hold(linked, || Violation {
        rule: RULE,
        place: LINK.to_owned(),
        what: format!("does not lead to {FILE}"),
        to_do: format!("ln -s ../usr/lib/os-release {LINK}"),
    });
    let is_debug = keys.get("VARIANT_ID").is_some_and(|variant| variant == DEBUG);
    for rule in &release.debug {
        for path in &rule.paths {
            report.hold(root.entry(path).is_some() == is_debug, || Violation {
                rule: RULE,
                place: path.clone(),
                what: if is_debug {
                    "is missing in a debug image".to_owned()
                } else {
                    format!("is in an image that is no debug image: {}", rule.reason)
                },
                to_do: if is_debug { "lay overlays/debug over the root" } else { "leave overlays/debug out" }
                    .to_owned(),
            });
        }
    }
}

/// `KEY=value` or `KEY="value"` by line (os-release(5)).
pub(super) fn keys(text: &str) -> BTreeMap<String, String> {
    let pairs = text.lines().filter_map(|line| line.trim().split_once('='));
    pairs
        .map(|(key, value)| (key.to_owned(), value.trim_matches(['"', '\'']).to_owned()))
        .filter(|(key, _)| !key.starts_with('#'))
        .collect()
}
