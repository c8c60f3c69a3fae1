//! An extension with several phones: all ring, one answers, one answer goes to the caller (RFC 3261 section 16.7).

use std::time::Duration;

use crate::common::phone::{audio, ours};
use crate::common::{Phone, Town};
use exchange::{CallStatus, MediaCommand};
use sip::{Method, Request};

struct Fork {
    town: Town,
    alice: Phone,
    invite: Request,
    phones: Vec<(Phone, Request)>,
}

/// Alice calls 102, whose three phones belong to two accounts.
fn fork() -> Fork {
    let mut town = Town::new();
    let mut alice = town.registered("101", "10.20.0.101:5060");
    let phones = [("102", "10.20.0.2:5060"), ("102", "10.20.0.3:5060"), ("102b", "10.20.0.4:5060")];
    let mut phones: Vec<Phone> =
        phones.into_iter().map(|(account, address)| town.registered(account, address)).collect();
    let invite = alice.call(&mut town, "102");
    let rung: Vec<Request> =
        phones.iter_mut().map(|phone| phone.expect_request(&mut town, &Method::INVITE)).collect();
    Fork { town, alice, invite, phones: phones.into_iter().zip(rung).collect() }
}

/// The first to answer gets the call, the others are cancelled; 180 reaches the caller once.
#[test]
fn one_answers() {
    let Fork { mut town, mut alice, invite, mut phones } = fork();
    for (phone, rung) in &phones {
        phone.respond(&mut town, rung, 180, None);
    }
    alice.expect(&mut town, 180);
    alice.expect_silence(&mut town);
    let (bob, rung) = &mut phones[1];
    bob.answer(&mut town, rung);
    let answer = alice.expect(&mut town, 200);
    alice.acknowledge(&mut town, &invite, &answer);
    for (index, (phone, rung)) in phones.iter_mut().enumerate() {
        if index != 1 {
            let cancel = phone.expect_request(&mut town, &Method::CANCEL);
            assert_eq!(cancel.headers.reasons().unwrap()[0].cause, Some(200), "RFC 3326: no missed call");
            phone.respond(&mut town, &cancel, 200, None);
            phone.respond(&mut town, rung, 487, None);
            phone.expect_request(&mut town, &Method::ACK);
        }
    }
    let (bob, _) = &mut phones[1];
    bob.hang_up(&mut town);
    alice.expect_bye(&mut town);
    assert_eq!(town.only_record().answered_by.unwrap().reveal(), "102");
    town.assert_quiet();
}

/// Two answer at the same time: the second is acknowledged and told BYE.
#[test]
fn two_answer() {
    let Fork { mut town, mut alice, invite, mut phones } = fork();
    for (phone, rung) in &phones {
        phone.respond(&mut town, rung, 180, None);
    }
    let (first, rung) = &mut phones[0];
    first.answer(&mut town, rung);
    alice.expect(&mut town, 180);
    let answer = alice.expect(&mut town, 200);
    alice.acknowledge(&mut town, &invite, &answer);
    let (second, rung) = &mut phones[2];
    second.expect_request(&mut town, &Method::CANCEL);
    second.answer(&mut town, rung);
    second.expect_bye(&mut town);
    let (first, _) = &mut phones[0];
    town.assert_quiet_after_hang_up(&mut alice, first);
}

/// All fail: what says most is told (486 before 480), after the last one.
#[test]
fn best_of_failures() {
    let Fork { mut town, alice, invite, phones } = fork();
    for ((phone, rung), status) in phones.iter().zip([480, 486, 404]) {
        alice.expect_silence(&mut town);
        phone.respond(&mut town, rung, status, None);
    }
    alice.expect_failure(&mut town, &invite, 486);
    assert_eq!(town.only_record().status, CallStatus::Busy);
    town.assert_quiet();
}

/// A 6xx is the will of the called person: everything stops.
#[test]
fn decline_everywhere() {
    let Fork { mut town, alice, invite, mut phones } = fork();
    for (phone, rung) in &phones {
        phone.respond(&mut town, rung, 180, None);
    }
    alice.expect(&mut town, 180);
    let (phone, rung) = &phones[0];
    phone.respond(&mut town, rung, 603, None);
    alice.expect_failure(&mut town, &invite, 603);
    for (phone, _) in &mut phones[1..] {
        phone.expect_request(&mut town, &Method::CANCEL);
    }
    assert_eq!(town.only_record().sip_status, 603);
    town.assert_quiet();
}

/// One phone is unreachable, the other still rings; nobody answers in the time of the extension: 480, all cancelled.
#[test]
fn nobody_answers() {
    let Fork { mut town, alice, invite, mut phones } = fork();
    let (phone, rung) = &phones[0];
    phone.respond(&mut town, rung, 180, None);
    alice.expect(&mut town, 180);
    town.pass(Duration::from_secs(59));
    alice.expect_silence(&mut town);
    town.pass(Duration::from_secs(1));
    alice.expect_failure(&mut town, &invite, 480);
    let (phone, _) = &mut phones[0];
    phone.expect_request(&mut town, &Method::CANCEL);
    let record = town.only_record();
    assert_eq!((record.status, record.sip_status), (CallStatus::NoAnswer, 480));
    town.assert_quiet();
}

/// The media of the first branch with early media is heard until somebody answers; then that one's.
#[test]
fn early_media_of_the_first() {
    let Fork { mut town, mut alice, invite, mut phones } = fork();
    for (index, (phone, rung)) in phones.iter_mut().enumerate().take(2) {
        phone.rtp_port = 5000 + 2 * u16::try_from(index).unwrap();
        let body = phone.sdp("sendrecv");
        phone.respond(&mut town, rung, 183, Some(body));
    }
    assert_eq!(audio(&alice.expect(&mut town, 183).body).0, ours(10_000));
    alice.expect_silence(&mut town);
    let (winner, rung) = &mut phones[1];
    winner.answer(&mut town, rung);
    let answer = alice.expect(&mut town, 200);
    alice.acknowledge(&mut town, &invite, &answer);
    let ports: Vec<u16> = town
        .media
        .iter()
        .filter_map(|command| match command {
            MediaCommand::Describe { rtp, .. } => rtp.map(|address| address.port()),
            _ => None,
        })
        .collect();
    assert_eq!(ports, [4000, 5000, 5002]);
}
