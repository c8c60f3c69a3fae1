//! What the media thread does: waits for packets and commands, hands them to the relay, sends what comes out.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use anyhow::Context as _;
use exchange::{MediaCommand, MediaSession};
use media::{Channel, Input, Output, PACKET_BYTES_MAX, Policy, Relay, SESSIONS_MAX, Side, Slot};
use model::Time;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::EventFd;
use tokio::sync::mpsc;

use super::Command;
use super::ports::{Port, Ports};
use crate::clock::Clock;
use crate::event::Event;

/// Sockets that one wait reports.
const READY_MAX: usize = 256;
/// The number of the eventfd among the sockets; no slot reaches it.
const WAKE_TOKEN: u64 = u64::MAX;
/// When the core task's queue is full, how soon to try again, in milliseconds.
const RETRY_MS: u16 = 5;

/// The thread's own.
pub(super) struct Thread {
    clock: Clock,
    relay: Relay,
    /// The sockets of each open session, by slot
    ports: Vec<Option<Ports>>,
    slots: HashMap<MediaSession, Slot>,
    free: Vec<Slot>,
    epoll: Epoll,
    wake: Arc<EventFd>,
    commands: Receiver<Command>,
    events: mpsc::Sender<Event>,
    /// Events that the core task has not had room for
    waiting: VecDeque<Event>,
    send_failures: u64,
}

