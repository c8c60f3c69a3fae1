//! A town of scripted phones around one exchange, with a clock that only the test moves.

pub mod phone;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use exchange::{
    CallRecord, Destination, Exchange, Flow, Input, Limits, LocalAddress, MediaCommand, Output, Setup,
    Transport,
};
use model::{
    Account, AccountName, Cluster, Config, DigestChoice, Extension, ExtensionNumber, HaMode, Media, Private,
    Route, Sip, System, Time, Trunk, TrunkName,
};
use sip::{Delivery, Message};
use wire::registration::RegistrationUpdate;

pub use phone::Phone;

/// Our domain.
pub const DOMAIN: &str = "pbx.example.com";
/// Our address.
pub const LOCAL: &str = "10.20.0.10:5060";
/// Where the trunk is.
pub const TRUNK: &str = "10.20.0.200:5080";

/// The exchange and everybody around it.
pub struct Town {
    pub exchange: Exchange,
    pub now: Time,
    /// What was sent and not looked at yet, by the address it went to
    pub mail: HashMap<SocketAddr, VecDeque<Message>>,
    pub media: Vec<MediaCommand>,
    pub records: Vec<CallRecord>,
    pub replicated: Vec<RegistrationUpdate>,
    /// Whether closed media sessions are reported as such
    pub media_closes: bool,
    next_timeout: Time,
}

/// The configuration of the tests: accounts 101 to 105 with their extensions, 102b as second phone of 102, a trunk behind 0.
pub fn config() -> Config {
    let accounts: BTreeMap<AccountName, Account> = [
        ("101", DigestChoice::Md5),
        ("102", DigestChoice::Md5),
        ("102b", DigestChoice::Sha256),
        ("103", DigestChoice::Both),
        ("104", DigestChoice::Md5),
        ("105", DigestChoice::Md5),
    ]
    .into_iter()
    .map(|(name, digest)| {
        (AccountName::new(name), Account { password: Private::new(format!("secret-{name}")), digest })
    })
    .collect();
    let extension = |number: &str, accounts: &[&str]| {
        let extension = Extension {
            name: Private::new(format!("Person {number}")),
            accounts: accounts.iter().map(|name| AccountName::new(*name)).collect(),
            ring_timeout: Duration::from_secs(60),
        };
        (ExtensionNumber::new(number), extension)
    };
    let trunk = Trunk {
        address: TRUNK.parse().unwrap(),
        transport: model::Transport::Udp,
        sources: vec![],
        transit: false,
    };
    Config {
        system: System { domain: DOMAIN.to_owned() },
        cluster: Cluster {
            mode: HaMode::Available,
            warning: Duration::from_millis(500),
            dead: Duration::from_secs(1),
            initialisation: Duration::from_secs(3),
            default_active: None,
            nodes: BTreeMap::new(),
            interfaces: BTreeMap::new(),
        },
        network: model::Network::default(),
        sip: Sip {
            port: 5060,
            registration_min: Duration::from_secs(30),
            registration_default: Duration::from_secs(3600),
            registration_max: Duration::from_secs(7200),
            contacts_max: 3,
            nonce_life: Duration::from_secs(300),
        },
        media: Media { port_min: 10_000, port_max: 10_099 },
        accounts,
        extensions: [
            extension("101", &["101"]),
            extension("102", &["102", "102b"]),
            extension("103", &["103"]),
            extension("104", &["104"]),
            extension("105", &["105"]),
        ]
        .into(),
        trunks: [(TrunkName::new("city"), trunk)].into(),
        routes: [("0".to_owned(), Route { trunk: TrunkName::new("city"), strip: 1 })].into(),
    }
}

/// What the exchange of the tests is made from.
pub fn setup() -> Setup {
    Setup {
        node: "a".parse().unwrap(),
        seed: [7; 32],
        nonce_key: [9; 32],
        unix_at_start: Duration::from_secs(1_760_000_000),
        local_addresses: vec![LocalAddress { socket: LOCAL.parse().unwrap(), prefix_bits: 24 }],
        limits: Limits::default(),
    }
}

