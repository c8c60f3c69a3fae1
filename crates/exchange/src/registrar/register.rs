//! What a REGISTER asks for, checked as a whole before any of it is done (RFC 3261 section 10.3).

use std::time::Duration;

use model::Sip;
use sip::{Contacts, NameAddr, Response, Uri, name};

use super::bindings::{Binding, BindingId, Bindings};
use crate::core::{Core, Timer};
use crate::incoming::Incoming;
use crate::{Flow, Output};

/// Marks of removed bindings kept per account, beyond which the oldest is forgotten.
const MARKS_MAX: usize = 16;

/// Why a REGISTER is refused; nothing of it was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// `*` without `Expires: 0` or beside other contacts, or a contact that is no SIP URI: 400
    Contact,
    /// A wish shorter than the minimum, in seconds: 423
    TooBrief { min_s: u64 },
    /// Older than what is registered: 500 (step 7 of section 10.3)
    OutOfOrder,
    /// More contacts than an account may have: 403
    TooManyContacts,
    /// More bindings than the exchange keeps: 503
    Full,
}

/// One contact of a REGISTER.
#[derive(Debug)]
struct Wish {
    contact: NameAddr,
    /// Zero removes
    life: Duration,
}

/// A REGISTER of an authenticated account.
#[derive(Debug)]
pub(crate) struct Registration<'a> {
    pub(crate) account: &'a str,
    pub(crate) incoming: &'a Incoming,
    pub(crate) config: &'a Sip,
    pub(crate) registrations_max: usize,
}

