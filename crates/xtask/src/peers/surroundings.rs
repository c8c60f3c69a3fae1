//! What phones see of a pair: where they stand, whom they ask, who they are.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use super::baresip::{Baresip, Settings};
use super::probe::Probe;
use crate::lab::{Account, Description, TrunkDescription};

/// How long a registration may take on a busy machine.
const REGISTRATION_LIMIT: Duration = Duration::from_secs(20);

/// The world of phones, whatever the nodes are made of.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Network namespace of phones and trunk
    pub namespace: String,
    /// Address of the phones
    pub phones: IpAddr,
    /// The resource address with its SIP port: all that phones know of a pair
    pub exchange: SocketAddr,
    /// SIP domain
    pub domain: String,
    /// What phones register as
    pub accounts: Vec<Account>,
    /// The trunk, in the same namespace
    pub trunk: TrunkDescription,
}

/// How a phone behaves.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// `udp` or `tcp`
    pub transport: &'static str,
    /// Answers by itself
    pub answers: bool,
    /// Frequency that it plays, hertz
    pub tone_hz: u32,
    /// Seconds between registrations
    pub registration_seconds: u32,
}

impl From<&Description> for Surroundings {
    fn from(lab: &Description) -> Surroundings {
        Surroundings {
            namespace: lab.namespaces.phones.clone(),
            phones: lab.phones_address,
            exchange: SocketAddr::new(lab.resource_address, lab.sip_port),
            domain: lab.domain.clone(),
            accounts: lab.accounts.clone(),
            trunk: lab.trunk.clone(),
        }
    }
}

impl Surroundings {
    /// The account of `user`.
    ///
    /// # Errors
    /// There is none.
    pub fn account(&self, user: &str) -> Result<&Account> {
        let found = self.accounts.iter().find(|account| account.user == user);
        found.with_context(|| format!("no account {user} in the sample configuration"))
    }

    /// A registered baresip phone, its files in `folder`.
    ///
    /// # Errors
    /// There is no such account, the phone does not start, or the exchange does not take it in time.
    pub fn phone(&self, folder: &Path, user: &str, manner: Manner) -> Result<Baresip> {
        let settings = Settings {
            namespace: self.namespace.clone(),
            address: self.phones,
            user: user.to_owned(),
            password: self.account(user)?.password.clone(),
            domain: self.domain.clone(),
            exchange: self.exchange,
            transport: manner.transport,
            answers: manner.answers,
            tone_hz: manner.tone_hz,
            registration_seconds: manner.registration_seconds,
        };
        let mut phone = Baresip::start(folder, &settings)?;
        phone.wait_event("REGISTER_OK", REGISTRATION_LIMIT)?;
        Ok(phone)
    }

    /// A probe that asks the resource address from where the phones stand.
    ///
    /// # Errors
    /// The namespace is missing or the socket cannot be bound.
    pub fn probe(&self) -> Result<Probe> {
        Probe::start(&self.namespace, self.phones, self.exchange)
    }
}
