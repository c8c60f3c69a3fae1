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

fn table(rows: &[Value]) -> String {
    let mut table = Table::new(&["TIME", "AUTHOR", "FROM", "ACTION", "TYPE", "WHAT", "TRANSACTION"]);
    for row in rows {
        table.row([
            view::local_time(&cell(row, "time")),
            cell(row, "author"),
            cell(row, "source_address"),
            cell(row, "action"),
            cell(row, "object_type"),
            cell(row, "description"),
            cell(row, "transaction_id"),
        ]);
    }
    format!("{}{} row(s)\n", table.render(), rows.len())
}
