//! The text form of the configuration: TOML, read with the place of every value so that all problems can be named at
//! once, and written in one canonical form.

mod duration;
mod grammar;
mod path;
mod reader;
mod section;
mod writer;

pub use duration::{format_duration, parse_duration};
pub(crate) use path::join;
pub(crate) use writer::{SECRET_KEYS, fragments};

use std::collections::BTreeSet;

use toml::de::DeTable;

use crate::problem::Finding;
use crate::{Config, Problem};
use grammar::Grammar;
use section::Report;

/// Largest text that is read: far above a full exchange (`ACCOUNTS_MAX`), small enough for one message.
pub const TEXT_BYTES_MAX: usize = 64 * 1024 * 1024;

impl Config {
    /// Reads the text form (TOML; the fields of [`Config`] say which keys there are).
    ///
    /// # Errors
    ///
    /// Every problem of the text at once, in order of lines: grammar, unknown keys, wrong types, values out of range,
    /// what is missing or named but not there.
    pub fn parse(text: &str) -> Result<Config, Vec<Problem>> {
        if text.len() > TEXT_BYTES_MAX {
            let message = format!("the text has {} bytes, at most {TEXT_BYTES_MAX} are read", text.len());
            return Err(vec![Problem { line: 0, path: String::new(), message }]);
        }
        let (table, errors) = DeTable::parse_recoverable(text);
        let grammar = Grammar::new(text, &errors);
        let report = Report::new(text);
        let config = reader::config(table.get_ref(), &report);
        let (mut findings, places) = report.into_parts();

        // A value that could not be read was replaced by its default: what follows from that is no finding.
        let unread: BTreeSet<String> = findings.iter().map(|(_, finding)| finding.path.clone()).collect();
        let checked = crate::validate::findings(&config);
        findings.extend(
            checked
                .into_iter()
                .filter(|finding| !unread.contains(&finding.path))
                .filter(|finding| !finding.absent.as_ref().is_some_and(|absent| unread.contains(absent)))
                .map(|finding| (places.line(&finding.path), finding)),
        );

        let mut problems = grammar.problems();
        problems.extend(findings.into_iter().filter_map(|(line, finding)| {
            let Finding { path, message, absent } = finding;
            let hidden = grammar.is_bad(line) || absent.is_some_and(|absent| grammar.hides(&absent));
            (!hidden).then_some(Problem { line, path, message })
        }));
        problems.sort();
        problems.dedup();
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }

    /// The canonical text form: every value written, tables in the order of [`Config`], secrets included.
    ///
    /// `Config::parse(&config.to_text())` gives an equal value.
    #[must_use]
    pub fn to_text(&self) -> String {
        join_fragments(fragments(self).into_iter().map(|(_, text)| text))
    }

    /// The canonical text form for showing: secrets are replaced by `‹hidden›`.
    #[must_use]
    pub fn to_text_redacted(&self) -> String {
        join_fragments(fragments(self).into_iter().map(|(_, text)| crate::redact(&text)))
    }
}

/// Puts fragments together, one empty line between two.
pub(crate) fn join_fragments(fragments: impl Iterator<Item = String>) -> String {
    fragments.collect::<Vec<_>>().join("\n")
}
