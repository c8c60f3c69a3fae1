//! The links between the two machines: delay, loss, duplication, overtaking, one-way cuts and partitions.

use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Links between the machines: 0 carries the resource address and is required, 1 is for synchronisation.
pub const LINKS: usize = 2;
/// Longest delay of a sound link in microseconds.
const DELAY_US_MAX: u64 = 1_000;
/// Share of messages that arrive twice, always.
const DUPLICATED: f64 = 0.01;

/// What is done to messages over some paths; a path is a link and a sender.
#[derive(Clone, Debug, PartialEq)]
pub struct Impairment {
    links: [bool; LINKS],
    senders: [bool; 2],
    /// Share of messages lost; 1.0 is a cut
    loss: f64,
    /// Added delay, drawn per message, so that messages overtake each other
    delay_max: Duration,
}

impl Impairment {
    /// No message arrives at either machine.
    pub const fn partition() -> Self {
        Impairment { links: [true; LINKS], senders: [true; 2], loss: 1.0, delay_max: Duration::ZERO }
    }

    /// No message arrives at `machine`.
    pub const fn deaf(machine: usize) -> Self {
        let senders = [machine == 1, machine == 0];
        Impairment { links: [true; LINKS], senders, loss: 1.0, delay_max: Duration::ZERO }
    }

    /// Something on some paths.
    pub fn draw(random: &mut ChaCha8Rng) -> Self {
        let mut flags = || {
            let first = random.random_bool(0.7);
            [first, !first || random.random_bool(0.5)]
        };
        let (links, senders) = (flags(), flags());
        let loss = if random.random_bool(0.4) { 1.0 } else { random.random_range(0.0..0.9) };
        let delay_max = Duration::from_millis(random.random_range(0..400));
        Impairment { links, senders, loss, delay_max }
    }

    /// It touches what `sender` sends over `link`.
    pub const fn touches(&self, link: usize, sender: usize) -> bool {
        self.links[link] && self.senders[sender]
    }
}

/// Delays of the copies of one message that arrive, under all impairments of its path.
pub fn deliveries<'a>(
    random: &mut ChaCha8Rng,
    impairments: impl Iterator<Item = &'a Impairment>,
) -> Vec<Duration> {
    let mut arrives = true;
    let mut added = Duration::ZERO;
    for impairment in impairments {
        arrives &= !random.random_bool(impairment.loss);
        added += impairment.delay_max.mul_f64(random.random_range(0.0..1.0));
    }
    if !arrives {
        return Vec::new();
    }
    let copies = if random.random_bool(DUPLICATED) { 2 } else { 1 };
    (0..copies).map(|_| added + Duration::from_micros(random.random_range(50..DELAY_US_MAX))).collect()
}
