//! The media thread: owns the relay core and every RTP and RTCP socket, and touches nothing else per packet.
//!
//! One thread with one epoll: a packet costs a receive and a send, its share of an `epoll_wait`, and no lock, no
//! allocation, no wake-up of another thread. The core task sends commands through a bounded queue and an eventfd; the
//! thread never waits for the core task, so the core task may wait for the thread.

mod ports;
mod thread;

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use anyhow::Context as _;
use exchange::MediaCommand;
use media::Policy;
use nix::sys::eventfd::{EfdFlags, EventFd};
use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::event::Event;

/// Commands waiting for the thread; the core task waits when there are more.
const COMMANDS_MAX: usize = 4_096;

/// A command to the thread.
#[derive(Debug)]
enum Command {
    /// What the exchange wants
    Exchange(MediaCommand),
    /// Where packets may go
    Policy(Policy),
    /// End
    Stop,
}

/// The core task's end of the thread.
#[derive(Debug)]
pub struct MediaThread {
    commands: SyncSender<Command>,
    wake: Arc<EventFd>,
    thread: Option<JoinHandle<()>>,
}

impl MediaThread {
    /// Starts the thread; it reports to `events`.
    ///
    /// # Errors
    /// The kernel has no thread or descriptor left.
    pub fn start(clock: Clock, policy: Policy, events: mpsc::Sender<Event>) -> anyhow::Result<Self> {
        let (commands, queue) = sync_channel(COMMANDS_MAX);
        let wake = EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)
            .context("making the eventfd of the media thread")?;
        let wake = Arc::new(wake);
        let thread = thread::Thread::new(clock, policy, events, queue, Arc::clone(&wake))?;
        let thread = std::thread::Builder::new()
            .name("media".to_owned())
            .spawn(move || thread.run())
            .context("starting the media thread")?;
        Ok(MediaThread { commands, wake, thread: Some(thread) })
    }

    /// Passes a command of the exchange on.
    pub fn command(&self, command: MediaCommand) {
        self.send(Command::Exchange(command));
    }

    /// Says where packets may go from now on.
    pub fn configure(&self, policy: Policy) {
        self.send(Command::Policy(policy));
    }

    fn send(&self, command: Command) {
        // The thread ends only with us; were it to panic, `is_alive` says so.
        let _ = self.commands.send(command);
        // A full counter is as good a wake-up.
        let _ = self.wake.write(1);
    }

    /// Whether the thread still runs; when not, this node relays no audio and must not go on.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }
}

impl Drop for MediaThread {
    fn drop(&mut self) {
        self.send(Command::Stop);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed by itself.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
    use std::time::Duration;

    use exchange::{MediaSession, Side};

    use super::*;

    const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const SESSION: MediaSession = MediaSession(1);

    /// A thread, and two pairs of ports that nobody has.
    fn start() -> (MediaThread, mpsc::Receiver<Event>, u16, u16) {
        let free_pair = || loop {
            let port = UdpSocket::bind((LOOPBACK, 0)).unwrap().local_addr().unwrap().port() & !1;
            if UdpSocket::bind((LOOPBACK, port)).is_ok() && UdpSocket::bind((LOOPBACK, port + 1)).is_ok() {
                return port;
            }
        };
        let (caller_port, callee_port) = (free_pair(), free_pair());
        let policy = Policy { own_addresses: Vec::new(), media_ports: 0..=0, local_phones: true };
        let (sender, events) = mpsc::channel(8);
        (MediaThread::start(Clock::start(), policy, sender).unwrap(), events, caller_port, callee_port)
    }

    fn open(thread: &MediaThread, caller_port: u16, callee_port: u16) {
        let (local, callee_local) = (LOOPBACK, LOOPBACK);
        thread.command(MediaCommand::Open {
            session: SESSION,
            local,
            callee_local,
            caller_port,
            callee_port,
        });
    }

    fn phone() -> UdpSocket {
        let phone = UdpSocket::bind((LOOPBACK, 0)).unwrap();
        phone.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        phone
    }

    fn describe(thread: &MediaThread, side: Side, phone: &UdpSocket) {
        let rtp = Some(phone.local_addr().unwrap());
        thread.command(MediaCommand::Describe { session: SESSION, side, rtp, rtcp: None });
    }

    /// Row A18: audio goes both ways through the real sockets, leaving from the port that each phone sends to; closing
    /// frees the ports and says so.
    #[tokio::test]
    async fn audio_passes_both_ways() {
        let (thread, mut events, caller_port, callee_port) = start();
        let (caller, callee) = (phone(), phone());
        open(&thread, caller_port, callee_port);
        describe(&thread, Side::Caller, &caller);
        describe(&thread, Side::Callee, &callee);
        let mut buffer = [0; 64];
        let packet = [0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0xd5];
        // The first packet may come before the thread has taken its commands.
        callee.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let mut received = None;
        for _ in 0..250 {
            caller.send_to(&packet, (LOOPBACK, caller_port)).unwrap();
            received = callee.recv_from(&mut buffer).ok();
            if received.is_some() {
                break;
            }
        }
        assert_eq!(received, Some((packet.len(), SocketAddr::new(LOOPBACK, callee_port))));
        callee.send_to(&packet, (LOOPBACK, callee_port)).unwrap();
        assert_eq!(
            caller.recv_from(&mut buffer).unwrap(),
            (packet.len(), SocketAddr::new(LOOPBACK, caller_port))
        );

        thread.command(MediaCommand::Close { session: SESSION });
        assert!(matches!(events.recv().await, Some(Event::MediaClosed(SESSION))));
        assert!(UdpSocket::bind((LOOPBACK, caller_port)).is_ok());
    }

    /// Row A18: ports that another program has are reported, and closing such a session is answered all the same.
    #[tokio::test]
    async fn taken_ports_are_reported() {
        let (thread, mut events, caller_port, callee_port) = start();
        let _other = UdpSocket::bind((LOOPBACK, callee_port + 1)).unwrap();
        open(&thread, caller_port, callee_port);
        assert!(matches!(events.recv().await, Some(Event::MediaFailed(SESSION))));
        thread.command(MediaCommand::Close { session: SESSION });
        assert!(matches!(events.recv().await, Some(Event::MediaClosed(SESSION))));
        assert!(UdpSocket::bind((LOOPBACK, caller_port)).is_ok(), "half a session leaves nothing bound");
        assert!(thread.is_alive());
    }
}
