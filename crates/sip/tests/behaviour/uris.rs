//! URIs: round trips, parts, comparison.

use sip::{Host, SipUri, Uri};

fn uri(text: &str) -> Uri {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// RFC 3261 section 19.1: what is written comes back octet for octet, escapes included.
#[test]
fn uris_print_as_they_came() {
    for text in [
        "sip:alice:secretword@atlanta.com;transport=tcp",
        "sips:1212@gateway.com",
        "sip:alice@192.0.2.4",
        "sip:atlanta.com;method=REGISTER?to=alice%40atlanta.com",
        "sip:alice;day=tuesday@atlanta.com",
        "sip:a%23b%2Cc%00@h.example.",
        "sip:*70#@pbx.example:5070",
        "sip:u@[2001:db8::1]:5061;transport=TLS;lr;maddr=[2001:db8::2];ttl=1;x",
        "sip:+1-212-555-1212:1234@gateway.com;user=phone",
        "sip:host_with_underscore",
        "tel:+1-201-555-0123;isub=1;phone-context=example.com",
        "tel:*70#",
        "urn:service:sos",
        "soap.beep://192.0.2.103:3002",
        "http://www.example.com/a?b#c",
    ] {
        assert_eq!(uri(text).to_string(), text);
    }
    assert_eq!(uri("SIP:A@B").to_string(), "sip:A@B");
}

/// What is no URI, or would break the structure of a message.
#[test]
fn broken_uris_are_refused() {
    for text in [
        "",
        "sip",
        "sip:",
        "sip:@h",
        "sip:a@",
        "sip:a@b@c",
        "sip:a b@h",
        "sip:a@h h",
        "sip:a@h:",
        "sip:a@h:65536",
        "sip:a@h;",
        "sip:a@h;;lr",
        "sip:a@h;x=",
        "sip:a@h?",
        "sip:a%4@h",
        "sip:a%zz@h",
        "sip:[::1",
        "sip:[::1]x",
        "sip:[::g]",
        "sip:2001:db8::1",
        "sip:1.2.3",
        "sip:256.1.1.1",
        "sip:a..b",
        "sip:a<b>@h",
        "sip:\"a\"@h",
        "tel:",
        "tel:+",
        "tel:abcx",
        "1a:b",
        ":b",
        "x:",
        "x:a b",
        "sip:a@h\r\nX: y",
        "x:a\0b",
        "sip:[2001:db8:::1]",
        "sip:[1::2:::192.0.2.1]",
    ] {
        assert!(text.parse::<Uri>().is_err(), "{text:?}");
    }
}

/// User parts are unescaped for routing and escaped again when made; tel: numbers lose their separators.
#[test]
fn users_are_plain_text_for_routing() {
    assert_eq!(uri("sip:%32%30%31@h").user().as_deref(), Some("201"));
    assert_eq!(uri("sip:caf%C3%A9@h").user().as_deref(), Some("café"));
    assert_eq!(uri("sip:h").user(), None);
    assert_eq!(uri("tel:+1-(201).555").user().as_deref(), Some("+1201555"));
    assert_eq!(Uri::sip("", Host::Name("h".to_owned()), None).to_string(), "sip:h");
    let made = Uri::sip("a b@c#é", Host::Address("2001:db8::1".parse().unwrap()), Some(5070));
    assert_eq!(made.to_string(), "sip:a%20b%40c%23%C3%A9@[2001:db8::1]:5070");
    assert_eq!(uri(&made.to_string()).user().as_deref(), Some("a b@c#é"));
}

/// RFC 3263 section 4 as far as no name is resolved: host, port and maddr.
#[test]
fn targets_follow_port_transport_and_maddr() {
    let target =
        |text: &str| uri(text).as_sip().and_then(SipUri::target_address).map(|address| address.to_string());
    assert_eq!(target("sip:a@192.0.2.1").as_deref(), Some("192.0.2.1:5060"));
    assert_eq!(target("sip:a@192.0.2.1;transport=TLS").as_deref(), Some("192.0.2.1:5061"));
    assert_eq!(target("sips:a@192.0.2.1:7").as_deref(), Some("192.0.2.1:7"));
    assert_eq!(target("sip:a@x;maddr=[2001:db8::2]").as_deref(), Some("[2001:db8::2]:5060"));
    assert_eq!(target("sip:a@x"), None);
}

/// RFC 3261 section 19.1.4: the examples of the section and what its rules say besides.
#[test]
fn equivalence_follows_the_rules() {
    let equivalent = [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5"),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
        ("sip:a@[2001:DB8::0:1]", "sip:a@[2001:db8::1]"),
        ("sip:a@h;l%72", "sip:a@h;lr"),
        ("tel:+1-201", "tel:+1(201)"),
        ("sip:a@h;d;d=x", "sip:a@h;d;d=y"),
    ];
    let different = [
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
        ("sip:a@h", "sips:a@h"),
        ("sip:a@h", "sip:a:b@h"),
        ("sip:a@h", "sip:h"),
        ("sip:a%2Cb@h", "sip:a,b@h"),
        ("sip:a@h;user=phone", "sip:a@h"),
        ("sip:a@h;ttl=1", "sip:a@h"),
        ("sip:a@h;method=INVITE", "sip:a@h"),
        ("sip:a@h;maddr=192.0.2.1", "sip:a@h"),
        ("tel:+1201", "tel:1201"),
        ("tel:1;phone-context=a", "tel:1"),
        ("tel:1", "sip:1@h"),
    ];
    for (one, other) in equivalent {
        assert!(uri(one).is_equivalent(&uri(other)) && uri(other).is_equivalent(&uri(one)), "{one} {other}");
    }
    for (one, other) in different {
        assert!(
            !uri(one).is_equivalent(&uri(other)) && !uri(other).is_equivalent(&uri(one)),
            "{one} {other}"
        );
    }
}

/// Logs show where a URI points, never whom it names.
#[test]
fn debug_output_hides_the_user() {
    let shown =
        format!("{:?} {:?} {:?}", uri("sip:0612:pw@h:5070;phone-context=x"), uri("tel:0612"), uri("im:0612"));
    assert_eq!(shown, "sip:‹hidden›@h:5070 tel:‹hidden› im:‹hidden›");
}
