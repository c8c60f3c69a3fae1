//! Session descriptions on their way through the exchange.

use std::net::{IpAddr, SocketAddr};

use sip::sdp::{Description, Direction, Relay};

const OFFER: &str = "v=0\r\n\
    o=jdoe 2890844526 2890842807 IN IP4 192.0.2.7\r\n\
    s=-\r\n\
    c=IN IP4 192.0.2.7\r\n\
    t=0 0\r\n\
    a=group:BUNDLE 0 1\r\n\
    a=ice-lite\r\n\
    m=audio 49170 RTP/AVP 0 8 101\r\n\
    a=rtpmap:101 telephone-event/8000\r\n\
    a=fmtp:101 0-15\r\n\
    a=candidate:1 1 UDP 2130706431 192.0.2.7 49170 typ host\r\n\
    a=ice-ufrag:abcd\r\n\
    a=rtcp:53020\r\n\
    a=rtcp-mux\r\n\
    a=ptime:20\r\n\
    m=video 51372 RTP/AVP 31\r\n\
    c=IN IP4 192.0.2.8\r\n\
    a=rtpmap:31 H261/90000\r\n\
    m=image 5000 udptl t38\r\n\
    m=audio 5002 RTP/SAVP 0\r\n";

fn description(text: &str) -> Description {
    Description::parse(text.as_bytes()).unwrap()
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn rewrite(relay: &mut Relay, offer: &str) -> String {
    let own: IpAddr = "198.51.100.1".parse().unwrap();
    String::from_utf8(relay.rewrite(&description(offer), own, 10_000)).unwrap()
}

/// RFC 8866, RFC 3605: media with their addresses, session's or own, and where RTCP goes.
#[test]
fn streams_are_listed_with_their_addresses() {
    let streams = description(OFFER).streams();
    assert_eq!(streams.len(), 4);
    assert_eq!(streams[0].rtp, Some(address("192.0.2.7:49170")));
    assert_eq!(streams[0].rtcp, Some(address("192.0.2.7:53020")));
    assert_eq!(streams[1].rtp, Some(address("192.0.2.8:51372")));
    assert_eq!(streams[1].rtcp, Some(address("192.0.2.8:51373")));
    assert_eq!(
        streams.iter().map(sip::sdp::Stream::is_relayed).collect::<Vec<_>>(),
        [true, false, false, false]
    );
    let v6 = OFFER
        .replace("c=IN IP4 192.0.2.7", "c=IN IP6 2001:db8::7")
        .replace("a=rtcp:53020", "a=rtcp:53020 IN IP6 2001:db8::8");
    let stream = description(&v6).relayed_stream().unwrap();
    assert_eq!(
        (stream.rtp, stream.rtcp),
        (Some(address("[2001:db8::7]:49170")), Some(address("[2001:db8::8]:53020")))
    );
    let mapped = description(&OFFER.replace("c=IN IP4 192.0.2.7", "c=IN IP6 ::ffff:192.0.2.7"));
    assert_eq!(
        mapped.relayed_stream().unwrap().rtp,
        Some(address("192.0.2.7:49170")),
        "RFC 5118 section 4.9"
    );
    let named = description(&OFFER.replace("c=IN IP4 192.0.2.7", "c=IN IP4 phone.example"));
    assert_eq!(named.relayed_stream().unwrap().rtp, None);
}

/// RFC 3264 section 6: our address, the port given, RTCP beside it, no way around the relay, and every line
/// still there.
#[test]
fn a_description_is_rewritten_to_the_relay() {
    let printed = rewrite(&mut Relay::new(77), OFFER);
    let rewritten = description(&printed);
    let streams = rewritten.streams();
    assert_eq!(streams[0].rtp, Some(address("198.51.100.1:10000")));
    assert_eq!(streams[0].rtcp, Some(address("198.51.100.1:10001")));
    assert_eq!(streams.iter().map(|stream| stream.port).collect::<Vec<_>>(), [10_000, 0, 0, 0]);
    assert!(printed.contains("o=- 77 1 IN IP4 198.51.100.1\r\n"), "{printed}");
    assert!(
        printed.contains("m=image 0 udptl t38\r\n") && printed.contains("m=video 0 RTP/AVP 31\r\n"),
        "{printed}"
    );
    for kept in [
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-15",
        "a=ptime:20",
        "m=audio 10000 RTP/AVP 0 8 101",
    ] {
        assert!(printed.contains(kept), "{kept} in {printed}");
    }
    for gone in ["candidate", "ice", "rtcp", "BUNDLE", "192.0.2", "jdoe"] {
        assert!(!printed.contains(gone), "{gone} in {printed}");
    }
    let v6: IpAddr = "2001:db8::1".parse().unwrap();
    let printed = String::from_utf8(Relay::new(1).rewrite(&description(OFFER), v6, 10_000)).unwrap();
    assert!(
        printed.contains("c=IN IP6 2001:db8::1\r\n") && printed.contains("IN IP6 2001:db8::1\r\n"),
        "{printed}"
    );
}

/// What peers get wrong but means something: no `s=`, odd order, lone LF, Latin-1.
#[test]
fn sloppy_descriptions_are_understood() {
    let sloppy = b"v=0\na=sendonly\nc=IN IP4 192.0.2.7\no=J\xf6rg 1 1 IN IP4 h\nm=audio 4000 RTP/AVP 8\na=ptime:20\nb=AS:64\n\n";
    let description = Description::parse(sloppy).unwrap();
    assert_eq!(description.relayed_stream().unwrap().rtp, Some(address("192.0.2.7:4000")));
    let printed = Relay::new(1).rewrite(&description, "198.51.100.1".parse().unwrap(), 10_000);
    let printed = String::from_utf8(printed).unwrap();
    assert!(printed.contains("\r\ns=-\r\n") && printed.contains("\r\nt=0 0\r\n"), "{printed}");
}

/// RFC 3264 section 8: the version of our origin grows by one exactly when the content changes.
#[test]
fn the_version_grows_with_the_content() {
    let mut relay = Relay::new(5);
    let first = rewrite(&mut relay, OFFER);
    // The other side's own version does not matter, its content does
    assert_eq!(rewrite(&mut relay, &OFFER.replace("2890842807", "2890842808")), first);
    let held = rewrite(&mut relay, &OFFER.replace("a=ptime:20", "a=ptime:20\r\na=sendonly"));
    assert!(held.contains("o=- 5 2 IN") && held.contains("a=sendonly"), "{held}");
    assert!(rewrite(&mut relay, OFFER).contains("o=- 5 3 IN"));
}

/// RFC 3264 section 8.4: hold by direction, of the media or the session, and the older hold by address zero.
#[test]
fn hold_is_seen_and_passed_on() {
    let stream = |text: &str| description(text).relayed_stream().unwrap();
    assert_eq!((stream(OFFER).direction, stream(OFFER).is_hold()), (Direction::SendRecv, false));
    let by_session = OFFER.replace("a=ice-lite", "a=sendonly");
    assert!(stream(&by_session).is_hold());
    let back = by_session.replace("a=ptime:20", "a=recvonly");
    assert_eq!((stream(&back).direction, stream(&back).is_hold()), (Direction::RecvOnly, false));
    let zero = OFFER.replacen("c=IN IP4 192.0.2.7", "c=IN IP4 0.0.0.0", 1);
    assert!(stream(&zero).is_hold() && stream(&zero).rtp.is_none() && stream(&zero).rtcp.is_none());
    let passed_on = rewrite(&mut Relay::new(1), &zero);
    assert!(passed_on.contains("c=IN IP4 198.51.100.1") && passed_on.contains("a=sendonly"), "{passed_on}");
}

/// An offer without audio that we relay says so, and a stream switched off stays off.
#[test]
fn without_relayed_audio_every_port_is_zero() {
    let off = OFFER.replace("m=audio 49170", "m=audio 0");
    assert_eq!(description(&off).relayed_stream(), None);
    let rewritten = description(&rewrite(&mut Relay::new(1), &off));
    assert!(rewritten.streams().iter().all(|stream| stream.port == 0));
}

/// What is no description is an error, not a panic; too many media too.
#[test]
fn broken_descriptions_are_refused() {
    for text in [
        "",
        "hello",
        "v=0\r\no=x\r\n",
        "v=0\r\no=- 1 1 IN IP4 h\r\ns=-\r\nt=0 0\r\nm=audio 99999 RTP/AVP 0\r\n",
    ] {
        assert!(Description::parse(text.as_bytes()).is_err(), "{text:?}");
    }
    let many = format!("{OFFER}{}", "m=audio 9 RTP/AVP 0\r\n".repeat(40));
    assert!(Description::parse(many.as_bytes()).is_err());
}
