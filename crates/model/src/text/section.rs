//! One table of the text while it is read: each value is taken by its key, with its type; what is left is unknown.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::duration::parse_duration;
use super::path::join;
use crate::problem::Finding;

/// Most letters that may differ for "did you mean".
const EDITS_MAX: usize = 3;

/// Findings of one reading and the line of every value.
pub(super) struct Report {
    line_starts: Vec<usize>,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    findings: Vec<(u32, Finding)>,
    lines: BTreeMap<String, u32>,
}

/// Where the values of a text stand.
pub(super) struct Places(BTreeMap<String, u32>);

impl Places {
    /// Line of `path`, or of the nearest table above it.
    pub(super) fn line(&self, path: &str) -> u32 {
        let mut path = path;
        loop {
            if let Some(line) = self.0.get(path) {
                return *line;
            }
            let Some((above, _)) = path.rsplit_once('.') else { return 0 };
            path = above;
        }
    }
}

impl Report {
    pub(super) fn new(text: &str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at + 1);
        Report { line_starts: std::iter::once(0).chain(breaks).collect(), state: RefCell::default() }
    }

    pub(super) fn into_parts(self) -> (Vec<(u32, Finding)>, Places) {
        let state = self.state.into_inner();
        (state.findings, Places(state.lines))
    }

    fn line(&self, offset: usize) -> u32 {
        u32::try_from(self.line_starts.partition_point(|start| *start <= offset)).unwrap_or(u32::MAX)
    }

    fn place(&self, path: &str, offset: usize) -> u32 {
        let line = self.line(offset);
        self.state.borrow_mut().lines.insert(path.to_owned(), line);
        line
    }

    fn add(&self, line: u32, finding: Finding) {
        self.state.borrow_mut().findings.push((line, finding));
    }
}

/// A table being read.
pub(super) struct Section<'a> {
    report: &'a Report,
    path: String,
    line: u32,
    table: Option<&'a DeTable<'a>>,
    known: RefCell<BTreeSet<&'static str>>,
}

/// A value with its place.
struct Value<'a> {
    path: String,
    line: u32,
    value: &'a DeValue<'a>,
}

impl<'a> Section<'a> {
    pub(super) fn root(table: &'a DeTable<'a>, report: &'a Report) -> Self {
        Section { report, path: String::new(), line: 0, table: Some(table), known: RefCell::default() }
    }

