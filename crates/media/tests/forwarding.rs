//! Packets reach the other side.

mod relay;

use media::{Channel, Input, InputError, SESSIONS_MAX, Side, Slot};
use model::Time;
use relay::{Call, RTCP, RTP, SLOT, address};

/// Row A18: audio goes both ways, each way to where the other side is.
#[test]
fn audio_goes_both_ways() {
    let mut call = Call::described();
    assert_eq!(call.rtp(Side::Caller, "192.0.2.1:4000"), Some(address("192.0.2.2:5000")));
    assert_eq!(call.rtp(Side::Callee, "192.0.2.2:5000"), Some(address("192.0.2.1:4000")));
}

/// RFC 3550 section 11: RTCP travels on its own ports, apart from RTP.
#[test]
fn rtcp_goes_to_the_rtcp_port() {
    let mut call = Call::described();
    assert_eq!(
        call.packet(Side::Caller, Channel::Rtcp, "192.0.2.1:4001", &RTCP),
        Some(address("192.0.2.2:5001"))
    );
}

/// RFC 5761: RTCP that shares the RTP port stays on it.
#[test]
fn multiplexed_rtcp_stays_on_the_rtp_port() {
    let mut call = Call::described();
    assert_eq!(
        call.packet(Side::Caller, Channel::Rtp, "192.0.2.1:4000", &RTCP),
        Some(address("192.0.2.2:5000"))
    );
}

/// Row A18, early media: the called side speaks before it has answered; the caller's side is known from its offer.
#[test]
fn early_media_reaches_the_caller() {
    let mut call = Call::open();
    call.describe(Side::Caller, Some("192.0.2.1:4000"));
    assert_eq!(call.rtp(Side::Callee, "192.0.2.2:5000"), Some(address("192.0.2.1:4000")));
    assert_eq!(call.rtp(Side::Caller, "192.0.2.1:4000"), None, "nobody knows yet where the called side is");
}

/// RFC 3264 section 8.4: a side on hold (no address) is sent nothing, still heard, and found again after resuming.
#[test]
fn hold_stops_one_direction() {
    let mut call = Call::described();
    call.talk(Side::Caller, "192.0.2.1:4000", 100);
    call.talk(Side::Callee, "198.51.100.7:777", 100);
    call.describe(Side::Callee, None);
    assert_eq!(call.rtp(Side::Caller, "192.0.2.1:4000"), None);
    assert_eq!(call.rtp(Side::Callee, "198.51.100.7:777"), Some(address("192.0.2.1:4000")), "music on hold");
    call.describe(Side::Callee, Some("192.0.2.2:5000"));
    assert_eq!(call.rtp(Side::Caller, "192.0.2.1:4000"), Some(address("198.51.100.7:777")));
}

/// RFC 6263: keep-alives stay with us, they hold the sender's address translation open and no more.
#[test]
fn keep_alives_go_no_further() {
    let mut call = Call::described();
    assert_eq!(call.packet(Side::Caller, Channel::Rtp, "192.0.2.1:4000", &[]), None);
    assert_eq!(call.relay.counters(SLOT, Side::Caller, Channel::Rtp).unwrap().keep_alive, 1);
}

/// What is neither RTP nor RTCP (DTLS, T.38) passes between ends that are known.
#[test]
fn other_protocols_pass_between_known_ends() {
    let mut call = Call::described();
    let dtls = [22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(
        call.packet(Side::Caller, Channel::Rtp, "192.0.2.1:4000", &dtls),
        Some(address("192.0.2.2:5000"))
    );
    assert_eq!(call.packet(Side::Caller, Channel::Rtp, "203.0.113.9:4000", &dtls), None);
    assert_eq!(
        call.rtp(Side::Caller, "198.51.100.7:777"),
        Some(address("192.0.2.2:5000")),
        "nobody was learned"
    );
}

/// Counters: packets, octets, loss and the longest gap of a stream.
#[test]
fn streams_are_counted() {
    let mut call = Call::described();
    let mut packet = RTP;
    for (number, wait_ms) in [(1, 20), (2, 60), (5, 0)] {
        packet[3] = number;
        call.packet(Side::Caller, Channel::Rtp, "192.0.2.1:4000", &packet);
        call.wait_ms(wait_ms);
    }
    let counters = call.relay.counters(SLOT, Side::Caller, Channel::Rtp).unwrap();
    assert_eq!((counters.packets, counters.bytes, counters.lost), (3, 39, 2));
    assert_eq!(counters.gap_max.as_millis(), 60);
}

/// An oversized packet is counted, not relayed.
#[test]
fn oversized_packets_are_dropped() {
    let mut call = Call::described();
    let mut packet = vec![0; media::PACKET_BYTES_MAX + 1];
    packet[0] = 0x80;
    assert_eq!(call.packet(Side::Caller, Channel::Rtp, "192.0.2.1:4000", &packet), None);
    assert_eq!(call.relay.counters(SLOT, Side::Caller, Channel::Rtp).unwrap().too_long, 1);
}

/// A mistake of the shell is an error and changes nothing; a slot is free again after its session closed.
#[test]
fn slots_are_checked() {
    let mut call = Call::described();
    let mut input = |input: Input<'_>| call.relay.handle_input(Time::ZERO, input);
    assert_eq!(input(Input::Open { slot: SLOT }), Err(InputError::SlotInUse { slot: SLOT.0 }));
    let beyond = u32::try_from(SESSIONS_MAX).unwrap();
    assert_eq!(input(Input::Open { slot: Slot(beyond) }), Err(InputError::SlotTooLarge { slot: beyond }));
    assert_eq!(input(Input::Close { slot: Slot(1) }), Err(InputError::NoSession { slot: 1 }));
    assert_eq!(input(Input::Close { slot: SLOT }), Ok(()));
    assert_eq!(input(Input::Open { slot: SLOT }), Ok(()));
}
