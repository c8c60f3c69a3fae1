//! Offers within a call: hold, resume, glare, UPDATE, and offers that come late (RFC 3264, RFC 3261 section 14, RFC 3311).

use std::time::Duration;

use crate::common::phone::{audio, connect, ours};
use crate::common::{Phone, Town};
use exchange::{CallStatus, MediaCommand, MediaSession, Side};
use sip::sdp::Description;
use sip::{Method, Request, name};

fn talking() -> (Town, Phone, Phone) {
    let mut town = Town::new();
    let mut alice = town.registered("101", "10.20.0.101:5060");
    let mut bob = town.registered("104", "10.20.0.104:5060");
    connect(&mut town, &mut alice, &mut bob, "104");
    town.media.clear();
    (town, alice, bob)
}

fn offer(phone: &mut Phone, method: Method, direction: &str) -> Request {
    let body = phone.sdp(direction);
    let mut request = phone.next_in_dialog(method);
    request.set_body("application/sdp", body);
    request
}

/// `asker` offers `direction`, the other answers with `answer`; returns the body that `asker` gets.
fn renegotiate(
    town: &mut Town,
    asker: &mut Phone,
    other: &mut Phone,
    direction: &str,
    answer: &str,
) -> Vec<u8> {
    let request = offer(asker, Method::INVITE, direction);
    asker.send(town, &request.to_bytes());
    let passed = other.expect_request(town, &Method::INVITE);
    assert_eq!(audio(&passed.body).1, direction);
    let body = other.sdp(answer);
    other.respond(town, &passed, 200, Some(body));
    other.expect_request(town, &Method::ACK);
    let response = asker.expect(town, 200);
    asker.acknowledge(town, &request, &response);
    response.body
}

/// Hold and resume from the caller and from the callee; the version in o= grows, its session id stays.
#[test]
fn hold_and_resume_from_both_sides() {
    let (mut town, mut alice, mut bob) = talking();
    let held = renegotiate(&mut town, &mut alice, &mut bob, "sendonly", "recvonly");
    assert_eq!(audio(&held), (ours(10_000), "recvonly".to_owned()));
    let resumed = renegotiate(&mut town, &mut alice, &mut bob, "sendrecv", "sendrecv");
    let origin = |body: &[u8]| {
        let text = String::from_utf8(body.to_vec()).unwrap();
        let line = text.lines().find(|line| line.starts_with("o=")).unwrap().to_owned();
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        (words[1].clone(), words[2].parse::<u64>().unwrap())
    };
    let (before, after) = (origin(&held), origin(&resumed));
    assert_eq!(before.0, after.0);
    assert_eq!(after.1, before.1 + 1);
    renegotiate(&mut town, &mut bob, &mut alice, "sendonly", "recvonly");
    renegotiate(&mut town, &mut bob, &mut alice, "sendrecv", "sendrecv");
    let described =
        town.media.iter().filter(|command| matches!(command, MediaCommand::Describe { .. })).count();
    assert_eq!(described, 8, "both sides, four times");
    alice.hang_up(&mut town);
    bob.expect_bye(&mut town);
    assert_eq!(town.only_record().status, CallStatus::Answered);
    town.assert_quiet();
}

/// RFC 2543 hold (0.0.0.0): no media goes there, the other side hears of it as sendonly.
#[test]
fn old_hold() {
    let (mut town, mut alice, mut bob) = talking();
    let request = {
        let mut request = offer(&mut alice, Method::INVITE, "sendrecv");
        let text = String::from_utf8(request.body.clone())
            .unwrap()
            .replace("c=IN IP4 10.20.0.101", "c=IN IP4 0.0.0.0");
        request.body = text.into_bytes();
        request
    };
    alice.send(&mut town, &request.to_bytes());
    let passed = bob.expect_request(&mut town, &Method::INVITE);
    assert_eq!(audio(&passed.body), (ours(10_002), "sendonly".to_owned()));
    let body = bob.sdp("recvonly");
    bob.respond(&mut town, &passed, 200, Some(body));
    let to_alice =
        MediaCommand::Describe { session: MediaSession(1), side: Side::Caller, rtp: None, rtcp: None };
    assert!(town.media.contains(&to_alice), "{:?}", town.media);
}

/// A refused offer changes nothing: the status goes back, the call and its media go on.
#[test]
fn refused_offer() {
    let (mut town, mut alice, mut bob) = talking();
    let request = offer(&mut alice, Method::INVITE, "sendonly");
    alice.send(&mut town, &request.to_bytes());
    let passed = bob.expect_request(&mut town, &Method::INVITE);
    bob.respond(&mut town, &passed, 488, None);
    bob.expect_request(&mut town, &Method::ACK);
    let refused = alice.expect(&mut town, 488);
    alice.send(&mut town, &request.ack_of_failure(&refused).to_bytes());
    assert!(town.media.is_empty());
    renegotiate(&mut town, &mut bob, &mut alice, "sendonly", "recvonly");
}

