//! Two phones call each other: both dialogs, the media between them, and every way to hang up.

use std::time::Duration;

use crate::common::phone::{audio, connect, ours};
use crate::common::{Phone, Town};
use exchange::{CallStatus, EndpointType, MediaCommand, MediaSession, Side};
use sip::{Method, name};

fn two_phones(town: &mut Town) -> (Phone, Phone) {
    (town.registered("101", "10.20.0.101:5060"), town.registered("104", "10.20.0.104:5060"))
}

/// RFC 3261 section 13: INVITE, 180, 200, ACK through the exchange; media flows through us; the caller hangs up.
#[test]
fn call_and_caller_hangs_up() {
    let mut town = Town::new();
    let (mut alice, mut bob) = two_phones(&mut town);
    alice.rtp_port = 4010;
    bob.rtp_port = 4020;
    let invite = alice.call(&mut town, "104");
    let rung = bob.expect_request(&mut town, &Method::INVITE);
    assert_eq!(rung.uri.to_string(), "sip:104@10.20.0.104:5060", "the contact as registered");
    assert_eq!(audio(&rung.body), (ours(10_002), "sendrecv".to_owned()));
    bob.respond(&mut town, &rung, 180, None);
    alice.expect(&mut town, 180);
    town.pass(Duration::from_secs(3));
    bob.answer(&mut town, &rung);
    let answer = alice.expect(&mut town, 200);
    assert_eq!(audio(&answer.body), (ours(10_000), "sendrecv".to_owned()));
    alice.acknowledge(&mut town, &invite, &answer);
    let session = MediaSession(1);
    assert_eq!(
        town.media,
        [
            MediaCommand::Open {
                session,
                local: ours(0).ip(),
                callee_local: ours(0).ip(),
                caller_port: 10_000,
                callee_port: 10_002
            },
            describe(session, Side::Caller, "10.20.0.101", 4010),
            describe(session, Side::Callee, "10.20.0.104", 4020),
        ]
    );
    town.pass(Duration::from_secs(10));
    alice.hang_up(&mut town);
    bob.expect_bye(&mut town);
    assert_eq!(town.media.last(), Some(&MediaCommand::Close { session }));
    let record = town.only_record();
    assert_eq!((record.status, record.sip_status), (CallStatus::Answered, 200));
    assert_eq!(record.source_type, EndpointType::Extension);
    assert_eq!(record.destination_type, EndpointType::Extension);
    assert_eq!(record.answer.unwrap().since(record.start), Duration::from_secs(3));
    assert_eq!(record.end.since(record.start), Duration::from_secs(13));
    assert_eq!(record.answered_by.unwrap().reveal(), "104");
    town.assert_quiet();
}

fn describe(session: MediaSession, side: Side, ip: &str, port: u16) -> MediaCommand {
    let address = |port: u16| Some(format!("{ip}:{port}").parse().unwrap());
    MediaCommand::Describe { session, side, rtp: address(port), rtcp: address(port + 1) }
}

/// The called party hangs up; its BYE and the caller's are told apart by dialog.
#[test]
fn callee_hangs_up() {
    let mut town = Town::new();
    let (mut alice, mut bob) = two_phones(&mut town);
    connect(&mut town, &mut alice, &mut bob, "104");
    bob.hang_up(&mut town);
    alice.expect_bye(&mut town);
    assert_eq!(town.only_record().status, CallStatus::Answered);
    town.assert_quiet();
}

/// RFC 3325: the called phone sees name and number of the caller's extension, whatever its From said.
#[test]
fn caller_is_shown_as_extension() {
    let mut town = Town::new();
    let (mut alice, mut bob) = two_phones(&mut town);
    let body = alice.sdp("sendrecv");
    alice.call_with(&mut town, "104", |invite| {
        invite.headers.set(name::FROM, "\"The Boss\" <sip:999@pbx.example.com>;tag=x1");
        invite.set_body("application/sdp", body);
    });
    let rung = bob.expect_request(&mut town, &Method::INVITE);
    let from = rung.headers.from().unwrap();
    assert_eq!(from.display.as_deref(), Some("Person 101"));
    assert_eq!(from.uri.to_string(), "sip:101@pbx.example.com");
    assert_eq!(rung.headers.asserted_identities().unwrap()[0].uri, from.uri);
}

/// RFC 3323: who asks for privacy is shown to nobody, but stands in the record.
#[test]
fn anonymous_caller() {
    let mut town = Town::new();
    let (mut alice, mut bob) = two_phones(&mut town);
    let body = alice.sdp("sendrecv");
    alice.call_with(&mut town, "104", |invite| {
        invite.headers.push(name::PRIVACY, "id");
        invite.set_body("application/sdp", body);
    });
    let rung = bob.expect_request(&mut town, &Method::INVITE);
    let text = String::from_utf8(rung.to_bytes()).unwrap();
    assert!(text.contains("From: \"Anonymous\" <sip:anonymous@anonymous.invalid>;tag="), "{text}");
    assert!(!text.contains("sip:101") && !text.contains("Person"), "nothing of the caller: {text}");
    bob.respond(&mut town, &rung, 486, None);
    let record = town.only_record();
    assert!(record.anonymous);
    assert_eq!(record.caller.reveal(), "101");
}

