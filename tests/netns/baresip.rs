//! baresip phones over UDP and TCP: talk, hold, resume, hang up from both sides, cancel, busy.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use xtask::lab::Namespace;

use crate::phones::{Bench, CALLED_TONE_HZ, CALLER_TONE_HZ, STEP, hears};

/// A14, A18: calls between UDP and TCP phones have audio both ways; hold and resume; either side may hang up.
#[test]
fn phones_talk_hold_resume_and_hang_up() -> Result<()> {
    let bench = Bench::up("baresip")?;
    let mut caller = bench.baresip("101", "udp", false, CALLER_TONE_HZ)?;
    let mut called = bench.baresip("102", "tcp", true, CALLED_TONE_HZ)?;

    caller.command("dial", "102")?;
    caller.wait_event("CALL_ESTABLISHED", STEP)?;
    called.wait_event("CALL_ESTABLISHED", STEP)?;
    hears(&caller, CALLED_TONE_HZ)?;
    hears(&called, CALLER_TONE_HZ)?;
    caller.command("hold", "")?;
    caller.command("resume", "")?;
    both_ways(&bench)?;
    caller.command("hangup", "")?;
    called.wait_event("CALL_CLOSED", STEP)?;

    // The other direction: the TCP phone calls, and the called side ends it.
    caller.forget_events();
    called.forget_events();
    called.command("dial", "101")?;
    caller.wait_event("CALL_INCOMING", STEP)?;
    caller.command("accept", "")?;
    called.wait_event("CALL_ESTABLISHED", STEP)?;
    caller.wait_event("CALL_ESTABLISHED", STEP)?;
    hears(&called, CALLER_TONE_HZ)?;
    caller.command("hangup", "")?;
    called.wait_event("CALL_CLOSED", STEP)?;
    Ok(())
}

/// A14: a caller that gives up stops the ringing; a called phone that refuses is busy for the caller.
#[test]
fn cancel_and_busy() -> Result<()> {
    let bench = Bench::up("cancel")?;
    let mut caller = bench.baresip("101", "udp", false, CALLER_TONE_HZ)?;
    let mut called = bench.baresip("102", "tcp", false, CALLED_TONE_HZ)?;

    caller.command("dial", "102")?;
    called.wait_event("CALL_INCOMING", STEP)?;
    caller.command("hangup", "")?;
    called.wait_event("CALL_CLOSED", STEP)?;

    caller.forget_events();
    caller.command("dial", "102")?;
    called.wait_event("CALL_INCOMING", STEP)?;
    called.command("hangup", "")?;
    let closed = caller.wait_event("CALL_CLOSED", STEP)?;
    ensure!(closed["param"].as_str().is_some_and(|text| text.contains("486")), "expected 486, got {closed}");
    Ok(())
}

/// RTP packets that must reach the phones: two seconds of both directions.
const RTP_PACKETS: usize = 200;

/// Proves at the wire that both directions flow after a re-INVITE; baresip 1.0 stops its recording there.
fn both_ways(bench: &Bench) -> Result<()> {
    let filter =
        format!("udp and src host {} and src portrange 10000-20000 and greater 180", bench.exchange().ip());
    let count = RTP_PACKETS.to_string();
    let words = ["tcpdump", "-l", "-n", "-c", &count, "-i", "lan0", &filter];
    let output =
        bench.pair.exec(Namespace::Phones, &words, STEP).context("RTP after the call was resumed")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let sources: BTreeSet<&str> = text.lines().filter_map(|line| line.split(' ').nth(2)).collect();
    ensure!(sources.len() == 2, "RTP flows from {sources:?} only");
    Ok(())
}
