//! The transaction layer (RFC 3261 section 17, RFC 6026): what is repeated, what is absorbed, what is dropped.

use std::time::Duration;

use crate::common::phone::connect;
use crate::common::{DOMAIN, Phone, Town};
use sip::{Message, Method, Request};

fn sent(town: &mut Town, phone: &Phone) -> Vec<Message> {
    town.mail.remove(&phone.address()).unwrap_or_default().into()
}

/// Timers A and B: an INVITE over UDP is repeated after 0.5, 1.5, 3.5 … seconds until 32, then given up.
#[test]
fn invite_client() {
    let mut town = Town::new();
    let mut alice = town.registered("101", "10.20.0.101:5060");
    let bob = town.registered("104", "10.20.0.104:5060");
    let invite = alice.call(&mut town, "104");
    let mut times = Vec::new();
    for tenth in 0..320 {
        times.extend(sent(&mut town, &bob).iter().map(|_| tenth));
        town.pass(Duration::from_millis(100));
    }
    assert_eq!(times, [0, 5, 15, 35, 75, 155, 315]);
    alice.expect_failure(&mut town, &invite, 480);
    assert_eq!(town.only_record().sip_status, 480);
    town.assert_quiet();
}

/// Timers E and F: a BYE is repeated at T1 doubling to T2, and given up after 32 seconds.
#[test]
fn bye_client() {
    let mut town = Town::new();
    let mut alice = town.registered("101", "10.20.0.101:5060");
    let mut bob = town.registered("104", "10.20.0.104:5060");
    connect(&mut town, &mut alice, &mut bob, "104");
    alice.hang_up(&mut town);
    let mut times = Vec::new();
    for tenth in 0..400 {
        times.extend(sent(&mut town, &bob).iter().map(|_| tenth));
        town.pass(Duration::from_millis(100));
    }
    assert_eq!(times, [0, 5, 15, 35, 75, 115, 155, 195, 235, 275, 315]);
}

/// Over TCP nothing is repeated but a 2xx.
#[test]
fn reliable_transport() {
    let mut town = Town::new();
    let mut alice = Phone::tcp("101", "10.20.0.101:31000", 1);
    alice.register(&mut town, 600);
    let mut bob = Phone::tcp("104", "10.20.0.104:31000", 2);
    bob.register(&mut town, 600);
    alice.call(&mut town, "104");
    bob.expect_request(&mut town, &Method::INVITE);
    town.pass(Duration::from_secs(31));
    bob.expect_silence(&mut town);
    alice.expect_silence(&mut town);
    town.pass(Duration::from_secs(2));
    alice.expect(&mut town, 480);
    town.assert_quiet();
}

/// A repeated INVITE is absorbed: the last response comes again, the phone rings once.
#[test]
fn invite_server() {
    let mut town = Town::new();
    let mut alice = town.registered("101", "10.20.0.101:5060");
    let mut bob = town.registered("104", "10.20.0.104:5060");
    let invite = alice.call(&mut town, "104");
    let rung = bob.expect_request(&mut town, &Method::INVITE);
    alice.send(&mut town, &invite.to_bytes());
    assert_eq!(alice.any_response(&mut town).code(), 100);
    bob.respond(&mut town, &rung, 180, None);
    alice.expect(&mut town, 180);
    alice.send(&mut town, &invite.to_bytes());
    alice.expect(&mut town, 180);
    bob.expect_silence(&mut town);
    bob.respond(&mut town, &rung, 486, None);
    alice.expect(&mut town, 486);
    town.pass(Duration::from_millis(1_600));
    alice.expect(&mut town, 486);
    alice.expect_failure(&mut town, &invite, 486);
    town.pass(Duration::from_secs(10));
    alice.expect_silence(&mut town);
    assert_eq!(town.records.len(), 1);
}

/// RFC 6026: a repeated 2xx is acknowledged again with the same ACK.
#[test]
fn repeated_answer() {
    let mut town = Town::new();
    let mut alice = town.registered("101", "10.20.0.101:5060");
    let mut bob = town.registered("104", "10.20.0.104:5060");
    alice.call(&mut town, "104");
    let rung = bob.expect_request(&mut town, &Method::INVITE);
    let body = bob.sdp("sendrecv");
    bob.respond(&mut town, &rung, 200, Some(body.clone()));
    let first = bob.expect_request(&mut town, &Method::ACK);
    bob.respond(&mut town, &rung, 200, Some(body));
    assert_eq!(bob.expect_request(&mut town, &Method::ACK), first);
    assert_eq!(town.records.len(), 0);
}

