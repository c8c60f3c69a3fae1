//! A pair and the phones around it, as every test here needs them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use tests::pjsip::Pjsip;
use xtask::lab::{Account, Description, Options, Pair, Side};
use xtask::peers::baresip::Baresip;
use xtask::peers::surroundings::{Manner, Surroundings};
use xtask::peers::wait_for;

/// Tone that the calling phone plays, hertz.
pub const CALLER_TONE_HZ: u32 = 440;
/// Tone that the called phone plays, hertz.
pub const CALLED_TONE_HZ: u32 = 620;
/// How much of a tone must be heard, milliseconds.
pub const HEARD_MS_MIN: u64 = 1_000;
/// How long one step of a call may take on a busy machine.
pub const STEP: Duration = Duration::from_secs(15);

/// A settled pair with a folder for the logs of its test.
pub struct Bench {
    /// The pair; dropped: gone
    pub pair: Pair,
    description: Description,
    /// What phones see of the pair
    pub surroundings: Surroundings,
    /// Logs and recordings of the test
    pub folder: PathBuf,
}

impl Bench {
    /// Brings up the pair `name` and waits until one node serves and both agree.
    pub fn up(name: &str) -> Result<Bench> {
        Bench::with(&Options { name: name.to_owned(), ..Options::default() })
    }

    /// The same with options.
    pub fn with(options: &Options) -> Result<Bench> {
        let folder = tests::scratch(&options.name);
        let pair = Pair::up(&Options { build: false, ..options.clone() })?;
        pair.await_settled()?;
        let description = pair.description()?;
        let surroundings = Surroundings::from(&description);
        Ok(Bench { pair, description, surroundings, folder })
    }

    /// Names and addresses of the lab.
    pub fn lab(&self) -> &Description {
        &self.description
    }

    /// The exchange, as phones know it.
    pub fn exchange(&self) -> SocketAddr {
        self.surroundings.exchange
    }

    /// The account of `user`.
    pub fn account(&self, user: &str) -> Result<&Account> {
        self.surroundings.account(user)
    }

    /// A registered baresip phone.
    pub fn baresip(
        &self,
        user: &str,
        transport: &'static str,
        answers: bool,
        tone_hz: u32,
    ) -> Result<Baresip> {
        let manner = Manner { transport, answers, tone_hz, registration_seconds: 60 };
        self.surroundings.phone(&self.folder.join(format!("baresip-{user}")), user, manner)
    }

    /// A registered PJSIP phone.
    pub fn pjsip(&self, user: &str, transport: &'static str, tone_hz: u32) -> Result<Pjsip> {
        let settings = tests::pjsip::Settings {
            namespace: self.lab().namespaces.phones.clone(),
            address: self.lab().phones_address,
            exchange: self.exchange(),
            domain: self.lab().domain.clone(),
            user: user.to_owned(),
            password: self.account(user)?.password.clone(),
            transport,
            tone_hz,
        };
        let python = xtask::python::environment(&tests::folder().join("../target"))?;
        let mut phone = Pjsip::start(&python, &self.folder.join(format!("pjsip-{user}")), &settings)?;
        phone.register()?;
        Ok(phone)
    }
}

impl Drop for Bench {
    /// Keeps the logs of the nodes beside those of the phones: a failing test needs both, and the lab takes its own along.
    fn drop(&mut self) {
        for side in Side::BOTH {
            let kept = self.folder.join(format!("node-{side}"));
            let _ = std::fs::create_dir_all(&kept);
            for entry in std::fs::read_dir(self.pair.logs(side)).into_iter().flatten().flatten() {
                let _ = std::fs::copy(entry.path(), kept.join(entry.file_name()));
            }
        }
    }
}

/// Waits until the newest recording of `phone` has enough of `tone_hz`.
pub fn hears(phone: &Baresip, tone_hz: u32) -> Result<()> {
    let mut last = None;
    let heard = wait_for(STEP, || {
        last = phone.heard(tone_hz).ok();
        last.as_ref().filter(|heard| heard.heard_ms >= HEARD_MS_MIN).map(|_| ())
    });
    heard.with_context(|| format!("the tone of {tone_hz} Hz was not heard: {last:?}"))
}