/// RFC 3261 section 14.2: offers that cross get 491; a second one before the first is answered gets 500 with Retry-After.
#[test]
fn glare() {
    let (mut town, mut alice, mut bob) = talking();
    let first = offer(&mut alice, Method::INVITE, "sendonly");
    alice.send(&mut town, &first.to_bytes());
    let passed = bob.expect_request(&mut town, &Method::INVITE);
    let crossing = offer(&mut bob, Method::INVITE, "sendonly");
    bob.send(&mut town, &crossing.to_bytes());
    let glare = bob.expect(&mut town, 491);
    bob.send(&mut town, &crossing.ack_of_failure(&glare).to_bytes());
    let second = offer(&mut alice, Method::INVITE, "sendrecv");
    alice.send(&mut town, &second.to_bytes());
    assert!(alice.expect(&mut town, 500).headers.has(name::RETRY_AFTER));
    let body = bob.sdp("recvonly");
    bob.respond(&mut town, &passed, 200, Some(body));
    bob.expect_request(&mut town, &Method::ACK);
    assert_eq!(audio(&alice.expect(&mut town, 200).body).1, "recvonly");
}

/// A re-INVITE without offer: the other side's offer goes out in the 200, the answer in the ACK.
#[test]
fn late_offer() {
    let (mut town, mut alice, mut bob) = talking();
    let request = bob.next_in_dialog(Method::INVITE);
    bob.send(&mut town, &request.to_bytes());
    let passed = alice.expect_request(&mut town, &Method::INVITE);
    assert!(passed.body.is_empty());
    let body = alice.sdp("sendrecv");
    alice.respond(&mut town, &passed, 200, Some(body));
    alice.expect_silence(&mut town);
    let response = bob.expect(&mut town, 200);
    let mut ack = bob.in_dialog(Method::ACK, bob.cseq);
    ack.set_body("application/sdp", bob.sdp("recvonly"));
    assert_eq!(audio(&response.body).0, ours(10_002));
    bob.send(&mut town, &ack.to_bytes());
    let ack = alice.expect_request(&mut town, &Method::ACK);
    assert_eq!(audio(&ack.body), (ours(10_000), "recvonly".to_owned()));
    bob.hang_up(&mut town);
    alice.expect_bye(&mut town);
    town.assert_quiet();
}

/// RFC 3311: UPDATE with an offer; a phone that does not take UPDATE gets a re-INVITE instead.
#[test]
fn update() {
    let (mut town, mut alice, mut bob) = talking();
    let request = offer(&mut alice, Method::UPDATE, "sendonly");
    alice.send(&mut town, &request.to_bytes());
    let passed = bob.expect_request(&mut town, &Method::INVITE);
    let body = bob.sdp("recvonly");
    bob.respond(&mut town, &passed, 200, Some(body));
    bob.expect_request(&mut town, &Method::ACK);
    let answer = alice.expect(&mut town, 200);
    assert_eq!(audio(&answer.body).1, "recvonly");
    town.assert_quiet_after_hang_up(&mut alice, &mut bob);
}

/// CANCEL of a re-INVITE ends only the re-INVITE (RFC 3261 section 9).
#[test]
fn cancel_of_a_reinvite() {
    let (mut town, mut alice, mut bob) = talking();
    let request = offer(&mut alice, Method::INVITE, "sendonly");
    alice.send(&mut town, &request.to_bytes());
    let passed = bob.expect_request(&mut town, &Method::INVITE);
    bob.respond(&mut town, &passed, 100, None);
    alice.send(&mut town, &request.cancel().to_bytes());
    alice.expect(&mut town, 200);
    let cancel = bob.expect_request(&mut town, &Method::CANCEL);
    bob.respond(&mut town, &cancel, 200, None);
    bob.respond(&mut town, &passed, 487, None);
    bob.expect_request(&mut town, &Method::ACK);
    let terminated = alice.expect(&mut town, 487);
    alice.send(&mut town, &request.ack_of_failure(&terminated).to_bytes());
    town.assert_quiet_after_hang_up(&mut alice, &mut bob);
}

/// A re-INVITE that is never answered ends the call for both (RFC 3261 section 12.2.1.2).
#[test]
fn silent_peer() {
    let (mut town, mut alice, mut bob) = talking();
    let request = offer(&mut alice, Method::INVITE, "sendonly");
    alice.send(&mut town, &request.to_bytes());
    bob.expect_request(&mut town, &Method::INVITE);
    town.pass(Duration::from_secs(33));
    alice.expect(&mut town, 487);
    town.only_record();
    town.assert_quiet();
}

