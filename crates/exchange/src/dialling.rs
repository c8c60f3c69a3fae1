//! An INVITE of a caller we know: where it leads, and the call or the refusal that comes of it.

use std::net::SocketAddr;
use std::time::Duration;

use model::{AccountName, ExtensionNumber, Private, TrunkName};
use sip::sdp::Description;
use sip::{Host, NameAddr, SipUri, Uri, name};

use crate::call::{
    Call, CallId, Caller, INTERVAL_MIN_S, Invitation, MAX_FORWARDS, Party, RecordDraft, Target,
    wished_session_timer,
};
use crate::exchange::Exchange;
use crate::incoming::Incoming;
use crate::requests::{Refused, content_refused, extension_refused, scheme_refused};
use crate::routing::Destined;
use crate::{CallRecord, CallStatus, Destination, EndpointType, Output, Transport};

/// How long a trunk may ring: timer C of RFC 3261 section 16.6, there "more than three minutes".
const TRUNK_RING_TIMEOUT: Duration = Duration::from_secs(200);

/// Where a call goes, once everything about it is known to be right.
struct Plan {
    targets: Vec<Target>,
    ring_timeout: Duration,
}

impl Exchange {
    /// INVITE outside of a dialog.
    pub(crate) fn on_invite(&mut self, incoming: &Incoming) {
        if self.signalling.servers.is_merged(incoming) {
            self.reply(incoming, 482, |_| {});
            return;
        }
        let Some(caller) = self.identify(incoming) else { return };
        if !self.has_room(incoming) {
            return;
        }
        let server = self.signalling.servers.open(&mut self.signalling.core, incoming);
        self.signalling.respond(server, 100);
        self.signalling.core.counters.calls += 1;
        self.last_call += 1;
        let id = CallId(self.last_call);
        let mut record = self.open_record(id, incoming, &caller);
        match self.prepare(id, incoming, server, caller, &mut record) {
            Ok(call) => {
                self.calls.insert(id, call);
            }
            Err(refused) => {
                let now = self.signalling.core.now;
                record.sip_status = refused.status;
                record.status = if refused.status == 486 { CallStatus::Busy } else { CallStatus::Failed };
                let status = refused.status;
                self.signalling.core.push(Output::Record(RecordDraft::new(record).close(now)));
                self.signalling.respond_with(server, status, |response| refused.explain(response));
            }
        }
    }

    /// Who calls: an account by digest, else a trunk by its source address; anybody else is answered with 401.
    fn identify(&mut self, incoming: &Incoming) -> Option<Caller> {
        let directory = self.directory.as_ref()?;
        let has_credentials = incoming.request.headers.has(name::AUTHORIZATION);
        let trunk = directory.trunk_at(incoming.flow.remote.ip()).map(|(name, _)| name.clone());
        match trunk.filter(|_| !has_credentials) {
            Some(trunk) => Some(trunk_caller(trunk, incoming)),
            None => {
                let claimed = incoming.from.uri.user();
                let account = self.authenticate(incoming, claimed.as_deref())?;
                Some(self.account_caller(AccountName::new(account), incoming))
            }
        }
    }

    fn account_caller(&self, account: AccountName, incoming: &Incoming) -> Caller {
        let shown = self.directory.as_ref().and_then(|directory| directory.extension_of(&account));
        let (number, name) = shown.map_or_else(
            || (account.as_str().to_owned(), String::new()),
            |(number, extension)| (number.as_str().to_owned(), extension.name.reveal().clone()),
        );
        Caller { party: Party::Account(account), number, name, anonymous: wants_privacy(incoming) }
    }

