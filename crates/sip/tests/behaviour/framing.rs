//! Messages out of a stream.

use proptest::prelude::*;
use sip::framing::{Frame, FrameError, StreamFramer, is_keep_alive};
use sip::limits::{HEAD_BYTES_MAX, MESSAGE_BYTES_MAX};
use sip::{Delivery, Message};

use crate::INVITE;

/// All frames when the octets come in pieces of these sizes.
fn frames(octets: &[u8], sizes: &[usize]) -> Result<Vec<Frame>, FrameError> {
    let (mut framer, mut frames, mut rest) = (StreamFramer::new(), Vec::new(), octets);
    let mut sizes = sizes.iter().cycle();
    while !rest.is_empty() {
        let (piece, others) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
        framer.push(piece);
        rest = others;
        while let Some(frame) = framer.next_frame()? {
            frames.push(frame);
        }
    }
    Ok(frames)
}

fn head(content_length: &str) -> String {
    INVITE.replace("Content-Length: 4", content_length).trim_end_matches("v=0\n").to_owned()
}

/// RFC 3261 section 18.3, RFC 5626 section 4.4.1: messages by Content-Length, pings told, single line ends
/// skipped.
#[test]
fn a_stream_is_cut_into_messages_and_pings() {
    let ok = "SIP/2.0 200 OK\r\nl :\r\n 2\r\n\r\nhi";
    let stream = format!("\r\n{INVITE}\r\n\r\n{ok}\r\n\r\n\r\n{INVITE}\r\n\r\n");
    let message = |text: &str| Frame::Message(text.as_bytes().to_vec());
    let wanted = [message(INVITE), Frame::Ping, message(ok), Frame::Ping, message(INVITE), Frame::Ping];
    for size in [1, 2, 3, 7, 64, 10_000] {
        assert_eq!(frames(stream.as_bytes(), &[size]).unwrap(), wanted, "pieces of {size}");
    }
}

/// RFC 4475 sections 3.1.2.3 and 3.3.9: on a stream a Content-Length that cannot be believed ends the
/// connection, after an answer.
#[test]
fn an_unusable_content_length_is_the_end() {
    for content_length in ["Content-Length: -999", "Content-Length: 4\r\nl: 5", "Content-Length: 4x", "l:"] {
        let Err(FrameError::ContentLength { head }) = frames(head(content_length).as_bytes(), &[100]) else {
            panic!("{content_length}");
        };
        let Err(sip::ParseError::Refused(refusal)) = Message::parse(&head, Delivery::Stream) else {
            panic!("{content_length}");
        };
        assert_eq!(refusal.status, 400);
    }
}

/// A missing Content-Length means no body (RFC 3261 section 18.3 demands one; peers forget it where there is
/// none).
#[test]
fn without_content_length_a_message_ends_with_its_head() {
    let bare = head("Subject: none");
    let cut = frames(format!("{bare}{INVITE}").as_bytes(), &[50]).unwrap();
    assert_eq!(cut, [Frame::Message(bare.into_bytes()), Frame::Message(INVITE.as_bytes().to_vec())]);
}

/// Limits: neither a head nor a body without end fills the memory.
#[test]
fn limits_end_a_connection() {
    let endless = vec![b'a'; HEAD_BYTES_MAX + 1];
    assert_eq!(frames(&endless, &[1000]), Err(FrameError::HeadTooLong));
    let large = head(&format!("Content-Length: {MESSAGE_BYTES_MAX}"));
    assert!(matches!(frames(large.as_bytes(), &[1000]), Err(FrameError::MessageTooLong { .. })));
    let beyond_any_number = head(&format!("Content-Length: {}", "9".repeat(40)));
    assert!(matches!(frames(beyond_any_number.as_bytes(), &[1000]), Err(FrameError::ContentLength { .. })));
}

/// RFC 5626 section 4.4 and what phones do besides: datagrams that only keep a NAT binding open.
#[test]
fn keep_alive_datagrams_are_no_messages() {
    for datagram in ["", "\r\n\r\n", "\r\n", "\0\0\0\0"] {
        assert!(is_keep_alive(datagram.as_bytes()), "{datagram:?}");
    }
    assert!(!is_keep_alive(INVITE.as_bytes()));
}

/// Whether a message has begun decides which timeout a connection gets.
#[test]
fn a_begun_message_shows() {
    let mut framer = StreamFramer::new();
    framer.push(b"\r\n");
    assert!(!framer.is_mid_message());
    framer.push(b"INVITE");
    assert_eq!(framer.next_frame(), Ok(None));
    assert!(framer.is_mid_message());
}

proptest! {
    /// How the network cuts a stream makes no difference.
    #[test]
    fn cutting_makes_no_difference(
        parts in proptest::collection::vec(prop_oneof![
            Just(INVITE.to_owned()), Just("\r\n".to_owned()), Just("\r\n\r\n".to_owned()), "[A-Z\r\n: ]{0,20}",
        ], 0..8),
        sizes in proptest::collection::vec(1_usize..40, 1..8),
    ) {
        let stream = parts.concat();
        prop_assert_eq!(frames(stream.as_bytes(), &sizes), frames(stream.as_bytes(), &[1]));
    }
}
