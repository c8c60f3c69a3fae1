//! Keeps a value of another daemon current: fetched when its owner appears on the bus and after each signal of it.
//!
//! Signals only say *look again*: the value itself is fetched, so a lost or doubled signal does no harm. The streams
//! are drained in a task of their own that never waits for a reply; a stream that is held and not polled fills up
//! and then blocks every reply on its connection.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::Notify;
use zbus::Proxy;

/// Pause before a failed fetch is tried again without a new reason.
const RETRY: Duration = Duration::from_secs(1);
/// A fetch that takes longer has failed.
const FETCH_TIMEOUT: Duration = Duration::from_secs(2);

/// Why the value should be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// The daemon is on the bus
    Present,
    /// It has left the bus
    Absent,
}

/// Calls `fetch` with [`Presence::Present`] now, at each signal `member` and whenever the owner of `proxy`'s name
/// changes to somebody; with [`Presence::Absent`] when it leaves. Repeats a failed fetch. Ends when `fetch` says
/// `Ok(false)` (nobody listens any more) or the bus is gone.
pub(crate) async fn follow<F, Fetch>(
    proxy: Proxy<'static>,
    member: &'static str,
    mut fetch: F,
) -> zbus::Result<()>
where
    F: FnMut(Presence) -> Fetch,
    Fetch: Future<Output = zbus::Result<bool>>,
{
    let mut owners = proxy.receive_owner_changed().await?;
    let mut signals = proxy.receive_signal(member).await?;
    let changed = Arc::new(Notify::new());
    let (left, has_left) = tokio::sync::watch::channel(false);
    let drain = {
        let changed = Arc::clone(&changed);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    owner = owners.next() => match owner {
                        Some(owner) => { left.send_replace(owner.is_none()); }
                        None => break,
                    },
                    signal = signals.next() => if signal.is_none() { break },
                }
                changed.notify_one();
            }
            drop(left);
            changed.notify_one();
        })
    };
    let service = proxy.destination().to_string();
    loop {
        if has_left.has_changed().is_err() {
            break;
        }
        let presence = if *has_left.borrow() { Presence::Absent } else { Presence::Present };
        let outcome = tokio::time::timeout(FETCH_TIMEOUT, fetch(presence)).await;
        match outcome {
            Ok(Ok(true)) => changed.notified().await,
            Ok(Ok(false)) => break,
            Ok(Err(error)) => {
                log::debug!(service = service.as_str(), error:% = error; "not answering yet");
                let _ = tokio::time::timeout(RETRY, changed.notified()).await;
            }
            Err(_) => log::warn!(service = service.as_str(); "no answer within {FETCH_TIMEOUT:?}"),
        }
    }
    drain.abort();
    Ok(())
}