    fn open_record(&self, id: CallId, incoming: &Incoming, caller: &Caller) -> CallRecord {
        let now = self.signalling.core.now;
        let unix_ms = self.unix_at_start.as_millis() + u128::from(now.as_millis());
        let (source_type, gateway_name, peer) = match &caller.party {
            Party::Account(account) => (EndpointType::Extension, None, account.as_str()),
            Party::Trunk(trunk) => (EndpointType::Trunk, Some(trunk.as_str().to_owned()), trunk.as_str()),
        };
        CallRecord {
            unique_id: format!("{}-{unix_ms}-{}", self.node, id.0),
            source_type,
            destination_type: EndpointType::Unknown,
            status: CallStatus::Failed,
            sip_status: 0,
            start: now,
            channel_up: None,
            answer: None,
            end: now,
            answered_by: None,
            caller: Private::new(caller.number.clone()),
            caller_name: Private::new(caller.name.clone()),
            anonymous: caller.anonymous,
            called: Private::new(incoming.request.uri.user().unwrap_or_default()),
            gateway_name,
            account_code: None,
            source_peer_name: Some(peer.to_owned()),
            source_address: incoming.flow.remote,
        }
    }

    /// Checks everything about the call, takes ports and begins it.
    fn prepare(
        &mut self,
        id: CallId,
        incoming: &Incoming,
        server: crate::transaction::ServerId,
        caller: Caller,
        record: &mut CallRecord,
    ) -> Result<Call, Refused> {
        let max_forwards = hops_left(incoming)?;
        let offer = offer_of(incoming)?;
        let session_timer = wished_session_timer(&incoming.request)
            .map_err(|_| Refused::with(422, name::MIN_SE, INTERVAL_MIN_S.to_string()))?;
        let dialled = incoming.request.uri.user().unwrap_or_default();
        let plan = self.plan(&dialled, &caller, incoming, record)?;
        let ports = if self.calls.len() < self.limits.calls_max {
            self.ports.allocate(self.signalling.core.now, id.session())
        } else {
            None
        };
        let Some(ports) = ports else {
            self.signalling.core.counters.refused_at_limit += 1;
            return Err(Refused::full());
        };
        let domain = self
            .directory
            .as_ref()
            .map_or_else(String::new, |directory| directory.config().system.domain.clone());
        let invitation = Invitation {
            incoming,
            server,
            caller,
            dialled,
            session_timer,
            targets: plan.targets,
            offer,
            ports,
            record: RecordDraft::new(record.clone()),
            domain: &domain,
            ring_timeout: plan.ring_timeout,
            max_forwards,
        };
        Ok(Call::start(&mut self.signalling, id, &invitation))
    }

    /// Where the number leads: 404 when nowhere, 480 when nobody is there.
    fn plan(
        &self,
        dialled: &str,
        caller: &Caller,
        incoming: &Incoming,
        record: &mut CallRecord,
    ) -> Result<Plan, Refused> {
        let Some(directory) = &self.directory else { return Err(Refused::full()) };
        let may_leave = match &caller.party {
            Party::Account(_) => true,
            Party::Trunk(trunk) => directory.config().trunks.get(trunk).is_some_and(|trunk| trunk.transit),
        };
        match directory.route(dialled, may_leave) {
            Destined::Nowhere => Err(Refused::plain(404)),
            Destined::Extension(number) => {
                record.destination_type = EndpointType::Extension;
                self.plan_extension(&number, caller, incoming)
            }
            Destined::Trunk { trunk, number } => {
                record.destination_type = EndpointType::Trunk;
                record.gateway_name = Some(trunk.as_str().to_owned());
                self.plan_trunk(trunk, &number)
            }
        }
    }

    /// All phones of all accounts of the extension that can be reached, except the one that calls.
    fn plan_extension(
        &self,
        number: &ExtensionNumber,
        caller: &Caller,
        incoming: &Incoming,
    ) -> Result<Plan, Refused> {
        let extension =
            self.directory.as_ref().and_then(|directory| directory.config().extensions.get(number));
        let Some(extension) = extension else { return Err(Refused::plain(404)) };
        let mut targets = Vec::new();
        let mut called_itself = false;
        for account in &extension.accounts {
            let is_caller = caller.party == Party::Account(account.clone());
            for (_, binding) in self.bindings.registered(account.as_str()) {
                if is_caller && binding.is_at(&incoming.flow) {
                    called_itself = true;
                    continue;
                }
                let Some(destination) = binding.path() else { continue };
                targets.push(Target {
                    party: Party::Account(account.clone()),
                    uri: crate::call::without_headers(&binding.contact),
                    destination,
                });
            }
        }
        targets.truncate(self.limits.branches_max);
        match targets.is_empty() {
            false => Ok(Plan { targets, ring_timeout: extension.ring_timeout }),
            // The only phone there is holds the receiver that dials
            true if called_itself => Err(Refused::plain(486)),
            true => Err(Refused::plain(480)),
        }
    }