/// RFC 3261 section 13.2.2.4: an INVITE without offer; the offer of the callee goes out in the 200, the answer in the ACK.
#[test]
fn offer_in_the_answer() {
    let mut town = Town::new();
    let (mut alice, mut bob) = two_phones(&mut town);
    let invite = alice.call_with(&mut town, "104", |_| {});
    let rung = bob.expect_request(&mut town, &Method::INVITE);
    assert!(rung.body.is_empty());
    let offer = bob.sdp("sendrecv");
    bob.respond(&mut town, &rung, 200, Some(offer));
    bob.expect_silence(&mut town);
    let answer = alice.expect(&mut town, 200);
    assert_eq!(audio(&answer.body).0, ours(10_000));
    alice.remote = Some(answer.headers.to().unwrap());
    alice.local = Some(invite.headers.from().unwrap());
    alice.target = Some(answer.headers.contact().unwrap().uri);
    let mut ack = alice.in_dialog(Method::ACK, alice.cseq);
    ack.set_body("application/sdp", alice.sdp("sendrecv"));
    alice.send(&mut town, &ack.to_bytes());
    let ack = bob.expect_request(&mut town, &Method::ACK);
    assert_eq!(audio(&ack.body).0, ours(10_002));
    assert!(town.media.contains(&describe(MediaSession(1), Side::Caller, "10.20.0.101", 4000)));
    bob.hang_up(&mut town);
    alice.expect_bye(&mut town);
    town.assert_quiet();
}

/// Early media (183 with SDP) reaches the caller with our address in it.
#[test]
fn early_media() {
    let mut town = Town::new();
    let (mut alice, mut bob) = two_phones(&mut town);
    alice.call(&mut town, "104");
    let rung = bob.expect_request(&mut town, &Method::INVITE);
    let early = bob.sdp("sendrecv");
    bob.respond(&mut town, &rung, 183, Some(early));
    let progress = alice.expect(&mut town, 183);
    assert_eq!(audio(&progress.body).0, ours(10_000));
    assert!(town.media.contains(&describe(MediaSession(1), Side::Callee, "10.20.0.104", 4000)));
}

/// RFC 3261 section 13.3.1.4: a caller that never acknowledges the answer is told BYE, and so is the callee.
#[test]
fn answer_never_acknowledged() {
    let mut town = Town::new();
    let (mut alice, mut bob) = two_phones(&mut town);
    alice.call(&mut town, "104");
    let rung = bob.expect_request(&mut town, &Method::INVITE);
    bob.answer(&mut town, &rung);
    alice.expect(&mut town, 200);
    town.pass(Duration::from_secs(31));
    assert!(town.records.is_empty());
    town.pass(Duration::from_millis(1_200));
    let repeated = town.mail.get_mut(&alice.address()).unwrap();
    let last = repeated.pop_back().unwrap();
    assert!(matches!(last, sip::Message::Request(bye) if bye.method == Method::BYE));
    // 0.5, 1, 2, 4, 4 … seconds apart
    assert_eq!(repeated.len(), 10, "the 200 is repeated until timer L ends");
    bob.expect_bye(&mut town);
    assert_eq!(town.only_record().status, CallStatus::Answered);
    town.assert_quiet();
}

/// RFC 3261 section 15.1.1: the callee hangs up before the caller's ACK arrived; BYE waits for it.
#[test]
fn bye_waits_for_the_ack() {
    let mut town = Town::new();
    let (mut alice, mut bob) = two_phones(&mut town);
    let invite = alice.call(&mut town, "104");
    let rung = bob.expect_request(&mut town, &Method::INVITE);
    bob.answer(&mut town, &rung);
    let answer = alice.expect(&mut town, 200);
    bob.hang_up(&mut town);
    alice.expect_silence(&mut town);
    alice.acknowledge(&mut town, &invite, &answer);
    alice.expect_bye(&mut town);
    town.assert_quiet();
}

/// A call whose phones are gone ends when the BYE is never answered (timer F), and leaves nothing behind.
#[test]
fn dead_phone_does_not_hold_the_call() {
    let mut town = Town::new();
    let (mut alice, mut bob) = two_phones(&mut town);
    connect(&mut town, &mut alice, &mut bob, "104");
    alice.hang_up(&mut town);
    town.only_record();
    town.assert_quiet();
}

/// No call lasts longer than twelve hours, however much was lost.
#[test]
fn longest_call() {
    let mut town = Town::new();
    let (mut alice, mut bob) = two_phones(&mut town);
    connect(&mut town, &mut alice, &mut bob, "104");
    town.pass(Duration::from_secs(12 * 3600));
    alice.expect_bye(&mut town);
    bob.expect_bye(&mut town);
    town.only_record();
    town.assert_quiet();
}
