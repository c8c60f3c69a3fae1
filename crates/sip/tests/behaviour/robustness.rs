//! Mutated and generated input: nothing panics, and what is read prints back to the same.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;
use sip::digest::{Challenge, Credentials};
use sip::sdp::{Description, Relay};
use sip::{Delivery, Headers, Host, Message, NameAddr, ParseError, SipUri, Uri, Via, name};

use crate::INVITE;

/// The torture messages and one everyday INVITE: what mutation starts from.
static CORPUS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/torture"));
    let mut messages = vec![INVITE.as_bytes().to_vec()];
    for rfc in ["rfc4475", "rfc5118"] {
        let mut files: Vec<_> =
            std::fs::read_dir(folder.join(rfc)).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        messages.extend(files.iter().map(|file| std::fs::read(file).unwrap()));
    }
    messages
});

/// One change to a message.
#[derive(Clone, Debug)]
enum Edit {
    Replace { at: usize, octet: u8 },
    Insert { at: usize, text: String },
    Remove { at: usize, length: usize },
    Repeat { at: usize, length: usize },
}

fn edit() -> impl Strategy<Value = Edit> {
    let fragment = prop_oneof![
        "[<>\";,:@%?=\\[\\]\r\n \t\\\\]{1,3}",
        Just("\r\n\r\n".to_owned()),
        Just("é%zz".to_owned()),
        Just("99999999999999999999".to_owned()),
        Just("Content-Length: 0\r\n".to_owned()),
    ];
    prop_oneof![
        (any::<usize>(), any::<u8>()).prop_map(|(at, octet)| Edit::Replace { at, octet }),
        (any::<usize>(), fragment).prop_map(|(at, text)| Edit::Insert { at, text }),
        (any::<usize>(), 1_usize..40).prop_map(|(at, length)| Edit::Remove { at, length }),
        (any::<usize>(), 1_usize..40).prop_map(|(at, length)| Edit::Repeat { at, length }),
    ]
}

fn apply(octets: &mut Vec<u8>, edit: &Edit) {
    let place = |at: usize| at % (octets.len() + 1);
    match edit {
        Edit::Replace { at, octet } => {
            let at = place(*at);
            if at < octets.len() {
                octets[at] = *octet;
            }
        }
        Edit::Insert { at, text } => {
            let at = place(*at);
            octets.splice(at..at, text.bytes());
        }
        Edit::Remove { at, length } => {
            let at = place(*at);
            octets.drain(at..(at + length).min(octets.len()));
        }
        Edit::Repeat { at, length } => {
            let at = place(*at);
            let slice = octets[at..(at + length).min(octets.len())].to_vec();
            octets.splice(at..at, slice);
        }
    }
}

/// Calls everything that reads a header.
fn read_all(headers: &Headers) {
    let _ =
        (headers.vias(), headers.top_via(), headers.from(), headers.to(), headers.call_id(), headers.cseq());
    let _ = (headers.contacts(), headers.contact(), headers.routes(), headers.record_routes());
    let _ = (headers.max_forwards(), headers.expires_s(), headers.min_expires_s(), headers.min_se_s());
    let _ = (headers.content_type(), headers.session_expires(), headers.event(), headers.refer_to());
    let _ = (headers.rack(), headers.rseq(), headers.retry_after(), headers.reasons(), headers.warnings());
    let _ = (headers.asserted_identities(), headers.remote_party_id(), headers.wants_privacy());
    let _ = (headers.credentials(name::AUTHORIZATION), headers.challenges(name::WWW_AUTHENTICATE));
    for via in headers.vias().unwrap_or_default() {
        let _ = (via.response_address(), via.unique_branch(), via.received(), via.rport());
    }
}

