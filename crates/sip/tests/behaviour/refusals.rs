//! What a broken message gets: an answer built from what could be read, or silence.

use sip::limits::{HEAD_BYTES_MAX, HEADERS_MAX, MESSAGE_BYTES_MAX};
use sip::{Delivery, Message, ParseError, Refusal, name};

use crate::INVITE;

fn refusal(text: &str) -> Box<Refusal> {
    match Message::parse(text.as_bytes(), Delivery::Datagram) {
        Err(ParseError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

fn is_dropped(text: &str) -> bool {
    matches!(Message::parse(text.as_bytes(), Delivery::Datagram), Err(ParseError::Unusable { .. }))
}

/// RFC 3261 section 8.2.6, RFC 4475: the answer has the way back and the names of the call, each once.
#[test]
fn a_refusal_carries_what_could_be_read() {
    let repeated = INVITE.replace("CSeq: 1 INVITE", "CSeq: 1 INVITE\r\nCSeq: 2 INVITE");
    let refusal = refusal(&repeated);
    assert_eq!(refusal.status, 400);
    assert_eq!(refusal.source.name(), name::CSEQ);
    let answer = refusal.response("ours");
    let printed = String::from_utf8(answer.to_bytes()).unwrap();
    assert!(
        printed.starts_with("SIP/2.0 400 Bad Request: CSeq repeated\r\nVia: SIP/2.0/UDP 192.0.2.7:5062;"),
        "{printed}"
    );
    assert_eq!((answer.headers.count(name::CSEQ), answer.headers.call_id()), (1, Ok("c1@192.0.2.7")));
    assert_eq!(answer.headers.to().unwrap().tag(), Some("ours"));
}

/// The faults that get an answer, and which.
#[test]
fn each_fault_has_its_status() {
    let long_head = format!("X: {}\r\nTo:", "a".repeat(HEAD_BYTES_MAX));
    let many = format!("{}To:", "X: a\r\n".repeat(HEADERS_MAX));
    let cases = [
        (" SIP/2.0\r\n", " SIP/3.0\r\n", 505),
        (" SIP/2.0\r\n", "  SIP/2.0\r\n", 400),
        ("sip:201@pbx.example SIP", "sip:@ SIP", 400),
        ("sip:201@pbx.example SIP", "201 SIP", 400),
        ("sip:201@pbx.example SIP", "sip:201@pbx.example?Subject=x SIP", 400),
        ("1 INVITE", "1 BYE", 400),
        ("INVITE sip", "NEWMETHOD sip", 501),
        ("1 INVITE", "INVITE", 400),
        ("Max-Forwards: 70", "Max-Forwards: 256", 400),
        ("Max-Forwards: 70", "no colon", 400),
        ("Max-Forwards: 70", "bad name: 1", 400),
        ("Call-ID: c1@192.0.2.7", "Call-ID:", 400),
        ("application/sdp", "sdp", 400),
        ("<sip:edge.example;lr>", "<sip:edge.example;lr", 400),
        ("Content-Length: 4", "Content-Length: 5", 400),
        ("To:", &long_head, 513),
        ("To:", &many, 400),
    ];
    for (from, to, status) in cases {
        assert_eq!(refusal(&INVITE.replacen(from, to, 1)).status, status, "{}", &to[..to.len().min(60)]);
    }
}

/// An ACK is never answered, a response never either, and what is no SIP is dropped.
#[test]
fn what_cannot_be_answered_is_dropped() {
    assert!(is_dropped(&INVITE.replace("INVITE", "ACK").replace("1 ACK", "x")));
    assert!(is_dropped(&INVITE.replace("Via:", "X:")));
    assert!(is_dropped(&INVITE.replace("INVITE sip:201@pbx.example SIP/2.0", "SIP/2.0 099 Odd")));
    assert!(is_dropped(&INVITE.replace("INVITE sip:201@pbx.example SIP/2.0", "SIP/2.0 20 Odd")));
    for noise in [
        "",
        "\r\n\r\n",
        "\0\0\0\0",
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "INVITE",
        "SIP/2.0",
        "\u{1}\u{1}\0\0!\u{12}¤B",
    ] {
        assert!(is_dropped(noise), "{noise:?}");
    }
    assert!(is_dropped(&format!("{INVITE}{}", "x".repeat(MESSAGE_BYTES_MAX))));
}

/// RFC 3261 section 7.1: methods are case-sensitive, an unknown one is no fault of the message; line ends may
/// be LF.
#[test]
fn odd_but_usable_messages_pass() {
    let custom = crate::request(&INVITE.replace("INVITE", "invite"));
    assert_eq!(custom.method, sip::Method::Extension("invite".to_owned()));
    let lone_lf = crate::request(&INVITE.replace("\r\n", "\n"));
    assert_eq!(lone_lf.headers.max_forwards(), Ok(Some(70)));
    assert_eq!(lone_lf.body, b"v=0\n");
    assert_eq!(crate::request(&INVITE.replace("SIP/2.0\r\n", "sip/2.0\r\n")), crate::request(INVITE));
    assert_eq!(
        crate::request(&INVITE.replace("sip:201@pbx.example SIP", "tel:+3902 SIP")).uri.scheme(),
        "tel"
    );
}
