//! Calls that come to nothing: each is answered with the right status and leaves one record.

use crate::common::{DOMAIN, Town, config, setup};
use exchange::{CallStatus, EndpointType, Input, Limits, MediaCommand, MediaSession, Setup};
use sip::{Method, name};

/// Busy, declined, unknown number, nobody registered, oneself: status to the caller and in the record.
#[test]
fn statuses() {
    for (number, answer, status, told) in [
        ("104", Some(486), CallStatus::Busy, 486),
        ("104", Some(600), CallStatus::Busy, 600),
        ("104", Some(603), CallStatus::Failed, 603),
        ("104", Some(480), CallStatus::Failed, 480),
        ("105", None, CallStatus::Failed, 480),
        ("199", None, CallStatus::Failed, 404),
        ("101", None, CallStatus::Busy, 486),
    ] {
        let mut town = Town::new();
        let mut alice = town.registered("101", "10.20.0.101:5060");
        let mut bob = town.registered("104", "10.20.0.104:5060");
        let invite = alice.call(&mut town, number);
        if let Some(answer) = answer {
            let rung = bob.expect_request(&mut town, &Method::INVITE);
            bob.respond(&mut town, &rung, answer, None);
            bob.expect_request(&mut town, &Method::ACK);
        }
        alice.expect_failure(&mut town, &invite, told);
        let record = town.only_record();
        assert_eq!((record.status, record.sip_status), (status, told), "{number}");
        assert_eq!(record.called.reveal(), number);
        let known = if told == 404 { EndpointType::Unknown } else { EndpointType::Extension };
        assert_eq!(record.destination_type, known);
        town.assert_quiet();
    }
}

/// A phone that rang and then gave up by itself counts as not answered.
#[test]
fn phone_stops_ringing() {
    let mut town = Town::new();
    let mut alice = town.registered("101", "10.20.0.101:5060");
    let mut bob = town.registered("104", "10.20.0.104:5060");
    alice.call(&mut town, "104");
    let rung = bob.expect_request(&mut town, &Method::INVITE);
    bob.respond(&mut town, &rung, 180, None);
    bob.respond(&mut town, &rung, 480, None);
    assert_eq!(town.only_record().status, CallStatus::NoAnswer);
}

/// RFC 3261 section 8.2: what an INVITE asks for and we do not have is refused with the header that says so.
#[test]
fn refused_with_reason() {
    type Change = fn(&mut sip::Request);
    let cases: [(Change, u16, &str); 6] = [
        (|invite| invite.headers.push(name::REQUIRE, "100rel"), 420, "Unsupported: 100rel"),
        (|invite| invite.headers.push(name::PROXY_REQUIRE, "foo"), 420, "Unsupported: foo"),
        (|invite| invite.set_body("text/plain", b"hello".to_vec()), 415, "Accept: application/sdp"),
        (|invite| invite.headers.push(name::CONTENT_ENCODING, "gzip"), 415, "Accept-Encoding: identity"),
        (|invite| invite.headers.set(name::MAX_FORWARDS, 0), 483, "Too Many Hops"),
        (|invite| invite.body.truncate(20), 488, "Not Acceptable Here"),
    ];
    for (change, status, reason) in cases {
        let mut town = Town::new();
        let mut alice = town.registered("101", "10.20.0.101:5060");
        town.registered("104", "10.20.0.104:5060");
        let body = alice.sdp("sendrecv");
        let invite = alice.call_with(&mut town, "104", |invite| {
            invite.set_body("application/sdp", body);
            change(invite);
        });
        let refused = alice.expect_failure(&mut town, &invite, status);
        let text = String::from_utf8(refused.to_bytes()).unwrap();
        assert!(text.contains(reason), "{status}: {text}");
        assert_eq!(town.only_record().sip_status, status);
        town.assert_quiet();
    }
}

/// Media that we do not relay (SRTP, fax only) is refused with 488.
#[test]
fn media_not_relayed() {
    let mut town = Town::new();
    let mut alice = town.registered("101", "10.20.0.101:5060");
    town.registered("104", "10.20.0.104:5060");
    let body = String::from_utf8(alice.sdp("sendrecv")).unwrap().replace("RTP/AVP", "RTP/SAVP").into_bytes();
    let invite = alice.call_with(&mut town, "104", |invite| invite.set_body("application/sdp", body));
    alice.expect_failure(&mut town, &invite, 488);
}

