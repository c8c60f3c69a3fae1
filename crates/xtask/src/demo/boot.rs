//! How long a pair needs from power-on until it answers its first phone.

use std::net::SocketAddr;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};

use crate::lab::{Namespace, SIP_PORT, Topology};
use crate::peers::probe::Probe;
use crate::peers::wait_for;

/// How long a pair may take, from an image that has still to be unpacked to an answer.
const BOOT_LIMIT: Duration = Duration::from_secs(300);

/// Asks the resource address from the moment on when there is anybody to ask.
pub struct FirstAnswer {
    worker: JoinHandle<Result<Instant>>,
}

impl FirstAnswer {
    /// Starts before the pair `name` does, which must not run yet.
    ///
    /// # Errors
    /// The name is none for a pair.
    pub fn await_from(name: &str) -> Result<FirstAnswer> {
        let namespace = Topology::new(name, false)?.namespace(Namespace::Phones);
        let exchange = SocketAddr::new(Topology::resource(), SIP_PORT);
        let worker = std::thread::spawn(move || {
            let start = Instant::now();
            // The namespace of the phones and their address come with the pair.
            let probe = wait_for(BOOT_LIMIT, || Probe::start(&namespace, Topology::phones(), exchange).ok());
            let probe = probe.with_context(|| format!("namespace {namespace} has not come"))?;
            probe.wait_for_answer(start, BOOT_LIMIT.saturating_sub(start.elapsed()))
        });
        Ok(FirstAnswer { worker })
    }

    /// Time from `power_on` to the first answer, once there is one.
    ///
    /// # Errors
    /// Nobody has answered in time.
    pub fn since(self, power_on: Instant) -> Result<Duration> {
        let answer = self.worker.join().map_err(|_| anyhow!("the thread that asks has panicked"))??;
        Ok(answer.saturating_duration_since(power_on))
    }
}
