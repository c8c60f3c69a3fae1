//! The page of the network.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::{Sheet, status, style_of};
use crate::state::{Form, State};
use crate::words::{cut, wrap};

/// Columns of the names of the form's fields.
const FIELD_COLUMNS: usize = 29;
/// Columns of an input.
const INPUT_COLUMNS: usize = 44;

pub(super) fn draw(state: &State, sheet: &mut Sheet<'_>) {
    let page = &state.network;
    let is_open = state.facts.may_set_network == Some(true);
    for (index, link) in state.facts.links.iter().enumerate() {
        let is_chosen = is_open && page.form.is_none() && index == page.selected;
        let style = if is_chosen { Style::new().bold().reversed() } else { Style::new().bold() };
        let mark = if is_chosen { '>' } else { ' ' };
        let hardware = if link.hardware_address.is_empty() { "not known" } else { &link.hardware_address };
        let heading = format!("{mark} {}, hardware address {hardware} ", link.name);
        sheet.line(Span::styled(cut(&heading, sheet.width()), style));
        for row in status::link_rows(link) {
            // The name stands above.
            let spans = row.spans.into_iter().skip(1);
            sheet.line(Line::from_iter(std::iter::once(Span::raw("  ")).chain(spans)));
        }
    }
    if state.facts.links.is_empty() {
        sheet.line("Links are not known: hostd, which looks after them, does not answer.");
    }
    sheet.skip();
    let gateway = if state.facts.gateway.is_empty() { "none" } else { &state.facts.gateway };
    sheet.line(format!("  Gateway  {gateway}"));
    sheet.skip();
    match &page.form {
        Some(form) => draw_form(form, sheet),
        None => hint(state, sheet),
    }
    if let Some((mood, words)) = &page.message {
        sheet.skip();
        for line in wrap(words, sheet.width(), 0) {
            sheet.line(Span::styled(line, style_of(*mood)));
        }
    }
}

fn hint(state: &State, sheet: &mut Sheet<'_>) {
    let hint = match state.facts.may_set_network {
        Some(true) => "Up and Down choose a link, Enter sets its address and the gateway.",
        Some(false) => {
            "The network is part of the configuration in force. It is changed there: `tandemctl config export`, edit, \
             `tandemctl config apply`."
        }
        None => {
            "The store does not answer. The network can be set here once it has said that no configuration is in force."
        }
    };
    for line in wrap(hint, sheet.width(), 0) {
        sheet.line(line);
    }
}

fn draw_form(form: &Form, sheet: &mut Sheet<'_>) {
    sheet.line(Span::styled(format!("Set {}", form.link), Style::new().bold()));
    let names = ["Own address/prefix length", "Gateway (empty: none)"];
    for (index, (name, input)) in names.iter().zip(&form.inputs).enumerate() {
        let has_focus = index == form.focus && !form.is_sent;
        let cursor = if has_focus { "_" } else { "" };
        let style = if has_focus { Style::new().bold().reversed() } else { Style::new() };
        sheet.line(Line::from(vec![
            Span::raw(format!("  {name:FIELD_COLUMNS$}")),
            Span::styled(format!("{:INPUT_COLUMNS$}", format!("{input}{cursor}")), style),
        ]));
    }
    sheet.skip();
    sheet.line(if form.is_sent {
        "Setting it ..."
    } else {
        "Enter goes on and at the end sets it, Tab changes the field, Esc gives up."
    });
}
