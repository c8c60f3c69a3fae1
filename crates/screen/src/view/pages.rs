//! The pages of long texts: logs and events.

use ratatui::style::Style;
use ratatui::text::Span;

use super::{Sheet, style_of};
use crate::facts::Mood;
use crate::state::{Pager, State};
use crate::words::cut;

pub(super) fn logs(state: &State, sheet: &mut Sheet<'_>) {
    let page = &state.logs;
    let hint = if page.is_following { "Tab: other unit, Up: back" } else { "held, End: follow again" };
    let heading = format!("Log of {}  {}  ({hint})", page.unit_name(), page.pager.place());
    sheet.line(Span::styled(cut(&heading, sheet.width()), Style::new().bold()));
    if let Some(failure) = &page.failure {
        let words = format!("No newer lines: {failure}");
        sheet.line(Span::styled(cut(&words, sheet.width()), style_of(Mood::Bad)));
    } else if page.is_waiting() {
        sheet.line("One moment ...");
    }
    text(&page.pager, sheet);
}

pub(super) fn events(state: &State, sheet: &mut Sheet<'_>) {
    let heading = format!("Problems, then events, newest first  {}", state.events.place());
    sheet.line(Span::styled(cut(&heading, sheet.width()), Style::new().bold()));
    if state.events.visible().is_empty() {
        sheet.line("Nothing has happened.");
    }
    text(&state.events, sheet);
}

fn text(pager: &Pager, sheet: &mut Sheet<'_>) {
    for line in pager.visible() {
        let style = if line.starts_with("! ") { style_of(Mood::Bad) } else { Style::new() };
        sheet.line(Span::styled(line.as_str(), style));
    }
}
