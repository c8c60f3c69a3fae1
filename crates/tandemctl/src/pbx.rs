//! `tandemctl pbx`: the telephone daemon of this node.

use anyhow::Context;
use daemon::bus::pbx::{PbxProxy, PbxStatus};
use daemon::zbus::Connection;

use crate::arguments::PbxVerb;
use crate::bus::explain;
use crate::table::Table;
use crate::view::yes_no;

/// Does what `verb` says and returns what to print.
pub async fn answer(connection: &Connection, verb: PbxVerb) -> anyhow::Result<String> {
    let PbxVerb::Status(form) = verb;
    let pbx = PbxProxy::new(connection).await.context("addressing the telephone daemon")?;
    let status = pbx.status().await.map_err(explain("pbxd"))?;
    if form.json { Ok(serde_json::to_string(&status)? + "\n") } else { Ok(people(&status)) }
}

fn people(status: &PbxStatus) -> String {
    let mut table = Table::untitled();
    let mut say = |name: &str, value: String| table.row([name.to_owned(), value]);
    say("runs revision", status.revision.to_string());
    say("SIP domain", status.domain.clone());
    say("registrations", status.registrations.to_string());
    say("calls", status.calls.to_string());
    say("peer connected", yes_no(status.peer_connected));
    say("answers phones", yes_no(status.serving));
    say("unreadable messages", status.messages_dropped.to_string());
    table.render()
}
