//! Anything in any order: nothing panics, each call leaves one record, and when all is over nothing is left.

use std::time::Duration;

use exchange::{Destination, Input, MediaSession};
use proptest::prelude::*;
use sip::{Message, Method, Request, name};

use crate::common::{Phone, TRUNK, Town};

/// One thing that somebody does; phones are numbered as in [`neighbours`].
#[derive(Clone, Debug)]
enum Action {
    Register {
        phone: usize,
        expires: u32,
    },
    Call {
        phone: usize,
        number: usize,
        offer: bool,
    },
    /// A call that everybody answers, the caller last with ACK
    Connect {
        phone: usize,
        number: usize,
    },
    /// Answers the next request that waits at a phone
    Respond {
        phone: usize,
        status: u16,
        body: bool,
    },
    /// Sends a request within the last dialog
    InDialog {
        phone: usize,
        method: usize,
        body: bool,
    },
    Cancel {
        phone: usize,
    },
    /// Sends an earlier message again, perhaps with one octet changed
    Repeat {
        message: usize,
        change: Option<(usize, u8)>,
    },
    Pass {
        tenths: u64,
    },
    Unreachable {
        phone: usize,
    },
    MediaFailed {
        session: u64,
    },
    Interrupt,
}

const NUMBERS: [&str; 6] = ["101", "102", "104", "105", "0055", "777"];
const METHODS: [Method; 6] =
    [Method::BYE, Method::INVITE, Method::UPDATE, Method::INFO, Method::ACK, Method::OPTIONS];
const STATUSES: [u16; 12] = [100, 180, 183, 200, 200, 200, 302, 407, 480, 486, 503, 603];

