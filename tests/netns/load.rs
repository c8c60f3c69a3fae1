//! Many calls at once: sipp's built-in caller rings an extension through the trunk, and the prefix route reaches
//! sipp's built-in called party, both at the same time.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::extension::Extension;
use tests::sipp::{Run, Scenario, credentials, write_rows};

use crate::phones::Bench;

/// 200 calls of 30 s, 50 at a time, 20 new ones a second: four waves.
const LOAD: [&str; 8] = ["-l", "50", "-r", "20", "-d", "30000", "-m", "200"];
/// Four waves of 30 s and their setup.
const LOAD_DEADLINE: Duration = Duration::from_secs(180);

/// A14, A18: 200 calls in through the trunk and 200 out by the prefix, 50 at a time each, without a failure, and a
/// record for each.
#[test]
fn trunk_and_prefix_route_carry_fifty_calls_each() -> Result<()> {
    let bench = Bench::up("load")?;
    let lab = bench.lab();
    let extension = Extension::register(&bench.surroundings, &bench.folder, "106", 5_080)?;
    let trunk = SocketAddr::new(lab.trunk.address, lab.trunk.port);
    let run = |local: SocketAddr, scenario: Scenario, arguments: Vec<String>, name: &str| Run {
        namespace: lab.namespaces.phones.clone(),
        local,
        remote: Some(bench.exchange()),
        scenario,
        arguments,
        folder: bench.folder.join(name),
    };
    let _carrier =
        Run { remote: None, ..run(trunk, Scenario::BuiltIn("uas"), Vec::new(), "carrier") }.start()?;

    let to_extension = ["-s", &extension.number].into_iter().chain(LOAD).map(str::to_owned).collect();
    let mut incoming =
        run(SocketAddr::new(lab.trunk.address, 5_090), Scenario::BuiltIn("uac"), to_extension, "incoming")
            .start()?;

    let rows = bench.folder.join("callers.csv");
    let row = |account: &xtask::lab::Account| {
        vec![
            account.user.clone(),
            credentials(&account.user, &account.password),
            format!("{}555", lab.trunk.prefix),
        ]
    };
    write_rows(&rows, &lab.accounts.iter().filter(|a| a.digest == "md5").map(row).collect::<Vec<_>>())?;
    let rows = rows.to_string_lossy().into_owned();
    let outgoing =
        ["-inf", &rows, "-key", "domain", &lab.domain].into_iter().chain(LOAD).map(str::to_owned).collect();
    let mut outgoing =
        run(SocketAddr::new(lab.phones_address, 5_100), Scenario::File("call"), outgoing, "outgoing")
            .start()?;

    incoming.finish(LOAD_DEADLINE).context("calls in through the trunk")?;
    outgoing.finish(LOAD_DEADLINE).context("calls out by the prefix route")?;
    let active = bench.pair.await_settled()?;
    let records: Vec<Value> =
        serde_json::from_str(&bench.pair.tandemctl(active, &["records", "list", "--json"])?)
            .context("read the call records")?;
    let answered = records.iter().filter(|record| record["status"] == "answered").count();
    ensure!(answered == 400, "400 calls were answered, {answered} records say so");
    Ok(())
}
