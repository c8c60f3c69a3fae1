//! The first page: the box at a glance.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::{LABEL_COLUMNS, Sheet, style_of};
use crate::facts::{Facts, LinkFacts, Mood};
use crate::state::State;
use crate::words::{cut, wrap};

/// Columns of a link's name and its carrier.
const LINK_COLUMNS: usize = 9;
/// Columns of an own address.
const ADDRESS_COLUMNS: usize = 24;
/// Rows of links at most; the page of the network has them all.
const LINK_ROWS_MAX: usize = 6;

pub(super) fn draw(state: &State, sheet: &mut Sheet<'_>) {
    let facts = &state.facts;
    let headline = &facts.headline;
    sheet.line(Span::styled(cut(&headline.text, sheet.width()), style_of(headline.mood)));
    sheet.line(cut(&headline.detail, sheet.width()));
    steps(facts, sheet);
    sheet.skip();
    serial_number(facts, sheet);
    sheet.row("Software", &facts.software, Style::new());
    if facts.steps.is_empty() {
        for row in &facts.rows {
            sheet.row(row.label, &row.text, style_of(row.mood));
        }
    }
    sheet.skip();
    links(facts, sheet);
    sheet.skip();
    problems(facts, sheet);
    events(facts, sheet);
}

fn steps(facts: &Facts, sheet: &mut Sheet<'_>) {
    for (index, step) in facts.steps.iter().enumerate() {
        for line in wrap(&format!("{}. {step}", index + 1), sheet.width().saturating_sub(2), 3) {
            sheet.line(format!("  {line}"));
        }
    }
}

/// Alone between blanks, so that a double click takes it and nothing else.
fn serial_number(facts: &Facts, sheet: &mut Sheet<'_>) {
    let number = cut(&facts.serial_number, sheet.width().saturating_sub(LABEL_COLUMNS + 2));
    let number = Span::styled(format!(" {number} "), Style::new().bold().reversed());
    let label = format!("{:1$}", "Serial number", LABEL_COLUMNS - 1);
    sheet.line(Line::from(vec![Span::raw(label), number]));
}

fn links(facts: &Facts, sheet: &mut Sheet<'_>) {
    if facts.links.is_empty() {
        sheet.row("Network", "links are not known", Style::new());
        return;
    }
    let titles = ["LINK", "CARRIER", "OWN ADDRESS", "RESOURCE ADDRESS"];
    sheet.line(row(titles[0], titles[1], Style::new(), titles[2], titles[3]));
    let rows: Vec<Line<'_>> = facts.links.iter().flat_map(link_rows).collect();
    if rows.len() <= LINK_ROWS_MAX {
        rows.into_iter().for_each(|row| sheet.line(row));
    } else {
        rows.into_iter().take(LINK_ROWS_MAX - 1).for_each(|row| sheet.line(row));
        sheet.line("more under Network (N)");
    }
    if !facts.gateway.is_empty() {
        sheet.row("Gateway", &facts.gateway, Style::new());
    }
}

/// The rows of a link: one, or more when it has several addresses or one that is too long to stand beside another.
pub(super) fn link_rows(link: &LinkFacts) -> Vec<Line<'_>> {
    let mut cells: Vec<(&str, &str)> = link.addresses.iter().map(|address| (address.as_str(), "")).collect();
    if cells.is_empty() {
        cells.push(("none", ""));
    }
    if !link.resource.is_empty() {
        if cells[0].0.len() < ADDRESS_COLUMNS {
            cells[0].1 = &link.resource;
        } else {
            cells.push(("", &link.resource));
        }
    }
    let carrier = if link.carrier { ("up", Style::new()) } else { ("DOWN", style_of(Mood::Bad)) };
    cells
        .into_iter()
        .enumerate()
        .map(|(index, (own, resource))| match index {
            0 => row(&link.name, carrier.0, carrier.1, own, resource),
            _ => row("", "", Style::new(), own, resource),
        })
        .collect()
}

fn row<'a>(name: &'a str, carrier: &'a str, style: Style, own: &'a str, resource: &'a str) -> Line<'a> {
    let name = cut(name, LINK_COLUMNS - 1);
    Line::from(vec![
        Span::raw(format!("{name:LINK_COLUMNS$}")),
        Span::styled(format!("{carrier:LINK_COLUMNS$}"), style),
        Span::raw(format!("{own:ADDRESS_COLUMNS$}")),
        Span::raw(resource),
    ])
}

fn problems(facts: &Facts, sheet: &mut Sheet<'_>) {
    if facts.problems.is_empty() {
        // Before the first answer nobody has complained, and nobody could.
        let words = if facts.name.is_empty() { "not known" } else { "none known" };
        sheet.row("Problems", words, Style::new());
        return;
    }
    let style = style_of(Mood::Bad);
    sheet.line(Span::styled("PROBLEMS", style));
    for (index, problem) in facts.problems.iter().enumerate() {
        let lines = wrap(&format!("! {problem}"), sheet.width(), 2);
        let is_last = index + 1 == facts.problems.len();
        // The last row is for those that have no room.
        if lines.len() + usize::from(!is_last) > sheet.left() {
            sheet.line(Span::styled(format!("! {} more: E shows all", facts.problems.len() - index), style));
            return;
        }
        for line in lines {
            sheet.line(Span::styled(line, style));
        }
    }
}

/// What has happened last, where there is room.
fn events(facts: &Facts, sheet: &mut Sheet<'_>) {
    /// An empty row, a title, an event, and an empty row before the menu.
    const ROWS_MIN: usize = 4;
    if facts.events.is_empty() || sheet.left() < ROWS_MIN {
        return;
    }
    sheet.skip();
    sheet.line("EVENTS, newest first");
    for event in facts.events.iter().take(sheet.left() - 1) {
        sheet.line(cut(event, sheet.width()));
    }
}
