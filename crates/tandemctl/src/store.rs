//! `tandemctl store`: the owner of durable state on this node.

use anyhow::Context;
use daemon::bus::store::{StoreProxy, StoreStatus};
use daemon::zbus::Connection;

use crate::arguments::StoreVerb;
use crate::bus::explain;
use crate::table::Table;
use crate::view::yes_no;

/// Does what `verb` says and returns what to print.
pub async fn answer(connection: &Connection, verb: StoreVerb) -> anyhow::Result<String> {
    let store = StoreProxy::new(connection).await.context("addressing the store")?;
    match verb {
        StoreVerb::Status(form) => {
            let status = store.status().await.map_err(explain("stored"))?;
            if form.json { Ok(serde_json::to_string(&status)? + "\n") } else { Ok(people(&status)) }
        }
        StoreVerb::Rebuild => {
            let records = store.rebuild().await.map_err(explain("stored"))?;
            Ok(format!("the view is made anew from {records} record(s) of the journal\n"))
        }
    }
}

fn people(status: &StoreStatus) -> String {
    let mut table = Table::untitled();
    let mut say = |name: &str, value: String| table.row([name.to_owned(), value]);
    say("node", status.node.clone());
    say("takes settings", yes_no(status.writer));
    say("revision", if status.revision == 0 { "none yet".to_owned() } else { status.revision.to_string() });
    say("call records", status.call_records.to_string());
    say("peer connected", yes_no(status.peer_connected));
    say("not yet on the peer", format!("{} entries", status.unprotected));
    say("state hash", status.state_hash.clone());
    let damage = match status.quarantined.as_slice() {
        [] => "none found".to_owned(),
        segments => segments.join("; "),
    };
    say("damage", damage);
    table.render()
}