impl Thread {
    pub(super) fn new(
        clock: Clock,
        policy: Policy,
        events: mpsc::Sender<Event>,
        commands: Receiver<Command>,
        wake: Arc<EventFd>,
    ) -> anyhow::Result<Self> {
        let epoll =
            Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).context("making the epoll of the media thread")?;
        epoll
            .add(wake.as_fd(), EpollEvent::new(EpollFlags::EPOLLIN, WAKE_TOKEN))
            .context("watching the eventfd of the media thread")?;
        Ok(Thread {
            clock,
            relay: Relay::new(policy),
            ports: Vec::new(),
            slots: HashMap::new(),
            free: Vec::new(),
            epoll,
            wake,
            commands,
            events,
            waiting: VecDeque::new(),
            send_failures: 0,
        })
    }

    /// Until it is told to stop.
    pub(super) fn run(mut self) {
        let mut ready = [EpollEvent::empty(); READY_MAX];
        let mut buffer = [0; PACKET_BYTES_MAX + 1];
        loop {
            let patience =
                if self.waiting.is_empty() { EpollTimeout::NONE } else { EpollTimeout::from(RETRY_MS) };
            let count = match self.epoll.wait(&mut ready, patience) {
                Ok(count) => count,
                Err(nix::errno::Errno::EINTR) => continue,
                Err(error) => panic!("epoll_wait on a valid epoll fails only by a bug: {error}"),
            };
            let now = self.clock.now();
            let mut is_woken = false;
            for event in &ready[..count] {
                match event.data() {
                    WAKE_TOKEN => is_woken = true,
                    token => {
                        if let Some(port) = Port::from_token(token) {
                            self.relay_packet(now, port, &mut buffer);
                        }
                    }
                }
            }
            // After the packets: a command reads the clock anew.
            if is_woken && !self.take_commands() {
                return;
            }
            self.report_waiting();
        }
    }

    /// Takes one packet from a socket that has one. Level-triggered: what more there is shows at the next wait.
    #[inline]
    fn relay_packet(&mut self, now: Time, port: Port, buffer: &mut [u8]) {
        let Port { slot, side, channel } = port;
        let Some(ports) = self.ports.get(slot.0 as usize).and_then(Option::as_ref) else {
            return;
        };
        let Ok((length, source)) = ports.socket(side, channel).recv_from(buffer) else {
            return;
        };
        let bytes = &buffer[..length];
        if let Err(error) = self.relay.handle_input(now, Input::Packet { slot, side, channel, source, bytes })
        {
            log::error!(error:%; "the relay refuses a packet");
        }
        loop {
            match self.relay.poll_output() {
                Output::Forward { side, channel, destination, .. } => {
                    if ports.socket(side, channel).send_to(bytes, destination).is_err() {
                        self.send_failures += 1;
                    }
                }
                Output::Learned { .. } => {
                    log::debug!(session = ports.session.0, side:?, channel:?, source:%; "media source learned");
                }
                Output::Timeout(_) => return,
            }
        }
    }

    /// Does what the queue holds; `false`: to stop.
    fn take_commands(&mut self) -> bool {
        // The eventfd first: a command that comes meanwhile wakes us again. It fails only when it is empty already.
        let _ = self.wake.read();
        while let Ok(command) = self.commands.try_recv() {
            match command {
                Command::Exchange(MediaCommand::Open {
                    session,
                    local,
                    caller_port,
                    callee_port,
                    callee_local,
                }) => {
                    let caller = SocketAddr::new(local, caller_port);
                    let callee = SocketAddr::new(callee_local, callee_port);
                    if let Err(error) = self.open(session, caller, callee) {
                        log::error!(session = session.0, caller:%, callee:%; "no media ports: {error:#}");
                        self.waiting.push_back(Event::MediaFailed(session));
                    }
                }
                Command::Exchange(MediaCommand::Describe { session, side, rtp, rtcp }) => {
                    self.describe(session, side, rtp, rtcp);
                }
                Command::Exchange(MediaCommand::Close { session }) => self.close(session),
                Command::Policy(policy) => self.input(Input::Configure(policy)),
                Command::Stop => return false,
            }
        }
        true
    }

    fn open(&mut self, session: MediaSession, caller: SocketAddr, callee: SocketAddr) -> anyhow::Result<()> {
        anyhow::ensure!(self.slots.len() < SESSIONS_MAX, "there are {SESSIONS_MAX} sessions already");
        let ports = Ports::bind(session, caller, callee).context("binding the four ports")?;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.ports.push(None);
            Slot(u32::try_from(self.ports.len() - 1).expect("there are at most SESSIONS_MAX"))
        });
        for port in Port::of(slot) {
            let event = EpollEvent::new(EpollFlags::EPOLLIN, port.token());
            if let Err(error) = self.epoll.add(ports.socket(port.side, port.channel).as_fd(), event) {
                self.free.push(slot);
                return Err(error).context("watching a media port");
            }
        }
        self.ports[slot.0 as usize] = Some(ports);
        self.slots.insert(session, slot);
        self.input(Input::Open { slot });
        Ok(())
    }

    fn describe(
        &mut self,
        session: MediaSession,
        side: exchange::Side,
        rtp: Option<SocketAddr>,
        rtcp: Option<SocketAddr>,
    ) {
        let side = match side {
            exchange::Side::Caller => Side::Caller,
            exchange::Side::Callee => Side::Callee,
        };
        // A session whose ports could not be bound may still be described until the exchange hears of it.
        if let Some(slot) = self.slots.get(&session).copied() {
            self.input(Input::Describe { slot, side, rtp, rtcp });
        }
    }

    /// Unbinds the ports of a session and says so, also when there are none: the exchange waits for the word.
    fn close(&mut self, session: MediaSession) {
        if let Some(slot) = self.slots.remove(&session) {
            self.report_counters(session, slot);
            self.input(Input::Close { slot });
            // Closing a socket takes it out of the epoll.
            self.ports[slot.0 as usize] = None;
            self.free.push(slot);
        }
        self.waiting.push_back(Event::MediaClosed(session));
    }

    fn report_counters(&self, session: MediaSession, slot: Slot) {
        for side in Side::BOTH {
            let Some(counters) = self.relay.counters(slot, side, Channel::Rtp) else { continue };
            log::debug!(
                session = session.0,
                side:?,
                packets = counters.packets,
                lost = counters.lost,
                strangers = counters.stranger,
                gap_max_ms = counters.gap_max.as_millis();
                "media session closed"
            );
        }
    }

    /// An input that is no packet.
    fn input(&mut self, input: Input<'_>) {
        if let Err(error) = self.relay.handle_input(self.clock.now(), input) {
            log::error!(error:%; "the relay refuses a command");
        }
        while !matches!(self.relay.poll_output(), Output::Timeout(_)) {}
    }

    /// Tells the core task what it has not had room for, without waiting for it.
    fn report_waiting(&mut self) {
        while let Some(event) = self.waiting.pop_front() {
            match self.events.try_send(event) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(event)) => {
                    self.waiting.push_front(event);
                    return;
                }
                // The daemon ends.
                Err(mpsc::error::TrySendError::Closed(_)) => return,
            }
        }
    }
}
