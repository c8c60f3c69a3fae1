//! Call records on their way to the store: kept until it has acknowledged each, never in the way of a call.
//!
//! The store may restart, or wait for its peer; a record is offered again until the answer comes. Repeating one is
//! harmless, the store knows it by its `unique_id`.

use std::sync::Arc;
use std::time::Duration;

use daemon::bus::store::StoreProxy;
use exchange::{CallRecord, CallStatus, EndpointType};
use jiff::Timestamp;
use model::NodeName;
use serde::Serialize;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::clock::Clock;

/// Records that wait for the store: more than an hour of busy traffic.
pub const RECORDS_MAX: usize = 10_000;
/// Records offered to the store at the same time, so that it can write them in one group.
const OFFERED_MAX: usize = 64;
/// The store answers an offer within this time, or it is made again.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause after the first failed offer; doubled up to [`RETRY_MAX`].
const RETRY_MIN: Duration = Duration::from_millis(100);
/// Longest pause between two offers.
const RETRY_MAX: Duration = Duration::from_secs(2);

/// A call record as the store, `tandemctl records list` and the exports have it; absent values are null.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct StoredRecord {
    unique_id: String,
    /// Node that the call ended on
    node: String,
    /// `extension`, `trunk` or `unknown`
    source_type: &'static str,
    /// As above
    destination_type: &'static str,
    /// `answered`, `no-answer`, `busy`, `cancelled` or `failed`
    status: &'static str,
    /// Final SIP status; 0: cancelled before one
    sip_status: u16,
    /// UTC, RFC 3339, milliseconds; so the others
    start_datetime: String,
    channel_up_datetime: Option<String>,
    answer_datetime: Option<String>,
    end_datetime: String,
    answered_by: Option<String>,
    caller: String,
    caller_name: String,
    anonymous: bool,
    called: String,
    gateway_name: Option<String>,
    account_code: Option<String>,
    /// Whole seconds from start to end
    duration: u64,
    /// Whole seconds from answer to end
    bill_secs: u64,
    src_peer_name: Option<String>,
    src_ip_port: String,
}

/// The JSON form of a record.
#[must_use]
pub fn to_json(record: &CallRecord, node: &NodeName, clock: Clock) -> String {
    let text = |time| utc_text(clock.utc(time));
    let stored = StoredRecord {
        unique_id: record.unique_id.clone(),
        node: node.to_string(),
        source_type: endpoint_text(record.source_type),
        destination_type: endpoint_text(record.destination_type),
        status: status_text(record.status),
        sip_status: record.sip_status,
        start_datetime: text(record.start),
        channel_up_datetime: record.channel_up.map(text),
        answer_datetime: record.answer.map(text),
        end_datetime: text(record.end),
        answered_by: record.answered_by.as_ref().map(|name| name.reveal().clone()),
        caller: record.caller.reveal().clone(),
        caller_name: record.caller_name.reveal().clone(),
        anonymous: record.anonymous,
        called: record.called.reveal().clone(),
        gateway_name: record.gateway_name.clone(),
        account_code: record.account_code.clone(),
        duration: record.end.since(record.start).as_secs(),
        bill_secs: record.answer.map_or(0, |answer| record.end.since(answer).as_secs()),
        src_peer_name: record.source_peer_name.clone(),
        src_ip_port: record.source_address.to_string(),
    };
    serde_json::to_string(&stored).expect("texts, numbers and flags always have a JSON form")
}

fn utc_text(time: Timestamp) -> String {
    format!("{time:.3}")
}

const fn endpoint_text(kind: EndpointType) -> &'static str {
    match kind {
        EndpointType::Extension => "extension",
        EndpointType::Trunk => "trunk",
        EndpointType::Unknown => "unknown",
    }
}

const fn status_text(status: CallStatus) -> &'static str {
    match status {
        CallStatus::Answered => "answered",
        CallStatus::NoAnswer => "no-answer",
        CallStatus::Busy => "busy",
        CallStatus::Cancelled => "cancelled",
        CallStatus::Failed => "failed",
    }
}

/// The way to the store.
#[derive(Debug)]
pub struct Records {
    queue: mpsc::Sender<String>,
    lost: u64,
}

impl Records {
    /// Starts the task that offers records to the store; it ends when every `Records` is gone and every record is
    /// acknowledged.
    #[must_use]
    pub fn start(store: StoreProxy<'static>) -> (Self, tokio::task::JoinHandle<()>) {
        let (queue, records) = mpsc::channel(RECORDS_MAX);
        (Records { queue, lost: 0 }, tokio::spawn(deliver(records, store)))
    }