impl Registration<'_> {
    /// Does what the REGISTER asks for, and fills the 200 with what is registered then.
    pub(crate) fn apply(&self, core: &mut Core, bindings: &mut Bindings) -> Result<(), Refusal> {
        match self.incoming.request.headers.contacts().map_err(|_| Refusal::Contact)? {
            Contacts::All => self.remove_all(core, bindings),
            Contacts::List(contacts) => {
                let wishes = self.wishes(contacts)?;
                self.check(bindings, &wishes)?;
                for wish in wishes {
                    self.grant(core, bindings, wish);
                }
                bindings.trim_marks(&mut core.timers, self.account, MARKS_MAX);
                Ok(())
            }
        }
    }

    /// Lists what is registered in the Contacts of the 200, each with the seconds it has left.
    pub(crate) fn list(core: &Core, bindings: &Bindings, account: &str, response: &mut Response) {
        for (_, binding) in bindings.registered(account) {
            let left_s = binding.expires.since(core.now).as_secs_f64().round();
            let mut contact = NameAddr::new(binding.contact.clone());
            if let Some(q) = binding.q_thousandths {
                contact.params.set("q", Some(&format!("{}.{:03}", q / 1000, q % 1000)));
            }
            if let Some(instance) = &binding.instance {
                contact.params.set("+sip.instance", Some(&format!("\"{instance}\"")));
            }
            contact.params.set("expires", Some(&format!("{left_s}")));
            response.headers.push(name::CONTACT, contact);
        }
    }

    fn header_expires_s(&self) -> Option<u32> {
        self.incoming.request.headers.expires_s().ok().flatten()
    }

    /// `Contact: *` (section 10.2.2).
    fn remove_all(&self, core: &mut Core, bindings: &mut Bindings) -> Result<(), Refusal> {
        if self.header_expires_s() != Some(0) {
            return Err(Refusal::Contact);
        }
        if bindings.registered(self.account).any(|(_, binding)| self.is_older_than(binding)) {
            return Err(Refusal::OutOfOrder);
        }
        let ids: Vec<BindingId> = bindings.registered(self.account).map(|(id, _)| id).collect();
        for id in ids {
            self.remove(core, bindings, id);
        }
        bindings.trim_marks(&mut core.timers, self.account, MARKS_MAX);
        Ok(())
    }

    /// How long each contact is to live: its own wish, else that of the header, else the default.
    fn wishes(&self, contacts: Vec<NameAddr>) -> Result<Vec<Wish>, Refusal> {
        let header_s = self.header_expires_s();
        let wish = |contact: NameAddr| {
            let asked = contact.expires_s().or(header_s).map(|seconds| Duration::from_secs(seconds.into()));
            let life = asked.unwrap_or(self.config.registration_default);
            if contact.uri.as_sip().is_none() {
                return Err(Refusal::Contact);
            }
            if !life.is_zero() && life < self.config.registration_min {
                return Err(Refusal::TooBrief { min_s: self.config.registration_min.as_secs() });
            }
            Ok(Wish { contact, life: life.min(self.config.registration_max) })
        };
        contacts.into_iter().map(wish).collect()
    }

    fn check(&self, bindings: &Bindings, wishes: &[Wish]) -> Result<(), Refusal> {
        let mut fresh = 0;
        for Wish { contact, life } in wishes {
            match bindings.find(self.account, &contact.uri) {
                Some((_, known)) if self.is_older_than(known) => return Err(Refusal::OutOfOrder),
                Some((_, known)) if known.registered => {}
                _ => fresh += usize::from(!life.is_zero()),
            }
        }
        // A phone that comes back with another address, and phones whose connection is gone, make room
        let replaced = |binding: &Binding| {
            binding.flow.is_none()
                || binding.instance.is_some()
                    && wishes.iter().any(|wish| instance_of(&wish.contact) == binding.instance)
        };
        let staying = bindings.registered(self.account).filter(|(_, binding)| !replaced(binding)).count();
        if fresh > 0 && staying + fresh > self.config.contacts_max {
            return Err(Refusal::TooManyContacts);
        }
        if fresh > 0 && bindings.len() + fresh > self.registrations_max {
            return Err(Refusal::Full);
        }
        Ok(())
    }

    /// Step 7 of section 10.3: requests of one Call-ID count in the order of their `CSeq`.
    fn is_older_than(&self, binding: &Binding) -> bool {
        binding.call_id == self.incoming.call_id && self.incoming.cseq.number <= binding.cseq
    }

    fn grant(&self, core: &mut Core, bindings: &mut Bindings, wish: Wish) {
        let Wish { contact, life } = wish;
        if life.is_zero() {
            if let Some((id, _)) = bindings.find(self.account, &contact.uri) {
                self.remove(core, bindings, id);
            }
            return;
        }
        let instance = instance_of(&contact);
        if let Some(instance) = &instance {
            for id in bindings.of_instance(self.account, instance, &contact.uri) {
                self.remove(core, bindings, id);
            }
        }
        for id in bindings.left_behind(self.account, &contact.uri) {
            self.remove(core, bindings, id);
        }
        self.make_room(core, bindings, &contact.uri);
        let q_thousandths = contact.params.has("q").then(|| contact.q_thousandths());
        let binding = Binding {
            account: self.account.to_owned(),
            contact: contact.uri,
            source: self.incoming.flow,
            flow: Some(self.incoming.flow),
            expires: core.now + life,
            call_id: self.incoming.call_id.clone(),
            cseq: self.incoming.cseq.number,
            instance,
            q_thousandths,
            user_agent: self.incoming.request.headers.get(name::USER_AGENT).map(str::to_owned),
            registered: true,
        };
        core.push(Output::Replicate(binding.to_update(core.now)));
        bindings.put(&mut core.timers, binding, Timer::Binding);
    }

    /// A binding whose connection is gone gives its place to a new contact when there is no other.
    fn make_room(&self, core: &mut Core, bindings: &mut Bindings, contact: &Uri) {
        let known = bindings.find(self.account, contact).is_some_and(|(_, binding)| binding.registered);
        let registered: Vec<(BindingId, Option<Flow>)> =
            bindings.registered(self.account).map(|(id, binding)| (id, binding.flow)).collect();
        if known || registered.len() < self.config.contacts_max {
            return;
        }
        if let Some((id, _)) = registered.into_iter().find(|(_, flow)| flow.is_none()) {
            self.remove(core, bindings, id);
        }
    }

    fn remove(&self, core: &mut Core, bindings: &mut Bindings, id: BindingId) {
        let removed = bindings.mark_removed(id, &self.incoming.call_id, self.incoming.cseq.number);
        if let Some(binding) = removed {
            let update = binding.to_update(core.now);
            core.push(Output::Replicate(update));
        }
    }
}

/// `+sip.instance` of a contact (RFC 5626 section 4.1), without quotes.
fn instance_of(contact: &NameAddr) -> Option<String> {
    contact.params.unquoted("+sip.instance")
}
