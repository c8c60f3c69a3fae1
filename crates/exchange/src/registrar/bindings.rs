//! What is registered: bindings by account, by connection and by time.
//!
//! A binding that was removed stays as a mark until it would have expired: a late copy of the REGISTER that made it,
//! from the network or from the peer node, must not bring it back (RFC 3261 section 10.3, step 7).

use std::collections::HashMap;

use model::Time;
use sip::{SipUri, Uri};

use crate::incoming::direct_contact;
use crate::timers::{TimerHandle, Timers};
use crate::{Destination, Flow, Transport};

/// Names one binding for the timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct BindingId(u64);

/// One contact of one account.
#[derive(Clone, Debug)]
pub(crate) struct Binding {
    pub(crate) account: String,
    pub(crate) contact: Uri,
    /// Where the phone registered from; of a connection that was to the peer node only the addresses count
    pub(crate) source: Flow,
    /// The path back to there; `None` when that connection is gone (or was to the peer node)
    pub(crate) flow: Option<Flow>,
    pub(crate) expires: Time,
    pub(crate) call_id: String,
    pub(crate) cseq: u32,
    pub(crate) instance: Option<String>,
    pub(crate) q_thousandths: Option<u16>,
    pub(crate) user_agent: Option<String>,
    /// False: a mark of one that was removed
    pub(crate) registered: bool,
}

impl Binding {
    /// Where a call goes. A Contact with the address that the packets come from is not behind a NAT: the phone listens
    /// there, whatever port it registered from. Any other is reached by the way it came. A connection is used as long as
    /// it stands (RFC 5626); when it is gone, a phone that is not behind a NAT is connected to.
    pub(crate) fn path(&self) -> Option<Destination> {
        let way_back = self.flow.map(Destination::Flow);
        if self.flow.is_some_and(|flow| flow.transport == Transport::Tcp) {
            return way_back;
        }
        let Some((wished, remote)) = direct_contact(&self.contact, &self.source) else { return way_back };
        let local = self.source.local;
        match (wished.unwrap_or(self.source.transport), self.flow) {
            (Transport::Udp, Some(flow)) => Some(Destination::Flow(Flow { remote, ..flow })),
            // A Contact without a transport stands for the one that is in use
            (Transport::Udp, None) => None,
            (transport @ Transport::Tcp, _) => Some(Destination::Address { transport, local, remote }),
        }
    }

    /// Whether a request that came over `flow` is of the phone of this binding.
    pub(crate) fn is_at(&self, flow: &Flow) -> bool {
        let is_path = self.path() == Some(Destination::Flow(*flow));
        is_path || self.source.transport == flow.transport && self.source.remote == flow.remote
    }
}

#[derive(Debug)]
struct Kept {
    binding: Binding,
    timer: TimerHandle,
}

/// All bindings.
#[derive(Debug, Default)]
pub(crate) struct Bindings {
    kept: HashMap<BindingId, Kept>,
    by_account: HashMap<String, Vec<BindingId>>,
    /// Bindings per connection (TCP only)
    by_flow: HashMap<Flow, Vec<BindingId>>,
    registered: usize,
    last_id: u64,
}

impl Bindings {
    /// Bindings that are registered, of all accounts.
    pub(crate) fn len(&self) -> usize {
        self.registered
    }

    /// Bindings and marks of an account, oldest first.
    fn of_account(&self, account: &str) -> impl Iterator<Item = (BindingId, &Binding)> {
        let ids = self.by_account.get(account).map_or(&[][..], Vec::as_slice);
        ids.iter().filter_map(|id| Some((*id, &self.kept.get(id)?.binding)))
    }

    /// What an account has registered, oldest first.
    pub(crate) fn registered(&self, account: &str) -> impl Iterator<Item = (BindingId, &Binding)> {
        self.of_account(account).filter(|(_, binding)| binding.registered)
    }

