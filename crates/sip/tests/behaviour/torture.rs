//! The front door against every message of RFC 4475 and RFC 5118, with what each should give as data
//! (`tests/data/torture/expectations.toml`).

use std::path::PathBuf;

use sip::{Contacts, Delivery, Host, Message, ParseError, Request, Uri, name};

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/torture"))
}

fn octets(file: &str) -> Vec<u8> {
    std::fs::read(folder().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn parse(file: &str) -> Result<Message, ParseError> {
    Message::parse(&octets(file), Delivery::Datagram)
}

fn request(file: &str) -> Request {
    match parse(file) {
        Ok(Message::Request(request)) => request,
        other => panic!("{file}: {other:?}"),
    }
}

/// RFC 4475, RFC 5118: every message is accepted, refused with the right status or dropped as its section
/// wants.
#[test]
fn every_message_is_treated_as_its_section_wants() {
    let text = std::fs::read_to_string(folder().join("expectations.toml")).unwrap();
    let expectations: toml::Table = text.parse().unwrap();
    let messages = expectations["message"].as_array().unwrap();
    assert_eq!(messages.len(), 61, "49 of RFC 4475 and 12 of RFC 5118");
    let mut wrong = Vec::new();
    for message in messages {
        let file = message["file"].as_str().unwrap();
        let answers: Vec<i64> =
            message["answer"].as_array().unwrap().iter().filter_map(toml::Value::as_integer).collect();
        let seen = match parse(file) {
            Ok(Message::Request(_)) if !answers.is_empty() => "message".to_owned(),
            Ok(Message::Response(_)) if answers.is_empty() => "message".to_owned(),
            Ok(_) => "message of the other kind".to_owned(),
            Err(ParseError::Unusable { .. }) => "drop".to_owned(),
            Err(ParseError::Refused(refusal)) if answers.contains(&i64::from(refusal.status)) => {
                let answer = refusal.response("ours").to_bytes();
                assert!(
                    Message::parse(&answer, Delivery::Stream).is_ok() || is_beyond_copying(file),
                    "{file}"
                );
                "refuse".to_owned()
            }
            Err(ParseError::Refused(refusal)) => format!("refuse with {}", refusal.status),
        };
        if Some(seen.as_str()) != message["parse"].as_str() {
            wrong.push(format!("{file}: wanted {}, got {seen}", message["parse"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Requests whose very Via, From, To, Call-ID or CSeq is broken or missing: their answer copies that.
fn is_beyond_copying(file: &str) -> bool {
    ["badinv01", "badvers", "scalar02", "quotbal", "badaspec", "baddn", "insuf"]
        .iter()
        .any(|name| file.contains(name))
}

/// RFC 4475 section 3.1.1.1: folding, compact names, lists, odd white space, quoted pairs.
#[test]
fn the_tortuous_invite_is_understood() {
    let invite = request("rfc4475/wsinv.dat");
    let headers = &invite.headers;
    assert_eq!(headers.max_forwards(), Ok(Some(68)));
    assert_eq!(headers.cseq().unwrap().to_string(), "9 INVITE");
    assert_eq!(headers.to().unwrap().tag(), Some("1918181833n"));
    let from = headers.from().unwrap();
    assert_eq!((from.display.as_deref(), from.tag()), (Some(r#"J Rosenberg \""#), Some("98asjd8")));
    let vias = headers.vias().unwrap();
    let hosts: Vec<_> = vias.iter().map(|via| via.host.to_string()).collect();
    assert_eq!(hosts, ["192.0.2.2", "spindle.example.com", "192.168.255.111"]);
    assert_eq!(vias[1].unique_branch(), Some("z9hG4bK9ikj8"));
    assert_eq!(vias[0].unique_branch(), None);
    assert_eq!(headers.get("NewFangledHeader"), Some("newfangled value continued newfangled value"));
    assert_eq!(headers.get("UnknownHeaderWithUnusualValue"), Some(";;,,;;,;"));
    assert_eq!(headers.get(name::SUBJECT), Some(""));
    let contact = headers.contact().unwrap();
    assert_eq!(contact.display.as_deref(), Some(r#"Quoted string """#));
    assert_eq!((contact.params.value("newparam"), contact.q_thousandths()), (Some("newvalue"), 330));
    assert!(contact.params.has("secondparam"));
    assert_eq!(invite.body.len(), 150);
}

/// RFC 4475 sections 3.1.1.2 to 3.1.1.5 and 3.1.1.9: unusual characters and escapes keep their meaning.
#[test]
fn unusual_characters_are_understood() {
    let unusual = request("rfc4475/intmeth.dat");
    let uri = unusual.uri.as_sip().unwrap();
    assert_eq!(uri.raw_user.as_deref(), Some("1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"));
    assert_eq!(uri.raw_password.as_deref(), Some("&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"));
    assert_eq!(unusual.headers.to().unwrap().display.as_deref(), Some("BEL:\u{7} NUL:\0 DEL:\u{7f}"));
    assert_eq!(unusual.headers.from().unwrap().params.unquoted("fromparam''~+*_!.-%").unwrap(), "работающий");

    let escaped = request("rfc4475/esc01.dat");
    assert_eq!(escaped.uri.user().as_deref(), Some("sips:user@example.com"));
    let contact = escaped.headers.contact().unwrap().uri;
    assert!(contact.as_sip().unwrap().is_loose_router());
    // %25%34%31 means the three characters "%41", not "A"
    assert!(
        contact.is_equivalent(&"sip:caller@host5.example.net;lr;name=value%2541".parse::<Uri>().unwrap())
    );
    assert!(!contact.is_equivalent(&"sip:caller@host5.example.net;lr;name=valueA".parse::<Uri>().unwrap()));

    let nulls = request("rfc4475/escnull.dat");
    assert_eq!(nulls.headers.to().unwrap().uri.user().as_deref(), Some("null-\0-null"));
    let Ok(Contacts::List(contacts)) = nulls.headers.contacts() else { panic!("a list") };
    assert!(!contacts[0].uri.is_equivalent(&contacts[1].uri));

    let percent = request("rfc4475/esc02.dat");
    assert_eq!(percent.method.as_str(), "RE%47IST%45R");
    assert_eq!(percent.headers.count(name::CONTACT), 2);
    assert_eq!(request("rfc4475/semiuri.dat").uri.user().as_deref(), Some("user;par=u@example.net"));
}

/// RFC 4475 section 3.1.1.8: what follows the body in a datagram is ignored; 3.1.1.11: null octets stay in a
/// body.
#[test]
fn bodies_are_cut_by_content_length() {
    assert_eq!(request("rfc4475/dblreq.dat").body, b"");
    let multipart = request("rfc4475/mpart01.dat");
    assert_eq!(multipart.body.len(), 553);
    assert!(
        multipart
            .to_bytes()
            .ends_with(&octets("rfc4475/mpart01.dat")[octets("rfc4475/mpart01.dat").len() - 553..])
    );
}

/// RFC 4475 sections 3.3.12 to 3.3.14: parameters inside the brackets belong to the URI, outside to the
/// contact.
#[test]
fn contact_and_uri_parameters_are_kept_apart() {
    let outside = request("rfc4475/cparam01.dat").headers.contact().unwrap();
    assert!(outside.params.has("unknownparam") && outside.uri.as_sip().unwrap().params.is_empty());
    let inside = request("rfc4475/cparam02.dat").headers.contact().unwrap();
    assert!(inside.params.is_empty() && inside.uri.as_sip().unwrap().has_param("unknownparam"));
    let escaped = request("rfc4475/regescrt.dat").headers.contact().unwrap();
    assert_eq!(escaped.uri.as_sip().unwrap().raw_headers.as_deref(), Some("Route=%3Csip:sip.example.com%3E"));
}

/// RFC 5118 sections 4.3, 4.4, 4.5, 4.9, 4.10: where an IPv6 address ends.
#[test]
fn ipv6_references_are_understood() {
    let target = |file: &str| request(file).uri.as_sip().unwrap().target();
    let host = |text: &str| Host::Address(text.parse().unwrap());
    assert_eq!(target("rfc5118/03-port-ambiguous.dat"), (host("2001:db8::10:5070"), 5060));
    assert_eq!(target("rfc5118/04-port-unambiguous.dat"), (host("2001:db8::10"), 5070));
    for file in ["rfc5118/05-via-received-param-with-delim.dat", "rfc5118/06-via-received-param-no-delim.dat"]
    {
        let via = request(file).headers.top_via().unwrap();
        assert_eq!(via.received(), Some("2001:db8::9:255".parse().unwrap()), "{file}");
    }
    let mapped = request("rfc5118/10-ipv4-mapped-ipv6.dat").headers.top_via().unwrap();
    assert_eq!((mapped.host, mapped.port), (host("::ffff:192.0.2.10"), Some(19823)));
    for file in ["rfc5118/11-ipv6-bug-abnf-3-colons.dat", "rfc5118/12-ipv6-correct-abnf-2-colons.dat"] {
        assert_eq!(target(file).0, host("2001:db8::192.0.2.1"), "{file}");
    }
}
