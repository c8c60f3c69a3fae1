//! Each message of RFC 4475 and RFC 5118 as a datagram: the answer is one of those that its section allows
//! (`tests/data/torture/expectations.toml`), and OPTIONS is answered after it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use exchange::{Exchange, Input, Output};
use model::Time;

use crate::common::{Phone, config, setup, udp};
use sip::Method;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/torture")
}

/// Hands in octets; returns the octets that are sent for it.
fn answers(exchange: &mut Exchange, now: Time, remote: &str, bytes: &[u8]) -> Vec<Vec<u8>> {
    let flow = udp(remote.parse().unwrap());
    exchange.handle_input(now, Input::Message { flow, bytes }).unwrap();
    let mut sent = Vec::new();
    loop {
        match exchange.poll_output() {
            Output::Send { bytes, .. } => sent.push(bytes),
            Output::Timeout(_) => return sent,
            _ => {}
        }
    }
}

/// The status code of a response, read without our parser: answers to broken requests copy what is broken.
fn status(answer: &[u8]) -> Option<i64> {
    let text = String::from_utf8_lossy(answer);
    text.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
}

/// RFC 4475, RFC 5118: all 61 messages, one exchange, its health asked after each.
#[test]
fn every_message_gets_an_answer_that_its_section_allows() {
    let text = std::fs::read_to_string(folder().join("expectations.toml")).unwrap();
    let expectations: toml::Table = text.parse().unwrap();
    let messages = expectations["message"].as_array().unwrap();
    assert_eq!(messages.len(), 61, "49 of RFC 4475 and 12 of RFC 5118");
    let mut exchange = Exchange::new(setup());
    let now = Time::from_millis(1_000);
    exchange.handle_input(now, Input::Configure(Arc::new(config()))).unwrap();
    exchange.handle_input(now, Input::Serving(true)).unwrap();
    let mut monitor = Phone::new("monitor", "10.20.0.254:5060");
    let mut wrong = Vec::new();
    for message in messages {
        let file = message["file"].as_str().unwrap();
        let wanted: Vec<i64> =
            message["answer"].as_array().unwrap().iter().filter_map(toml::Value::as_integer).collect();
        let bytes = std::fs::read(folder().join(file)).unwrap();
        let sent = answers(&mut exchange, now, "10.20.0.66:5060", &bytes);
        let statuses: Vec<Option<i64>> = sent.iter().map(|answer| status(answer)).collect();
        let right = match statuses[..] {
            [] => wanted.is_empty(),
            [Some(status)] => wanted.contains(&status),
            _ => false,
        };
        if !right {
            wrong.push(format!("{file}: wanted {wanted:?}, got {statuses:?}"));
        }
        let options =
            monitor.request(Method::OPTIONS, "sip:pbx.example.com", "<sip:pbx.example.com>").to_bytes();
        let health = answers(&mut exchange, now, "10.20.0.254:5060", &options);
        assert_eq!(health.first().and_then(|answer| status(answer)), Some(200), "after {file}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
