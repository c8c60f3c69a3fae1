//! What the TOML reader could not read, with its place, and what must therefore not be called missing.

use std::collections::BTreeSet;

use crate::Problem;

/// Errors of the TOML grammar over a text.
pub(super) struct Grammar<'t> {
    lines: Vec<&'t str>,
    problems: Vec<Problem>,
    /// Lines that lost a value; a key given twice loses none
    bad: BTreeSet<u32>,
}

impl<'t> Grammar<'t> {
    pub(super) fn new(text: &'t str, errors: &[toml::de::Error]) -> Self {
        let mut grammar =
            Grammar { lines: text.lines().collect(), problems: Vec::new(), bad: BTreeSet::new() };
        for error in errors {
            let offset = error.span().map_or(0, |span| span.start.min(text.len()));
            let line = line_at(text, offset);
            let duplicate = error.message() == "duplicate key";
            // The reader goes on after an error and may stumble again: the first one of a line says it.
            if !duplicate && !grammar.bad.insert(line) {
                continue;
            }
            let message = if duplicate {
                "is given twice; keep one of the two".to_owned()
            } else {
                format!("is no valid TOML: {}", error.message())
            };
            grammar.problems.push(Problem { line, path: grammar.path_at(line), message });
        }
        grammar
    }

    pub(super) fn problems(&self) -> Vec<Problem> {
        self.problems.clone()
    }

    /// This line lost a value.
    pub(super) fn is_bad(&self, line: u32) -> bool {
        self.bad.contains(&line)
    }

    /// `path` is in the text, on or below a line that could not be read, so it must not be called missing.
    pub(super) fn hides(&self, path: &str) -> bool {
        if self.bad.is_empty() {
            return false;
        }
        let (section, key) = path.rsplit_once('.').unwrap_or(("", path));
        self.lines.iter().any(|line| header(line).is_some_and(|header| within(header, path)))
            || self.bad.iter().any(|bad| {
                let text = self.line(*bad).trim_start();
                within(self.section_of(*bad), section) && text.starts_with(key)
            })
    }

    fn line(&self, line: u32) -> &'t str {
        usize::try_from(line)
            .ok()
            .and_then(|line| self.lines.get(line.checked_sub(1)?))
            .copied()
            .unwrap_or("")
    }

    /// Dotted path of the table that `line` stands in.
    fn section_of(&self, line: u32) -> &'t str {
        (1..=line).rev().find_map(|line| header(self.line(line))).unwrap_or("")
    }

    /// Dotted path of what stands on `line`, as far as it can be read.
    fn path_at(&self, line: u32) -> String {
        let section = self.section_of(line);
        let text = self.line(line);
        if header(text).is_some() {
            return section.to_owned();
        }
        let key = text.split('=').next().unwrap_or("").trim();
        let readable =
            !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.\"+*#".contains(&b));
        match (section, readable) {
            (section, false) => section.to_owned(),
            ("", true) => key.to_owned(),
            (section, true) => format!("{section}.{key}"),
        }
    }
}

/// Line of a byte offset, from 1.
pub(super) fn line_at(text: &str, offset: usize) -> u32 {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    // The end of a text that ends in a line break belongs to its last line.
    let before = if offset == text.len() { before.strip_suffix(b"\n").unwrap_or(before) } else { before };
    u32::try_from(before.iter().filter(|b| **b == b'\n').count() + 1).unwrap_or(u32::MAX)
}

/// The dotted path in a table header, closed or not.
fn header(line: &str) -> Option<&str> {
    let inner = line.trim_start().strip_prefix('[')?;
    Some(inner.split(']').next().unwrap_or(inner).trim())
}

fn within(path: &str, ancestor: &str) -> bool {
    path == ancestor || path.strip_prefix(ancestor).is_some_and(|rest| rest.starts_with('.'))
}
