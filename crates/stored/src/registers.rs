//! Registers: call records as they come in, and both registers as JSON lines for people and scripts.

use ledger::{Action, Entry, Outcome, Record};
use model::{Private, redact};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::clock::{self, Period};
use crate::configuration::refusal_text;
use crate::handle::{CoreHandle, Gone};
use crate::view::{CALL, View, ViewError};

/// Largest call record, octets of JSON.
pub const CALL_BYTES_MAX: usize = 64 * 1024;
/// Letters of the name of a call.
const UNIQUE_ID_BYTES_MAX: usize = 128;

/// A call record was not stored.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It is no record
    #[error("the call record {reason}")]
    Malformed {
        /// What is wrong, what to do
        reason: String,
    },
    /// The ledger refused it
    #[error("the call record was not stored: {reason}")]
    Refused {
        /// Why
        reason: &'static str,
    },
    /// The owner of the ledger has ended
    #[error(transparent)]
    Gone(#[from] Gone),
}

/// Stores one call record; true: it is on both disks. A record of the same `unique_id` is stored once.
///
/// # Errors
/// [`RecordError`].
pub async fn record_call(core: &CoreHandle, json: &str) -> Result<bool, RecordError> {
    match core.record(entry_of(json)?).await? {
        Outcome::Committed { protected, .. } => Ok(protected),
        Outcome::Refused { refusal, .. } => Err(RecordError::Refused { reason: refusal_text(refusal) }),
    }
}

/// The entry for a call record, kept under the time it started, else ended, else now.
fn entry_of(json: &str) -> Result<Entry, RecordError> {
    let malformed = |reason: String| RecordError::Malformed { reason };
    if json.len() > CALL_BYTES_MAX {
        return Err(malformed(format!("has {} octets, at most {CALL_BYTES_MAX} are kept", json.len())));
    }
    let record: Map<String, Value> =
        serde_json::from_str(json).map_err(|error| malformed(format!("is no JSON object: {error}")))?;
    let unique_id = record.get("unique_id").and_then(Value::as_str).unwrap_or("");
    if unique_id.is_empty() || unique_id.len() > UNIQUE_ID_BYTES_MAX {
        return Err(malformed(format!("needs \"unique_id\", a text of 1 to {UNIQUE_ID_BYTES_MAX} octets")));
    }
    let time = |key: &str| record.get(key).and_then(Value::as_str).and_then(clock::parse_rfc3339);
    Ok(Entry {
        id: unique_id.to_owned(),
        kind: CALL.to_owned(),
        time_unix_ms: time("start_datetime").or_else(|| time("end_datetime")).unwrap_or_else(clock::unix_ms),
        // Written anew on one line, whatever the sender's layout.
        body: Private::new(Value::Object(record).to_string()),
    })
}

/// One row of the audit log (rows U8 to U15), in the order of its columns.
#[derive(Serialize)]
struct AuditRow<'a> {
    transaction_id: &'a str,
    /// Sequence of the transaction in the ledger
    sequence: u64,
    /// Number of the row in the transaction, from 1
    row: usize,
    timestamp: &'a str,
    user_name: &'a str,
    ip_address: &'a str,
    action: &'static str,
    object_type: &'a str,
    object_key: &'a str,
    description: &'a str,
    before: Option<String>,
    after: Option<String>,
    /// What the whole transaction was for
    transaction_description: &'a str,
    epoch: u64,
    node: &'a str,
    revision: u64,
}

/// Audit rows of `period` as JSON lines, oldest first, secrets hidden; stops before `bytes_max`.
///
/// # Errors
/// The view cannot be read.
pub fn audit_lines(view: &View, period: Period, bytes_max: usize) -> Result<Vec<u8>, ViewError> {
    Ok(lines_of(&view.transactions(period)?, bytes_max))
}

/// Rows of the settings "made while apart" as JSON lines, node by node, as [`audit_lines`].
///
/// # Errors
/// The view cannot be read.
pub fn made_apart_lines(view: &View, bytes_max: usize) -> Result<Vec<u8>, ViewError> {
    Ok(lines_of(&view.made_apart()?, bytes_max))
}

fn lines_of(records: &[Record], bytes_max: usize) -> Vec<u8> {
    let mut lines = Vec::new();
    for record in records {
        let before = lines.len();
        push_rows(&mut lines, record);
        if lines.len() > bytes_max {
            lines.truncate(before);
            log::warn!(bytes_max = bytes_max; "the listing of rows is cut: ask month by month");
            break;
        }
    }
    lines
}

fn push_rows(lines: &mut Vec<u8>, record: &Record) {
    let Some(transaction) = record.transaction() else { return };
    let fields = record.fields();
    let timestamp = clock::rfc3339(transaction.time_unix_ms);
    for (index, row) in transaction.rows.iter().enumerate() {
        let row = AuditRow {
            transaction_id: &transaction.id,
            sequence: fields.sequence,
            row: index + 1,
            timestamp: &timestamp,
            user_name: &transaction.author,
            ip_address: &transaction.source_address,
            action: match row.action {
                Action::Create => "create",
                Action::Change => "change",
                Action::Delete => "delete",
            },
            object_type: &row.object_type,
            object_key: &row.object_key,
            description: &row.description,
            before: row.before.as_ref().map(|text| redact(text.reveal())),
            after: row.after.as_ref().map(|text| redact(text.reveal())),
            transaction_description: &transaction.description,
            epoch: fields.epoch.counter,
            node: &fields.node,
            revision: fields.sequence,
        };
        serde_json::to_writer(&mut *lines, &row).expect("a vector takes every octet and no field refuses");
        lines.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record is kept under the time of its call, on one line; what is no record is refused with the reason.
    #[test]
    fn call_records_are_checked() {
        let entry = entry_of("{\n \"unique_id\": \"c1\", \"start_datetime\": \"2026-11-21T22:26:40.007Z\"}")
            .expect("good");
        assert_eq!(
            (entry.id.as_str(), entry.kind.as_str(), entry.time_unix_ms),
            ("c1", CALL, 1_795_300_000_007)
        );
        assert!(!entry.body.reveal().contains('\n'));
        let ended =
            entry_of("{\"unique_id\":\"c2\",\"end_datetime\":\"2026-11-21T22:26:40.007Z\"}").expect("good");
        assert_eq!(ended.time_unix_ms, 1_795_300_000_007);
        for bad in ["", "[]", "{}", "{\"unique_id\": 5}", "{\"unique_id\": \"\"}"] {
            assert!(matches!(entry_of(bad), Err(RecordError::Malformed { .. })), "{bad}");
        }
        let long = format!("{{\"unique_id\":\"c\",\"x\":\"{}\"}}", "x".repeat(CALL_BYTES_MAX));
        assert!(entry_of(&long).is_err());
    }
}
