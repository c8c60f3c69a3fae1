//! A person at a serial port of a machine.

use std::io::{IsTerminal, Read, Write, stdin, stdout};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context;

use crate::failure::failure;
use crate::progress::say;

/// Draws the text screen anew (Ctrl-L).
pub(super) const REDRAW: &[u8] = b"\x0c";
/// Asks a shell for its prompt (Enter).
pub(super) const PROMPT: &[u8] = b"\r";
/// Ctrl-], as in telnet.
const LEAVE: u8 = 0x1d;

/// Connects this terminal with the port at `socket` until Ctrl-] or the end of the machine; `first` is typed first.
/// Without a terminal the input's end does not end it: a script may listen only.
pub(super) fn attach(socket: &Path, first: &[u8]) -> anyhow::Result<()> {
    let mut port = UnixStream::connect(socket).map_err(|_| {
        failure(
            format!("nobody serves {}", socket.display()),
            "see whether the machine has power: cargo xtask vm status",
        )
    })?;
    say("Ctrl-] leaves");
    let _raw = stdin().is_terminal().then(RawTerminal::enter).transpose()?;
    port.write_all(first).context("typing")?;
    let mut keys = port.try_clone().context("using the port both ways")?;
    std::thread::spawn(move || {
        let mut buffer = [0; 1_024];
        while let Ok(length @ 1..) = stdin().lock().read(&mut buffer) {
            let typed = &buffer[..length];
            let left = typed.iter().position(|key| *key == LEAVE);
            if keys.write_all(&typed[..left.unwrap_or(length)]).is_err() || left.is_some() {
                // Ends the other direction too.
                let _ = keys.shutdown(std::net::Shutdown::Both);
                return;
            }
        }
    });
    show(port)
}

fn show(mut port: UnixStream) -> anyhow::Result<()> {
    let mut buffer = [0; 4_096];
    loop {
        let length = port.read(&mut buffer).context("reading the port")?;
        if length == 0 {
            return Ok(());
        }
        let mut screen = stdout().lock();
        screen.write_all(&buffer[..length]).and_then(|()| screen.flush()).context("writing to the screen")?;
    }
}

/// A terminal that passes each key on, until this value goes.
struct RawTerminal {
    before: String,
}

impl RawTerminal {
    fn enter() -> anyhow::Result<RawTerminal> {
        let output = Command::new("stty").arg("-g").stdin(Stdio::inherit()).output();
        let before = output.context("asking stty for the terminal's settings")?.stdout;
        let before = String::from_utf8(before).context("reading the terminal's settings")?.trim().to_owned();
        crate::process::run(Command::new("stty").args(["raw", "-echo"]))
            .context("setting the terminal up")?;
        Ok(RawTerminal { before })
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        // The terminal may be gone.
        let _ = Command::new("stty").arg(&self.before).status();
    }
}
