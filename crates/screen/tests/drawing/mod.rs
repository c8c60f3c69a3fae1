//! Screens as text: what a test expects stands in it as it looks.
#![allow(dead_code)]

use jiff::tz::{TimeZone, offset};
use screen::Size;
use screen::sample::Sample;
use screen::state::{Ask, Input, News, State};
use screen::terminal::keys::Key;
use screen::view;

use crate::samples;

/// The least that every terminal has.
pub const SMALL: Size = Size { columns: 80, rows: 24 };
/// A console in its usual mode.
pub const LARGE: Size = Size { columns: 100, rows: 30 };

/// A screen that has heard `sample` from the daemons.
pub fn screen(size: Size, sample: Sample) -> State {
    let now = samples::NOW.parse().expect("a time");
    let mut state = State::new(size, now, TimeZone::fixed(offset(1)));
    state.handle_input(Input::News(News::State(Box::new(sample))));
    asks(&mut state);
    state
}

/// Time goes on to `elapsed_ms` after the start.
pub fn tick(state: &mut State, elapsed_ms: u64) {
    let (now, zone) = (state.clock.now, state.clock.zone.clone());
    state.handle_input(Input::Tick { now, zone, elapsed_ms });
}

/// Presses the keys of `text`.
pub fn type_text(state: &mut State, text: &str) {
    text.chars().for_each(|character| state.handle_input(Input::Key(Key::Char(character))));
}

/// Presses these keys.
pub fn press(state: &mut State, keys: &[Key]) {
    keys.iter().for_each(|key| state.handle_input(Input::Key(*key)));
}

/// What the screen wants from the daemons since the last time.
pub fn asks(state: &mut State) -> Vec<Ask> {
    std::iter::from_fn(|| state.poll_ask()).collect()
}

/// The screen as text, each row without the blanks at its end, after an empty first line.
pub fn text(state: &State) -> String {
    let buffer = view::draw(state);
    let width = usize::from(buffer.area.width);
    let rows = buffer.content.chunks(width).map(|row| {
        let row: String = row.iter().map(ratatui::buffer::Cell::symbol).collect();
        row.trim_end().to_owned() + "\n"
    });
    std::iter::once("\n".to_owned()).chain(rows).collect()
}

/// Fails with both pictures.
#[track_caller]
pub fn assert_shows(state: &State, wanted: &str) {
    let shown = text(state);
    assert!(shown == wanted, "shown:\n{shown}\nwanted:\n{wanted}");
}
