//! `tandemctl store`: the owner of durable state on this node.

use anyhow::Context;
use daemon::bus::store::{StoreProxy, StoreStatus};
use daemon::zbus::Connection;
use serde_json::Value;

use crate::arguments::StoreVerb;
use crate::audit;
use crate::bus::explain;
use crate::listing;
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
        StoreVerb::Apart(form) => {
            let rows = listing::read(store.made_apart().await.map_err(explain("stored"))?)?;
            Ok(if form.json { listing::array(&rows) } else { apart(&rows) })
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
    say("made while apart", made_apart(status.parked));
    let damage = match status.quarantined.as_slice() {
        [] => "none found".to_owned(),
        segments => segments.join("; "),
    };
    say("damage", damage);
    table.render()
}

fn made_apart(changes: u64) -> String {
    match changes {
        0 => "nothing".to_owned(),
        changes => format!("{changes} change(s), not in force: see `tandemctl store apart`"),
    }
}

/// The rows as the audit shows them, and what to do with them.
fn apart(rows: &[Value]) -> String {
    let advice = match rows {
        [] => "nothing was made while apart\n",
        _ => "not in force, and kept: what is still wanted, make again with `tandemctl config apply`\n",
    };
    format!("{}{advice}", audit::table(rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DESIGN 5, promise 3: a change that did not come into force is shown, with what to do; its absence is said too.
    #[test]
    fn changes_made_apart_are_shown() {
        let row = serde_json::json!({"user_name": "anna", "description": "port 5060 → 5062", "revision": 4});
        let shown = apart(&[row]);
        assert!(shown.contains("anna") && shown.contains("5062") && shown.contains("1 row(s)"), "{shown}");
        assert!(shown.ends_with("`tandemctl config apply`\n"), "{shown}");
        assert!(apart(&[]).ends_with("nothing was made while apart\n"));
        assert_eq!(made_apart(0), "nothing");
        assert!(made_apart(2).starts_with("2 change(s)"));
    }
}
