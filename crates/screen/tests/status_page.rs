//! The first page: a box at a glance (item 7 of the appliance; rows H13, H15 to H19, H23, H28 to H30).

mod drawing;
mod samples;

use daemon::bus::cluster::ClusterStatus;
use daemon::bus::host::HostStatus;
use daemon::bus::store::StoreStatus;
use drawing::{LARGE, SMALL, assert_shows, screen, text};
use screen::facts::Mood;
use screen::sample::{Answer, Sample};
use screen::state::{Input, News};

/// H28 to H30, H15 to H19: role, peer, addresses and who holds them, on the least that every terminal has.
#[test]
fn the_active_box() {
    assert_shows(
        &screen(SMALL, samples::active()),
        r"
 Tandem  a                                               Sun 22 Nov 2026  02:41

 ACTIVE: serves calls since 02:13
 Box b takes over if this one fails.

 Serial number  TD-A
 Software       Tandem 0.1.0, root file system lab, DEBUG IMAGE, up 3 h 05 min
 Other box      b, serial number TD-B: standby, heard now
 Stored         configuration 12, 345 call records, on both boxes alike
 Telephones     23 registrations, 2 calls
 Reached at     sip:lab.tandem.example at 10.20.0.10, port 5060

 LINK     CARRIER  OWN ADDRESS             RESOURCE ADDRESS
 lan0     up       10.20.0.1/24            10.20.0.10/24 HELD HERE
 sync0    up       10.30.0.1/24
 Gateway        10.20.0.254

 Problems       none known

 EVENTS, newest first
 2026-11-22 02:20:00  the peer is heard
 2026-11-22 02:13:05  standby -> active: the peer is silent

 S Status  N Network  L Logs  E Events  R Restart  P Power off   Ctrl-L redraws
",
    );
}

/// The same on a larger console, with the last events.
#[test]
fn the_active_box_on_a_console() {
    assert_shows(
        &screen(LARGE, samples::active()),
        r"
 Tandem  a                                                                   Sun 22 Nov 2026  02:41

 ACTIVE: serves calls since 02:13
 Box b takes over if this one fails.

 Serial number  TD-A
 Software       Tandem 0.1.0, root file system lab, DEBUG IMAGE, up 3 h 05 min
 Other box      b, serial number TD-B: standby, heard now
 Stored         configuration 12, 345 call records, on both boxes alike
 Telephones     23 registrations, 2 calls
 Reached at     sip:lab.tandem.example at 10.20.0.10, port 5060

 LINK     CARRIER  OWN ADDRESS             RESOURCE ADDRESS
 lan0     up       10.20.0.1/24            10.20.0.10/24 HELD HERE
 sync0    up       10.30.0.1/24
 Gateway        10.20.0.254

 Problems       none known

 EVENTS, newest first
 2026-11-22 02:20:00  the peer is heard
 2026-11-22 02:13:05  standby -> active: the peer is silent
 2026-11-22 02:13:04  the peer is lost: silent on every path for the dead threshold






 S Status  N Network  L Logs  E Events  R Restart  P Power off                       Ctrl-L redraws
",
    );
}

/// H28: the standby says that it is ready, and who serves.
#[test]
fn the_standby() {
    assert_shows(
        &screen(SMALL, samples::standby()),
        r"
 Tandem  a                                               Sun 22 Nov 2026  02:41

 STANDBY: ready to take over
 Box b serves calls.

 Serial number  TD-A
 Software       Tandem 0.1.0, root file system lab, DEBUG IMAGE, up 3 h 05 min
 Other box      b, serial number TD-B: active, heard now
 Stored         configuration 12, 345 call records, on both boxes alike
 Telephones     23 registrations, served elsewhere
 Reached at     sip:lab.tandem.example at 10.20.0.10, port 5060

 LINK     CARRIER  OWN ADDRESS             RESOURCE ADDRESS
 lan0     up       10.20.0.1/24            10.20.0.10/24 held by b
 sync0    up       10.30.0.1/24
 Gateway        10.20.0.254

 Problems       none known

 EVENTS, newest first
 2026-11-22 02:20:00  the peer is heard
 2026-11-22 02:13:05  standby -> active: the peer is silent

 S Status  N Network  L Logs  E Events  R Restart  P Power off   Ctrl-L redraws
",
    );
}

