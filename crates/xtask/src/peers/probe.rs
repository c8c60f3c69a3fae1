//! The probe: asks the resource address every 20 ms whether a telephone exchange answers, and measures the silence.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};

use crate::namespace;

/// Time between two questions.
pub const INTERVAL: Duration = Duration::from_millis(20);

/// A running probe. Dropping it stops the thread.
pub struct Probe {
    answers: Arc<Mutex<Vec<Instant>>>,
    stop: Arc<AtomicBool>,
    worker: Option<JoinHandle<()>>,
}

impl Probe {
    /// Starts asking `target` with OPTIONS over UDP from `source` inside `namespace`.
    ///
    /// # Errors
    /// The namespace is missing or the socket cannot be bound.
    pub fn start(namespace: &str, source: std::net::IpAddr, target: SocketAddr) -> Result<Probe> {
        let socket = namespace::within(namespace, move || {
            let socket = UdpSocket::bind((source, 0)).context("bind the probe's socket")?;
            // Not connected: an ICMP error of a dying node must not end the probe.
            socket.set_read_timeout(Some(INTERVAL / 4)).context("set the probe's read timeout")?;
            Ok(socket)
        })?;
        let answers = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let worker = std::thread::spawn({
            let (answers, stop) = (Arc::clone(&answers), Arc::clone(&stop));
            move || ask(&socket, target, &answers, &stop)
        });
        Ok(Probe { answers, stop, worker: Some(worker) })
    }

    /// The longest silence from the last answer before `fault` until now; `None` while nobody has answered since.
    ///
    /// Not simply the first answer after the fault: one that the dead node had already sent may still arrive.
    /// Call it when the other node is known to serve.
    #[must_use]
    pub fn gap_around(&self, fault: Instant) -> Option<Duration> {
        let answers = self.answers.lock().ok()?;
        let first = answers.iter().rposition(|at| *at <= fault)?;
        answers[first..].windows(2).map(|pair| pair[1].duration_since(pair[0])).max()
    }

    /// Waits until somebody answers after `since`.
    ///
    /// # Errors
    /// Nobody answers in time.
    pub fn wait_for_answer(&self, since: Instant, deadline: Duration) -> Result<Instant> {
        super::wait_for(deadline, || self.answers.lock().ok()?.iter().copied().find(|at| *at > since))
            .ok_or_else(|| anyhow!("no answer to OPTIONS within {} ms", deadline.as_millis()))
    }

    /// Number of answers so far.
    #[must_use]
    pub fn answered(&self) -> usize {
        self.answers.lock().map_or(0, |answers| answers.len())
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(worker) = self.worker.take() {
            let _ = worker.join();
        }
    }
}

/// Asks until told to stop; every final response counts as an answer.
fn ask(socket: &UdpSocket, target: SocketAddr, answers: &Mutex<Vec<Instant>>, stop: &AtomicBool) {
    let Ok(local) = socket.local_addr() else { return };
    let mut buffer = [0_u8; 4_096];
    let mut next = Instant::now();
    let mut number = 0_u64;
    while !stop.load(Ordering::Relaxed) {
        if Instant::now() >= next {
            number += 1;
            // A refused or unroutable send during the takeover is the very silence that is measured.
            let _ = socket.send_to(options(local, target, number).as_bytes(), target);
            next += INTERVAL;
        }
        if let Ok((length, _)) = socket.recv_from(&mut buffer)
            && buffer[..length].starts_with(b"SIP/2.0 200")
            && let Ok(mut answers) = answers.lock()
        {
            answers.push(Instant::now());
        }
    }
}

/// One OPTIONS request.
fn options(local: SocketAddr, target: SocketAddr, number: u64) -> String {
    format!(
        "OPTIONS sip:{target} SIP/2.0\r\n\
         Via: SIP/2.0/UDP {local};rport;branch=z9hG4bK-probe-{port}-{number}\r\n\
         Max-Forwards: 70\r\n\
         From: <sip:probe@{local}>;tag=probe{number}\r\n\
         To: <sip:{target}>\r\n\
         Call-ID: probe-{port}-{number}@{ip}\r\n\
         CSeq: 1 OPTIONS\r\n\
         Content-Length: 0\r\n\r\n",
        port = local.port(),
        ip = local.ip(),
    )
}
