//! The caller gives up (RFC 3261 section 9), in every order in which messages can cross.

use std::time::Duration;

use crate::common::{Phone, Town};
use exchange::CallStatus;
use sip::{Method, Request};

fn ringing() -> (Town, Phone, Phone, Request, Request) {
    let mut town = Town::new();
    let mut alice = town.registered("101", "10.20.0.101:5060");
    let mut bob = town.registered("104", "10.20.0.104:5060");
    let invite = alice.call(&mut town, "104");
    let rung = bob.expect_request(&mut town, &Method::INVITE);
    (town, alice, bob, invite, rung)
}

fn cancel(town: &mut Town, alice: &Phone, invite: &Request) {
    alice.send(town, &invite.cancel().to_bytes());
    alice.expect(town, 200);
    alice.expect_failure(town, invite, 487);
}

/// CANCEL while it rings: 200 to CANCEL, 487 to INVITE, CANCEL to the phone, a record.
#[test]
fn cancel_while_ringing() {
    let (mut town, alice, mut bob, invite, rung) = ringing();
    bob.respond(&mut town, &rung, 180, None);
    alice.expect(&mut town, 180);
    cancel(&mut town, &alice, &invite);
    let cancelled = bob.expect_request(&mut town, &Method::CANCEL);
    assert_eq!(
        cancelled.headers.top_via().unwrap().branch(),
        rung.headers.top_via().unwrap().branch(),
        "CANCEL has the branch of its INVITE"
    );
    bob.respond(&mut town, &cancelled, 200, None);
    bob.respond(&mut town, &rung, 487, None);
    bob.expect_request(&mut town, &Method::ACK);
    let record = town.only_record();
    assert_eq!((record.status, record.sip_status), (CallStatus::Cancelled, 487));
    assert!(record.channel_up.is_some() && record.answer.is_none());
    town.assert_quiet();
}

/// Section 9.1: before the phone has said anything CANCEL waits for its first provisional response.
#[test]
fn cancel_before_any_response() {
    let (mut town, alice, mut bob, invite, rung) = ringing();
    cancel(&mut town, &alice, &invite);
    bob.expect_silence(&mut town);
    bob.respond(&mut town, &rung, 180, None);
    bob.expect_request(&mut town, &Method::CANCEL);
    town.assert_quiet();
}

/// The phone answers while CANCEL is on its way: its 200 is acknowledged and the dialog ended at once.
#[test]
fn answer_crosses_cancel() {
    let (mut town, alice, mut bob, invite, rung) = ringing();
    bob.respond(&mut town, &rung, 180, None);
    alice.expect(&mut town, 180);
    cancel(&mut town, &alice, &invite);
    bob.expect_request(&mut town, &Method::CANCEL);
    bob.answer(&mut town, &rung);
    bob.expect_bye(&mut town);
    alice.expect_silence(&mut town);
    town.only_record();
    town.assert_quiet();
}

/// CANCEL after the answer changes nothing (section 9.2), CANCEL of nothing gets 481.
#[test]
fn cancel_too_late() {
    let (mut town, mut alice, mut bob, invite, rung) = ringing();
    bob.answer(&mut town, &rung);
    let answer = alice.expect(&mut town, 200);
    alice.send(&mut town, &invite.cancel().to_bytes());
    alice.expect(&mut town, 200);
    alice.acknowledge(&mut town, &invite, &answer);
    bob.expect_silence(&mut town);
    town.assert_quiet_after_hang_up(&mut alice, &mut bob);
    alice.send(&mut town, &invite.cancel().to_bytes());
    alice.expect(&mut town, 481);
}

/// A caller that sends BYE instead of CANCEL while it rings gets both finals too (section 15).
#[test]
fn bye_while_ringing() {
    let (mut town, mut alice, mut bob, invite, rung) = ringing();
    bob.respond(&mut town, &rung, 180, None);
    let ringing = alice.expect(&mut town, 180);
    alice.remote = Some(ringing.headers.to().unwrap());
    alice.local = Some(invite.headers.from().unwrap());
    alice.target = Some(ringing.headers.contact().unwrap().uri);
    let bye = alice.next_in_dialog(Method::BYE);
    alice.send(&mut town, &bye.to_bytes());
    alice.expect(&mut town, 200);
    alice.expect_failure(&mut town, &invite, 487);
    bob.expect_request(&mut town, &Method::CANCEL);
    assert_eq!(town.only_record().status, CallStatus::Cancelled);
    town.assert_quiet();
}

/// A phone that answers neither INVITE nor CANCEL does not keep anything alive.
#[test]
fn dead_phone() {
    let (mut town, alice, bob, invite, rung) = ringing();
    bob.respond(&mut town, &rung, 180, None);
    alice.expect(&mut town, 180);
    cancel(&mut town, &alice, &invite);
    town.pass(Duration::from_secs(70));
    town.assert_quiet();
}