/// A single box is a pair without a peer, and says so.
#[test]
fn a_single_box() {
    assert_shows(
        &screen(SMALL, samples::single()),
        r"
 Tandem  a                                               Sun 22 Nov 2026  02:41

 SINGLE BOX: serves calls since 02:13
 There is no other box.

 Serial number  TD-A
 Software       Tandem 0.1.0, root file system lab, DEBUG IMAGE, up 3 h 05 min
 Other box      none
 Stored         configuration 12, 345 call records
 Telephones     23 registrations, 2 calls
 Reached at     sip:lab.tandem.example at 10.20.0.10, port 5060

 LINK     CARRIER  OWN ADDRESS             RESOURCE ADDRESS
 lan0     up       10.20.0.1/24            10.20.0.10/24 HELD HERE
 sync0    up       10.30.0.1/24
 Gateway        10.20.0.254

 Problems       none known





 S Status  N Network  L Logs  E Events  R Restart  P Power off   Ctrl-L redraws
",
    );
}

/// A box fresh from the factory says what to do next, and its serial number, which the other box is told (H13).
#[test]
fn a_new_box() {
    assert_shows(
        &screen(SMALL, samples::new()),
        r"
 Tandem  tandem-k2m9qx                                   Sun 22 Nov 2026  02:41

 NOT COMMISSIONED: nobody has told this box who it is
 It serves no calls yet. What to do next:
   1. A box of a pair: plug in its setup medium (a USB stick with setup.toml),
      then restart it (R).
   2. A single box: set its address under Network (N).
   3. Load a configuration: `tandemctl config apply FILE`. In a pair the
      coordinator's counts for both boxes.

 Serial number  TD-A7K2M9QX
 Software       Tandem 0.1.0, root file system lab, DEBUG IMAGE, up 3 h 05 min

 LINK     CARRIER  OWN ADDRESS             RESOURCE ADDRESS
 lan0     up       none
 sync0    DOWN     none

 Problems       none known





 S Status  N Network  L Logs  E Events  R Restart  P Power off   Ctrl-L redraws
",
    );
}

/// H23: everything that is wrong at once: daemons away, a failed unit, the peer silent, no carrier.
#[test]
fn a_box_in_trouble() {
    assert_shows(
        &screen(SMALL, trouble()),
        r"
 Tandem  a                                               Sun 22 Nov 2026  02:41

 ACTIVE, BUT NO CALLS: the telephone daemon does not answer
 Nobody takes over if this box fails: box b is not heard.

 Serial number  TD-A
 Software       Tandem 0.1.0, root file system lab, DEBUG IMAGE, up 3 h 05 min
 Other box      b, serial number TD-B: NOT HEARD for 3 min
 Stored         configuration 12, 345 call records; 3 entries on THIS BOX ONLY
 Telephones     NOT KNOWN: the daemon is not running
 Reached at     NOT KNOWN: the daemon is not running

 LINK     CARRIER  OWN ADDRESS             RESOURCE ADDRESS
 lan0     up       10.20.0.1/24            10.20.0.10/24 HELD HERE
 sync0    DOWN     10.30.0.1/24
 Gateway        10.20.0.254

 PROBLEMS
 ! pbxd (telephones) is not running
 ! pbxd.service has failed: its log says why (L)
 ! the data disk is 97 % full: 30 MiB are left
 ! 3 more: E shows all

 S Status  N Network  L Logs  E Events  R Restart  P Power off   Ctrl-L redraws
",
    );
}

