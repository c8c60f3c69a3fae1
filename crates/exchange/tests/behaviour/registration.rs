//! REGISTER: digest, refresh, removal, several contacts, bounds, order (RFC 3261 section 10, RFC 7616, RFC 8760).

use std::net::SocketAddr;
use std::time::Duration;

use crate::common::{DOMAIN, Phone, Town};
use exchange::{Destination, Flow, Input, Transport};
use sip::digest::Algorithm;
use sip::{Method, name};

/// A first REGISTER is challenged, the second with the right digest is taken, and the 200 lists the contact.
#[test]
fn digest_and_contact_list() {
    let mut town = Town::new();
    let mut phone = Phone::new("101", "10.20.0.101:5060");
    let request = phone.register_request(600);
    phone.send(&mut town, &request.to_bytes());
    let challenge = phone.expect(&mut town, 401);
    let challenges = challenge.headers.challenges(name::WWW_AUTHENTICATE).unwrap();
    assert_eq!(challenges.len(), 1, "md5 is one challenge");
    assert_eq!((challenges[0].realm.as_str(), challenges[0].algorithm), (DOMAIN, Algorithm::Md5));
    let request = phone.authorised(&request, &challenge);
    phone.send(&mut town, &request.to_bytes());
    let accepted = phone.expect(&mut town, 200);
    let contact = accepted.headers.contact().unwrap();
    assert_eq!(contact.uri.to_string(), "sip:101@10.20.0.101:5060");
    assert_eq!(contact.expires_s(), Some(600));
    assert_eq!(town.exchange.load().registrations, 1);
}

/// RFC 8760: `both` offers SHA-256 first, then MD5; either is taken. `sha-256` offers only that and takes no MD5.
#[test]
fn digest_algorithms() {
    let mut town = Town::new();
    let mut both = Phone::new("103", "10.20.0.103:5060");
    let request = both.register_request(600);
    both.send(&mut town, &request.to_bytes());
    let challenge = both.expect(&mut town, 401);
    let algorithms: Vec<Algorithm> = challenge
        .headers
        .challenges(name::WWW_AUTHENTICATE)
        .unwrap()
        .iter()
        .map(|challenge| challenge.algorithm)
        .collect();
    assert_eq!(algorithms, [Algorithm::Sha256, Algorithm::Md5]);
    let mut md5_only = challenge.clone();
    md5_only.headers.remove_first(name::WWW_AUTHENTICATE);
    for challenge in [&challenge, &md5_only] {
        let request = both.authorised(&request, challenge);
        both.send(&mut town, &request.to_bytes());
        both.expect(&mut town, 200);
    }
    let mut modern = Phone::new("102b", "10.20.0.122:5060");
    let request = modern.register_request(600);
    modern.send(&mut town, &request.to_bytes());
    let mut challenge = modern.expect(&mut town, 401);
    let text = challenge.headers.get(name::WWW_AUTHENTICATE).unwrap().replace("SHA-256", "MD5");
    challenge.headers.set(name::WWW_AUTHENTICATE, text);
    let request = modern.authorised(&request, &challenge);
    modern.send(&mut town, &request.to_bytes());
    modern.expect(&mut town, 401);
}

