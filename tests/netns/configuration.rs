//! The configuration through `tandemctl`: refused whole or applied whole, on either node, with a name and a trace.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::phones::Bench;

/// U1, U8, U10 to U15: a bad file is refused whole, every problem by path and line; a good one leaves audit rows on both
/// nodes, also when it was given to the standby (H11: one writer).
#[test]
fn a_bad_file_is_refused_whole_and_a_good_one_is_traced() -> Result<()> {
    let bench = Bench::up("configuration")?;
    let active = bench.pair.await_settled()?;
    let good = bench.pair.tandemctl(active, &["config", "export"])?;
    let revision = revision_of(&bench, active)?;

    let bad = bench.folder.join("bad.toml");
    let text = good.replacen("accounts = [\"101\"]", "accounts = [\"999\"]", 1).replacen(
        "port-min = 10000",
        "port-min = 10001",
        1,
    );
    std::fs::write(&bad, &text).context("write the bad file")?;
    let path = bad.to_str().context("the path is no text")?;
    let refused =
        bench.pair.tandemctl(active, &["config", "apply", path, "--author", "t", "--description", "bad"]);
    let message = format!("{:#}", refused.err().context("a bad file was accepted")?);
    for (path, words) in [("extension.101.accounts", "\"999\""), ("media.port-min", "10001")] {
        let line = text.lines().position(|line| line.contains(words)).context("the bad line")? + 1;
        ensure!(message.contains(path), "the problem at {path} is not named:\n{message}");
        ensure!(message.contains(&format!("{line}")), "line {line} is not named:\n{message}");
    }
    ensure!(revision_of(&bench, active)? == revision, "a refused file must change nothing");

    let changed = bench.folder.join("good.toml");
    std::fs::write(&changed, good.replacen("Phone 102", "Reception", 1)).context("write the good file")?;
    let path = changed.to_str().context("the path is no text")?;
    let standby = active.other();
    bench.pair.tandemctl(
        standby,
        &["config", "apply", path, "--author", "anna", "--description", "name the desk"],
    )?;
    bench.pair.await_settled()?;
    for side in [active, standby] {
        ensure!(revision_of(&bench, side)? > revision, "node {side} runs the old revision");
        let rows: Vec<Value> =
            serde_json::from_str(&bench.pair.tandemctl(side, &["audit", "list", "--json"])?)
                .context("read the audit rows")?;
        let row = rows.iter().rev().find(|row| row["user_name"] == "anna").context("no audit row of anna")?;
        ensure!(row["action"] == "change" && row["object_type"] == "extension", "unexpected row {row}");
        ensure!(
            row["transaction_id"].as_str().is_some_and(|id| !id.is_empty()),
            "a row without transaction: {row}"
        );
        ensure!(
            row["timestamp"].is_string() && row["ip_address"].is_string(),
            "a row without time or place: {row}"
        );
    }
    Ok(())
}

fn revision_of(bench: &Bench, side: xtask::lab::Side) -> Result<u64> {
    let status: Value = serde_json::from_str(&bench.pair.tandemctl(side, &["config", "show", "--json"])?)
        .context("read the configuration")?;
    status["revision"].as_u64().context("no revision")
}
