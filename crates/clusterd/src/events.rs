//! The last events of the pair, for the log and the status (rows H23, H28 to H30).

use std::collections::VecDeque;

use daemon::bus::cluster::ClusterEvent;
use membership::{Event, Role};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};

use crate::heartbeat::Notice;

/// Events kept; the journal has the rest.
pub const EVENTS_MAX: usize = 100;

/// What has happened to this node.
#[derive(Clone, Debug, Default)]
pub struct Events {
    /// The last events, oldest first
    pub recent: VecDeque<ClusterEvent>,
    /// When this node got its role, also after that event has left the list; empty before the first change
    pub role_since: String,
}

/// Takes note of every notice until the heartbeat thread ends.
pub async fn keep(mut notices: broadcast::Receiver<Notice>, events: watch::Sender<Events>) {
    loop {
        let mut is_new_role = false;
        let text = match notices.recv().await {
            Ok(Notice::Event(event)) => {
                is_new_role = matches!(event, Event::RoleChanged { .. });
                tell(&event)
            }
            Ok(Notice::Freeze) => {
                "planned switchover: new transactions wait, the stores are brought level".to_owned()
            }
            Err(RecvError::Lagged(count)) => format!("{count} events were not noted, they came too fast"),
            Err(RecvError::Closed) => return,
        };
        let time = format!("{:.3}", jiff::Timestamp::now());
        events.send_modify(|events| {
            if is_new_role {
                events.role_since.clone_from(&time);
            }
            events.recent.push_back(ClusterEvent { time, text });
            while events.recent.len() > EVENTS_MAX {
                events.recent.pop_front();
            }
        });
    }
}

/// The name of a role on the bus and for people.
#[must_use]
pub fn role_name(role: Role) -> &'static str {
    match role {
        Role::Initialising => "initialising",
        Role::Standby => "standby",
        Role::Taking => "taking",
        Role::Active => "active",
        Role::Yielding => "yielding",
    }
}

/// Logs an event at its level and gives it as text.
fn tell(event: &Event) -> String {
    let (is_warning, text) = describe(event);
    if is_warning {
        log::warn!("{text}");
    } else {
        log::info!("{text}");
    }
    text
}

fn describe(event: &Event) -> (bool, String) {
    match event {
        Event::RoleChanged { from, to, reason } => {
            (false, format!("{} → {}: {reason}", role_name(*from), role_name(*to)))
        }
        Event::PeerLate => (true, "the peer is late: silent for the warning threshold".to_owned()),
        Event::PeerLost => (true, "the peer is lost: silent on every path for the dead threshold".to_owned()),
        Event::PeerHeard => (false, "the peer is heard".to_owned()),
        Event::TwoOwners { theirs } => (
            true,
            format!(
                "both nodes served; the other under epoch {} of {}; the lower lets go",
                theirs.counter, theirs.node
            ),
        ),
        Event::LateTick { late } => (true, format!("this agent was not scheduled in time: {late:.0?} late")),
        Event::Withheld { reason } => (true, format!("the service is not taken: {reason}")),
        Event::SwitchRefused { reason } => (true, format!("no switchover: {reason}")),
        Event::Damped { hold_down } => {
            (true, format!("too many hand-overs: the next waits at least {} s", hold_down.as_secs()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// H23: a late peer is an event with its time, and the list is bounded. H28: since when the role is held is known
    /// even when its event has left the list.
    #[tokio::test]
    async fn events_are_noted_and_bounded() {
        let (notices, receiver) = broadcast::channel(4 * EVENTS_MAX);
        let (cell, events) = watch::channel(Events::default());
        let role = Event::RoleChanged { from: Role::Standby, to: Role::Active, reason: "the peer is silent" };
        notices.send(Notice::Event(role)).unwrap();
        for _ in 0..EVENTS_MAX {
            notices.send(Notice::Event(Event::PeerHeard)).unwrap();
        }
        notices.send(Notice::Event(Event::PeerLate)).unwrap();
        drop(notices);
        keep(receiver, cell).await;
        let events = events.borrow();
        assert_eq!(events.recent.len(), EVENTS_MAX);
        let last = events.recent.back().unwrap();
        assert!(last.text.contains("late"));
        assert!(
            last.time.ends_with('Z') && last.time.len() == "2026-11-21T22:40:01.123Z".len(),
            "{}",
            last.time
        );
        assert!(!events.role_since.is_empty() && events.role_since <= events.recent.front().unwrap().time);
    }
}
