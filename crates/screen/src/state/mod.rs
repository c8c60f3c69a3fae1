//! What the screen shows and what a key does: a pure state machine. Keys, news from the daemons and the time come in,
//! wishes to the daemons go out ([`Ask`]); no clock, no terminal, no bus.

mod ending;
mod logs;
mod network;
mod pager;

use std::collections::VecDeque;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::Size;
use crate::facts::Facts;
use crate::sample::Sample;
use crate::terminal::keys::Key;
use crate::words::{Clock, clean};

pub use ending::{Ending, Phase, Question};
pub use logs::LogsPage;
pub use network::{Form, NetworkPage};
pub use pager::Pager;

/// How often the daemons are asked for their state while somebody is at the screen, in milliseconds.
const POLL_PERIOD_MS: u64 = 1_000;
/// How often when nobody has pressed a key for [`ATTENDED_MS`]; a change of role is shown at once all the same.
const POLL_PERIOD_UNATTENDED_MS: u64 = 10_000;
/// A key says for this long that somebody is there.
const ATTENDED_MS: u64 = 300_000;
/// How often a log that is followed is asked for, in milliseconds.
const LOGS_PERIOD_MS: u64 = 2_000;
/// Without a key for this long, the first page comes back: it is what the next person wants to see.
const RETURN_MS: u64 = 600_000;
/// Keys are not heeded for this long after the line has echoed what we write. Each drawing of the whole screen asks
/// again, so that a line that goes on echoing stays locked.
const ECHO_LOCK_MS: u64 = 120_000;
/// Rows of a page that are not its text: title, heading, menu and two empty ones.
const ROWS_AROUND_TEXT: u16 = 5;

/// A wish to the daemons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// The state of all
    State,
    /// The journal of a unit; empty: of all of Tandem's
    Logs {
        /// The unit
        unit: &'static str,
    },
    /// Address of a link, and the gateway unless empty
    SetNetwork {
        /// The link
        link: String,
        /// Address with prefix length
        address: String,
        /// Router
        gateway: String,
    },
    /// Restart or power off
    End(Ending),
}

/// What came of an [`Ask`].
#[derive(Clone, Debug)]
pub enum News {
    /// The state of all
    State(Box<Sample>),
    /// Lines of the journal, or why not
    Logs {
        /// The unit that was asked for
        unit: &'static str,
        /// The text
        outcome: Result<String, String>,
    },
    /// The network was set, or why not
    NetworkSet(Result<(), String>),
    /// The box ends, or why not
    Ends(Result<(), String>),
}

/// What happens to the screen.
#[derive(Clone, Debug)]
pub enum Input {
    /// A key was pressed
    Key(Key),
    /// A daemon has answered
    News(News),
    /// Time goes on
    Tick {
        /// Now
        now: Timestamp,
        /// The box's time zone
        zone: TimeZone,
        /// Milliseconds since the screen started, on a clock that nobody sets
        elapsed_ms: u64,
    },
    /// The pair has changed: look at once
    Changed,
    /// The terminal has another size
    Size(Size),
}

/// Pages of the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Page {
    /// The box at a glance
    #[default]
    Status,
    /// Links, addresses, and the form to set them
    Network,
    /// The journal
    Logs,
    /// All problems and what has happened to the pair
    Events,
}

/// The state of the screen.
#[derive(Clone, Debug)]
pub struct State {
    /// Size of the terminal
    pub size: Size,
    /// What time it is
    pub clock: Clock,
    /// What there is to say
    pub facts: Facts,
    /// The page shown
    pub page: Page,
    /// The page of the network
    pub network: NetworkPage,
    /// The page of logs
    pub logs: LogsPage,
    /// The page of events
    pub events: Pager,
    /// Restart or power off, before everything else
    pub question: Option<Question>,
    /// The line echoes what we write: keys are not heeded until then
    echo_until_ms: u64,
    sample: Sample,
    elapsed_ms: u64,
    key_ms: u64,
    poll_due_ms: u64,
    is_polling: bool,
    /// The picture may differ from the one before
    is_changed: bool,
    asks: VecDeque<Ask>,
}

impl State {
    /// A screen that knows nothing yet.
    #[must_use]
    pub fn new(size: Size, now: Timestamp, zone: TimeZone) -> State {
        let clock = Clock { now, zone };
        let sample = Sample::default();
        let mut state = State {
            size,
            facts: Facts::of(&sample, &clock),
            clock,
            page: Page::Status,
            network: NetworkPage::default(),
            logs: LogsPage::default(),
            events: Pager::default(),
            question: None,
            echo_until_ms: 0,
            sample,
            elapsed_ms: 0,
            key_ms: 0,
            poll_due_ms: 0,
            is_polling: false,
            is_changed: true,
            asks: VecDeque::new(),
        };
        state.fit();
        state
    }

    /// Takes one input; wishes that follow from it wait for [`State::poll_ask`].
    pub fn handle_input(&mut self, input: Input) {
        match input {
            Input::Key(key) => {
                self.is_changed = true;
                self.press(key);
            }
            Input::News(news) => self.hear(news),
            Input::Tick { now, zone, elapsed_ms } => self.tick(now, zone, elapsed_ms),
            Input::Changed => self.poll_due_ms = 0,
            Input::Size(size) => {
                self.is_changed = true;
                self.size = size;
                self.fit();
            }
        }
        self.ask_what_is_due();
    }

