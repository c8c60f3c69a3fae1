//! The page of the network (item 7 of the appliance): shows; sets while no configuration is in force.

mod drawing;
mod samples;

use drawing::{SMALL, asks, assert_shows, press, screen, type_text};
use screen::sample::{Answer, Sample};
use screen::state::{Ask, Input, News};
use screen::terminal::keys::Key;

/// With a configuration in force the page shows, and says where the network is changed.
#[test]
fn a_configured_network_is_shown_only() {
    let mut state = screen(SMALL, samples::active());
    type_text(&mut state, "n");
    press(&mut state, &[Key::Enter]);
    assert_shows(
        &state,
        r"
 Tandem  a  Network                                      Sun 22 Nov 2026  02:41

   lan0, hardware address 52:54:00:20:00:01
   up       10.20.0.1/24            10.20.0.10/24 HELD HERE
   sync0, hardware address 52:54:00:30:00:01
   up       10.30.0.1/24

   Gateway  10.20.0.254

 The network is part of the configuration in force. It is changed there:
 `tandemctl config export`, edit, `tandemctl config apply`.












 S Status  N Network  L Logs  E Events  R Restart  P Power off   Ctrl-L redraws
",
    );
}

/// Without one, the installer chooses a link and types; a mistake is explained in place.
#[test]
fn a_new_network_is_typed_in() {
    let mut state = screen(SMALL, samples::new());
    type_text(&mut state, "n");
    press(&mut state, &[Key::Enter]);
    type_text(&mut state, "192.168.1.10/24");
    press(&mut state, &[Key::Enter]);
    type_text(&mut state, "192.168.2.1");
    press(&mut state, &[Key::Enter]);
    assert_eq!(asks(&mut state), []);
    assert_shows(
        &state,
        r"
 Tandem  tandem-k2m9qx  Network                          Sun 22 Nov 2026  02:41

   lan0, hardware address 52:54:00:20:00:01
   up       none
   sync0, hardware address 52:54:00:30:00:01
   DOWN     none

   Gateway  none

 Set lan0
   Own address/prefix length    192.168.1.10/24
   Gateway (empty: none)        192.168.2.1_

 Enter goes on and at the end sets it, Tab changes the field, Esc gives up.

 192.168.2.1 is not in the network of 192.168.1.10/24: it could not be reached.







 S Status  N Network  L Logs  E Events  R Restart  P Power off   Ctrl-L redraws
",
    );
}

/// Letters that are commands elsewhere are input here: nobody restarts a box by typing an address.
#[test]
fn input_is_no_command() {
    let mut state = screen(SMALL, samples::new());
    type_text(&mut state, "n");
    press(&mut state, &[Key::Enter]);
    type_text(&mut state, "rpsl::e");
    assert_eq!(state.question, None);
    assert_eq!(state.network.form.as_ref().map(|form| form.inputs[0].as_str()), Some("::e"));
    press(&mut state, &[Key::Escape]);
    assert_eq!(state.network.form, None);
}

/// What was typed goes to hostd, and what hostd did is said.
#[test]
fn a_good_network_is_set() {
    let mut state = screen(SMALL, samples::new());
    type_text(&mut state, "n");
    press(&mut state, &[Key::Enter]);
    type_text(&mut state, "192.168.1.10/24");
    press(&mut state, &[Key::Enter, Key::Enter]);
    let wanted = Ask::SetNetwork {
        link: "lan0".to_owned(),
        address: "192.168.1.10/24".to_owned(),
        gateway: String::new(),
    };
    assert_eq!(asks(&mut state), [wanted]);
    state.handle_input(Input::News(News::NetworkSet(Ok(()))));
    assert!(drawing::text(&state).contains("lan0 now has 192.168.1.10/24."));
    state.handle_input(Input::News(News::State(Box::new(samples::new()))));
    assert!(asks(&mut state).contains(&Ask::State), "the new addresses are looked at");
}

/// While the store is away nobody knows whether a configuration is in force.
#[test]
fn without_the_store_nothing_can_be_set() {
    let mut state = screen(SMALL, Sample { store: Answer::Absent, ..samples::new() });
    type_text(&mut state, "n");
    press(&mut state, &[Key::Enter]);
    assert_eq!(state.network.form, None);
    assert!(drawing::text(&state).contains("The store does not answer."));
}