    /// Takes a record, without waiting. One beyond [`RECORDS_MAX`] is lost, and the log says so.
    pub fn keep(&mut self, json: String) {
        if self.queue.try_send(json).is_err() {
            self.lost += 1;
            log::error!(lost = self.lost, limit = RECORDS_MAX; "a call record is lost: the store has taken none for long");
        }
    }
}

async fn deliver(mut records: mpsc::Receiver<String>, store: StoreProxy<'static>) {
    let places = Arc::new(Semaphore::new(OFFERED_MAX));
    let mut offers = JoinSet::new();
    while let Some(record) = records.recv().await {
        let place = Arc::clone(&places).acquire_owned().await.expect("the semaphore is never closed");
        let store = store.clone();
        offers.spawn(async move {
            offer(&store, &record).await;
            drop(place);
        });
        while offers.try_join_next().is_some() {}
    }
    while offers.join_next().await.is_some() {}
}

/// Offers a record until the store has it, or says that it never will.
async fn offer(store: &StoreProxy<'_>, record: &str) {
    let mut pause = RETRY_MIN;
    loop {
        match timeout(ANSWER_TIMEOUT, store.record_call(record.to_owned())).await {
            Ok(Ok(_protected)) => return,
            Ok(Err(error)) if is_refusal(&error) => {
                log::error!(error:%; "the store refuses a call record: it is lost");
                return;
            }
            Ok(Err(error)) => {
                log::debug!(error:%; "the store did not take a call record; it is offered again");
            }
            Err(_) => log::debug!("the store did not answer about a call record; it is offered again"),
        }
        sleep(pause).await;
        pause = (pause * 2).min(RETRY_MAX);
    }
}

/// The record itself is wrong: offering it again cannot help.
fn is_refusal(error: &zbus::Error) -> bool {
    matches!(error, zbus::Error::MethodError(name, ..) if name.as_str() == "org.freedesktop.DBus.Error.InvalidArgs")
}

#[cfg(test)]
mod tests {
    use model::{Private, Time};

    use super::*;

    fn record() -> CallRecord {
        let private = |text: &str| Private::new(text.to_owned());
        CallRecord {
            unique_id: "a-1".to_owned(),
            source_type: EndpointType::Extension,
            destination_type: EndpointType::Trunk,
            status: CallStatus::Answered,
            sip_status: 200,
            start: Time::from_millis(1_000),
            channel_up: None,
            answer: Some(Time::from_millis(3_500)),
            end: Time::from_millis(64_000),
            answered_by: None,
            caller: private("101"),
            caller_name: private("Ada \"L\""),
            anonymous: false,
            called: private("0612345"),
            gateway_name: Some("provider".to_owned()),
            account_code: None,
            source_peer_name: Some("101".to_owned()),
            source_address: "192.0.2.1:5062".parse().unwrap(),
        }
    }

    /// Row H21 and the export's names: every key stands there, durations are whole seconds, times UTC in milliseconds.
    #[test]
    fn the_json_form_has_the_names_of_the_export() {
        let node = "a".parse().unwrap();
        let json = to_json(&record(), &node, Clock::start());
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        for key in [
            "unique_id",
            "source_type",
            "destination_type",
            "status",
            "start_datetime",
            "channel_up_datetime",
            "answer_datetime",
            "answered_by",
            "end_datetime",
            "caller",
            "caller_name",
            "anonymous",
            "called",
            "gateway_name",
            "account_code",
            "duration",
            "bill_secs",
            "src_peer_name",
            "src_ip_port",
            "node",
            "sip_status",
        ] {
            assert!(value.get(key).is_some(), "{key} in {json}");
        }
        assert_eq!((value["duration"].as_u64(), value["bill_secs"].as_u64()), (Some(63), Some(60)));
        assert_eq!(
            (value["status"].as_str(), value["caller_name"].as_str()),
            (Some("answered"), Some("Ada \"L\""))
        );
        assert!(value["channel_up_datetime"].is_null());
        let start: Timestamp = value["start_datetime"].as_str().unwrap().parse().unwrap();
        let answer: Timestamp = value["answer_datetime"].as_str().unwrap().parse().unwrap();
        assert_eq!(answer.duration_since(start).as_millis(), 2_500);
        assert_eq!(value["start_datetime"].as_str().unwrap().len(), "2026-11-21T22:40:01.123Z".len());
    }
}
