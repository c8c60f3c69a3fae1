//! PJSIP phones: a second, independent SIP stack does what baresip does, with SHA-256 digest besides.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tests::pjsip::Pjsip;
use xtask::peers::wait_for;

use crate::phones::{Bench, CALLED_TONE_HZ, CALLER_TONE_HZ, HEARD_MS_MIN, STEP};

/// A14, A18: calls over UDP and TCP: answer, hold, resume, hang up from both sides, audio both ways.
#[test]
fn phones_talk_hold_resume_and_hang_up() -> Result<()> {
    let bench = Bench::up("pjsip")?;
    let mut caller = bench.pjsip("103", "udp", CALLER_TONE_HZ)?;
    let mut called = bench.pjsip("104", "tcp", CALLED_TONE_HZ)?;

    caller.command(json!({"do": "call", "number": "104"}))?;
    called.wait(|event| event["event"] == "incoming", "incoming", STEP)?;
    called.command(json!({"do": "answer", "code": 200}))?;
    caller.wait_call("CONFIRMED", STEP)?;
    called.wait_call("CONFIRMED", STEP)?;
    caller.command(json!({"do": "hold"}))?;
    let held = |event: &serde_json::Value| event["event"] == "media" && event["active"] == false;
    caller.wait(held, "held", STEP)?;
    called.wait(held, "held by the other side", STEP)?;
    caller.command(json!({"do": "resume"}))?;
    let resumed = |event: &serde_json::Value| event["event"] == "media" && event["active"] == true;
    caller.wait(resumed, "resumed", STEP)?;
    called.wait(resumed, "resumed by the other side", STEP)?;
    hears_on(&caller, CALLED_TONE_HZ)?;
    hears_on(&called, CALLER_TONE_HZ)?;
    called.command(json!({"do": "hangup"}))?;
    caller.wait_call("DISCONNECTED", STEP)?;

    called.command(json!({"do": "call", "number": "103"}))?;
    caller.wait(|event| event["event"] == "incoming", "incoming", STEP)?;
    caller.command(json!({"do": "answer", "code": 200}))?;
    called.wait_call("CONFIRMED", STEP)?;
    called.command(json!({"do": "hangup"}))?;
    caller.wait_call("DISCONNECTED", STEP)?;

    caller.quit()?;
    called.quit()?;
    let (by_caller, by_called) = (caller.heard(CALLED_TONE_HZ)?, called.heard(CALLER_TONE_HZ)?);
    ensure!(by_caller.heard_ms >= HEARD_MS_MIN, "the caller heard {by_caller:?}");
    ensure!(by_called.heard_ms >= HEARD_MS_MIN, "the called phone heard {by_called:?}");
    Ok(())
}

/// Waits until the recording of `phone` has another [`HEARD_MS_MIN`] of the tone.
fn hears_on(phone: &Pjsip, tone_hz: u32) -> Result<()> {
    let before = phone.heard(tone_hz)?.heard_ms;
    wait_for(STEP, || (phone.heard(tone_hz).ok()?.heard_ms >= before + HEARD_MS_MIN).then_some(()))
        .with_context(|| format!("no more of the tone of {tone_hz} Hz was heard"))
}

/// A14, RFC 8760: an account with SHA-256 only and one with both registers; cancel and busy.
#[test]
fn cancel_and_busy_with_sha_256() -> Result<()> {
    let bench = Bench::up("pjsip-busy")?;
    let mut caller = bench.pjsip("115", "udp", CALLER_TONE_HZ)?;
    let mut called = bench.pjsip("118", "udp", CALLED_TONE_HZ)?;

    caller.command(json!({"do": "call", "number": "118"}))?;
    called.wait(|event| event["event"] == "incoming", "incoming", STEP)?;
    caller.command(json!({"do": "hangup"}))?;
    called.wait_call("DISCONNECTED", STEP)?;
    ensure!(caller.wait_call("DISCONNECTED", STEP)? == 487, "a cancelled call ends with 487");

    caller.command(json!({"do": "call", "number": "118"}))?;
    called.wait(|event| event["event"] == "incoming", "incoming", STEP)?;
    called.command(json!({"do": "answer", "code": 486}))?;
    ensure!(
        caller.wait_call("DISCONNECTED", STEP)? == 486,
        "the caller is told that the called phone is busy"
    );
    Ok(())
}