    fn plan_trunk(&self, name: TrunkName, number: &str) -> Result<Plan, Refused> {
        let trunk = self.directory.as_ref().and_then(|directory| directory.config().trunks.get(&name));
        let Some(trunk) = trunk else { return Err(Refused::plain(404)) };
        let Some(local) = self.local_for(trunk.address) else { return Err(Refused::plain(480)) };
        let mut uri = SipUri::host(Host::Address(trunk.address.ip()), Some(trunk.address.port()));
        let transport = match trunk.transport {
            model::Transport::Udp => Transport::Udp,
            model::Transport::Tcp => {
                uri.params.set("transport", Some("tcp"));
                Transport::Tcp
            }
        };
        if let Uri::Sip(with_user) = Uri::sip(number, uri.host.clone(), uri.port) {
            uri.raw_user = with_user.raw_user;
        }
        let destination = Destination::Address { transport, local, remote: trunk.address };
        let target = Target { party: Party::Trunk(name), uri: Uri::Sip(uri), destination };
        Ok(Plan { targets: vec![target], ring_timeout: TRUNK_RING_TIMEOUT })
    }

    /// Our address towards `remote`: the one in its network, else the first of its family.
    fn local_for(&self, remote: SocketAddr) -> Option<SocketAddr> {
        let family =
            || self.local_addresses.iter().filter(|local| local.socket.is_ipv4() == remote.is_ipv4());
        let local = family().find(|local| local.shares_network(remote.ip())).or_else(|| family().next())?;
        Some(local.socket)
    }
}

/// Max-Forwards for the legs to come: a call that runs in circles through trunks ends (RFC 3261 section 16.3).
fn hops_left(incoming: &Incoming) -> Result<u8, Refused> {
    match incoming.request.headers.max_forwards() {
        Ok(Some(0)) => Err(Refused::plain(483)),
        Ok(Some(hops)) => Ok(hops - 1),
        _ => Ok(MAX_FORWARDS),
    }
}

/// The session description of the INVITE, if it brings one; one without audio that we relay is refused.
fn offer_of(incoming: &Incoming) -> Result<Option<Description>, Refused> {
    let refused = scheme_refused(incoming)
        .or_else(|| extension_refused(incoming))
        .or_else(|| content_refused(incoming));
    if let Some(refused) = refused {
        return Err(refused);
    }
    if incoming.request.body.is_empty() {
        return Ok(None);
    }
    let offer = Description::parse(&incoming.request.body).map_err(|_| Refused::plain(488))?;
    if offer.relayed_stream().is_none() {
        return Err(Refused::plain(488));
    }
    Ok(Some(offer))
}

/// Whether the caller hides: by Privacy or by an anonymous From (RFC 3323).
fn wants_privacy(incoming: &Incoming) -> bool {
    let is_anonymous =
        incoming.from.uri.host().is_some_and(|host| *host == Host::Name("anonymous.invalid".to_owned()));
    is_anonymous || incoming.request.headers.wants_privacy()
}

/// A caller behind a trunk: the identity that the trunk asserts, else From (RFC 3325 section 7).
fn trunk_caller(trunk: TrunkName, incoming: &Incoming) -> Caller {
    let asserted = incoming.request.headers.asserted_identities().unwrap_or_default();
    let shown: &NameAddr = asserted.first().unwrap_or(&incoming.from);
    Caller {
        party: Party::Trunk(trunk),
        number: shown.uri.user().unwrap_or_default(),
        name: shown.display.clone().unwrap_or_default(),
        anonymous: wants_privacy(incoming),
    }
}
