//! What the service manager is told (`sd_notify`): ready, stopping, what goes on, still alive.
//!
//! Without `NOTIFY_SOCKET` (in the lab, in tests) each call does nothing. A manager that cannot be told is logged
//! once per call and is no reason to stop serving.

use std::time::Duration;

use sd_notify::NotifyState;

/// Start-up is finished; `status` is the line that `systemctl status` shows.
pub fn ready(status: &str) {
    notify(&[NotifyState::Ready, NotifyState::Status(status)]);
    log::info!("ready: {status}");
}

/// Another line for `systemctl status`.
pub fn status(status: &str) {
    notify(&[NotifyState::Status(status)]);
}

/// The end has begun.
pub fn stopping() {
    notify(&[NotifyState::Stopping]);
}

/// How often [`alive`] must be said: half of the unit's `WatchdogSec`; `None` when it has none.
#[must_use]
pub fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|limit| limit / 2)
}

/// The core still takes its turn. To be said by the task that owns the core, so that a wedged core is noticed.
pub fn alive() {
    notify(&[NotifyState::Watchdog]);
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        log::warn!(error:% = error; "the service manager could not be told");
    }
}