/// Nothing answers yet: the first second after the start.
#[test]
fn before_the_first_answer() {
    assert_shows(
        &screen(SMALL, Sample::default()),
        r"
 Tandem  name not known                                  Sun 22 Nov 2026  02:41

 One moment: asking the daemons


 Serial number  not known
 Software       Tandem 0.1.0
 Other box      not known
 Stored         not known
 Telephones     not known
 Reached at     not known

 Network        links are not known

 Problems       not known








 S Status  N Network  L Logs  E Events  R Restart  P Power off   Ctrl-L redraws
",
    );
}

/// A takeover that would fail is not called ready: each obstacle is named.
#[test]
fn a_standby_that_is_not_ready_says_why() {
    let standby = samples::standby();
    let store = StoreStatus { peer_connected: false, unprotected: 1, ..samples::store() };
    let without_store = Sample { store: Answer::Here(store), ..standby.clone() };
    let without_pbx = Sample { pbx: Answer::Silent, ..standby.clone() };
    let without_registrations = with_pbx(standby.clone(), false);
    for (sample, obstacle) in [
        (without_store, "its store is not connected to the other's"),
        (without_pbx, "its telephone daemon does not answer"),
        (without_registrations, "registrations do not reach it"),
    ] {
        let facts = screen(SMALL, sample).facts;
        assert_eq!(facts.headline.text, format!("STANDBY, NOT READY: {obstacle}"));
        assert_eq!(facts.headline.mood, Mood::Attention);
    }
    assert_eq!(screen(SMALL, standby).facts.headline.mood, Mood::Good);
}

/// Roles on the way, in plain words.
#[test]
fn roles_on_the_way_are_said() {
    for (role, words) in [
        ("initialising", "STARTING"),
        ("taking", "TAKING OVER"),
        ("yielding", "HANDING OVER"),
        ("something new", "ROLE: something new"),
    ] {
        let cluster = ClusterStatus { role: role.into(), ..samples::cluster() };
        let sample = Sample { cluster: Answer::Here(cluster), ..samples::active() };
        let headline = screen(SMALL, sample).facts.headline;
        assert!(headline.text.starts_with(words), "{role}: {headline:?}");
        assert_eq!(headline.detail, "The peer is silent.");
    }
}

/// Without a configuration a commissioned box says what it waits for.
#[test]
fn a_box_without_configuration_waits_for_one() {
    let mut sample = samples::new();
    sample.host = Answer::Here(samples::host());
    let shown = text(&screen(SMALL, sample));
    assert!(shown.contains("NO CONFIGURATION: this box waits for its first one"), "{shown}");
    assert!(shown.contains("1. Load a configuration: `tandemctl config apply FILE`."), "{shown}");
}

/// A daemon that is away hides nothing of the others: without hostd, the agent still knows name and serial number.
#[test]
fn without_hostd_the_agent_says_who_the_box_is() {
    let sample = Sample { host: Answer::Absent, ..samples::active() };
    let shown = text(&screen(SMALL, sample));
    for part in [
        "Tandem  a",
        "TD-A",
        "lan0     up       10.20.0.1",
        "! hostd (network, logs, restart) is not running",
    ] {
        assert!(shown.contains(part), "{part} in:\n{shown}");
    }
}