fn neighbours() -> Vec<Phone> {
    vec![
        Phone::new("101", "10.20.0.101:5060"),
        Phone::new("102", "10.20.0.102:5060"),
        Phone::new("102b", "10.20.0.122:5060"),
        Phone::tcp("104", "10.20.0.104:31000", 7),
        Phone::new("city", TRUNK),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    let phone = 0..5_usize;
    prop_oneof![
        1 => (phone.clone(), 0..100_u32).prop_map(|(phone, expires)| Action::Register { phone, expires }),
        4 => (phone.clone(), 0..NUMBERS.len(), any::<bool>())
            .prop_map(|(phone, number, offer)| Action::Call { phone, number, offer }),
        4 => (phone.clone(), 0..NUMBERS.len()).prop_map(|(phone, number)| Action::Connect { phone, number }),
        10 => (phone.clone(), 0..STATUSES.len(), any::<bool>())
            .prop_map(|(phone, status, body)| Action::Respond { phone, status: STATUSES[status], body }),
        6 => (phone.clone(), 0..METHODS.len(), any::<bool>())
            .prop_map(|(phone, method, body)| Action::InDialog { phone, method, body }),
        2 => phone.clone().prop_map(|phone| Action::Cancel { phone }),
        4 => (any::<usize>(), proptest::option::of((any::<usize>(), any::<u8>())))
            .prop_map(|(message, change)| Action::Repeat { message, change }),
        3 => (0..400_u64).prop_map(|tenths| Action::Pass { tenths }),
        1 => phone.prop_map(|phone| Action::Unreachable { phone }),
        1 => (0..5_u64).prop_map(|session| Action::MediaFailed { session }),
        1 => Just(Action::Interrupt),
    ]
}

/// Everybody, what they sent, and the last INVITE of each.
struct Play {
    town: Town,
    phones: Vec<Phone>,
    invites: Vec<Option<Request>>,
    sent: Vec<(usize, Vec<u8>)>,
}

impl Play {
    fn new() -> Self {
        let mut town = Town::new();
        let mut phones = neighbours();
        for phone in &mut phones[..4] {
            phone.register(&mut town, 3600);
        }
        Play { town, phones, invites: vec![None; 5], sent: Vec::new() }
    }

    fn send(&mut self, phone: usize, bytes: Vec<u8>) {
        self.phones[phone].send(&mut self.town, &bytes);
        self.sent.push((phone, bytes));
    }

    fn perform(&mut self, action: &Action) {
        match *action {
            Action::Register { phone, expires } => {
                let request = self.phones[phone].register_request(expires);
                self.with_credentials(phone, request);
            }
            Action::Call { phone, number, offer } => self.call(phone, NUMBERS[number], offer),
            Action::Connect { phone, number } => self.connect(phone, NUMBERS[number]),
            Action::Respond { phone, status, body } => self.respond(phone, status, body),
            Action::InDialog { phone, method, body } => self.in_dialog(phone, METHODS[method].clone(), body),
            Action::Cancel { phone } => {
                if let Some(invite) = self.invites[phone].clone() {
                    self.send(phone, invite.cancel().to_bytes());
                }
            }
            Action::Repeat { message, change } => self.repeat(message, change),
            Action::Pass { tenths } => self.town.pass(Duration::from_millis(tenths * 100)),
            Action::Unreachable { phone } => {
                let destination = Destination::Flow(self.phones[phone].flow);
                self.town.input(Input::SendFailed { destination });
            }
            Action::MediaFailed { session } => {
                self.town.input(Input::MediaFailed { session: MediaSession(session) });
            }
            Action::Interrupt => {
                self.town.input(Input::Serving(false));
                self.town.input(Input::Serving(true));
            }
        }
    }

    /// Sends a request, and again with credentials when it is challenged.
    fn with_credentials(&mut self, phone: usize, request: Request) -> Request {
        self.town.mail.remove(&self.phones[phone].address());
        self.send(phone, request.to_bytes());
        let challenge = match self.town.take(self.phones[phone].address()) {
            Some(Message::Response(response)) if response.code() == 401 => response,
            _ => return request,
        };
        let request = self.phones[phone].authorised(&request, &challenge);
        self.send(phone, request.to_bytes());
        request
    }

    fn call(&mut self, phone: usize, number: &str, offer: bool) {
        let caller = &mut self.phones[phone];
        caller.call_id.push('y');
        let uri = format!("sip:{number}@pbx.example.com");
        let body = caller.sdp("sendrecv");
        let mut invite = caller.request(Method::INVITE, &uri, &format!("<{uri}>"));
        caller.local = Some(invite.headers.from().unwrap());
        if offer {
            invite.set_body("application/sdp", body);
        }
        let invite = self.with_credentials(phone, invite);
        self.invites[phone] = Some(invite);
    }

    fn connect(&mut self, phone: usize, number: &str) {
        for everybody in 0..self.phones.len() {
            self.town.mail.remove(&self.phones[everybody].address());
        }
        self.call(phone, number, true);
        for other in (0..self.phones.len()).filter(|other| *other != phone) {
            self.respond(other, 200, true);
        }
        self.respond(phone, 200, true);
        self.in_dialog(phone, Method::ACK, false);
    }

    /// Looks at what waits at a phone until a request comes; remembers the dialog of answers on the way.
    fn respond(&mut self, phone: usize, status: u16, body: bool) {
        while let Some(message) = self.town.take(self.phones[phone].address()) {
            let request = match message {
                Message::Request(request) => request,
                Message::Response(response) => {
                    let own = &mut self.phones[phone];
                    if response.is_success() && response.headers.has(name::CONTACT) {
                        own.remote = response.headers.to().ok();
                        own.target = response.headers.contact().ok().map(|contact| contact.uri);
                    }
                    continue;
                }
            };
            let own = &mut self.phones[phone];
            if request.method == Method::INVITE && request.headers.to().unwrap().tag().is_none() {
                own.remote = request.headers.from().ok();
                own.local = Some(request.headers.to().unwrap().with_tag(&own.tag));
                own.target = request.headers.contact().ok().map(|contact| contact.uri);
                own.call_id = request.headers.call_id().unwrap().to_owned();
            }
            if request.method == Method::ACK {
                continue;
            }
            let mut response = request.response(status, Some(&own.tag));
            response.headers.push(name::CONTACT, own.contact());
            if body {
                response.set_body("application/sdp", own.sdp("sendrecv"));
            }
            self.send(phone, response.to_bytes());
            return;
        }
    }

    fn in_dialog(&mut self, phone: usize, method: Method, body: bool) {
        let own = &mut self.phones[phone];
        if own.remote.is_none() || own.local.is_none() || own.target.is_none() {
            return;
        }
        let mut request =
            if method == Method::ACK { own.in_dialog(method, own.cseq) } else { own.next_in_dialog(method) };
        if body {
            request.set_body("application/sdp", own.sdp("sendonly"));
        }
        self.send(phone, request.to_bytes());
    }

    fn repeat(&mut self, message: usize, change: Option<(usize, u8)>) {
        if self.sent.is_empty() {
            return;
        }
        let (phone, mut bytes) = self.sent[message % self.sent.len()].clone();
        if let Some((at, octet)) = change {
            let length = bytes.len();
            bytes[at % length] = octet;
        }
        let flow = self.phones[phone].flow;
        self.town.input(Input::Message { flow, bytes: &bytes });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever happens: no panic, one record per call, and after the longest call nothing is held any more.
    #[test]
    fn any_order_of_things(actions in proptest::collection::vec(action(), 1..60)) {
        let mut play = Play::new();
        for action in &actions {
            play.perform(action);
        }
        play.town.pass(Duration::from_secs(12 * 3600 + 120));
        let load = play.town.exchange.load();
        let left = (load.calls, load.transactions, load.dialogs, load.media_sessions, load.registrations);
        prop_assert_eq!(left, (0, 0, 0, 0, 0));
        let calls = play.town.exchange.counters().calls;
        prop_assert_eq!(u64::try_from(play.town.records.len()).unwrap(), calls);
        let mut ids: Vec<_> = play.town.records.iter().map(|record| record.unique_id.clone()).collect();
        ids.sort();
        ids.dedup();
        prop_assert_eq!(ids.len(), play.town.records.len(), "records are told apart");
    }
}