/// A phone that answers a re-INVITE with nothing but 100 ends the call after timer C (RFC 3261 section 16.6).
#[test]
fn endless_provisional() {
    let (mut town, mut alice, mut bob) = talking();
    let request = offer(&mut alice, Method::INVITE, "sendonly");
    alice.send(&mut town, &request.to_bytes());
    let passed = bob.expect_request(&mut town, &Method::INVITE);
    bob.respond(&mut town, &passed, 100, None);
    town.pass(Duration::from_secs(179));
    assert!(town.records.is_empty());
    town.pass(Duration::from_secs(2));
    alice.expect(&mut town, 487);
    town.only_record();
    town.assert_quiet();
}

/// INFO (digits) goes to the other side and its answer back.
#[test]
fn info() {
    let (mut town, mut alice, mut bob) = talking();
    let mut request = alice.next_in_dialog(Method::INFO);
    request.set_body("application/dtmf-relay", b"Signal=5\r\nDuration=160\r\n".to_vec());
    alice.send(&mut town, &request.to_bytes());
    let passed = bob.expect_request(&mut town, &Method::INFO);
    assert_eq!(passed.body, request.body);
    assert_eq!(passed.headers.get(name::CONTENT_TYPE), Some("application/dtmf-relay"));
    bob.respond(&mut town, &passed, 200, None);
    alice.expect(&mut town, 200);
}

/// RFC 4028: a session that its phone refreshes lives on, one that is not refreshed ends; too short is refused.
#[test]
fn session_timer() {
    let mut town = Town::new();
    let mut alice = town.registered("101", "10.20.0.101:5060");
    let mut bob = town.registered("104", "10.20.0.104:5060");
    let body = alice.sdp("sendrecv");
    let invite = alice.call_with(&mut town, "104", |invite| {
        invite.headers.push(name::SUPPORTED, "timer");
        invite.headers.push(name::SESSION_EXPIRES, "60");
        invite.set_body("application/sdp", body);
    });
    let brief = alice.expect_failure(&mut town, &invite, 422);
    assert_eq!(brief.headers.min_se_s().unwrap(), Some(90));
    town.only_record();
    let body = alice.sdp("sendrecv");
    let invite = alice.call_with(&mut town, "104", |invite| {
        invite.headers.push(name::SUPPORTED, "timer");
        invite.headers.push(name::SESSION_EXPIRES, "90");
        invite.set_body("application/sdp", body);
    });
    let rung = bob.expect_request(&mut town, &Method::INVITE);
    bob.answer(&mut town, &rung);
    let answer = alice.expect(&mut town, 200);
    assert_eq!(answer.headers.get(name::SESSION_EXPIRES), Some("90;refresher=uac"));
    alice.acknowledge(&mut town, &invite, &answer);
    town.pass(Duration::from_secs(80));
    let mut refresh = alice.next_in_dialog(Method::UPDATE);
    refresh.headers.push(name::SUPPORTED, "timer");
    refresh.headers.push(name::SESSION_EXPIRES, "90;refresher=uac");
    alice.send(&mut town, &refresh.to_bytes());
    alice.expect(&mut town, 200);
    town.pass(Duration::from_secs(89));
    alice.expect_silence(&mut town);
    town.pass(Duration::from_secs(2));
    alice.expect_bye(&mut town);
    bob.expect_bye(&mut town);
    town.only_record();
    town.assert_quiet();
}

/// RFC 4028: a phone that wants us to refresh gets an UPDATE at half of the interval.
#[test]
fn session_timer_that_we_refresh() {
    let mut town = Town::new();
    let mut alice = town.registered("101", "10.20.0.101:5060");
    let mut bob = town.registered("104", "10.20.0.104:5060");
    let body = alice.sdp("sendrecv");
    let invite = alice.call_with(&mut town, "104", |invite| {
        invite.headers.push(name::SUPPORTED, "timer");
        invite.headers.push(name::ALLOW, "INVITE, ACK, BYE, CANCEL, UPDATE");
        invite.headers.push(name::SESSION_EXPIRES, "1800;refresher=uas");
        invite.set_body("application/sdp", body);
    });
    let rung = bob.expect_request(&mut town, &Method::INVITE);
    bob.answer(&mut town, &rung);
    let answer = alice.expect(&mut town, 200);
    alice.acknowledge(&mut town, &invite, &answer);
    for _ in 0..3 {
        town.pass(Duration::from_millis(900_200));
        let update = alice.expect_request(&mut town, &Method::UPDATE);
        assert!(Description::parse(&update.body).is_err(), "no offer in it");
        let carried = update.headers.get(name::SESSION_EXPIRES).unwrap().to_owned();
        assert_eq!(carried, "1800;refresher=uac");
        alice.respond_with(&mut town, &update, 200, |response| {
            response.headers.push(name::SESSION_EXPIRES, carried);
        });
    }
    town.assert_quiet_after_hang_up(&mut alice, &mut bob);
}