/// Long names, many links and long addresses neither shift nor hide anything else.
#[test]
fn long_names_are_cut_where_it_shows() {
    let mut sample = samples::active();
    let mut host = samples::host();
    host.name = "headquarters-of-the-company-behind-the-seven-mountains-and-over-the-sea".into();
    host.links[0].name = "enp0s31f6np0".into();
    host.links[0].addresses = vec!["2001:db8:1234:5678:9abc:def0:1234:5678/64".into(), "10.20.0.1/24".into()];
    for number in 1..=6 {
        host.links
            .push(daemon::bus::host::LinkStatus { name: format!("lan{number}"), ..host.links[1].clone() });
    }
    let mut cluster = samples::cluster();
    cluster.nodes[1].name = "the-other-box-in-the-other-building-on-the-other-side-of-the-street".into();
    sample.host = Answer::Here(host);
    sample.cluster = Answer::Here(cluster);
    assert_shows(
        &screen(SMALL, sample),
        r"
 Tandem  headquarters-of-the-company-behind-the-seven-.. Sun 22 Nov 2026  02:41

 ACTIVE: serves calls since 02:13
 Box the-other-box-in-the-other-building-on-the-other-side-of-the-street take..

 Serial number  TD-A
 Software       Tandem 0.1.0, root file system lab, DEBUG IMAGE, up 3 h 05 min
 Other box      the-other-box-in-the-other-building-on-the-other-side-of-the-..
 Stored         configuration 12, 345 call records, on both boxes alike
 Telephones     23 registrations, 2 calls
 Reached at     sip:lab.tandem.example at 10.20.0.10, port 5060

 LINK     CARRIER  OWN ADDRESS             RESOURCE ADDRESS
 enp0s3.. up       2001:db8:1234:5678:9abc:def0:1234:5678/64
                   10.20.0.1/24
 sync0    up       10.30.0.1/24
 lan1     up       10.30.0.1/24
 lan2     up       10.30.0.1/24
 more under Network (N)
 Gateway        10.20.0.254

 Problems       none known

 S Status  N Network  L Logs  E Events  R Restart  P Power off   Ctrl-L redraws
",
    );
}

/// More problems than there is room for: the number of the others is said, and where they are.
#[test]
fn many_problems_are_counted() {
    let problems = (1..=9).map(|number| format!("problem {number}")).collect();
    let host = HostStatus { problems, ..samples::host() };
    let shown = text(&screen(SMALL, Sample { host: Answer::Here(host), ..samples::active() }));
    assert!(shown.contains("! problem 4\n ! 5 more: E shows all\n"), "{shown}");
}

/// A terminal that is absurdly small or large is no reason to die.
#[test]
fn any_size_can_be_drawn() {
    for (columns, rows) in [(1, 1), (1, 80), (240, 1), (20, 5), (240, 80)] {
        for sample in [samples::active(), samples::new(), trouble()] {
            let mut state = screen(screen::Size::clamped(columns, rows), sample);
            for page in "snle".chars() {
                drawing::type_text(&mut state, &page.to_string());
                text(&state);
            }
            drawing::type_text(&mut state, "r");
            text(&state);
        }
    }
}

fn with_pbx(sample: Sample, peer_connected: bool) -> Sample {
    let pbx = daemon::bus::pbx::PbxStatus { peer_connected, ..samples::pbx() };
    Sample { pbx: Answer::Here(pbx), ..sample }
}

fn trouble() -> Sample {
    let mut cluster = samples::cluster();
    cluster.nodes[1].role = "unreachable".into();
    cluster.nodes[1].silent_ms = 200_000;
    cluster.interfaces[1].up = false;
    let mut host = samples::host();
    host.links[1].carrier = false;
    host.failed_units = vec!["pbxd.service".into()];
    host.problems = vec!["the data disk is 97 % full: 30 MiB are left".into()];
    host.clock_synchronised = false;
    let store = StoreStatus { peer_connected: false, unprotected: 3, parked: 2, ..samples::store() };
    Sample {
        host: Answer::Here(host),
        cluster: Answer::Here(cluster),
        store: Answer::Here(store),
        pbx: Answer::Absent,
    }
}

/// Low CPU: a picture is made only when it may differ, and the daemons are asked less often when nobody is there.
#[test]
fn an_idle_screen_does_little() {
    let mut state = screen(SMALL, samples::active());
    state.handle_input(Input::News(News::State(Box::new(samples::active()))));
    state.take_changed();
    let mut asked = 0;
    for second in 1..=900 {
        drawing::tick(&mut state, second * 1_000);
        for _ in drawing::asks(&mut state) {
            asked += 1;
            state.handle_input(Input::News(News::State(Box::new(samples::active()))));
        }
        assert!(!state.take_changed(), "nothing has changed in second {second}");
    }
    // 300 s each second, then every 10 s.
    assert!((355..=362).contains(&asked), "{asked} times");
}
