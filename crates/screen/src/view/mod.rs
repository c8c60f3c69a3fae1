//! The state as a picture: text only, each character one column wide. Pure.

mod network;
mod pages;
mod question;
mod status;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};
use ratatui::text::{Line, Span};

use crate::facts::Mood;
use crate::state::{Page, State};
use crate::words::cut;

/// Width of the names at the left.
const LABEL_COLUMNS: usize = 15;

/// The whole screen.
#[must_use]
pub fn draw(state: &State) -> Buffer {
    let area = Rect::new(0, 0, state.size.columns, state.size.rows);
    let mut buffer = Buffer::empty(area);
    title(state, &mut buffer);
    menu(state, &mut buffer);
    let mut sheet = Sheet::new(&mut buffer);
    match state.page {
        Page::Status => status::draw(state, &mut sheet),
        Page::Network => network::draw(state, &mut sheet),
        Page::Logs => pages::logs(state, &mut sheet),
        Page::Events => pages::events(state, &mut sheet),
    }
    if let Some(question) = &state.question {
        question::draw(question, &mut buffer);
    }
    buffer
}

/// The rows between title and menu, filled from above.
struct Sheet<'a> {
    buffer: &'a mut Buffer,
    next: u16,
    end: u16,
}

impl Sheet<'_> {
    fn new(buffer: &mut Buffer) -> Sheet<'_> {
        let end = buffer.area.height.saturating_sub(1);
        Sheet { buffer, next: 2.min(end), end }
    }

    /// Columns between the margins.
    fn width(&self) -> usize {
        usize::from(self.buffer.area.width.saturating_sub(2))
    }

    /// Rows that are still empty.
    fn left(&self) -> usize {
        usize::from(self.end - self.next)
    }

    /// Writes the next row; what has no room is not written.
    fn line<'t>(&mut self, line: impl Into<Line<'t>>) {
        if self.next < self.end {
            let width = self.buffer.area.width.saturating_sub(2);
            self.buffer.set_line(1, self.next, &line.into(), width);
            self.next += 1;
        }
    }

    /// Leaves a row empty.
    fn skip(&mut self) {
        self.next = (self.next + 1).min(self.end);
    }

    /// Writes a named value, cut to the row.
    fn row(&mut self, label: &str, text: &str, style: Style) {
        let text = cut(text, self.width().saturating_sub(LABEL_COLUMNS));
        self.line(Line::from(vec![label_span(label), Span::styled(text, style)]));
    }
}

fn label_span(label: &str) -> Span<'static> {
    Span::raw(format!("{label:LABEL_COLUMNS$}"))
}

/// How a piece of news looks.
fn style_of(mood: Mood) -> Style {
    match mood {
        Mood::Plain => Style::new(),
        Mood::Good => Style::new().fg(Color::Green).bold(),
        Mood::Attention => Style::new().fg(Color::Yellow).bold(),
        Mood::Bad => Style::new().fg(Color::Red).bold(),
    }
}

fn title(state: &State, buffer: &mut Buffer) {
    let page = match state.page {
        Page::Status => "",
        Page::Network => "Network",
        Page::Logs => "Logs",
        Page::Events => "Problems and events",
    };
    let name = if state.facts.name.is_empty() { "name not known" } else { &state.facts.name };
    bar(buffer, 0, &format!("Tandem  {name}"), page, &state.clock.title());
}

fn menu(state: &State, buffer: &mut Buffer) {
    let last = buffer.area.height.saturating_sub(1);
    if state.is_locked() {
        bar(buffer, last, "This line echoes what is written to it: keys are not heeded", "", "");
    } else {
        let keys = "S Status  N Network  L Logs  E Events  R Restart  P Power off";
        bar(buffer, last, keys, "", "Ctrl-L redraws");
    }
}

/// A reversed row: a text at the left, one after it, one at the right, which yields nothing to the others.
fn bar(buffer: &mut Buffer, y: u16, left: &str, middle: &str, right: &str) {
    let width = usize::from(buffer.area.width);
    let room = width.saturating_sub(right.len() + 3);
    let middle = if middle.is_empty() { String::new() } else { format!("  {middle}") };
    let left = format!("{}{middle}", cut(left, room.saturating_sub(middle.len())));
    let gap = width.saturating_sub(left.chars().count() + right.len() + 2);
    let text = format!(" {left}{}{right} ", " ".repeat(gap));
    buffer.set_stringn(0, y, text, width, Style::new().bold().reversed());
}