    /// Every binding of every account.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Binding> {
        self.kept.values().map(|kept| &kept.binding).filter(|binding| binding.registered)
    }

    /// The binding (or mark) of an account that names the same contact by RFC 3261 section 19.1.4.
    pub(crate) fn find(&self, account: &str, contact: &Uri) -> Option<(BindingId, &Binding)> {
        self.of_account(account).find(|(_, binding)| binding.contact.is_equivalent(contact))
    }

    /// Bindings of the same phone (`+sip.instance`, RFC 5626) under another contact.
    pub(crate) fn of_instance(&self, account: &str, instance: &str, contact: &Uri) -> Vec<BindingId> {
        self.registered(account)
            .filter(|(_, other)| other.instance.as_deref() == Some(instance))
            .filter(|(_, other)| !other.contact.is_equivalent(contact))
            .map(|(id, _)| id)
            .collect()
    }

    /// Bindings whose connection is gone and whose phone registers again from the same place under another contact: many
    /// phones make up a new user part at each start.
    pub(crate) fn left_behind(&self, account: &str, contact: &Uri) -> Vec<BindingId> {
        let place = |uri: &Uri| uri.as_sip().and_then(SipUri::target_address);
        let Some(here) = place(contact) else { return Vec::new() };
        self.registered(account)
            .filter(|(_, other)| other.flow.is_none() && place(&other.contact) == Some(here))
            .filter(|(_, other)| !other.contact.is_equivalent(contact))
            .map(|(id, _)| id)
            .collect()
    }

    /// Accounts with at least one binding.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = &str> {
        self.by_account.keys().map(String::as_str)
    }

    /// Keeps a binding in place of the one with the same contact. `timer` makes the timer of its end.
    pub(crate) fn put<T>(
        &mut self,
        timers: &mut Timers<T>,
        binding: Binding,
        timer: impl Fn(BindingId) -> T,
    ) {
        if let Some((id, _)) = self.find(&binding.account, &binding.contact) {
            self.forget(timers, id);
        }
        self.last_id += 1;
        let id = BindingId(self.last_id);
        self.registered += usize::from(binding.registered);
        self.by_account.entry(binding.account.clone()).or_default().push(id);
        if let Some(flow) = binding.flow.filter(|flow| flow.transport == Transport::Tcp) {
            self.by_flow.entry(flow).or_default().push(id);
        }
        let timer = timers.set(binding.expires, timer(id));
        self.kept.insert(id, Kept { binding, timer });
    }

    /// Turns a binding into the mark of one removed by the REGISTER with this Call-ID and `CSeq`.
    pub(crate) fn mark_removed(&mut self, id: BindingId, call_id: &str, cseq: u32) -> Option<&Binding> {
        self.leave_flow(id);
        let kept = self.kept.get_mut(&id)?;
        self.registered -= usize::from(kept.binding.registered);
        kept.binding.registered = false;
        kept.binding.flow = None;
        call_id.clone_into(&mut kept.binding.call_id);
        kept.binding.cseq = cseq;
        Some(&kept.binding)
    }

    /// Forgets a binding or mark altogether.
    pub(crate) fn forget<T>(&mut self, timers: &mut Timers<T>, id: BindingId) -> Option<Binding> {
        self.leave_flow(id);
        let kept = self.kept.remove(&id)?;
        timers.cancel(Some(kept.timer));
        self.registered -= usize::from(kept.binding.registered);
        if let Some(ids) = self.by_account.get_mut(&kept.binding.account) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.by_account.remove(&kept.binding.account);
            }
        }
        Some(kept.binding)
    }

    /// Marks of removed bindings of an account beyond `marks_max`, oldest first, are forgotten: they are bounded too.
    pub(crate) fn trim_marks<T>(&mut self, timers: &mut Timers<T>, account: &str, marks_max: usize) {
        let marks: Vec<BindingId> =
            self.of_account(account).filter(|(_, binding)| !binding.registered).map(|(id, _)| id).collect();
        for id in marks.iter().take(marks.len().saturating_sub(marks_max)) {
            self.forget(timers, *id);
        }
    }

    /// A connection is gone: its bindings stay until they expire.
    pub(crate) fn flow_closed(&mut self, flow: &Flow) {
        for id in self.by_flow.remove(flow).unwrap_or_default() {
            if let Some(kept) = self.kept.get_mut(&id) {
                kept.binding.flow = None;
            }
        }
    }

    fn leave_flow(&mut self, id: BindingId) {
        let Some(flow) = self.kept.get(&id).and_then(|kept| kept.binding.flow) else { return };
        if let Some(ids) = self.by_flow.get_mut(&flow) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.by_flow.remove(&flow);
            }
        }
    }
}
