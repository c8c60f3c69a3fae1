//! A call begins: the INVITE of the caller becomes one INVITE for each phone or trunk to ring.

use std::time::Duration;

use sip::sdp::Description;
use sip::{Method, NameAddr, Request, Uri, name};

use super::session_timer::SessionTimer;
use super::{Call, CallId, CallTimer, Dialog, Leg, LegId, Party, Purpose, RecordDraft};
use crate::incoming::Incoming;
use crate::ports::SessionPorts;
use crate::signalling::{Place, Signalling, allow, contact};
use crate::transaction::{Owner, ServerId};
use crate::{Destination, MediaCommand, Output, Side};

/// No call lasts longer: whatever was lost on its way, a call does not stay for ever.
const CALL_LIFE_MAX: Duration = Duration::from_secs(12 * 3_600);

/// Who calls, as others are to see it.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) party: Party,
    pub(crate) number: String,
    pub(crate) name: String,
    /// Number and name are to be shown to nobody (RFC 3323)
    pub(crate) anonymous: bool,
}

/// One phone or trunk to ring.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) party: Party,
    pub(crate) uri: Uri,
    pub(crate) destination: Destination,
}

/// Everything that a call begins with.
#[derive(Debug)]
pub(crate) struct Invitation<'a> {
    pub(crate) incoming: &'a Incoming,
    pub(crate) server: ServerId,
    pub(crate) caller: Caller,
    /// The number that was dialled
    pub(crate) dialled: String,
    /// The session timer that the caller gets
    pub(crate) session_timer: Option<SessionTimer>,
    /// At least one
    pub(crate) targets: Vec<Target>,
    pub(crate) offer: Option<Description>,
    pub(crate) ports: SessionPorts,
    pub(crate) record: RecordDraft,
    /// Our domain
    pub(crate) domain: &'a str,
    pub(crate) ring_timeout: Duration,
    pub(crate) max_forwards: u8,
}

impl Call {
    /// Begins a call and rings its targets.
    pub(crate) fn start(signalling: &mut Signalling, id: CallId, invitation: &Invitation<'_>) -> Call {
        let incoming = invitation.incoming;
        let media_id = signalling.core.tokens.number() >> 2;
        let dialog = Dialog::answering(incoming, signalling.servers.to_tag(invitation.server));
        let way_back = Destination::Flow(incoming.flow);
        let mut caller = Leg::new(LegId::CALLER, invitation.caller.party.clone(), dialog, way_back, media_id);
        caller.allows_update = incoming.request.headers.lists(name::ALLOW, Method::UPDATE.as_str());
        caller.description.clone_from(&invitation.offer);
        signalling.dialogs.insert(caller.dialog.local_tag().to_owned(), Place::Leg(id, LegId::CALLER));
        signalling.servers.set_owner(invitation.server, (id, LegId::CALLER));
        let mut call = Call {
            id,
            caller,
            callees: Vec::with_capacity(invitation.targets.len()),
            answered: false,
            ports: invitation.ports,
            record: invitation.record.clone(),
            dialled: invitation.dialled.clone(),
            granted_timer: invitation.session_timer,
            invite: Some(invitation.server),
            offered: invitation.offer.is_some(),
            early_media: None,
            ringing_sent: false,
            best: None,
            renegotiation: None,
            late_answer: None,
            media_failed: false,
            ring: None,
            life: None,
        };
        call.open_media(signalling, invitation);
        for (index, target) in (1..).zip(&invitation.targets) {
            let leg = ring(signalling, &call, invitation, LegId(index), target);
            call.callees.push(leg);
        }
        let now = signalling.core.now;
        call.ring = Some(call.set_timer(signalling, now + invitation.ring_timeout, CallTimer::Ring));
        call.life = Some(call.set_timer(signalling, now + CALL_LIFE_MAX, CallTimer::Life));
        call
    }

    fn open_media(&self, signalling: &mut Signalling, invitation: &Invitation<'_>) {
        let local = self.caller.local().ip();
        // Phones in several networks ring together: the called side is bound where the first of them is
        let callee_local = invitation
            .targets
            .first()
            .map_or(local, |target| crate::transaction::origin(&target.destination).1.ip());
        signalling.core.push(Output::Media(MediaCommand::Open {
            session: self.id.session(),
            local,
            callee_local,
            caller_port: self.ports.caller,
            callee_port: self.ports.callee,
        }));
        if let Some(offer) = &invitation.offer {
            self.tell_media(signalling, Side::Caller, offer);
        }
    }
}

/// Sends the INVITE of one leg.
fn ring(
    signalling: &mut Signalling,
    call: &Call,
    invitation: &Invitation<'_>,
    id: LegId,
    target: &Target,
) -> Leg {
    let caller = &invitation.caller;
    let from = shown_caller(caller, invitation.domain).with_tag(&signalling.core.tokens.token());
    let to = match &target.party {
        Party::Account(_) => NameAddr::new(Uri::sip(&invitation.dialled, host_of(invitation.domain), None)),
        Party::Trunk(_) => NameAddr::new(target.uri.clone()),
    };
    let call_id = signalling.core.tokens.token();
    let media_id = signalling.core.tokens.number() >> 2;
    let dialog = Dialog::calling(call_id, from, to, target.uri.clone());
    let mut leg = Leg::new(id, target.party.clone(), dialog, target.destination, media_id);
    let body = invitation.offer.as_ref().map(|offer| {
        let local = leg.local().ip();
        leg.relay.rewrite(offer, local, call.ports.callee)
    });
    let mut invite = leg.dialog.request(Method::INVITE);
    invite.headers.set(name::MAX_FORWARDS, invitation.max_forwards);
    invite.headers.push(name::CONTACT, contact(&target.destination));
    invite.headers.push(name::ALLOW, allow());
    assert_identity(&mut invite, caller, target, invitation.domain);
    if let Some(body) = body {
        invite.set_body(sip::sdp::CONTENT_TYPE, body);
    }
    signalling.dialogs.insert(leg.dialog.local_tag().to_owned(), Place::Leg(call.id, id));
    let owner = Owner::Leg { call: call.id, leg: id, purpose: Purpose::Ring };
    leg.invite = Some(signalling.request(invite, target.destination, owner));
    leg
}

/// The caller in From (RFC 3323 section 4.1.1.3 when anonymous).
fn shown_caller(caller: &Caller, domain: &str) -> NameAddr {
    if caller.anonymous {
        let host = sip::Host::Name("anonymous.invalid".to_owned());
        return NameAddr::new(Uri::sip("anonymous", host, None)).with_display("Anonymous");
    }
    true_caller(caller, domain)
}

fn true_caller(caller: &Caller, domain: &str) -> NameAddr {
    NameAddr::new(Uri::sip(&caller.number, host_of(domain), None)).with_display(&caller.name)
}

/// P-Asserted-Identity (RFC 3325): a trunk is trusted to keep a secret when asked to, a phone shows what it gets.
fn assert_identity(invite: &mut Request, caller: &Caller, target: &Target, domain: &str) {
    let to_trunk = matches!(target.party, Party::Trunk(_));
    if caller.number.is_empty() || (caller.anonymous && !to_trunk) {
        return;
    }
    invite.headers.push(name::P_ASSERTED_IDENTITY, true_caller(caller, domain));
    if caller.anonymous {
        invite.headers.push(name::PRIVACY, "id");
    }
}

/// The domain as a host; `model` has checked that it is one.
pub(crate) fn host_of(domain: &str) -> sip::Host {
    domain.parse().unwrap_or_else(|_| sip::Host::Name(domain.to_owned()))
}