impl Town {
    /// An exchange that serves the configuration of the tests.
    pub fn new() -> Self {
        Town::with(setup(), config())
    }

    /// An exchange that serves.
    pub fn with(setup: Setup, config: Config) -> Self {
        let mut town = Town {
            exchange: Exchange::new(setup),
            now: Time::from_millis(1_000),
            mail: HashMap::new(),
            media: Vec::new(),
            records: Vec::new(),
            replicated: Vec::new(),
            media_closes: true,
            next_timeout: Time::MAX,
        };
        town.input(Input::Configure(Arc::new(config)));
        town.input(Input::Serving(true));
        town
    }

    /// Hands in one input and collects what comes out.
    pub fn input(&mut self, input: Input<'_>) {
        self.exchange.handle_input(self.now, input).unwrap();
        let mut closed = Vec::new();
        loop {
            match self.exchange.poll_output() {
                Output::Send { destination, bytes } => self.deliver(destination, &bytes),
                Output::Media(command) => {
                    if let MediaCommand::Close { session } = command {
                        closed.push(session);
                    }
                    self.media.push(command);
                }
                Output::Record(record) => self.records.push(*record),
                Output::Replicate(update) => self.replicated.push(update),
                Output::CloseFlow { .. } => {}
                Output::Timeout(at) => {
                    self.next_timeout = at;
                    break;
                }
            }
        }
        if !self.media_closes {
            return;
        }
        for session in closed {
            self.input(Input::MediaClosed { session });
        }
    }

    fn deliver(&mut self, destination: Destination, bytes: &[u8]) {
        let remote = match destination {
            Destination::Flow(flow) => flow.remote,
            Destination::Address { remote, .. } => remote,
        };
        match Message::parse(bytes, Delivery::Datagram) {
            Ok(message) => self.mail.entry(remote).or_default().push_back(message),
            // The refusal of a broken request copies what is broken
            Err(error) => {
                assert!(bytes.starts_with(b"SIP/2.0 4") || bytes.starts_with(b"SIP/2.0 5"), "{error}");
            }
        }
    }

    /// Lets time pass, timer by timer.
    pub fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.next_timeout <= end {
            self.now = self.next_timeout.max(self.now);
            self.input(Input::Timeout);
        }
        self.now = end;
        self.input(Input::Timeout);
    }

    /// Hands in octets from `remote` over UDP.
    pub fn datagram(&mut self, remote: SocketAddr, bytes: &[u8]) {
        self.input(Input::Message { flow: udp(remote), bytes });
    }

    /// Takes the next message sent to an address.
    pub fn take(&mut self, address: SocketAddr) -> Option<Message> {
        self.mail.get_mut(&address)?.pop_front()
    }

    /// The record of the only call that ended since the last look.
    pub fn only_record(&mut self) -> CallRecord {
        assert_eq!(self.records.len(), 1, "exactly one record for each call");
        self.records.remove(0)
    }

    /// A phone that has registered over UDP.
    pub fn registered(&mut self, account: &str, address: &str) -> Phone {
        let mut phone = Phone::new(account, address);
        phone.register(self, 3600);
        phone
    }

    /// `phone` hangs up, and then nothing is left.
    pub fn assert_quiet_after_hang_up(&mut self, phone: &mut Phone, other: &mut Phone) {
        phone.hang_up(self);
        other.expect_bye(self);
        self.only_record();
        self.assert_quiet();
    }

    /// Nothing is left of any call, transaction, dialog or port.
    pub fn assert_quiet(&mut self) {
        self.pass(Duration::from_secs(120));
        let load = self.exchange.load();
        assert_eq!(
            (load.calls, load.transactions, load.dialogs, load.media_sessions),
            (0, 0, 0, 0),
            "left behind: {load:?}"
        );
    }
}

/// The flow of a datagram.
pub fn udp(remote: SocketAddr) -> Flow {
    Flow { transport: Transport::Udp, local: LOCAL.parse().unwrap(), remote, connection: 0 }
}
