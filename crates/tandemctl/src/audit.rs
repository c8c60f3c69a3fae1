//! `tandemctl audit`: who changed what, when and from where (rows U8 to U15).

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
    let descriptor = store.audit_rows(&month).await.map_err(explain("stored"))?;
    let rows = listing::read(descriptor)?;
    Ok(if form.json { listing::array(&rows) } else { table(&rows) })
}

/// The rows in columns.
pub fn table(rows: &[Value]) -> String {
    let mut table = Table::new(&[
        "TIME",
        "USER",
        "FROM",
        "REVISION",
        "ACTION",
        "TYPE",
        "WHAT",
        "WHAT FOR",
        "TRANSACTION",
    ]);
    for row in rows {
        table.row([
            view::local_time(&cell(row, "timestamp")),
            cell(row, "user_name"),
            cell(row, "ip_address"),
            cell(row, "revision"),
            cell(row, "action"),
            cell(row, "object_type"),
            cell(row, "description"),
            cell(row, "transaction_description"),
            cell(row, "transaction_id"),
        ]);
    }
    format!("{}{} row(s)\n", table.render(), rows.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// U8 to U15: time, user, source, action, type, description and transaction of a row are shown.
    #[test]
    fn rows_are_shown() {
        let row = serde_json::json!({"timestamp": "?", "user_name": "anna", "ip_address": "192.0.2.7", "revision": 2,
            "action": "change", "object_type": "sip", "description": "port 5060 → 5062",
            "transaction_description": "move", "transaction_id": "t-7"});
        let shown = table(&[row]);
        let words: Vec<&str> = shown.lines().nth(1).expect("a row").split_whitespace().collect();
        assert_eq!(
            words,
            ["?", "anna", "192.0.2.7", "2", "change", "sip", "port", "5060", "→", "5062", "move", "t-7"]
        );
    }
}
