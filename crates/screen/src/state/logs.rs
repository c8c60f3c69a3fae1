//! The page of logs: the journal of one unit or all, followed or held.

use super::pager::Pager;
use super::{Ask, LOGS_PERIOD_MS};
use crate::terminal::keys::Key;
use crate::words::clean;

/// What can be chosen: the name for people and the unit, empty for all of Tandem's.
const UNITS: &[(&str, &str)] = &[
    ("all", ""),
    ("hostd", "hostd.service"),
    ("stored", "stored.service"),
    ("clusterd", "clusterd.service"),
    ("pbxd", "pbxd.service"),
];

/// The page.
#[derive(Clone, Debug)]
pub struct LogsPage {
    /// Its lines
    pub pager: Pager,
    /// New lines come by themselves
    pub is_following: bool,
    /// Why there are no lines, or no newer ones
    pub failure: Option<String>,
    unit: usize,
    /// The chosen unit's lines have come at least once
    is_loaded: bool,
    /// An answer is outstanding
    is_asked: bool,
    due_ms: u64,
}

impl Default for LogsPage {
    fn default() -> Self {
        LogsPage {
            pager: Pager::default(),
            is_following: true,
            failure: None,
            unit: 0,
            is_loaded: false,
            is_asked: false,
            due_ms: 0,
        }
    }
}

impl LogsPage {
    /// Name of the chosen unit, for people.
    #[must_use]
    pub fn unit_name(&self) -> &'static str {
        UNITS[self.unit].0
    }

    /// No answer has come yet for the chosen unit.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        !self.is_loaded && self.failure.is_none()
    }

    /// Asks anew where that is due.
    pub(super) fn ask(&mut self, elapsed_ms: u64) -> Option<Ask> {
        let is_wanted = self.is_following || !self.is_loaded;
        if self.is_asked || !is_wanted || elapsed_ms < self.due_ms {
            return None;
        }
        self.is_asked = true;
        self.due_ms = elapsed_ms + LOGS_PERIOD_MS;
        Some(Ask::Logs { unit: UNITS[self.unit].1 })
    }

    /// Takes lines, unless they are of a unit that is no longer wanted or came while the text was being read.
    pub(super) fn take(&mut self, unit: &str, outcome: Result<String, String>) {
        self.is_asked = false;
        if unit != UNITS[self.unit].1 {
            self.due_ms = 0;
            return;
        }
        match outcome {
            Ok(text) if self.is_following || !self.is_loaded => {
                self.failure = None;
                self.is_loaded = true;
                self.pager.set_lines(text.lines().map(clean).collect(), self.is_following);
            }
            Ok(_) => {}
            Err(words) => self.failure = Some(clean(&words)),
        }
    }

    /// Does what a key means here.
    pub(super) fn press(&mut self, key: Key) {
        match key {
            Key::Up => self.hold(|pager| pager.scroll(-1)),
            Key::PageUp => self.hold(|pager| pager.page(-1)),
            Key::Home => self.hold(Pager::to_start),
            Key::Down => self.pager.scroll(1),
            Key::PageDown | Key::Char(' ') => self.pager.page(1),
            Key::End | Key::Char('f' | 'F') => {
                self.is_following = true;
                self.pager.to_end();
                self.due_ms = 0;
            }
            Key::Tab | Key::Right => self.choose(1),
            Key::BackTab | Key::Left => self.choose(UNITS.len() - 1),
            _ => {}
        }
    }

    /// Looking back holds the text: lines must not move under the reader's eyes.
    fn hold(&mut self, movement: impl FnOnce(&mut Pager)) {
        self.is_following = false;
        movement(&mut self.pager);
    }

    fn choose(&mut self, steps: usize) {
        self.unit = (self.unit + steps) % UNITS.len();
        self.pager.set_lines(Vec::new(), true);
        self.is_following = true;
        self.is_loaded = false;
        self.failure = None;
        self.due_ms = 0;
    }
}
