//! An extension that sipp has registered and answers for, and short calls to it through the trunk.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use xtask::peers::surroundings::Surroundings;

use crate::sipp::{Run, Scenario, Sipp, credentials, write_rows};

/// How long one registration may take on a busy machine.
const REGISTRATION_LIMIT: Duration = Duration::from_secs(20);
/// How the trunk calls: ten new calls a second, each 200 ms long.
const SHORT_CALLS: [&str; 4] = ["-r", "10", "-d", "200"];

/// A number that answers every call.
pub struct Extension {
    /// Its number
    pub number: String,
    surroundings: Surroundings,
    _answering: Sipp,
}

impl Extension {
    /// Registers `user` with the address where sipp's built-in called party listens, and starts it there.
    ///
    /// # Errors
    /// There is no such account, sipp does not start, or the exchange refuses.
    pub fn register(surroundings: &Surroundings, folder: &Path, user: &str, port: u16) -> Result<Extension> {
        let folder = folder.join(format!("extension-{user}"));
        std::fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
        let rows = folder.join("accounts.csv");
        let password = &surroundings.account(user)?.password;
        write_rows(&rows, &[vec![user.to_owned(), credentials(user, password)]])?;
        let run = Run {
            namespace: surroundings.namespace.clone(),
            local: SocketAddr::new(surroundings.phones, port),
            remote: Some(surroundings.exchange),
            scenario: Scenario::File("register"),
            arguments: register_arguments(surroundings, &rows, port, 1),
            folder: folder.join("register"),
        };
        run.start()?.finish(REGISTRATION_LIMIT)?;
        let answering = Run {
            remote: None,
            scenario: Scenario::BuiltIn("uas"),
            arguments: Vec::new(),
            folder: folder.join("uas"),
            ..run
        };
        let _answering = answering.start()?;
        Ok(Extension { number: user.to_owned(), surroundings: surroundings.clone(), _answering })
    }

    /// Starts `count` short calls from the trunk to this extension; their logs go to `folder`.
    ///
    /// # Errors
    /// sipp does not start.
    pub fn calls(&self, folder: PathBuf, count: usize) -> Result<Sipp> {
        let count = count.to_string();
        let words = ["-s", &self.number].into_iter().chain(SHORT_CALLS).chain(["-m", &count]);
        Run {
            namespace: self.surroundings.namespace.clone(),
            local: SocketAddr::new(self.surroundings.trunk.address, 0),
            remote: Some(self.surroundings.exchange),
            scenario: Scenario::BuiltIn("uac"),
            arguments: words.map(str::to_owned).collect(),
            folder,
        }
        .start()
    }
}

/// Arguments of the scenario `register` for `count` registrations of the accounts in `rows`.
#[must_use]
pub fn register_arguments(
    surroundings: &Surroundings,
    rows: &Path,
    contact_port: u16,
    count: usize,
) -> Vec<String> {
    let (rows, port, count) = (rows.to_string_lossy(), contact_port.to_string(), count.to_string());
    ["-inf", &rows, "-key", "domain", &surroundings.domain, "-key", "contact_port", &port, "-m", &count]
        .into_iter()
        .chain(["-r", "50"])
        .map(str::to_owned)
        .collect()
}
