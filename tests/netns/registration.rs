//! Registrations by sipp with digest.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::extension::register_arguments;
use tests::sipp::{Run, Scenario, credentials, write_rows};

use crate::phones::{Bench, STEP};

/// Issue 2: 200 registrations with digest, none fails; both nodes then know the same bindings.
#[test]
fn two_hundred_registrations_with_digest() -> Result<()> {
    let bench = Bench::up("registration")?;
    let lab = bench.lab();
    let rows = bench.folder.join("accounts.csv");
    let accounts: Vec<_> = lab.accounts.iter().filter(|account| account.digest == "md5").collect();
    let row = |account: &&xtask::lab::Account| {
        vec![account.user.clone(), credentials(&account.user, &account.password)]
    };
    write_rows(&rows, &accounts.iter().map(row).collect::<Vec<_>>())?;
    let mut sipp = Run {
        namespace: lab.namespaces.phones.clone(),
        local: SocketAddr::new(lab.phones_address, 5_080),
        remote: Some(bench.exchange()),
        scenario: Scenario::File("register"),
        arguments: register_arguments(&bench.surroundings, &rows, 5_080, 200),
        folder: bench.folder.join("register"),
    }
    .start()?;
    sipp.finish(STEP * 2)?;
    let active = bench.pair.await_settled()?;
    let bindings = |side| -> Result<u64> {
        let text = bench.pair.tandemctl(side, &["pbx", "status", "--json"])?;
        let status: Value = serde_json::from_str(&text).context("read the status of the telephone daemon")?;
        status["registrations"].as_u64().context("no number of registrations in the status")
    };
    let expected = accounts.len() as u64;
    ensure!(
        bindings(active)? == expected,
        "one binding for each of {expected} accounts, {} found",
        bindings(active)?
    );
    let same = xtask::peers::wait_for(STEP, || (bindings(active.other()).ok()? == expected).then_some(()));
    ensure!(same.is_some(), "the standby does not know the registrations");
    Ok(())
}
