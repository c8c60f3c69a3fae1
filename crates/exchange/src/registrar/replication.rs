//! Bindings on their way to and from the peer node.

use std::time::Duration;

use model::Time;
use wire::registration::RegistrationUpdate;

use super::bindings::{Binding, Bindings};
use crate::core::{Core, Timer};
use crate::{Flow, Transport};

/// Longest life that a replica may claim: more than any configuration allows is a mistake of the peer.
const REPLICA_LIFE_MAX: Duration = Duration::from_secs(7 * 86_400);

impl Binding {
    /// The binding as the peer node is told of it.
    pub(crate) fn to_update(&self, now: Time) -> RegistrationUpdate {
        let remaining = if self.registered { self.expires.since(now) } else { Duration::ZERO };
        RegistrationUpdate {
            account: self.account.clone(),
            contact: self.contact.to_string(),
            remaining_ms: u64::try_from(remaining.as_millis()).unwrap_or(u64::MAX),
            transport: if self.source.transport == Transport::Udp { "udp" } else { "tcp" }.to_owned(),
            local: self.source.local.to_string(),
            remote: self.source.remote.to_string(),
            call_id: self.call_id.clone(),
            cseq: self.cseq,
            instance: self.instance.clone(),
            q_thousandths: self.q_thousandths,
            user_agent: self.user_agent.clone(),
        }
    }

    /// A binding that the peer node tells of. A TCP connection was to the other node: it cannot be called over.
    fn from_update(update: RegistrationUpdate, now: Time) -> Option<Binding> {
        let transport = match update.transport.as_str() {
            "udp" => Transport::Udp,
            "tcp" => Transport::Tcp,
            _ => return None,
        };
        let (local, remote) = (update.local.parse().ok()?, update.remote.parse().ok()?);
        let source = Flow { transport, local, remote, connection: 0 };
        Some(Binding {
            account: update.account,
            contact: update.contact.parse().ok()?,
            source,
            flow: (transport == Transport::Udp).then_some(source),
            expires: now + Duration::from_millis(update.remaining_ms).min(REPLICA_LIFE_MAX),
            call_id: update.call_id,
            cseq: update.cseq,
            instance: update.instance,
            q_thousandths: update.q_thousandths,
            user_agent: update.user_agent,
            registered: true,
        })
    }
}

impl Bindings {
    /// Takes over what the peer node has accepted, unless something newer is known here. What a serving node has removed
    /// stays removed: the peer's copy is from before.
    pub(crate) fn apply_replica(
        &mut self,
        core: &mut Core,
        update: RegistrationUpdate,
        registrations_max: usize,
        serving: bool,
    ) {
        let removes = update.remaining_ms == 0;
        let (call_id, cseq) = (update.call_id.clone(), update.cseq);
        let Some(binding) = Binding::from_update(update, core.now) else {
            core.counters.messages_unusable += 1;
            return;
        };
        let known = self.find(&binding.account, &binding.contact);
        let older = known.is_some_and(|(_, known)| {
            let is_mark = !known.registered;
            is_mark && serving
                || known.call_id == call_id && (cseq < known.cseq || cseq == known.cseq && is_mark)
        });
        let known_flow = known.and_then(|(_, known)| known.flow);
        let known = known.map(|(id, _)| id);
        if older {
            core.counters.replicas_stale += 1;
        } else if removes {
            if let Some(id) = known {
                self.mark_removed(id, &call_id, cseq);
            }
        } else if known.is_some() || self.len() < registrations_max {
            // A connection that ends here is worth more than the news that there is one
            let flow = binding.flow.or(known_flow);
            self.put(&mut core.timers, Binding { flow, ..binding }, Timer::Binding);
        } else {
            core.counters.refused_at_limit += 1;
        }
    }
}