/// A caller whose ACK of the 2xx carries the branch of the INVITE is understood too.
#[test]
fn careless_ack() {
    let mut town = Town::new();
    let mut alice = town.registered("101", "10.20.0.101:5060");
    let mut bob = town.registered("104", "10.20.0.104:5060");
    let invite = alice.call(&mut town, "104");
    let rung = bob.expect_request(&mut town, &Method::INVITE);
    bob.answer(&mut town, &rung);
    let answer = alice.expect(&mut town, 200);
    alice.send(&mut town, &invite.ack_of_failure(&answer).to_bytes());
    town.pass(Duration::from_secs(40));
    alice.expect_silence(&mut town);
    assert_eq!(town.exchange.load().calls, 1);
}

/// RFC 3261 section 8.2.2.2: the same INVITE by another path is a merged request.
#[test]
fn merged() {
    let mut town = Town::new();
    let mut alice = town.registered("101", "10.20.0.101:5060");
    town.registered("104", "10.20.0.104:5060");
    let mut copy = alice.call(&mut town, "104");
    copy.headers.set_first("Via", "SIP/2.0/UDP 10.20.0.101:5060;branch=z9hG4bKotherpath;rport");
    alice.send(&mut town, &copy.to_bytes());
    alice.expect(&mut town, 482);
}

/// An RFC 2543 phone has no unique branch: its messages are told apart by the rest.
#[test]
fn old_phone() {
    let mut town = Town::new();
    let mut bob = town.registered("104", "10.20.0.104:5060");
    let mut trunk = Phone::new("city", crate::common::TRUNK);
    let uri = "sip:104@10.20.0.10".to_owned();
    let body = trunk.sdp("sendrecv");
    let mut invite = trunk.request(Method::INVITE, &uri, &format!("<{uri}>"));
    invite.headers.set_first("Via", format!("SIP/2.0/UDP {}", crate::common::TRUNK));
    invite.set_body("application/sdp", body);
    for _ in 0..2 {
        trunk.send(&mut town, &invite.to_bytes());
        assert_eq!(trunk.any_response(&mut town).code(), 100);
    }
    let rung = bob.expect_request(&mut town, &Method::INVITE);
    bob.expect_silence(&mut town);
    bob.respond(&mut town, &rung, 180, None);
    trunk.expect(&mut town, 180);
    trunk.send(&mut town, &invite.cancel().to_bytes());
    trunk.expect(&mut town, 200);
    trunk.expect_failure(&mut town, &invite, 487);
    town.pass(Duration::from_secs(3));
    trunk.expect_silence(&mut town);
}

/// Strays: an ACK, a response and a request within a dialog that nobody knows.
#[test]
fn strays() {
    let mut town = Town::new();
    let mut phone = Phone::new("101", "10.20.0.101:5060");
    let uri = format!("sip:104@{DOMAIN}");
    let to = format!("<{uri}>;tag=unknown");
    let ack = phone.request(Method::ACK, &uri, &to);
    phone.send(&mut town, &ack.to_bytes());
    phone.expect_silence(&mut town);
    let options: Request = phone.request(Method::OPTIONS, &uri, &to);
    phone.send(&mut town, &options.response(200, None).to_bytes());
    phone.expect_silence(&mut town);
    for method in [Method::BYE, Method::INVITE, Method::UPDATE, Method::INFO, Method::NOTIFY] {
        let request = phone.request(method, &uri, &to);
        phone.send(&mut town, &request.to_bytes());
        phone.expect(&mut town, 481);
    }
    let counters = town.exchange.counters();
    assert_eq!((counters.acks_stray, counters.responses_stray), (1, 1));
    assert_eq!(town.exchange.load().transactions, 0);
}

/// A request within a dialog that comes too late by its CSeq is refused (RFC 3261 section 12.2.2).
#[test]
fn old_request_in_dialog() {
    let mut town = Town::new();
    let mut alice = town.registered("101", "10.20.0.101:5060");
    let mut bob = town.registered("104", "10.20.0.104:5060");
    connect(&mut town, &mut alice, &mut bob, "104");
    let late = alice.in_dialog(Method::INFO, 1);
    alice.send(&mut town, &late.to_bytes());
    alice.expect(&mut town, 500);
    bob.expect_silence(&mut town);
}
