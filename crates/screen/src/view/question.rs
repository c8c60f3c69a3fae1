//! Restart or power off: the question over everything else.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::{Block, Clear, Widget as _};

use super::style_of;
use crate::facts::Mood;
use crate::state::{Ending, Phase, Question};
use crate::words::wrap;

/// Width of the box, border included.
const COLUMNS: u16 = 70;

pub(super) fn draw(question: &Question, buffer: &mut Buffer) {
    let (title, verb) = match question.ending {
        Ending::Restart => (" Restart this box ", "restarts"),
        Ending::PowerOff => (" Power off this box ", "powers off"),
    };
    let (mood, answer) = match &question.phase {
        Phase::Asking => (Mood::Attention, format!("Y {verb}, N or Esc goes back")),
        Phase::Told => (Mood::Attention, format!("The box {verb} ...")),
        Phase::Failed(words) => (Mood::Bad, format!("It does not: {words} (Esc goes back)")),
    };
    let area = buffer.area;
    let columns = COLUMNS.min(area.width);
    let text_columns = usize::from(columns.saturating_sub(4));
    let wrapped = |text: &String| wrap(text, text_columns, 0);
    let mut lines: Vec<(String, Style)> = Vec::new();
    for line in question.consequences.iter().flat_map(wrapped) {
        lines.push((line, Style::new()));
    }
    lines.push((String::new(), Style::new()));
    lines.extend(wrapped(&answer).into_iter().map(|line| (line, style_of(mood))));

    // A blank row above and below the text, and the border.
    let rows = u16::try_from(lines.len() + 4).unwrap_or(u16::MAX).min(area.height);
    let place = Rect::new((area.width - columns) / 2, (area.height - rows) / 2, columns, rows);
    Clear.render(place, buffer);
    let block = Block::bordered().title(title).border_style(Style::new().bold());
    let inner = block.inner(place);
    block.render(place, buffer);
    for (y, (line, style)) in (inner.y + 1..inner.bottom()).zip(lines) {
        buffer.set_stringn(inner.x + 1, y, line, text_columns, style);
    }
}