/// Wrong password and unknown account get the same answer; both are counted.
#[test]
fn no_enumeration_of_accounts() {
    let mut town = Town::new();
    let mut answers = Vec::new();
    for account in ["101", "nobody"] {
        let mut phone = Phone::new(account, "10.20.0.66:5060");
        phone.password = "guess".to_owned();
        let request = phone.register_request(600);
        let (_, answer) = phone.transact(&mut town, &request);
        assert_eq!(answer.code(), 401);
        let names: Vec<String> = answer.headers.iter().map(|header| header.name().to_owned()).collect();
        answers.push((names, answer.headers.get(name::WWW_AUTHENTICATE).map(str::to_owned)));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(town.exchange.counters().authentication_failures, 2);
    assert_eq!(town.exchange.load().transactions, 0, "strangers cost no memory");
}

/// RFC 7616 section 3.3: a nonce that is too old is answered with `stale=true`, one of another key without.
#[test]
fn stale_nonce() {
    let mut town = Town::new();
    let mut phone = Phone::new("101", "10.20.0.101:5060");
    let request = phone.register_request(600);
    phone.send(&mut town, &request.to_bytes());
    let challenge = phone.expect(&mut town, 401);
    town.pass(Duration::from_secs(302));
    let request = phone.authorised(&request, &challenge);
    phone.send(&mut town, &request.to_bytes());
    let again = phone.expect(&mut town, 401);
    assert!(again.headers.challenges(name::WWW_AUTHENTICATE).unwrap()[0].stale);
    let request = phone.authorised(&request, &again);
    phone.send(&mut town, &request.to_bytes());
    phone.expect(&mut town, 200);
    let mut forged = again.clone();
    let text = forged.headers.get(name::WWW_AUTHENTICATE).unwrap().replace("nonce=\"00", "nonce=\"01");
    forged.headers.set(name::WWW_AUTHENTICATE, text);
    let request = phone.authorised(&request, &forged);
    phone.send(&mut town, &request.to_bytes());
    let refused = phone.expect(&mut town, 401);
    assert!(!refused.headers.challenges(name::WWW_AUTHENTICATE).unwrap()[0].stale);
}

/// Both nodes know each other's nonces: a challenge of one is answered at the other.
#[test]
fn nonce_of_the_other_node() {
    let (mut first, mut second) = (Town::new(), Town::new());
    let mut phone = Phone::new("101", "10.20.0.101:5060");
    let request = phone.register_request(600);
    phone.send(&mut first, &request.to_bytes());
    let challenge = phone.expect(&mut first, 401);
    let request = phone.authorised(&request, &challenge);
    phone.send(&mut second, &request.to_bytes());
    phone.expect(&mut second, 200);
}

/// RFC 3261 section 10.3 step 5: an account cannot register for another one.
#[test]
fn other_user_is_forbidden() {
    let mut town = Town::new();
    let mut phone = Phone::new("101", "10.20.0.101:5060");
    let mut request = phone.register_request(600);
    request.headers.set(name::TO, format!("<sip:104@{DOMAIN}>"));
    let (_, answer) = phone.transact(&mut town, &request);
    assert_eq!(answer.code(), 403);
    assert_eq!(town.exchange.load().registrations, 0);
}

/// Refresh keeps one binding; expiry and removal end it.
#[test]
fn refresh_remove_expire() {
    let mut town = Town::new();
    let mut phone = Phone::new("101", "10.20.0.101:5060");
    phone.register(&mut town, 60);
    town.pass(Duration::from_secs(40));
    phone.register(&mut town, 60);
    assert_eq!(town.exchange.load().registrations, 1);
    town.pass(Duration::from_secs(59));
    assert_eq!(town.exchange.load().registrations, 1, "the refresh counts");
    town.pass(Duration::from_secs(2));
    assert_eq!(town.exchange.load().registrations, 0, "it expires by its own time");
    phone.register(&mut town, 60);
    let removed = phone.register(&mut town, 0);
    assert!(!removed.headers.has(name::CONTACT));
    assert_eq!(town.exchange.load().registrations, 0);
}

/// RFC 3261 section 10.2.2: `*` removes all contacts, only with `Expires: 0`.
#[test]
fn remove_all() {
    let mut town = Town::new();
    let mut phone = town.registered("101", "10.20.0.101:5060");
    town.registered("101", "10.20.0.111:5060");
    assert_eq!(town.exchange.load().registrations, 2);
    for (expires, status, left) in [(60, 400, 2), (0, 200, 0)] {
        let mut request = phone.register_request(expires);
        request.headers.set(name::CONTACT, "*");
        let (_, answer) = phone.transact(&mut town, &request);
        assert_eq!((answer.code(), town.exchange.load().registrations), (status, left));
    }
}

/// A REGISTER without Contact only asks what is registered.
#[test]
fn fetch() {
    let mut town = Town::new();
    let mut phone = town.registered("101", "10.20.0.101:5060");
    let mut request = phone.register_request(60);
    request.headers.remove(name::CONTACT);
    let (_, answer) = phone.transact(&mut town, &request);
    assert_eq!(answer.headers.contact().unwrap().expires_s(), Some(3600));
}

/// Too short is refused with Min-Expires, too long is shortened, none means the default.
#[test]
fn expiry_bounds() {
    let mut town = Town::new();
    let mut phone = Phone::new("101", "10.20.0.101:5060");
    let request = phone.register_request(29);
    let (_, answer) = phone.transact(&mut town, &request);
    assert_eq!((answer.code(), answer.headers.min_expires_s().unwrap()), (423, Some(30)));
    let answer = phone.register(&mut town, 1_000_000);
    assert_eq!(answer.headers.contact().unwrap().expires_s(), Some(7200));
    let mut request = phone.register_request(0);
    request.headers.remove(name::EXPIRES);
    let (_, answer) = phone.transact(&mut town, &request);
    assert_eq!(answer.headers.contact().unwrap().expires_s(), Some(3600));
}

/// An account has at most `contacts-max` contacts; a phone with `+sip.instance` that comes back with another address
/// replaces its older contact instead.
#[test]
fn several_contacts() {
    let mut town = Town::new();
    for host in 1..=3 {
        town.registered("101", &format!("10.20.0.{host}:5060"));
    }
    let mut fourth = Phone::new("101", "10.20.0.4:5060");
    let request = fourth.register_request(60);
    assert_eq!(fourth.transact(&mut town, &request).1.code(), 403);
    let instance = ";+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000A95A0E128>\"";
    let mut third = Phone::new("101", "10.20.0.3:5060");
    third.contact_params = instance.to_owned();
    third.call_id = "another".to_owned();
    third.register(&mut town, 60);
    fourth.contact_params = instance.to_owned();
    fourth.call_id = "later".to_owned();
    let answer = fourth.register(&mut town, 60);
    assert_eq!(answer.headers.count(name::CONTACT), 3);
    assert!(!answer.headers.all(name::CONTACT).any(|contact| contact.contains("10.20.0.3:")));
}

/// RFC 3261 section 10.3 step 7: an older REGISTER of the same Call-ID changes nothing, also after a removal.
#[test]
fn out_of_order() {
    let mut town = Town::new();
    let mut phone = Phone::new("101", "10.20.0.101:5060");
    let request = phone.register_request(600);
    let (late, answer) = phone.transact(&mut town, &request);
    assert_eq!(answer.code(), 200);
    let removal = phone.register_request(0);
    assert_eq!(phone.transact(&mut town, &removal).1.code(), 200);
    town.pass(Duration::from_secs(33));
    phone.send(&mut town, &late.to_bytes());
    phone.expect(&mut town, 500);
    assert_eq!(town.exchange.load().registrations, 0);
}

/// A repeated REGISTER is answered the same and done once.
#[test]
fn retransmission() {
    let mut town = Town::new();
    let mut phone = Phone::new("101", "10.20.0.101:5060");
    let request = phone.register_request(600);
    let (request, first) = phone.transact(&mut town, &request);
    phone.send(&mut town, &request.to_bytes());
    assert_eq!(phone.expect(&mut town, 200), first);
    assert_eq!(town.replicated.len(), 1);
}

/// RFC 3581: `rport` gets the answer to the source port, with `received`; without it the port of Via counts.
#[test]
fn symmetric_response() {
    let mut town = Town::new();
    let mut phone = Phone::new("101", "10.20.0.101:5060");
    let mut request = phone.register_request(600);
    let nat = "198.51.100.7:40123".parse().unwrap();
    town.datagram(nat, &request.to_bytes());
    let Some(sip::Message::Response(answer)) = town.take(nat) else { panic!("answer to the source") };
    let via = answer.headers.top_via().unwrap();
    assert_eq!((via.rport(), via.received()), (Some(40123), Some("198.51.100.7".parse().unwrap())));
    request.headers.set_first(name::VIA, "SIP/2.0/UDP 10.20.0.101:5062;branch=z9hG4bKnorport");
    town.datagram(nat, &request.to_bytes());
    assert!(town.take("198.51.100.7:5062".parse().unwrap()).is_some());
}

/// Each change is told to the peer node, which can call the phone at once; removal too; older news is passed over.
#[test]
fn replication() {
    let mut town = Town::new();
    let mut standby = Town::new();
    standby.input(Input::Serving(false));
    let mut phone = town.registered("101", "10.20.0.101:5060");
    for update in &town.replicated {
        standby.input(Input::Replica(update.clone()));
    }
    assert_eq!(standby.exchange.registrations(), town.exchange.registrations());
    standby.input(Input::Serving(true));
    let mut caller = standby.registered("104", "10.20.0.104:5060");
    caller.call(&mut standby, "101");
    let rung = phone.expect_request(&mut standby, &Method::INVITE);
    phone.respond(&mut standby, &rung, 486, None);
    let old = town.replicated[0].clone();
    town.replicated.clear();
    phone.register(&mut town, 0);
    assert_eq!(town.replicated[0].remaining_ms, 0);
    standby.input(Input::Replica(town.replicated[0].clone()));
    assert_eq!(standby.exchange.load().registrations, 1, "only the caller's");
    standby.input(Input::Replica(old));
    assert_eq!(standby.exchange.load().registrations, 1, "older news do not bring it back");
    assert_eq!(standby.exchange.counters().replicas_stale, 1);
}

/// A phone that moved (same `+sip.instance`) while the link was down is not called at its old place again when the peer
/// sends its copy.
#[test]
fn old_copy_of_the_peer() {
    let mut town = Town::new();
    let mut phone = Phone::new("101", "10.20.0.101:5060");
    phone.contact_params = ";+sip.instance=\"<urn:uuid:1>\"".to_owned();
    phone.register(&mut town, 3600);
    let copy = town.replicated[0].clone();
    let mut moved = Phone::new("101", "10.20.0.77:5060");
    moved.contact_params.clone_from(&phone.contact_params);
    moved.register(&mut town, 3600);
    town.input(Input::Replica(copy));
    assert_eq!(town.exchange.registrations().len(), 1);
    assert!(town.exchange.registrations()[0].contact.contains("10.20.0.77"));
}

/// A peer that connects gets every registration, with the time it has left.
#[test]
fn full_copy() {
    let mut town = Town::new();
    town.registered("101", "10.20.0.101:5060");
    town.registered("104", "10.20.0.104:5060");
    town.replicated.clear();
    town.pass(Duration::from_secs(600));
    town.input(Input::ReplicaWanted);
    let mut left: Vec<_> =
        town.replicated.iter().map(|update| (update.account.as_str(), update.remaining_ms)).collect();
    left.sort_unstable();
    assert_eq!(left, [("101", 3_000_000), ("104", 3_000_000)]);
}

/// A TCP binding whose connection is gone is connected to; when that fails it cannot be called (480) until the phone is
/// back; a full account makes room.
#[test]
fn tcp_connection_gone() {
    let mut town = Town::new();
    let mut bob = Phone::tcp("104", "10.20.0.104:31000", 1);
    bob.register(&mut town, 600);
    let mut alice = town.registered("101", "10.20.0.101:5060");
    alice.call(&mut town, "104");
    let rung = bob.expect_request(&mut town, &Method::INVITE);
    assert_eq!(rung.headers.top_via().unwrap().transport, "TCP");
    bob.respond(&mut town, &rung, 486, None);
    bob.expect_request(&mut town, &Method::ACK);
    alice.expect(&mut town, 486);
    town.input(Input::FlowClosed { flow: bob.flow });
    alice.call(&mut town, "104");
    bob.expect_request(&mut town, &Method::INVITE);
    let destination = bob.dialled();
    town.input(Input::SendFailed { destination });
    alice.expect(&mut town, 480);
    for connection in 2..=4 {
        let mut bob = Phone::tcp("104", &format!("10.20.0.104:3100{connection}"), connection);
        bob.register(&mut town, 600);
    }
    assert_eq!(town.exchange.load().registrations, 1 + 3, "the unreachable one made room");
}

/// A phone that registers from another port than its Contact names, with no NAT between, is called at its Contact; one
/// whose Contact is not where its packets come from is behind a NAT and called the way it came (RFC 3261 section 16.6,
/// RFC 3581).
#[test]
fn contact_of_another_port() {
    let mut town = Town::new();
    let mut alice = town.registered("101", "10.20.0.101:5060");
    let listens: SocketAddr = "10.20.0.104:6060".parse().unwrap();
    let cases = [
        // (Contact, called at)
        ("<sip:104@10.20.0.104:6060>", listens),
        ("<sip:104@10.20.0.104:6060;transport=udp>", listens),
        ("<sip:104@10.20.0.104>", "10.20.0.104:5060".parse().unwrap()),
        ("<sip:104@192.168.7.7:6060>", "10.20.0.104:31000".parse().unwrap()),
        ("<sip:104@phone.example.com:6060>", "10.20.0.104:31000".parse().unwrap()),
    ];
    for (contact, called_at) in cases {
        let mut phone = Phone::new("104", "10.20.0.104:31000");
        let mut request = phone.register_request(600);
        request.headers.set(name::CONTACT, contact);
        assert_eq!(phone.transact(&mut town, &request).1.code(), 200);
        let invite = alice.call(&mut town, "104");
        phone.flow.remote = called_at;
        let rung = phone.expect_request(&mut town, &Method::INVITE);
        phone.respond(&mut town, &rung, 486, None);
        phone.expect_request(&mut town, &Method::ACK);
        alice.expect_failure(&mut town, &invite, 486);
        phone.flow.remote = "10.20.0.104:31000".parse().unwrap();
        let mut removal = phone.register_request(0);
        removal.headers.set(name::CONTACT, contact);
        assert_eq!(phone.transact(&mut town, &removal).1.code(), 200);
    }
}

/// RFC 3261 section 12.2.1.1: within a call too, a phone with no NAT between gets requests at its Contact, another one
/// where it called from.
#[test]
fn caller_with_contact_of_another_port() {
    for (contact, told_at) in [
        ("<sip:101@10.20.0.101:6060>", "10.20.0.101:6060"),
        ("<sip:101@192.168.7.7:6060>", "10.20.0.101:31000"),
    ] {
        let mut town = Town::new();
        let mut bob = town.registered("104", "10.20.0.104:5060");
        let mut alice = Phone::new("101", "10.20.0.101:31000");
        let body = alice.sdp("sendrecv");
        let invite = alice.call_with(&mut town, "104", |invite| {
            invite.headers.set(name::CONTACT, contact);
            invite.set_body("application/sdp", body);
        });
        let rung = bob.expect_request(&mut town, &Method::INVITE);
        let body = bob.sdp("sendrecv");
        bob.respond(&mut town, &rung, 200, Some(body));
        bob.expect_request(&mut town, &Method::ACK);
        let answer = alice.expect(&mut town, 200);
        alice.acknowledge(&mut town, &invite, &answer);
        bob.hang_up(&mut town);
        alice.flow.remote = told_at.parse().unwrap();
        alice.expect_bye(&mut town);
    }
}

/// Row H12: after a takeover a phone on TCP has no connection to this node yet. When nothing is between, it is connected
/// to at its Contact; else it cannot be called until it is back.
#[test]
fn tcp_phone_after_a_takeover() {
    for (contact, reachable) in [
        ("<sip:104@10.20.0.104:6060;transport=tcp>", true),
        ("<sip:104@10.20.0.104:6060>", true),
        ("<sip:104@192.168.7.7:6060;transport=tcp>", false),
    ] {
        let (mut first, mut second) = (Town::new(), Town::new());
        let mut phone = Phone::tcp("104", "10.20.0.104:31000", 1);
        let mut request = phone.register_request(600);
        request.headers.set(name::CONTACT, contact);
        assert_eq!(phone.transact(&mut first, &request).1.code(), 200);
        second.input(Input::Replica(first.replicated[0].clone()));
        let mut alice = second.registered("101", "10.20.0.101:5060");
        let invite = alice.call(&mut second, "104");
        if !reachable {
            alice.expect_failure(&mut second, &invite, 480);
            continue;
        }
        phone.flow.remote = "10.20.0.104:6060".parse().unwrap();
        phone.flow.connection = 7;
        let rung = phone.expect_request(&mut second, &Method::INVITE);
        assert_eq!(rung.headers.top_via().unwrap().transport, "TCP");
        let body = phone.sdp("sendrecv");
        phone.respond(&mut second, &rung, 200, Some(body));
        phone.expect_request(&mut second, &Method::ACK);
        alice.expect(&mut second, 200);
        assert_eq!(second.exchange.load().calls, 1);
    }
}

/// A phone on TCP that starts anew at the same place with another user part is rung once: what it left behind goes.
#[test]
fn tcp_phone_restarted() {
    let mut town = Town::new();
    for connection in 1..=2 {
        let mut phone = Phone::tcp("104", &format!("10.20.0.104:3100{connection}"), connection);
        let mut request = phone.register_request(600);
        let contact = format!("<sip:104-{connection}@10.20.0.104:6060;transport=tcp>");
        request.headers.set(name::CONTACT, contact);
        assert_eq!(phone.transact(&mut town, &request).1.code(), 200);
        assert_eq!(town.exchange.registrations().len(), 1);
        assert!(town.exchange.registrations()[0].contact.contains(&format!("104-{connection}@")));
        town.input(Input::FlowClosed { flow: phone.flow });
    }
}

/// A node that does not serve answers nothing, and keeps its registrations.
#[test]
fn not_serving() {
    let mut town = Town::new();
    let mut phone = town.registered("101", "10.20.0.101:5060");
    town.input(Input::Serving(false));
    let request = phone.register_request(600);
    phone.send(&mut town, &request.to_bytes());
    phone.expect_silence(&mut town);
    assert_eq!(town.exchange.load().registrations, 1);
    town.pass(Duration::from_secs(3601));
    assert_eq!(town.exchange.load().registrations, 0);
}

/// A datagram that could not be sent tells of the destination; nothing waits there for ever.
#[test]
fn unreachable_phone() {
    let mut town = Town::new();
    let bob = town.registered("104", "10.20.0.104:5060");
    let mut alice = town.registered("101", "10.20.0.101:5060");
    alice.call(&mut town, "104");
    let flow = Flow { transport: Transport::Udp, ..bob.flow };
    town.input(Input::SendFailed { destination: Destination::Flow(flow) });
    alice.expect(&mut town, 480);
    assert_eq!(town.only_record().sip_status, 480);
}
