//! Doubles of the daemons for looking at the screen by hand: `doubles active|standby|single|new` serves them at
//! `DBUS_SYSTEM_BUS_ADDRESS` until it is ended (README.md has the commands).

#[path = "../tests/doubles/mod.rs"]
mod doubles;
#[path = "../tests/samples/mod.rs"]
mod samples;

use anyhow::{Context as _, bail};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let sample = match std::env::args().nth(1).as_deref() {
        Some("active") => samples::active(),
        Some("standby") => samples::standby(),
        Some("single") => samples::single(),
        Some("new") => samples::new(),
        _ => bail!("say which box: active, standby, single or new"),
    };
    let address = std::env::var("DBUS_SYSTEM_BUS_ADDRESS").context("reading DBUS_SYSTEM_BUS_ADDRESS")?;
    let _doubles = doubles::Doubles::start(&address, &sample).await;
    daemon::signals::terminated().await?;
    Ok(())
}