    /// The next wish; `None` when there is none left.
    pub fn poll_ask(&mut self) -> Option<Ask> {
        self.asks.pop_front()
    }

    /// The picture may differ from the one that was drawn when this was last asked.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.is_changed)
    }

    /// The line echoes what is written to it, so its keys are not heeded.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.elapsed_ms < self.echo_until_ms
    }

    fn tick(&mut self, now: Timestamp, zone: TimeZone, elapsed_ms: u64) {
        let before = (self.clock.minute(), self.page, self.question.is_some(), self.is_locked());
        self.is_changed |= self.clock.zone != zone;
        self.clock = Clock { now, zone };
        self.elapsed_ms = elapsed_ms;
        if self.question.as_ref().is_some_and(|question| question.is_stale(elapsed_ms)) {
            self.question = None;
        }
        if elapsed_ms.saturating_sub(self.key_ms) >= RETURN_MS && self.network.form.is_none() {
            self.page = Page::Status;
        }
        let after = (self.clock.minute(), self.page, self.question.is_some(), self.is_locked());
        self.is_changed |= before != after;
    }

    fn ask_what_is_due(&mut self) {
        if !self.is_polling && self.elapsed_ms >= self.poll_due_ms {
            let is_attended = self.elapsed_ms.saturating_sub(self.key_ms) < ATTENDED_MS;
            let period_ms = if is_attended { POLL_PERIOD_MS } else { POLL_PERIOD_UNATTENDED_MS };
            self.is_polling = true;
            self.poll_due_ms = self.elapsed_ms + period_ms;
            self.asks.push_back(Ask::State);
        }
        if self.page == Page::Logs {
            self.asks.extend(self.logs.ask(self.elapsed_ms));
        }
    }

    fn hear(&mut self, news: News) {
        match news {
            News::State(sample) => {
                self.is_polling = false;
                self.sample = *sample;
                let facts = Facts::of(&self.sample, &self.clock);
                if facts == self.facts {
                    return;
                }
                self.is_changed = true;
                self.facts = facts;
                self.network.adapt(&self.facts);
                self.list_events();
            }
            News::Logs { unit, outcome } => {
                self.is_changed = true;
                self.logs.take(unit, outcome);
            }
            News::NetworkSet(outcome) => {
                self.is_changed = true;
                self.network.take(outcome);
                self.poll_due_ms = 0;
            }
            News::Ends(outcome) => {
                self.is_changed = true;
                if let (Some(question), Err(words)) = (&mut self.question, outcome) {
                    question.phase = Phase::Failed(clean(&words));
                }
            }
        }
    }

    fn press(&mut self, key: Key) {
        if key == Key::Echo {
            self.echo_until_ms = self.elapsed_ms + ECHO_LOCK_MS;
            self.question = None;
            self.network.form = None;
            return;
        }
        if self.is_locked() {
            return;
        }
        self.key_ms = self.elapsed_ms;
        if let Some(question) = &mut self.question {
            match question.press(key) {
                ending::Decision::Yes => self.asks.push_back(Ask::End(question.ending)),
                ending::Decision::No => self.question = None,
                ending::Decision::None => {}
            }
            return;
        }
        if self.network.form.is_some() && self.page == Page::Network {
            self.press_on_page(key);
            return;
        }
        match key {
            Key::Char('s' | 'S') | Key::Escape => self.page = Page::Status,
            Key::Char('n' | 'N') => self.page = Page::Network,
            Key::Char('l' | 'L') => self.page = Page::Logs,
            Key::Char('e' | 'E') => self.page = Page::Events,
            Key::Char('r' | 'R') => self.put_question(Ending::Restart),
            Key::Char('p' | 'P') => self.put_question(Ending::PowerOff),
            key => self.press_on_page(key),
        }
    }

    fn press_on_page(&mut self, key: Key) {
        match self.page {
            Page::Status => {}
            Page::Network => {
                self.asks.extend(self.network.press(key, &self.facts));
            }
            Page::Logs => self.logs.press(key),
            Page::Events => match key {
                Key::Up => self.events.scroll(-1),
                Key::Down => self.events.scroll(1),
                Key::PageUp => self.events.page(-1),
                Key::PageDown | Key::Char(' ') => self.events.page(1),
                Key::Home => self.events.to_start(),
                Key::End => self.events.to_end(),
                _ => {}
            },
        }
    }

    fn put_question(&mut self, ending: Ending) {
        self.question = Some(Question::new(ending, &self.sample, self.elapsed_ms));
    }

    fn list_events(&mut self) {
        let problems = self.facts.problems.iter().map(|problem| format!("! {problem}"));
        let mut lines: Vec<String> = problems.collect();
        if !lines.is_empty() && !self.facts.events.is_empty() {
            lines.push(String::new());
        }
        lines.extend(self.facts.events.iter().cloned());
        self.events.set_lines(lines, false);
    }

    /// Fits the texts into the terminal.
    fn fit(&mut self) {
        let width = usize::from(self.size.columns.saturating_sub(2));
        let height = usize::from(self.size.rows.saturating_sub(ROWS_AROUND_TEXT));
        self.logs.pager.resize(width, height);
        self.events.resize(width, height);
    }
}