    /// The table below `key`; an empty one when the text has none.
    pub(super) fn section(&self, key: &'static str) -> Section<'a> {
        let taken = self.take(key);
        let path = join(&self.path, key);
        let line = taken.as_ref().map_or(0, |taken| taken.line);
        let table = taken.and_then(|taken| self.table_of(&taken, &format!("write [{path}]")));
        Section { report: self.report, path, line, table, known: RefCell::default() }
    }

    /// The tables below `key`, by their own keys: `[key.NAME]`.
    pub(super) fn sections(&self, key: &'static str) -> Vec<(String, Section<'a>)> {
        let mut sections = Vec::new();
        let Some(taken) = self.take(key) else { return sections };
        let Some(table) = self.table_of(&taken, &format!("write [{}.NAME]", taken.path)) else {
            return sections;
        };
        for (name, value) in table {
            let path = join(&taken.path, name.get_ref());
            let line = self.report.place(&path, name.span().start);
            let below = Value { path: path.clone(), line, value: value.get_ref() };
            let inner = self.table_of(&below, &format!("write [{path}]"));
            let known = RefCell::default();
            sections.push((
                name.get_ref().to_string(),
                Section { report: self.report, path, line, table: inner, known },
            ));
        }
        sections
    }

    /// Adds a finding about the table itself.
    pub(super) fn refuse(&self, message: impl Into<String>) {
        self.report.add(self.line, Finding::new(&self.path, message));
    }

    /// `key` must be there: says so when it is not.
    pub(super) fn required<T>(&self, key: &'static str, value: Option<T>, hint: &str) -> Option<T> {
        let given = self.table.is_some_and(|table| table.get(key).is_some());
        if value.is_none() && !given {
            let path = join(&self.path, key);
            let message = format!("is missing; write {key} = {hint}");
            self.report.add(self.line, Finding::absent(&path, &path, message));
        }
        value
    }

    pub(super) fn text(&self, key: &'static str) -> Option<String> {
        let taken = self.take(key)?;
        self.text_of(&taken).map(str::to_owned)
    }

    pub(super) fn flag(&self, key: &'static str) -> Option<bool> {
        let taken = self.take(key)?;
        let flag = taken.value.as_bool();
        if flag.is_none() {
            self.wrong(&taken, "true or false, without quotes");
        }
        flag
    }

    /// A whole number within `range`.
    pub(super) fn number(&self, key: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        let taken = self.take(key)?;
        let Some(integer) = taken.value.as_integer() else {
            self.wrong(&taken, "a whole number, without quotes");
            return None;
        };
        let number =
            u64::from_str_radix(integer.as_str(), integer.radix()).ok().filter(|n| range.contains(n));
        if number.is_none() {
            let message = format!("is {integer}; write a number from {} to {}", range.start(), range.end());
            self.report.add(taken.line, Finding::new(&taken.path, message));
        }
        number
    }

    pub(super) fn duration(&self, key: &'static str) -> Option<Duration> {
        let taken = self.take(key)?;
        if let Some(number) = taken.value.as_integer() {
            let message = format!("has no unit; write {key} = \"{number}s\" or \"{number}ms\", with quotes");
            self.report.add(taken.line, Finding::new(&taken.path, message));
            return None;
        }
        let text = self.text_of(&taken)?;
        let duration = parse_duration(text);
        if duration.is_none() {
            let message =
                format!("is {text:?}; write a whole number with its unit: ms, s, m or h, e.g. \"300ms\"");
            self.report.add(taken.line, Finding::new(&taken.path, message));
        }
        duration
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let taken = self.take(key)?;
        let text = self.text_of(&taken)?;
        let choice = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if choice.is_none() {
            let words: Vec<String> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
            let message = format!("is {text:?}; write {}", words.join(" or "));
            self.report.add(taken.line, Finding::new(&taken.path, message));
        }
        choice
    }

    /// A text that is read further; `wanted` says what it should be.
    pub(super) fn parsed<T>(
        &self,
        key: &'static str,
        wanted: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let taken = self.take(key)?;
        let text = self.text_of(&taken)?;
        let value = read(text);
        if value.is_none() {
            let message = format!("is {text:?}; write {wanted}");
            self.report.add(taken.line, Finding::new(&taken.path, message));
        }
        value
    }

    /// A list of texts, each read further. Entries that cannot be read are reported and left out.
    pub(super) fn list<T: FromStr>(&self, key: &'static str, wanted: &str) -> Option<Vec<T>> {
        let taken = self.take(key)?;
        let DeValue::Array(entries) = taken.value else {
            self.wrong(&taken, &format!("a list, e.g. {key} = [{wanted}]"));
            return None;
        };
        let mut values = Vec::new();
        for entry in entries {
            let line = self.report.line(entry.span().start);
            let parsed = entry.get_ref().as_str().and_then(|text| text.parse().ok());
            if parsed.is_none() {
                let shown = shown(entry.get_ref());
                let message = format!("has the entry {shown}; write entries such as {wanted}");
                self.report.add(line, Finding::new(&taken.path, message));
            }
            values.extend(parsed);
        }
        Some(values)
    }

    /// A table of texts, each read further: `{ lan0 = "10.20.0.1" }`.
    pub(super) fn texts<T>(
        &self,
        key: &'static str,
        wanted: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<BTreeMap<String, T>> {
        let taken = self.take(key)?;
        let table = self.table_of(&taken, &format!("write {key} = {{ NAME = {wanted} }}"))?;
        let mut values = BTreeMap::new();
        for (name, value) in table {
            let path = join(&taken.path, name.get_ref());
            let line = self.report.place(&path, name.span().start);
            match value.get_ref().as_str().and_then(&read) {
                Some(read) => {
                    values.insert(name.get_ref().to_string(), read);
                }
                None => {
                    let message = format!("is {}; write {wanted}", shown(value.get_ref()));
                    self.report.add(line, Finding::new(path, message));
                }
            }
        }
        Some(values)
    }

    /// Reports every key that nobody took.
    pub(super) fn finish(self) {
        let known = self.known.into_inner();
        for (key, _) in self.table.into_iter().flatten() {
            let name: &str = key.get_ref();
            if known.contains(name) {
                continue;
            }
            let nearest = known
                .iter()
                .map(|word| (edits(name, word), *word))
                .min()
                .filter(|(edits, word)| *edits <= EDITS_MAX && *edits < word.len());
            let message = match nearest {
                Some((_, word)) => format!("is unknown; did you mean {word}?"),
                None => {
                    let known: Vec<&str> = known.iter().copied().collect();
                    format!("is unknown; remove it (known here: {})", known.join(", "))
                }
            };
            self.report
                .add(self.report.line(key.span().start), Finding::new(join(&self.path, name), message));
        }
    }

    fn take(&self, key: &'static str) -> Option<Value<'a>> {
        self.known.borrow_mut().insert(key);
        let (name, value): (&Spanned<_>, _) = self.table?.get_key_value(key)?;
        let path = join(&self.path, key);
        let line = self.report.place(&path, name.span().start);
        Some(Value { path, line, value: value.get_ref() })
    }

    fn table_of(&self, taken: &Value<'a>, hint: &str) -> Option<&'a DeTable<'a>> {
        let table = taken.value.as_table();
        if table.is_none() {
            let message = format!("is {}; {hint}", kind(taken.value));
            self.report.add(taken.line, Finding::new(&taken.path, message));
        }
        table
    }

    fn text_of(&self, taken: &Value<'a>) -> Option<&'a str> {
        let text = taken.value.as_str();
        if text.is_none() {
            self.wrong(taken, "a text in quotes");
        }
        text
    }

    fn wrong(&self, taken: &Value<'_>, wanted: &str) {
        let message = format!("is {}; write {wanted}", kind(taken.value));
        self.report.add(taken.line, Finding::new(&taken.path, message));
    }
}

/// What a value is, in words; the value itself may be a secret in the wrong place.
fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a point",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn shown(value: &DeValue<'_>) -> String {
    value.as_str().map_or_else(|| kind(value).to_owned(), |text| format!("{text:?}"))
}

/// Letters to insert, delete or replace to turn one word into the other (Levenshtein).
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}