/// A message that was read prints to octets that read as the same message.
fn assert_prints_back(message: &Message) {
    let printed = message.to_bytes();
    let again = Message::parse(&printed, Delivery::Stream)
        .unwrap_or_else(|error| panic!("{error:?}\n{}", String::from_utf8_lossy(&printed)));
    assert_eq!(again.to_bytes(), printed);
    match (message, &again) {
        (Message::Request(one), Message::Request(other)) => {
            assert_eq!((&one.method, &one.uri, &one.body), (&other.method, &other.uri, &other.body));
        }
        (Message::Response(one), Message::Response(other)) => {
            assert_eq!((one.code(), &one.body), (other.code(), &other.body));
        }
        _ => panic!("the kind of message changed"),
    }
    let others = |headers: &Headers| -> Vec<(String, String)> {
        headers
            .iter()
            .filter(|header| header.name() != name::CONTENT_LENGTH)
            .map(|header| (header.name().to_owned(), header.value().to_owned()))
            .collect()
    };
    assert_eq!(others(message.headers()), others(again.headers()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// RFC 4475 and RFC 5118 messages with up to six edits: no panic; what is accepted prints back to itself;
    /// what is refused can be answered.
    #[test]
    fn mutated_messages_never_panic(
        which in any::<prop::sample::Index>(),
        edits in proptest::collection::vec(edit(), 0..6),
    ) {
        let mut octets = which.get(&CORPUS).clone();
        edits.iter().for_each(|edit| apply(&mut octets, edit));
        for delivery in [Delivery::Datagram, Delivery::Stream] {
            match Message::parse(&octets, delivery) {
                Ok(message) => {
                    read_all(message.headers());
                    assert_prints_back(&message);
                    if let Message::Request(mut request) = message {
                        let source: SocketAddr = "192.0.2.1:1".parse().unwrap();
                        request.note_source(source).unwrap();
                        let answer = Message::Response(request.response(200, Some("tag")));
                        assert_prints_back(&answer);
                        let _ = (request.cancel(), request.unsupported_extensions(&[]));
                    }
                }
                Err(ParseError::Refused(refusal)) => {
                    read_all(&refusal.request.headers);
                    let answer = refusal.response("tag").to_bytes();
                    prop_assert!(answer.starts_with(b"SIP/2.0 "));
                }
                Err(ParseError::Unusable { .. }) => {}
            }
        }
    }

    /// Bodies with edits: no panic, and a rewritten description has the same lines.
    #[test]
    fn mutated_descriptions_never_panic(
        which in any::<prop::sample::Index>(),
        edits in proptest::collection::vec(edit(), 0..6),
    ) {
        let bodies: Vec<Vec<u8>> = CORPUS
            .iter()
            .filter_map(|octets| {
                let at = octets.windows(4).position(|window| window == b"\r\n\r\n")?;
                octets[at + 4..].starts_with(b"v=0").then(|| octets[at + 4..].to_vec())
            })
            .collect();
        let mut octets = which.get(&bodies).clone();
        edits.iter().for_each(|edit| apply(&mut octets, edit));
        if let Ok(description) = Description::parse(&octets) {
            let own = "198.51.100.1".parse().unwrap();
            let rewritten = Description::parse(&Relay::new(1).rewrite(&description, own, 10_000)).unwrap();
            prop_assert_eq!(rewritten.streams().len(), description.streams().len());
            for (one, other) in description.streams().iter().zip(rewritten.streams()) {
                prop_assert_eq!(&one.kind, &other.kind);
                prop_assert!(other.port == 0 || other.rtp.is_some_and(|rtp| rtp.ip() == own));
            }
        }
    }

    /// Any text: no panic in any of the small parsers.
    #[test]
    fn arbitrary_text_never_panics(text in "\\PC{0,60}|[<>\";,:@%?=\\[\\]\\\\ a-z0-9]{0,60}") {
        let _ = (text.parse::<Uri>(), text.parse::<NameAddr>(), text.parse::<Via>(), text.parse::<Host>());
        let _ = (format!("Digest {text}").parse::<Credentials>(), format!("Digest {text}").parse::<Challenge>());
        let _ = format!("sip:{text}").parse::<Uri>().map(|uri| uri.is_equivalent(&uri));
        let _ = Message::parse(text.as_bytes(), Delivery::Datagram);
    }

    /// URIs that are read print back to the same value and are equivalent to themselves.
    #[test]
    fn uris_round_trip(
        user in proptest::option::of("[a-zA-Z0-9*#+%;/?&=,.!~'()-]{1,12}"),
        host in "[a-z0-9]([a-z0-9.-]{0,8}[a-z])?|[0-9]{1,3}(\\.[0-9]{1,3}){3}|\\[[0-9a-f:]{2,12}\\]",
        port in proptest::option::of(any::<u16>()),
        params in "(;[a-z%0-9]{1,4}(=[a-z0-9%:\\[\\]]{1,5})?){0,4}",
    ) {
        let user = user.map_or(String::new(), |user| format!("{user}@"));
        let port = port.map_or(String::new(), |port| format!(":{port}"));
        if let Ok(uri) = format!("sip:{user}{host}{port}{params}").parse::<Uri>() {
            let again: Uri = uri.to_string().parse().unwrap();
            prop_assert_eq!(&again, &uri);
            prop_assert!(uri.is_equivalent(&again));
        }
    }

    /// Any user name, display name and tag value that we put into an address comes out again.
    #[test]
    fn addresses_we_make_are_read_back(user in "\\PC{1,20}", display in "[^\r\n]{1,20}", tag in "[a-zA-Z0-9.-]{1,10}") {
        let host: Host = "pbx.example".parse().unwrap();
        let made = NameAddr::new(Uri::sip(&user, host, None)).with_display(&display).with_tag(&tag);
        let read: NameAddr = made.to_string().parse().unwrap();
        prop_assert_eq!(read.uri.user(), Some(user));
        prop_assert_eq!(read.display, Some(display));
        prop_assert_eq!(read.params.value("tag"), Some(tag.as_str()));
        let is_plain = |uri: &SipUri| uri.params.is_empty() && uri.raw_headers.is_none() && uri.raw_password.is_none();
        prop_assert!(read.uri.as_sip().is_some_and(is_plain));
    }
}
