//! The tty: raw mode, size, octets in and out.
//!
//! Reading and writing have a thread each, since either may block for ever: a serial line with flow control and
//! nobody at the other end takes nothing. Keys, watchdog and daemons go on meanwhile. The threads end with the
//! process.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::thread;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::termios::{ControlModes, OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::sync::mpsc;

use crate::Size;

/// Octets taken in one read.
const READ_BYTES: usize = 256;
/// Reads that wait for the state machine.
const READS_MAX: usize = 16;
/// Frames that wait for the line: one on its way and one behind it.
const FRAMES_MAX: usize = 1;

/// The terminal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TtyError {
    /// It cannot be opened.
    #[error("opening the terminal {}", path.display())]
    Open {
        /// The device
        path: PathBuf,
        /// Why
        #[source]
        source: io::Error,
    },
    /// It is a file, a pipe or nothing.
    #[error("standard input is no terminal (the unit says StandardInput=tty; by hand, --tty names one)")]
    NoTerminal,
    /// It refuses raw mode, or a thread of its own.
    #[error("setting the terminal up")]
    SetUp(#[source] io::Error),
    /// It has been unplugged or hung up.
    #[error("reading the terminal")]
    Read(#[source] io::Error),
}

/// An open terminal in raw mode; its former mode comes back when this value goes.
#[derive(Debug)]
pub struct Tty {
    descriptor: OwnedFd,
    mode_before: Termios,
}

impl Tty {
    /// Opens the device at `path`, or takes standard input.
    ///
    /// # Errors
    /// [`TtyError::Open`], [`TtyError::NoTerminal`], [`TtyError::SetUp`].
    pub fn open(path: Option<&Path>) -> Result<Tty, TtyError> {
        let descriptor = match path {
            Some(path) => device(path).map_err(|source| TtyError::Open { path: path.to_owned(), source })?,
            None => io::stdin().as_fd().try_clone_to_owned().map_err(TtyError::SetUp)?,
        };
        if !isatty(&descriptor) {
            return Err(TtyError::NoTerminal);
        }
        let mode_before = set_mode(&descriptor).map_err(|errno| TtyError::SetUp(errno.into()))?;
        Ok(Tty { descriptor, mode_before })
    }

    /// The size that the kernel knows; a serial line has none.
    #[must_use]
    pub fn size(&self) -> Option<Size> {
        let size = tcgetwinsize(&self.descriptor).ok()?;
        (size.ws_col > 0 && size.ws_row > 0).then(|| Size::clamped(size.ws_col, size.ws_row))
    }

    /// Octets from the keyboard; the last item is why there are no more.
    ///
    /// # Errors
    /// [`TtyError::SetUp`].
    pub fn read(&self) -> Result<mpsc::Receiver<Result<Vec<u8>, TtyError>>, TtyError> {
        let descriptor = self.descriptor.try_clone().map_err(TtyError::SetUp)?;
        let (sender, receiver) = mpsc::channel(READS_MAX);
        let read = move || {
            loop {
                let octets = read_some(&descriptor);
                let is_last = octets.is_err();
                if sender.blocking_send(octets).is_err() || is_last {
                    return;
                }
            }
        };
        thread::Builder::new().name("keys".to_owned()).spawn(read).map_err(TtyError::SetUp)?;
        Ok(receiver)
    }

    /// Takes frames; has room for one as soon as the line has taken the one before.
    ///
    /// # Errors
    /// [`TtyError::SetUp`].
    pub fn write(&self) -> Result<mpsc::Sender<String>, TtyError> {
        let descriptor = self.descriptor.try_clone().map_err(TtyError::SetUp)?;
        let (sender, mut receiver) = mpsc::channel::<String>(FRAMES_MAX);
        let write = move || {
            while let Some(frame) = receiver.blocking_recv() {
                if let Err(error) = write_all(&descriptor, frame.as_bytes()) {
                    // Reading ends likewise, and with it the process.
                    return log::warn!(error:% = error; "the terminal takes nothing more");
                }
            }
        };
        thread::Builder::new().name("frames".to_owned()).spawn(write).map_err(TtyError::SetUp)?;
        Ok(sender)
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        // A terminal that is gone needs no mode.
        let _ = tcsetattr(&self.descriptor, OptionalActions::Now, &self.mode_before);
    }
}

/// Opens a device for reading and writing. The open of a serial line must not wait for its carrier.
fn device(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let descriptor = rustix::fs::open(path, flags, Mode::empty())?;
    rustix::io::ioctl_fionbio(&descriptor, false)?;
    Ok(descriptor)
}

/// Raw mode, without heed to the carrier; gives the mode before.
fn set_mode(descriptor: &OwnedFd) -> Result<Termios, Errno> {
    let before = tcgetattr(descriptor)?;
    let mut mode = before.clone();
    mode.make_raw();
    mode.control_modes |= ControlModes::CLOCAL | ControlModes::CREAD;
    // Now: what is still to be sent may never be taken.
    tcsetattr(descriptor, OptionalActions::Now, &mode)?;
    Ok(before)
}

/// Waits for octets; none at all means that the terminal has been hung up.
fn read_some(descriptor: &OwnedFd) -> Result<Vec<u8>, TtyError> {
    let mut octets = vec![0; READ_BYTES];
    let length = rustix::io::retry_on_intr(|| rustix::io::read(descriptor, octets.as_mut_slice()))
        .map_err(|errno| TtyError::Read(errno.into()))?;
    if length == 0 {
        return Err(TtyError::Read(io::ErrorKind::UnexpectedEof.into()));
    }
    octets.truncate(length);
    Ok(octets)
}

fn write_all(descriptor: &OwnedFd, mut octets: &[u8]) -> io::Result<()> {
    while !octets.is_empty() {
        let taken = rustix::io::retry_on_intr(|| rustix::io::write(descriptor, octets))?;
        octets = &octets[taken..];
    }
    Ok(())
}
