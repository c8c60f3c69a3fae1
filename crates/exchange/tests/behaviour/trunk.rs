//! Calls over a trunk: known by its source address, reached by a prefix.

use crate::common::phone::{audio, ours};
use crate::common::{DOMAIN, Phone, TRUNK, Town, config, setup};
use exchange::{CallStatus, EndpointType};
use model::TrunkName;
use sip::{Method, Request, name};

/// The INVITE of the trunk as sipp's built-in uac would send it.
fn trunk_invite(trunk: &mut Phone, number: &str) -> Request {
    trunk.call_id.push('t');
    let uri = format!("sip:{number}@10.20.0.10:5060");
    let body = trunk.sdp("sendrecv");
    let mut invite = trunk.request(Method::INVITE, &uri, &format!("<{uri}>"));
    invite.headers.set(name::FROM, "\"Town Hall\" <sip:055123@10.20.0.200>;tag=trunk-1");
    invite.set_body("application/sdp", body);
    invite
}

/// The trunk rings an extension without digest; the phone sees the caller's number.
#[test]
fn incoming() {
    let mut town = Town::new();
    let mut bob = town.registered("104", "10.20.0.104:5060");
    let mut trunk = Phone::new("city", TRUNK);
    let invite = trunk_invite(&mut trunk, "104");
    trunk.send(&mut town, &invite.to_bytes());
    assert_eq!(trunk.any_response(&mut town).code(), 100);
    let rung = bob.expect_request(&mut town, &Method::INVITE);
    let from = rung.headers.from().unwrap();
    assert_eq!(from.display.as_deref(), Some("Town Hall"));
    assert_eq!(from.uri.to_string(), format!("sip:055123@{DOMAIN}"));
    bob.answer(&mut town, &rung);
    let answer = trunk.expect(&mut town, 200);
    trunk.acknowledge(&mut town, &invite, &answer);
    bob.hang_up(&mut town);
    trunk.expect_bye(&mut town);
    let record = town.only_record();
    assert_eq!(record.source_type, EndpointType::Trunk);
    assert_eq!(record.gateway_name.as_deref(), Some("city"));
    assert_eq!(record.caller.reveal(), "055123");
    town.assert_quiet();
}

/// The longest prefix leads to the trunk, `strip` takes it off; the trunk hears the number of the extension.
#[test]
fn outgoing() {
    let mut town = Town::new();
    let mut alice = town.registered("101", "10.20.0.101:5060");
    let mut trunk = Phone::new("city", TRUNK);
    let invite = alice.call(&mut town, "0055123");
    let rung = trunk.expect_request(&mut town, &Method::INVITE);
    assert_eq!(rung.uri.to_string(), format!("sip:055123@{TRUNK}"));
    assert_eq!(rung.headers.from().unwrap().uri.to_string(), format!("sip:101@{DOMAIN}"));
    assert_eq!(audio(&rung.body).0, ours(10_002));
    trunk.answer(&mut town, &rung);
    let answer = alice.expect(&mut town, 200);
    alice.acknowledge(&mut town, &invite, &answer);
    alice.hang_up(&mut town);
    trunk.expect_bye(&mut town);
    let record = town.only_record();
    assert_eq!(record.destination_type, EndpointType::Trunk);
    assert_eq!(record.answered_by.unwrap().reveal(), "0055123");
    town.assert_quiet();
}

/// Without `transit` a trunk reaches extensions only; with it, routes too.
#[test]
fn transit() {
    for (transit, status) in [(false, 404), (true, 100)] {
        let mut config = config();
        config.trunks.get_mut(&TrunkName::new("city")).unwrap().transit = transit;
        let mut town = Town::with(setup(), config);
        let mut trunk = Phone::new("city", TRUNK);
        let invite = trunk_invite(&mut trunk, "0055123");
        trunk.send(&mut town, &invite.to_bytes());
        trunk.any_response(&mut town);
        match town.take(trunk.address()) {
            Some(sip::Message::Response(response)) => assert_eq!(response.code(), status),
            Some(sip::Message::Request(_)) => assert!(transit, "the call goes out again"),
            None => panic!("an answer or the call"),
        }
    }
}

/// Another address with the same words is a stranger: 401, no record.
#[test]
fn stranger() {
    let mut town = Town::new();
    let mut stranger = Phone::new("city", "10.20.0.201:5080");
    let invite = trunk_invite(&mut stranger, "104");
    stranger.send(&mut town, &invite.to_bytes());
    stranger.expect(&mut town, 401);
    assert!(town.records.is_empty());
    assert_eq!(town.exchange.load().transactions, 0);
}

/// What the trunk says of its own matters (credentials, overload, redirection) is not the caller's.
#[test]
fn failures_of_the_trunk() {
    for (status, told) in [(407, 403), (503, 500), (302, 480), (404, 404), (486, 486)] {
        let mut town = Town::new();
        let mut alice = town.registered("101", "10.20.0.101:5060");
        let mut trunk = Phone::new("city", TRUNK);
        let invite = alice.call(&mut town, "0055123");
        let rung = trunk.expect_request(&mut town, &Method::INVITE);
        trunk.respond(&mut town, &rung, status, None);
        trunk.expect_request(&mut town, &Method::ACK);
        alice.expect_failure(&mut town, &invite, told);
        let expected = if status == 486 { CallStatus::Busy } else { CallStatus::Failed };
        assert_eq!(town.only_record().status, expected);
    }
}

/// RFC 3261 section 12.2.1.1: a proxy that records its route stays in the path of ACK and BYE.
#[test]
fn route_set() {
    let mut town = Town::new();
    let mut alice = town.registered("101", "10.20.0.101:5060");
    let mut trunk = Phone::new("city", TRUNK);
    let invite = alice.call(&mut town, "0055123");
    let rung = trunk.expect_request(&mut town, &Method::INVITE);
    let body = trunk.sdp("sendrecv");
    trunk.respond_with(&mut town, &rung, 200, |response| {
        response.headers.push(name::RECORD_ROUTE, "<sip:10.20.0.201:5070;lr>");
        response.headers.set(name::CONTACT, "<sip:055123@192.0.2.9:5066>");
        response.set_body("application/sdp", body);
    });
    let proxy = Phone::new("proxy", "10.20.0.201:5070");
    let Some(sip::Message::Request(ack)) = town.take(proxy.address()) else { panic!("ACK by the route") };
    assert_eq!(ack.uri.to_string(), "sip:055123@192.0.2.9:5066");
    assert_eq!(ack.headers.get(name::ROUTE), Some("<sip:10.20.0.201:5070;lr>"));
    let answer = alice.expect(&mut town, 200);
    alice.acknowledge(&mut town, &invite, &answer);
    alice.hang_up(&mut town);
    let Some(sip::Message::Request(bye)) = town.take(proxy.address()) else { panic!("BYE by the route") };
    assert_eq!(bye.method, Method::BYE);
}
