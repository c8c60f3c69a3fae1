//! Whom a stream belongs to: symmetric RTP, address translation, moved phones and strangers.

mod relay;

use media::{Channel, RELEARN_SILENCE_MS_MIN, RELEARN_WINDOW_MS, SAME_HOST_SILENCE_MS_MIN, Side};
use relay::{Call, RTCP, SLOT, address};

const CALLER: &str = "192.0.2.1:4000";
const CALLEE: &str = "192.0.2.2:5000";

/// Where audio for the called side goes now.
fn callee(call: &mut Call) -> Option<std::net::SocketAddr> {
    call.rtp(Side::Caller, CALLER)
}

/// RFC 4961: a phone behind address translation is answered where its packets come from, not where its SDP says.
#[test]
fn a_translated_phone_hears_the_other() {
    let mut call = Call::described();
    assert_eq!(callee(&mut call), Some(address(CALLEE)), "before its first packet: the SDP's address");
    call.rtp(Side::Callee, "198.51.100.7:777");
    assert_eq!(callee(&mut call), Some(address("198.51.100.7:777")));
}

/// RFC 3960: a translated phone that sends early media, before its answer says where it is, stays where it was heard.
#[test]
fn early_media_teaches_a_source() {
    let mut call = Call::open();
    call.describe(Side::Caller, Some(CALLER));
    call.rtp(Side::Callee, "198.51.100.7:777");
    call.describe(Side::Callee, Some(CALLEE));
    assert_eq!(callee(&mut call), Some(address("198.51.100.7:777")));
}

/// RFC 4961: RTCP learns its own source.
#[test]
fn rtcp_learns_apart() {
    let mut call = Call::described();
    call.packet(Side::Callee, Channel::Rtcp, "198.51.100.7:778", &RTCP);
    assert_eq!(
        call.packet(Side::Caller, Channel::Rtcp, "192.0.2.1:4001", &RTCP),
        Some(address("198.51.100.7:778"))
    );
    assert_eq!(callee(&mut call), Some(address(CALLEE)));
}

/// RFC 6263: a phone that listens only is found by its keep-alive.
#[test]
fn a_keep_alive_teaches_a_source() {
    let mut call = Call::described();
    call.packet(Side::Callee, Channel::Rtp, "198.51.100.7:777", &[]);
    assert_eq!(callee(&mut call), Some(address("198.51.100.7:777")));
}

/// RTP bleed: a stranger neither is heard in a stream that is alive nor draws the other side's audio to himself.
#[test]
fn a_stranger_takes_no_living_stream() {
    let mut call = Call::described();
    call.wait_ms(RELEARN_WINDOW_MS);
    call.talk(Side::Callee, "198.51.100.7:777", 3_000);
    assert_eq!(call.rtp(Side::Callee, "203.0.113.9:9999"), None);
    assert_eq!(callee(&mut call), Some(address("198.51.100.7:777")));
    assert_eq!(call.relay.counters(SLOT, Side::Callee, Channel::Rtp).unwrap().stranger, 1);
}

/// RTP bleed: also right after an offer or answer a stream that is alive is not taken.
#[test]
fn an_offer_does_not_open_a_living_stream() {
    let mut call = Call::described();
    call.talk(Side::Callee, "198.51.100.7:777", 100);
    call.describe(Side::Callee, Some(CALLEE));
    assert_eq!(call.rtp(Side::Callee, "203.0.113.9:9999"), None);
}

/// RTP bleed: silence alone, without an offer or answer, does not let another host in.
#[test]
fn silence_alone_lets_no_other_host_in() {
    let mut call = Call::described();
    call.talk(Side::Callee, "198.51.100.7:777", 100);
    call.wait_ms(RELEARN_WINDOW_MS + 60_000);
    assert_eq!(call.rtp(Side::Callee, "203.0.113.9:9999"), None);
}

/// Row A18: a renewed address translation (same host, other port) is followed after two seconds of silence, not before.
#[test]
fn a_renewed_translation_is_followed() {
    let mut call = Call::described();
    call.wait_ms(RELEARN_WINDOW_MS);
    call.rtp(Side::Callee, "198.51.100.7:777");
    call.wait_ms(SAME_HOST_SILENCE_MS_MIN - 1);
    assert_eq!(call.rtp(Side::Callee, "198.51.100.7:888"), None);
    call.wait_ms(1);
    assert_eq!(call.rtp(Side::Callee, "198.51.100.7:888"), Some(address(CALLER)));
    assert_eq!(callee(&mut call), Some(address("198.51.100.7:888")));
}

/// Row A18: after a re-INVITE a phone that moved to another host is followed as soon as the old one is silent.
#[test]
fn a_moved_phone_is_followed_after_an_offer() {
    let mut call = Call::described();
    call.wait_ms(RELEARN_WINDOW_MS);
    call.rtp(Side::Callee, "198.51.100.7:777");
    call.describe(Side::Callee, Some(CALLEE));
    call.wait_ms(RELEARN_SILENCE_MS_MIN);
    assert_eq!(call.rtp(Side::Callee, "203.0.113.9:9999"), Some(address(CALLER)));
    assert_eq!(callee(&mut call), Some(address("203.0.113.9:9999")));
}

/// Row A18: the address that the SDP names takes over from one that was learned first, at once.
#[test]
fn the_described_address_is_preferred() {
    let mut call = Call::described();
    call.talk(Side::Callee, "203.0.113.9:9999", 100);
    assert_eq!(call.rtp(Side::Callee, CALLEE), Some(address(CALLER)));
    assert_eq!(callee(&mut call), Some(address(CALLEE)));
    assert_eq!(call.rtp(Side::Callee, "203.0.113.9:9999"), None);
}

/// Row A18: a described phone that pauses (silence suppression) does not lose its stream to another host, not even
/// right after the answer.
#[test]
fn a_described_source_is_never_taken() {
    let mut call = Call::described();
    call.rtp(Side::Callee, CALLEE);
    call.wait_ms(RELEARN_WINDOW_MS - 1);
    assert_eq!(call.rtp(Side::Callee, "203.0.113.9:9999"), None);
}

/// RFC 3264 section 8.3.1: an offer or answer with another address is followed before its first packet.
#[test]
fn a_new_description_moves_the_stream() {
    let mut call = Call::described();
    call.talk(Side::Callee, "198.51.100.7:777", 100);
    call.describe(Side::Callee, Some("192.0.2.3:6000"));
    assert_eq!(callee(&mut call), Some(address("192.0.2.3:6000")));
}

/// RFC 3264: a re-INVITE that repeats the address keeps a translated phone where it was learned.
#[test]
fn a_repeated_description_keeps_the_source() {
    let mut call = Call::described();
    call.talk(Side::Callee, "198.51.100.7:777", 100);
    call.describe(Side::Callee, Some(CALLEE));
    assert_eq!(callee(&mut call), Some(address("198.51.100.7:777")));
}

/// Row A18: an SDP that names ourselves leads nowhere, and nobody at our own address is learned.
#[test]
fn nothing_is_relayed_to_ourselves() {
    let mut call = Call::described();
    call.describe(Side::Callee, Some("192.0.2.10:10000"));
    assert_eq!(callee(&mut call), None);
    assert_eq!(call.rtp(Side::Callee, "192.0.2.10:10000"), None);
    let counters = call.relay.counters(SLOT, Side::Callee, Channel::Rtp).unwrap();
    assert_eq!((counters.forbidden_destination, counters.forbidden_source), (1, 1));
}
