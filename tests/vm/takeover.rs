//! The demonstration's story on machines.

use anyhow::{Result, ensure};
use xtask::demo::story;
use xtask::demo::timeline::Timeline;

use crate::bench::{GAP_MAX, on_pair};

/// A14, H3, H5, H24, issue 3: a call with audio both ways, the active box loses its power, the other one answers within
/// 3 s, a second call, the dead box boots and agrees, and no unit has failed on either.
#[test]
fn calls_go_on_after_a_power_cut() -> Result<()> {
    on_pair("takeover", |bench| {
        let mut timeline = Timeline::start();
        let shown = story::tell(&bench.pair, &bench.folder, &mut timeline)?;
        let faults = shown.faults(GAP_MAX);
        ensure!(faults.is_empty(), "{}", faults.join("; "));
        ensure!(shown.registrations >= 2, "two phones have registered, {} bindings", shown.registrations);
        ensure!(bench.took_from_a_silent_peer(shown.takeover.to)?, "a handover and no takeover");
        Ok(())
    })
}
