//! Restart and power off: what happens to the service is said before, and only a yes does it (rows H33, H36).

mod drawing;
mod samples;

use daemon::bus::cluster::ClusterStatus;
use drawing::{SMALL, asks, assert_shows, press, screen, text, tick, type_text};
use screen::sample::{Answer, Sample};
use screen::state::{Ask, Ending, Input, News, Page, Phase};
use screen::terminal::keys::Key;

/// The serving box hands over first, and calls in progress end.
#[test]
fn a_restart_of_the_active_box_is_asked_for() {
    let mut state = screen(SMALL, samples::active());
    type_text(&mut state, "r");
    assert_shows(
        &state,
        r"
 Tandem  a                                               Sun 22 Nov 2026  02:41

 ACTIVE: serves calls since 02:13
 Box b takes over if this one fails.

 Serial number  TD-A
 Software       Tandem 0.1.0, root file system lab, DEBUG IMAGE, up 3 h 05 min
 Othe┌ Restart this box ──────────────────────────────────────────────────┐
 Stor│                                                                    │
 Tele│ This box serves calls. First it hands over to box b, which goes on │
 Reac│ serving.                                                           │
     │ 2 calls now: they END.                                             │
 LINK│ It starts again by itself; this screen comes back.                 │
 lan0│                                                                    │
 sync│ Y restarts, N or Esc goes back                                     │
 Gate│                                                                    │
     └────────────────────────────────────────────────────────────────────┘
 Problems       none known

 EVENTS, newest first
 2026-11-22 02:20:00  the peer is heard
 2026-11-22 02:13:05  standby -> active: the peer is silent

 S Status  N Network  L Logs  E Events  R Restart  P Power off   Ctrl-L redraws
",
    );
    type_text(&mut state, "y");
    assert_eq!(asks(&mut state), [Ask::End(Ending::Restart)]);
    assert!(text(&state).contains("The box restarts ..."));
}

/// What it means depends on who else could serve.
#[test]
fn consequences_are_those_of_the_pair_as_it_is() {
    let mut alone = samples::cluster();
    alone.nodes[1].role = "unreachable".into();
    let alone = Sample { cluster: Answer::Here(alone), ..samples::active() };
    let unknown = Sample { cluster: Answer::Absent, ..samples::active() };
    let idle = ClusterStatus { role: "standby".into(), ..samples::cluster() };
    let idle = Sample { cluster: Answer::Here(idle), ..samples::active() };
    for (sample, words) in [
        (alone, "NO OTHER BOX is ready"),
        (samples::single(), "NO OTHER BOX is ready"),
        (samples::standby(), "Box b serves calls and goes on."),
        (unknown, "not known"),
        (samples::new(), "no configuration"),
        (idle, "neither does another"),
    ] {
        let mut state = screen(SMALL, sample);
        type_text(&mut state, "p");
        let shown = text(&state);
        assert!(shown.contains(words) && shown.contains("presses its power button"), "{words} in:\n{shown}");
    }
}

/// Any other key does nothing, N and Escape go back, and a question that nobody answers goes away.
#[test]
fn only_a_yes_does_it() {
    let mut state = screen(SMALL, samples::active());
    type_text(&mut state, "p");
    type_text(&mut state, "prsx ");
    press(&mut state, &[Key::Enter, Key::Tab]);
    assert!(state.question.is_some());
    press(&mut state, &[Key::Escape]);
    assert_eq!(state.question, None);
    type_text(&mut state, "rn");
    assert_eq!((state.question.as_ref(), state.page), (None, Page::Status));
    type_text(&mut state, "r");
    tick(&mut state, 60_000);
    assert_eq!(state.question, None);
    assert!(asks(&mut state).iter().all(|ask| *ask == Ask::State));
}

/// hostd may refuse: its words are shown, and the screen goes on.
#[test]
fn a_refusal_is_shown() {
    let mut state = screen(SMALL, samples::active());
    type_text(&mut state, "py");
    state.handle_input(Input::News(News::Ends(Err("an update is being written".to_owned()))));
    assert_eq!(
        state.question.as_ref().map(|question| question.phase.clone()),
        Some(Phase::Failed("an update is being written".to_owned()))
    );
    assert!(text(&state).contains("It does not: an update is being written (Esc goes back)"));
    press(&mut state, &[Key::Escape]);
    assert_eq!(state.question, None);
}

/// Two boxes with a cable between their serial ports, or a modem that echoes: what comes in is no person. Keys are not
/// heeded, and the screen says so.
#[test]
fn an_echoing_line_has_no_keys() {
    let mut state = screen(SMALL, samples::active());
    type_text(&mut state, "r");
    press(&mut state, &[Key::Echo]);
    assert_eq!(state.question, None);
    type_text(&mut state, "ry");
    assert_eq!(asks(&mut state), []);
    assert_eq!(state.question, None);
    assert!(text(&state).contains("This line echoes what is written to it: keys are not heeded"));
    tick(&mut state, 120_000);
    type_text(&mut state, "r");
    assert!(state.question.is_some());
}
