//! Asks the resource address as a phone would: when did it answer?

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use netio::ping::Pinger;
use nix::sched::{CloneFlags, setns};

use super::RESOURCE;
use super::namespace::Namespace;

/// Time between two questions, and for an answer.
const INTERVAL: Duration = Duration::from_millis(10);

/// A running probe.
pub struct Probe {
    ends: Arc<AtomicBool>,
    answers: Arc<AtomicUsize>,
    thread: JoinHandle<Vec<Instant>>,
}

impl Probe {
    pub fn start(phones: &Namespace) -> Probe {
        let ends = Arc::new(AtomicBool::new(false));
        let answers = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&answers);
        let (end_asked, namespace) = (Arc::clone(&ends), phones.duplicate());
        let thread = std::thread::spawn(move || {
            setns(namespace, CloneFlags::CLONE_NEWNET).unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(ask(&end_asked, &counter))
        });
        Probe { ends, answers, thread }
    }

    /// Waits for some answers from now on.
    pub fn answered(&self) {
        let before = self.answers.load(Ordering::Relaxed);
        super::until("the resource address answers", || self.answers.load(Ordering::Relaxed) > before + 10);
    }

    /// The longest time without an answer, of the whole probe.
    pub fn longest_gap(self) -> Duration {
        self.ends.store(true, Ordering::Relaxed);
        let answers = self.thread.join().unwrap();
        assert!(answers.len() > 10, "only {} answers", answers.len());
        answers.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap()
    }
}

async fn ask(end_asked: &AtomicBool, counter: &AtomicUsize) -> Vec<Instant> {
    let target: IpAddr = RESOURCE.parse().unwrap();
    let mut pinger = Pinger::open("phone0", "10.20.0.200".parse().unwrap()).unwrap();
    let mut answers = Vec::new();
    while !end_asked.load(Ordering::Relaxed) {
        let next = tokio::time::Instant::now() + INTERVAL;
        if !pinger.round(&[target], INTERVAL).await.unwrap().is_empty() {
            answers.push(Instant::now());
            counter.fetch_add(1, Ordering::Relaxed);
        }
        tokio::time::sleep_until(next).await;
    }
    answers
}
