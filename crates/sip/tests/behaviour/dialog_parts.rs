//! Responses and requests made from requests, and where responses go.

use std::net::SocketAddr;

use sip::{Method, NameAddr, Request, StatusCode, Via, name};

use crate::{INVITE, request, response};

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// RFC 3261 section 8.2.6: what a response copies, and the tag it adds.
#[test]
fn a_response_copies_what_it_must() {
    let invite = request(
        &INVITE.replace("Max-Forwards", "Via: SIP/2.0/TCP b.example;branch=z9hG4bKb\r\nMax-Forwards"),
    );
    let ringing = invite.response(StatusCode::Ringing, Some("t1"));
    let printed = String::from_utf8(ringing.to_bytes()).unwrap();
    let ringing = response(&printed);
    assert!(printed.starts_with("SIP/2.0 180 Ringing\r\n"), "{printed}");
    for copied in [name::VIA, name::FROM, name::CALL_ID, name::CSEQ, name::RECORD_ROUTE] {
        let (own, original): (Vec<_>, Vec<_>) =
            (ringing.headers.all(copied).collect(), invite.headers.all(copied).collect());
        assert_eq!(own, original, "{copied}");
    }
    assert_eq!(ringing.headers.to().unwrap().tag(), Some("t1"));
    assert_eq!(ringing.headers.get(name::CONTENT_LENGTH), Some("0"));
    let trying = request(&INVITE.replace("Supported", "Timestamp: 54\r\nSupported")).response(100, None);
    assert_eq!((trying.headers.to().unwrap().tag(), trying.headers.get(name::TIMESTAMP)), (None, Some("54")));
    assert!(!invite.response(486, Some("t1")).headers.has(name::RECORD_ROUTE));
    let again = request(&INVITE.replace("To: <sip:201@pbx.example>", "To: <sip:201@pbx.example>;tag=old"));
    assert_eq!(again.response(200, Some("t1")).headers.to().unwrap().tag(), Some("old"));
}

/// RFC 3261 sections 9.1 and 17.1.1.3: CANCEL and the ACK of a failure share branch, From, Call-ID, number
/// and Route.
#[test]
fn cancel_and_ack_belong_to_their_invite() {
    let invite = request(&INVITE.replace("Max-Forwards", "Route: <sip:edge.example;lr>\r\nMax-Forwards"));
    let busy = invite.response(486, Some("t9"));
    for (made, method, to_tag) in
        [(invite.cancel(), Method::CANCEL, None), (invite.ack_of_failure(&busy), Method::ACK, Some("t9"))]
    {
        let made = request(&String::from_utf8(made.to_bytes()).unwrap());
        assert_eq!((&made.method, &made.uri), (&method, &invite.uri));
        assert_eq!(made.headers.top_via(), invite.headers.top_via());
        assert_eq!(made.headers.count(name::VIA), 1);
        assert_eq!(made.headers.from(), invite.headers.from());
        assert_eq!(made.headers.routes(), invite.headers.routes());
        assert_eq!(made.headers.cseq().unwrap().number, 1);
        assert_eq!(made.headers.to().unwrap().tag(), to_tag);
    }
}

/// RFC 3261 section 8.1.1: a request of our own has what every request must have.
#[test]
fn a_new_request_is_complete() {
    let target = "sip:201@192.0.2.9:5070;ob".parse().unwrap();
    let via = Via::new("UDP", address("[2001:db8::1]:5060"), "z9hG4bKx");
    let from = NameAddr::new("sip:200@pbx.example".parse::<sip::Uri>().unwrap()).with_tag("f");
    let to =
        NameAddr::new("sip:201@pbx.example".parse::<sip::Uri>().unwrap()).with_display("A \"quoted\" name");
    let made = Request::with_core(Method::INVITE, target, &via, &from, &to, "call", 7);
    let printed = String::from_utf8(made.to_bytes()).unwrap();
    assert!(
        printed.contains("\r\nVia: SIP/2.0/UDP [2001:db8::1]:5060;branch=z9hG4bKx;rport\r\n"),
        "{printed}"
    );
    assert!(printed.contains("\r\nTo: \"A \\\"quoted\\\" name\" <sip:201@pbx.example>\r\n"), "{printed}");
    assert_eq!(request(&printed).headers.cseq().unwrap().to_string(), "7 INVITE");
}

/// RFC 3261 section 18.2.1, RFC 3581 section 4: what the server notes in the top Via, and where the response
/// goes then.
#[test]
fn responses_find_their_way_back() {
    let cases = [
        // Via as sent, source, Via as noted, where the response goes
        ("192.0.2.7:5062;branch=b", "192.0.2.7:5062", "192.0.2.7:5062;branch=b", "192.0.2.7:5062"),
        ("192.0.2.7;branch=b", "192.0.2.7:40000", "192.0.2.7;branch=b", "192.0.2.7:5060"),
        (
            "10.0.0.5:5062;branch=b",
            "192.0.2.7:40000",
            "10.0.0.5:5062;branch=b;received=192.0.2.7",
            "192.0.2.7:5062",
        ),
        (
            "10.0.0.5:5062;rport;branch=b",
            "192.0.2.7:40000",
            "10.0.0.5:5062;rport=40000;branch=b;received=192.0.2.7",
            "192.0.2.7:40000",
        ),
        (
            "phone.example;branch=b",
            "[2001:db8::7]:5060",
            "phone.example;branch=b;received=2001:db8::7",
            "[2001:db8::7]:5060",
        ),
        // With rport, received is always told
        (
            "192.0.2.7:5062;rport;branch=b",
            "192.0.2.7:5062",
            "192.0.2.7:5062;rport=5062;branch=b;received=192.0.2.7",
            "192.0.2.7:5062",
        ),
        // What a stranger claims about himself is replaced
        (
            "10.0.0.5;received=198.51.100.1;rport=9;branch=b",
            "192.0.2.7:40000",
            "10.0.0.5;received=192.0.2.7;rport=40000;branch=b",
            "192.0.2.7:40000",
        ),
        ("192.0.2.7;received=198.51.100.1", "192.0.2.7:5060", "192.0.2.7", "192.0.2.7:5060"),
        // A socket for both families shows IPv4 sources as IPv6
        ("192.0.2.7:5062;branch=b", "[::ffff:192.0.2.7]:5062", "192.0.2.7:5062;branch=b", "192.0.2.7:5062"),
    ];
    for (sent, source, noted, destination) in cases {
        let mut request = request(&INVITE.replace("192.0.2.7:5062;branch=z9hG4bKa1;rport", sent));
        request.note_source(address(source)).unwrap();
        assert_eq!(request.headers.get(name::VIA), Some(format!("SIP/2.0/UDP {noted}").as_str()));
        let via = request.headers.top_via().unwrap();
        assert_eq!(via.response_address(), Some(address(destination)), "{sent} from {source}");
    }
    let multicast: Via = "SIP/2.0/UDP 192.0.2.7;maddr=224.0.1.75".parse().unwrap();
    assert_eq!(multicast.response_address(), Some(address("224.0.1.75:5060")));
    let name: Via = "SIP/2.0/TLS phone.example".parse().unwrap();
    assert_eq!(name.response_address(), None);
}

/// RFC 3261 section 8.2.2.3: which options of Require are unknown.
#[test]
fn unknown_options_are_named() {
    let invite =
        request(&INVITE.replace("Supported: 100rel, timer", "Require: 100REL, , gruu,timer\r\nRequire: x"));
    assert_eq!(invite.unsupported_extensions(&["100rel", "timer"]), ["gruu", "x"]);
}
