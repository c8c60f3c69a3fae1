//! The page of logs (item 7 of the appliance): follows, holds while somebody reads, one unit or all.

mod drawing;
mod samples;

use drawing::{SMALL, asks, assert_shows, press, screen, tick, type_text};
use screen::state::{Ask, Input, News, State};
use screen::terminal::keys::Key;

fn lines(first: u32, last: u32) -> Result<String, String> {
    Ok((first..=last).map(|number| format!("02:41:{number:02} pbxd[210]: line {number}\n")).collect())
}

fn open(outcome: Result<String, String>) -> State {
    let mut state = screen(SMALL, samples::active());
    type_text(&mut state, "l");
    assert_eq!(asks(&mut state), [Ask::Logs { unit: "" }]);
    state.handle_input(Input::News(News::Logs { unit: "", outcome }));
    asks(&mut state);
    state
}

/// The end is shown, control characters are not: a log line must not command the terminal.
#[test]
fn the_end_of_the_journal_is_shown() {
    let long = "a long line that does not fit into one row of this terminal and goes on in the next one";
    let text = lines(1, 29).expect("lines") + &format!("02:41:30 pbxd[210]: \x1b[2J{long}\n");
    assert_shows(
        &open(Ok(text)),
        r"
 Tandem  a  Logs                                         Sun 22 Nov 2026  02:41

 Log of all  13-31 of 31  (Tab: other unit, Up: back)
 02:41:13 pbxd[210]: line 13
 02:41:14 pbxd[210]: line 14
 02:41:15 pbxd[210]: line 15
 02:41:16 pbxd[210]: line 16
 02:41:17 pbxd[210]: line 17
 02:41:18 pbxd[210]: line 18
 02:41:19 pbxd[210]: line 19
 02:41:20 pbxd[210]: line 20
 02:41:21 pbxd[210]: line 21
 02:41:22 pbxd[210]: line 22
 02:41:23 pbxd[210]: line 23
 02:41:24 pbxd[210]: line 24
 02:41:25 pbxd[210]: line 25
 02:41:26 pbxd[210]: line 26
 02:41:27 pbxd[210]: line 27
 02:41:28 pbxd[210]: line 28
 02:41:29 pbxd[210]: line 29
 02:41:30 pbxd[210]: ?[2Ja long line that does not fit into one row of this
   terminal and goes on in the next one

 S Status  N Network  L Logs  E Events  R Restart  P Power off   Ctrl-L redraws
",
    );
}

/// New lines come by themselves, at most every two seconds and only while the page is shown.
#[test]
fn the_journal_is_followed() {
    let mut state = open(lines(1, 30));
    tick(&mut state, 1_500);
    assert!(!asks(&mut state).contains(&Ask::Logs { unit: "" }));
    tick(&mut state, 2_500);
    assert!(asks(&mut state).contains(&Ask::Logs { unit: "" }));
    state.handle_input(Input::News(News::Logs { unit: "", outcome: lines(2, 31) }));
    assert_eq!(state.logs.pager.visible().last().map(String::as_str), Some("02:41:31 pbxd[210]: line 31"));
    type_text(&mut state, "s");
    tick(&mut state, 10_000);
    assert!(!asks(&mut state).contains(&Ask::Logs { unit: "" }));
}

/// Looking back holds the text: no new lines until End.
#[test]
fn looking_back_holds_the_text() {
    let mut state = open(lines(1, 60));
    press(&mut state, &[Key::PageUp]);
    let held = state.logs.pager.visible().to_vec();
    tick(&mut state, 10_000);
    assert!(!asks(&mut state).contains(&Ask::Logs { unit: "" }));
    state.handle_input(Input::News(News::Logs { unit: "", outcome: lines(30, 90) }));
    assert_eq!(state.logs.pager.visible(), held, "an answer that was on its way");
    press(&mut state, &[Key::End]);
    assert!(asks(&mut state).contains(&Ask::Logs { unit: "" }));
}

/// Tab goes through the units; what comes for another one is not shown.
#[test]
fn one_unit_can_be_chosen() {
    let mut state = open(lines(1, 3));
    press(&mut state, &[Key::Tab]);
    assert_eq!(asks(&mut state), [Ask::Logs { unit: "hostd.service" }]);
    press(&mut state, &[Key::Tab]);
    state.handle_input(Input::News(News::Logs { unit: "hostd.service", outcome: lines(1, 3) }));
    assert!(state.logs.pager.visible().is_empty());
    assert_eq!(asks(&mut state), [Ask::Logs { unit: "stored.service" }]);
    press(&mut state, &[Key::BackTab, Key::BackTab]);
    assert_eq!(state.logs.unit_name(), "all");
}

/// A failure is said, and it is tried again.
#[test]
fn a_failure_is_shown() {
    let mut state = open(Err("hostd is not running".to_owned()));
    assert!(drawing::text(&state).contains("No newer lines: hostd is not running"));
    tick(&mut state, 2_500);
    assert!(asks(&mut state).contains(&Ask::Logs { unit: "" }));
}
