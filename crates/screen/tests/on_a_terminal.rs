//! The real program on a pseudoterminal, between doubles of the daemons on a private bus.

mod doubles;
#[path = "../../daemon/tests/private_bus/mod.rs"]
mod private_bus;
mod samples;

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use doubles::Doubles;
use private_bus::PrivateBus;
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

/// A machine under load takes its time.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(50);
/// Ctrl-L
const REDRAW: &str = "\x0c";

/// The program and the other end of its terminal.
struct Terminal {
    process: Child,
    keyboard: File,
    /// Kept open: a terminal that nobody has open is hung up
    line: OwnedFd,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    /// Starts the screen on a terminal that does not know its size, as a serial line.
    fn start(bus: &str) -> Terminal {
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudoterminal");
        grantpt(&keyboard).expect("grantpt");
        unlockpt(&keyboard).expect("unlockpt");
        let path = ptsname(&keyboard, Vec::new()).expect("its name");
        let line = rustix::fs::open(&path, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())
            .expect("its other end");
        let stream = || Stdio::from(line.try_clone().expect("a descriptor"));
        let process = Command::new(env!("CARGO_BIN_EXE_screen"))
            .env("DBUS_SYSTEM_BUS_ADDRESS", bus)
            .env("TERM", "vt220")
            .stdin(stream())
            .stdout(stream())
            .stderr(Stdio::null())
            .spawn()
            .expect("the screen");
        let keyboard = File::from(keyboard);
        let written = Arc::new(Mutex::new(Vec::new()));
        let mut output = keyboard.try_clone().expect("a descriptor");
        let sink = Arc::clone(&written);
        std::thread::spawn(move || {
            let mut octets = [0; 4096];
            while let Ok(length @ 1..) = output.read(&mut octets) {
                sink.lock().expect("nobody panics holding it").extend(&octets[..length]);
            }
        });
        Terminal { process, keyboard, line, written }
    }

    fn type_in(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).expect("typing");
    }

    fn written(&self) -> String {
        String::from_utf8_lossy(&self.written.lock().expect("nobody panics holding it")).into_owned()
    }

    /// Waits until `words` are written, and forgets everything up to them. Asks for whole frames meanwhile: words may
    /// not stand together in what only changes some characters.
    async fn shows(&mut self, words: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.written().contains(words) {
            assert!(Instant::now() < deadline, "in vain: {words} in:\n{}", self.written());
            self.type_in(REDRAW);
            tokio::time::sleep(PAUSE).await;
        }
        let mut written = self.written.lock().expect("nobody panics holding it");
        let text = String::from_utf8_lossy(&written).into_owned();
        let rest = text.split_once(words).map_or("", |(_, rest)| rest);
        *written = rest.as_bytes().to_vec();
    }

    async fn ends(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.process.try_wait().expect("a child") {
                return status;
            }
            assert!(Instant::now() < deadline, "the screen does not end");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        tokio::time::sleep(PAUSE).await;
    }
}

/// Item 7 of the appliance: what the daemons say is shown, and a confirmed key reaches hostd.
#[tokio::test]
async fn keys_and_daemons_meet() {
    let bus = PrivateBus::start();
    let doubles = Doubles::start(bus.address(), &samples::active()).await;
    let mut terminal = Terminal::start(bus.address());
    terminal.shows("ACTIVE: serves calls since").await;
    terminal.type_in("l");
    terminal.shows("line 120 of a journal with ?[31mcolour").await;
    terminal.type_in("r");
    terminal.shows("Restart this box").await;
    terminal.type_in("y");
    until("reboot", || doubles.told() == ["reboot"]).await;
}

/// The screen outlives the daemons and the bus, and says what is away.
#[tokio::test]
async fn the_screen_outlives_daemons_and_bus() {
    let mut bus = PrivateBus::start();
    let mut terminal = Terminal::start(bus.address());
    terminal.shows("clusterd (high availability) is not running").await;
    let doubles = Doubles::start(bus.address(), &samples::standby()).await;
    terminal.shows("STANDBY: ready to take over").await;
    doubles.stop().await;
    terminal.shows("ROLE NOT KNOWN").await;
    bus.stop();
    terminal.type_in("r");
    terminal.shows("Restart this box").await;
    terminal.type_in("y");
    terminal.shows("It does not: the system bus is not there").await;
    assert_eq!(terminal.process.try_wait().expect("a child"), None);
}

/// A serial line has no size: 80 columns and 24 rows until the terminal says more (ECMA-48 CPR).
#[tokio::test]
async fn the_terminal_is_asked_for_its_size() {
    let bus = PrivateBus::start();
    let _doubles = Doubles::start(bus.address(), &samples::active()).await;
    let mut terminal = Terminal::start(bus.address());
    terminal.shows("\x1b[6n").await;
    terminal.shows("\x1b[24;1H").await;
    terminal.type_in("\x1b[30;100R");
    terminal.shows("\x1b[30;1H").await;
}

/// When it is asked to end, it leaves the terminal as it found it.
#[tokio::test]
async fn the_terminal_is_left_as_it_was() {
    let bus = PrivateBus::start();
    let mut terminal = Terminal::start(bus.address());
    terminal.shows("is not running").await;
    let is_canonical =
        |line: &OwnedFd| tcgetattr(line).expect("a terminal").local_modes.contains(LocalModes::ICANON);
    assert!(!is_canonical(&terminal.line), "raw while it runs");
    let id = rustix::process::Pid::from_child(&terminal.process);
    rustix::process::kill_process(id, rustix::process::Signal::TERM).expect("its process");
    assert!(terminal.ends().await.success());
    terminal.shows("\x1b[?25h").await;
    assert!(is_canonical(&terminal.line));
}

/// Started by hand without a terminal it says so, instead of writing frames into a file.
#[test]
fn a_pipe_is_no_terminal() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_screen")).stdin(Stdio::null()).output().expect("the screen");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("standard input is no terminal"));
}
