//! `tandemctl records`: call records.

use anyhow::Context;
use daemon::bus::store::StoreProxy;
use daemon::zbus::Connection;
use serde_json::Value;

use crate::arguments::ListVerb;
use crate::bus::explain;
use crate::listing::{self, cell};
use crate::table::Table;
use crate::view;

/// Does what `verb` says and returns what to print.
pub async fn answer(connection: &Connection, verb: ListVerb) -> anyhow::Result<String> {
    let ListVerb::List { month, form } = verb;
    let store = StoreProxy::new(connection).await.context("addressing the store")?;
    let descriptor = store.call_records(&month).await.map_err(explain("stored"))?;
    let records = listing::read(descriptor)?;
    Ok(if form.json { listing::array(&records) } else { table(&records) })
}

fn table(records: &[Value]) -> String {
    let mut table =
        Table::new(&["START", "CALLER", "CALLED", "STATUS", "ANSWERED BY", "TALK", "FROM", "TRUNK", "ID"]);
    for record in records {
        table.row([
            view::local_time(&cell(record, "start_datetime")),
            caller(record),
            cell(record, "called"),
            cell(record, "status"),
            cell(record, "answered_by"),
            seconds(record, "bill_secs"),
            cell(record, "src_ip_port"),
            cell(record, "gateway_name"),
            cell(record, "unique_id"),
        ]);
    }
    format!("{}{} call record(s)\n", table.render(), records.len())
}

/// `101 Anna`, or the bare number.
fn caller(record: &Value) -> String {
    format!("{} {}", cell(record, "caller"), cell(record, "caller_name")).trim().to_owned()
}

fn seconds(record: &Value, key: &str) -> String {
    match record.get(key).and_then(Value::as_f64) {
        Some(seconds) => {
            let seconds = std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default().as_secs();
            format!("{}:{:02}", seconds / 60, seconds % 60)
        }
        None => cell(record, key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Row S13: a record is readable, and one that failed early has gaps, not lies.
    #[test]
    fn records_are_shown() {
        let records = [
            serde_json::json!({"unique_id": "a-1-1", "start_datetime": "?", "caller": "101", "caller_name": "Anna",
                "called": "102", "status": "answered", "answered_by": "102", "bill_secs": 75}),
            serde_json::json!({"unique_id": "a-1-2", "start_datetime": "?", "caller": "101", "called": "9", "status": "failed"}),
        ];
        let shown = table(&records);
        let lines: Vec<Vec<&str>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[1], ["?", "101", "Anna", "102", "answered", "102", "1:15", "-", "-", "a-1-1"]);
        assert_eq!(lines[2], ["?", "101", "9", "failed", "-", "-", "-", "-", "a-1-2"]);
        assert!(shown.ends_with("2 call record(s)\n"));
    }
}