/// Credentials for one number do not place a call to another.
#[test]
fn credentials_cover_the_number() {
    let mut town = Town::new();
    let mut alice = town.registered("101", "10.20.0.101:5060");
    town.registered("104", "10.20.0.104:5060");
    let uri = format!("sip:105@{DOMAIN}");
    let invite = alice.request(Method::INVITE, &uri, &format!("<{uri}>"));
    alice.send(&mut town, &invite.to_bytes());
    let challenge = alice.expect(&mut town, 401);
    let mut invite = alice.authorised(&invite, &challenge);
    invite.uri = format!("sip:104@{DOMAIN}").parse().unwrap();
    alice.send(&mut town, &invite.to_bytes());
    alice.expect(&mut town, 401);
    assert!(town.records.is_empty());
}

/// When the ports or calls run out the caller gets 503 with Retry-After; when a call ends the next one goes through.
#[test]
fn exhausted() {
    let few_ports = {
        let mut config = config();
        config.media.port_max = 10_003;
        (setup(), config)
    };
    let few_calls = (Setup { limits: Limits { calls_max: 1, ..Limits::default() }, ..setup() }, config());
    for (setup, config) in [few_ports, few_calls] {
        let mut town = Town::with(setup, config);
        let mut alice = town.registered("101", "10.20.0.101:5060");
        let mut carol = town.registered("105", "10.20.0.105:5060");
        let mut bob = town.registered("104", "10.20.0.104:5060");
        let invite = alice.call(&mut town, "104");
        let rung = bob.expect_request(&mut town, &Method::INVITE);
        let second = carol.call(&mut town, "104");
        let refused = carol.expect_failure(&mut town, &second, 503);
        assert!(refused.headers.has(name::RETRY_AFTER));
        assert_eq!(town.only_record().sip_status, 503);
        bob.respond(&mut town, &rung, 486, None);
        alice.expect_failure(&mut town, &invite, 486);
        town.only_record();
        town.assert_quiet();
        bob.expect_request(&mut town, &Method::ACK);
        carol.call(&mut town, "104");
        bob.expect_request(&mut town, &Method::INVITE);
    }
}

/// Too many transactions: new requests get 503, the calls there are go on.
#[test]
fn transactions_exhausted() {
    let limits = Limits { transactions_max: 4, ..Limits::default() };
    let mut town = Town::with(Setup { limits, ..setup() }, config());
    let mut phones: Vec<_> =
        (1..=5).map(|host| crate::common::Phone::new("101", &format!("10.20.0.{host}:5060"))).collect();
    let mut statuses = Vec::new();
    for phone in &mut phones {
        let mut request = phone.register_request(60);
        request.headers.remove(name::CONTACT);
        statuses.push(phone.transact(&mut town, &request).1.code());
    }
    assert_eq!(statuses, [200, 200, 200, 200, 503]);
    assert_eq!(town.exchange.counters().refused_at_limit, 1);
}

/// The relay cannot bind the ports: the caller gets 503, nothing is left to close.
#[test]
fn media_failed() {
    let mut town = Town::new();
    let mut alice = town.registered("101", "10.20.0.101:5060");
    let mut bob = town.registered("104", "10.20.0.104:5060");
    let invite = alice.call(&mut town, "104");
    let rung = bob.expect_request(&mut town, &Method::INVITE);
    bob.respond(&mut town, &rung, 180, None);
    alice.expect(&mut town, 180);
    town.input(Input::MediaFailed { session: MediaSession(1) });
    alice.expect_failure(&mut town, &invite, 503);
    bob.expect_request(&mut town, &Method::CANCEL);
    assert!(!town.media.contains(&MediaCommand::Close { session: MediaSession(1) }));
    town.only_record();
    town.assert_quiet();
}

/// A node that stops serving ends its calls with records and without a word on the wire.
#[test]
fn stops_serving() {
    let mut town = Town::new();
    let mut alice = town.registered("101", "10.20.0.101:5060");
    let mut bob = town.registered("104", "10.20.0.104:5060");
    crate::common::phone::connect(&mut town, &mut alice, &mut bob, "104");
    town.input(Input::Serving(false));
    alice.expect_silence(&mut town);
    bob.expect_silence(&mut town);
    assert_eq!(town.only_record().status, CallStatus::Answered);
    town.assert_quiet();
}

/// A node that serves again begins anew: nothing of the time before touches its calls.
#[test]
fn serves_again() {
    let mut town = Town::new();
    let mut alice = town.registered("101", "10.20.0.101:5060");
    let mut bob = town.registered("104", "10.20.0.104:5060");
    town.pass(std::time::Duration::from_secs(30));
    town.input(Input::Serving(false));
    town.input(Input::Serving(true));
    alice.call(&mut town, "104");
    let rung = bob.expect_request(&mut town, &Method::INVITE);
    bob.respond(&mut town, &rung, 180, None);
    alice.expect(&mut town, 180);
    // The transactions of the registrations would have ended here
    town.pass(std::time::Duration::from_secs(5));
    bob.answer(&mut town, &rung);
    alice.expect(&mut town, 200);
}
