//! The header map and the values in it.

use sip::{
    Contacts, ContentType, Event, HeaderError, Headers, NameAddr, Reason, Refresher, RetryAfter,
    SessionExpires, Uri, Via, Warning, name,
};

use crate::{INVITE, request};

fn headers(lines: &str) -> Headers {
    request(&INVITE.replace("Supported: 100rel, timer", lines)).headers
}

/// RFC 3261 section 7.3: names in any case and compact form, lists as entries, order kept, unknown headers
/// verbatim.
#[test]
fn the_map_keeps_order_and_unknown_headers() {
    let headers = headers("k: a\r\nX-Odd_name:  one,  two ;x \r\nSUPPORTED: b , c\r\nP: q");
    assert_eq!(headers.all("supported").collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(headers.get("x-odd_NAME"), Some("one,  two ;x"));
    let names: Vec<_> = headers.iter().skip(8).map(sip::Header::name).collect();
    assert_eq!(
        names,
        ["Supported", "X-Odd_name", "Supported", "Supported", "P", "Content-Type", "Content-Length"]
    );
    let printed = String::from_utf8(request(&INVITE.replace("Supported", "X-Odd_name")).to_bytes()).unwrap();
    assert!(printed.contains("\r\nX-Odd_name: 100rel, timer\r\n"), "{printed}");
}

/// get, set, push and remove by name; no value can smuggle in a header of its own.
#[test]
fn the_map_is_edited_by_name() {
    let mut headers = Headers::new();
    headers.push("Via", "b");
    headers.push("t", "x");
    headers.push_front(name::VIA, "a");
    assert_eq!(headers.remove_first("v").as_deref(), Some("a"));
    headers.push("Via", "c");
    headers.set("Subject", "evil\r\nContact: <sip:a@b>");
    headers.set_first("Via", "B");
    assert_eq!(headers.all("Via").collect::<Vec<_>>(), ["B", "c"]);
    headers.set("via", "only");
    assert_eq!((headers.count("Via"), headers.len()), (1, 3));
    assert_eq!(headers.get("s"), Some("evil  Contact: <sip:a@b>"));
    headers.remove("To");
    assert!(!headers.has("t"));
    headers.push_front("Route", "<sip:a>");
    assert_eq!(headers.iter().next().unwrap().name(), "Route");
}

/// RFC 3261 section 20.10, RFC 5626: commas in quotes, brackets and quoted parameters do not end a contact.
#[test]
fn contacts_are_split_where_they_end() {
    let invite = request(INVITE);
    let contact = invite.headers.contact().unwrap();
    assert_eq!(contact.params.unquoted("+SIP.instance").as_deref(), Some("<urn:uuid:0-1>"));
    assert_eq!(invite.headers.from().unwrap().display.as_deref(), Some("Doe, Jane"));
    let replaced = INVITE.replace(
        "Contact: ",
        "m: \"a, \\\"b\" <sip:c,d@h;x=1>;q=0.5, sip:e@h;expires=99999999999,\r\n\t<sip:f@[2001:db8::1]:5060>;expires=x\r\nContact: ",
    );
    let Ok(Contacts::List(contacts)) = request(&replaced).headers.contacts() else { panic!("a list") };
    assert_eq!(contacts.len(), 4);
    assert_eq!(contacts[0].display.as_deref(), Some("a, \"b"));
    assert_eq!((contacts[0].uri.user().as_deref(), contacts[0].q_thousandths()), (Some("c,d"), 500));
    assert_eq!(contacts[1].expires_s(), Some(u32::MAX), "too large a number means very long");
    assert_eq!(contacts[2].expires_s(), None, "no number means the default (RFC 3261 section 10.2.1.1)");
    let all = INVITE
        .replace("Contact: <sip:200@192.0.2.7:5062;ob>;+sip.instance=\"<urn:uuid:0-1>\";reg-id=1", "m: *");
    assert_eq!(request(&all).headers.contacts(), Ok(Contacts::All));
}

/// Display names: quoted, tokens, none, other scripts, Latin-1 of old gateways; printing quotes what must be
/// quoted.
#[test]
fn display_names_survive() {
    let display = |text: &str| text.parse::<NameAddr>().map(|name_addr| name_addr.display);
    assert_eq!(display("A. B <sip:a@b>"), Ok(Some("A. B".to_owned())));
    assert_eq!(display("\"\" <sip:a@b>"), Ok(Some(String::new())));
    assert_eq!(display("<sip:a@b>"), Ok(None));
    assert_eq!(display("Zoë <sip:a@b>"), Ok(Some("Zoë".to_owned())));
    assert_eq!(display("sip:a@b;tag=1"), Ok(None));
    let nasty = NameAddr::new("sip:a@b".parse::<Uri>().unwrap()).with_display("a\\\"<,;>\r\nb");
    let read: NameAddr = nasty.to_string().parse().unwrap();
    assert_eq!(read.display.as_deref(), Some("a\\\"<,;>  b"));
    let mut latin1 = INVITE.as_bytes().to_vec();
    let at = INVITE.find("Jane").unwrap();
    latin1[at + 3] = 0xe9;
    let Ok(sip::Message::Request(read)) = sip::Message::parse(&latin1, sip::Delivery::Datagram) else {
        panic!()
    };
    assert_eq!(read.headers.from().unwrap().display.as_deref(), Some("Doe, Jané"));
}

/// RFC 3261 section 20.42: white space, any transport, IPv6, parameters in quotes.
#[test]
fn vias_are_read_in_every_form() {
    let via: Via =
        "SIP / 2.0 /\tTLS-SCTP   [2001:db8::9] : 5061 ; ttl = 16;x=\"a;b\" ;branch=z9hG4bKq".parse().unwrap();
    assert_eq!((via.transport.as_str(), via.port), ("TLS-SCTP", Some(5061)));
    assert_eq!(via.to_string(), "SIP/2.0/TLS-SCTP [2001:db8::9]:5061;ttl=16;x=\"a;b\";branch=z9hG4bKq");
    for wrong in [
        "SIP/2.0/UDP",
        "SIP/2.0/UDP ",
        "SIP/3.0/UDP h",
        "SIP/2.0 UDP h",
        "SIP/2.0/UDP h:x",
        "SIP/2.0/UDP h;;x",
        "SIP/2.0/UDP h:70000",
    ] {
        assert!(wrong.parse::<Via>().is_err(), "{wrong}");
    }
}

/// The other typed values: each reads what it prints.
#[test]
fn typed_values_print_what_they_read() {
    let mut read = headers(
        "x: 1800 ;refresher=UAC\r\nMin-SE: 90\r\no: dialog;id=7\r\nRAck: 3 1 INVITE\r\nRSeq: 3\r\n\
         Retry-After: 120 (in a meeting) ;duration=60\r\n\
         Reason: SIP;cause=200;text=\"Call completed elsewhere\", Q.850;cause=16\r\n\
         Warning: 399 pbx \"odd, \\\"but\\\" fine\"\r\nPrivacy: id;critical\r\nP-Asserted-Identity: \"A, B\" <sip:1@x>, <tel:+39-02>\r\n\
         Remote-Party-ID: <sip:9@x>;party=calling\r\nr: <sip:5@x?Replaces=1>\r\nMin-Expires: 60\r\nExpires: soon",
    );
    read.set("c", "Application / SDP ;charset=utf-8");
    let session = SessionExpires { interval_s: 1800, refresher: Some(Refresher::Uac) };
    assert_eq!(read.session_expires(), Ok(Some(session.clone())));
    assert_eq!(session.to_string(), "1800;refresher=uac");
    assert_eq!(read.min_se_s(), Ok(Some(90)));
    assert_eq!(read.min_expires_s(), Ok(Some(60)));
    assert_eq!(read.expires_s(), Ok(None));
    assert_eq!(read.event().unwrap().map(|event: Event| event.to_string()).as_deref(), Some("dialog;id=7"));
    assert_eq!(read.rack().unwrap().unwrap().to_string(), "3 1 INVITE");
    assert_eq!(read.rseq(), Ok(Some(3)));
    assert_eq!(read.retry_after(), Ok(Some(RetryAfter { delay_s: 120 })));
    let content_type: ContentType = read.content_type().unwrap().unwrap();
    assert!(content_type.is_sdp());
    let reasons: Vec<Reason> = read.reasons().unwrap();
    assert_eq!(reasons[0].to_string(), "SIP;cause=200;text=\"Call completed elsewhere\"");
    assert_eq!(reasons[1].cause, Some(16));
    let warnings: Vec<Warning> = read.warnings().unwrap();
    assert_eq!(warnings[0].to_string(), "399 pbx \"odd, \\\"but\\\" fine\"");
    assert!(read.wants_privacy());
    assert_eq!(read.asserted_identities().unwrap()[1].uri.user().as_deref(), Some("+3902"));
    assert_eq!(read.remote_party_id().unwrap().unwrap().params.value("party"), Some("calling"));
    assert_eq!(read.refer_to().unwrap().unwrap().uri.user().as_deref(), Some("5"));
}

/// Errors say which header and how, never what stood in it.
#[test]
fn errors_name_the_header() {
    let mut headers = Headers::new();
    assert_eq!(headers.cseq(), Err(HeaderError::Missing { name: name::CSEQ }));
    headers.push("CSeq", "1 INVITE");
    headers.push("CSeq", "1 INVITE");
    assert_eq!(headers.cseq(), Err(HeaderError::Repeated { name: name::CSEQ }));
    headers.set("CSeq", "2147483648 INVITE");
    assert!(matches!(headers.cseq(), Err(HeaderError::Malformed { name: name::CSEQ, .. })));
    headers.push("From", "<sip:0612345678@x");
    let error = headers.from().unwrap_err();
    assert_eq!(error.to_string(), "cannot read header From");
    assert!(!format!("{error:?}").contains("0612345678"));
}
