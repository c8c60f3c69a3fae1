//! Commands in a machine, through the virtio port of a debug image: a shell of root in there reads what we write.
//!
//! ```text
//!   us                                       the shell
//!   echo READY-1f3a                    ──►
//!                                      ◄──   READY-1f3a        it listens: what it wrote before is old
//!   timeout … sh -c '…'; printf END…   ──►
//!                                      ◄──   output, END-1f3a 0
//! ```
//!
//! Both directions are pipes that QEMU keeps open. A machine that is booting reads nothing: the question waits in the
//! pipe, is taken back when the limit passes, and a stray one costs an `echo`. One client at a time, by a lock.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::lab::secrets;
use crate::wait;

/// Most octets that a command may print.
const OUTPUT_BYTES_MAX: usize = 16 * 1_024 * 1_024;
/// Octets of a file in one command: a word of a command line holds 128 KiB (`MAX_ARG_STRLEN`).
const PUT_CHUNK_BYTES: usize = 60 * 1_024;
/// How much longer than the command we wait for its end.
const END_MARGIN: Duration = Duration::from_secs(5);
/// A shell that listens answers sooner than this, even when the machine is busy.
const READY_LIMIT: Duration = Duration::from_secs(3);
/// Pause between two tries to become the only client.
const LOOK: Duration = Duration::from_millis(20);

/// How a command has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Exit status; 124 when it was ended by its limit of time
    pub status: i32,
    /// What it printed, both to its output and to its errors
    pub text: String,
}

/// The port of one machine.
#[derive(Debug)]
pub(super) struct Shell {
    path: PathBuf,
}

impl Shell {
    /// The port whose pipes are `path` with `.in` and `.out`.
    pub(super) fn new(path: &Path) -> Shell {
        Shell { path: path.to_owned() }
    }

    fn end(&self, extension: &str) -> PathBuf {
        // No `with_extension`: the name has a dot already.
        PathBuf::from(format!("{}.{extension}", self.path.display()))
    }

    /// Makes the pipes, before QEMU starts.
    pub(super) fn make(&self) -> anyhow::Result<()> {
        for end in ["in", "out"] {
            let path = self.end(end);
            // One of an earlier run may hold old words.
            let _ = std::fs::remove_file(&path);
            mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR)
                .with_context(|| format!("making the pipe {}", path.display()))?;
        }
        Ok(())
    }

    /// Waits until the shell listens.
    pub(super) fn await_ready(&self, limit: Duration) -> anyhow::Result<()> {
        self.connect(limit).map(drop)
    }

    /// Runs `command` in the machine, at most for `limit`.
    pub(super) fn run(&self, command: &str, limit: Duration) -> anyhow::Result<Outcome> {
        let mut connection = self.connect(READY_LIMIT)?;
        let token = connection.token.clone();
        connection.send(&script(command, &token, limit))?;
        let end = format!("\nEND-{token} ");
        let taken = connection
            .read_until(&end, limit + END_MARGIN)
            .with_context(|| format!("waiting for the end of `{command}`"))?;
        let status = connection.read_until("\n", END_MARGIN)?;
        let status = status.trim().parse().with_context(|| format!("reading the status {status:?}"))?;
        Ok(Outcome { status, text: taken })
    }

    /// Writes a file in the machine.
    pub(super) fn put(&self, path: &str, bytes: &[u8], limit: Duration) -> anyhow::Result<()> {
        let path = quote(path);
        let mut commands = vec![format!(": >{path}")];
        let chunks = bytes.chunks(PUT_CHUNK_BYTES);
        commands.extend(chunks.map(|chunk| format!("echo {} | base64 -d >>{path}", base64(chunk))));
        for command in commands {
            let outcome = self.run(&command, limit)?;
            if outcome.status != 0 {
                bail!("writing {path} in the machine: {}", outcome.text.trim());
            }
        }
        Ok(())
    }

    fn connect(&self, limit: Duration) -> anyhow::Result<Connection> {
        let describe = || format!("reaching the debug port at {}", self.path.display());
        let lock = File::create(self.end("lock")).with_context(describe)?;
        if wait::poll(limit, LOOK, || lock.try_lock().ok()).is_none() {
            bail!("another command uses the debug port at {}", self.path.display());
        }
        let open = |end, writes: bool| {
            let mut options = OpenOptions::new();
            options.read(true).write(writes).custom_flags(nix::libc::O_NONBLOCK);
            options.open(self.end(end)).with_context(describe)
        };
        let token = hex::encode(secrets::octets::<8>()?);
        // Both ways, so that what nobody takes can be taken back.
        let (input, output) = (open("in", true)?, open("out", false)?);
        let mut connection = Connection { input, output, _lock: lock, token, taken: Vec::new() };
        connection.forget_old();
        let ready = format!("READY-{}\n", connection.token);
        connection.send(&format!("\necho {ready}"))?;
        if let Err(error) = connection.read_until(&ready, limit) {
            connection.take_back();
            return Err(error.context("the shell in the machine does not listen"));
        }
        Ok(connection)
    }
}

/// One command line for the shell. The limit holds inside, so that the port is free again whatever happens.
fn script(command: &str, token: &str, limit: Duration) -> String {
    format!(
        "timeout -k 2 {} sh -c {} </dev/null 2>&1; printf '\\nEND-{token} %d\\n' $?\n",
        limit.as_secs().max(1),
        quote(command)
    )
}

/// A word that a shell takes as it is.
pub(super) fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Base64 (RFC 4648, section 4) in one line.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let octet = |index: usize| u32::from(group.get(index).copied().unwrap_or_default());
        let bits = (octet(0) << 16) | (octet(1) << 8) | octet(2);
        for index in 0..4 {
            let letter = usize::try_from((bits >> (18 - 6 * index)) & 63).unwrap_or_default();
            text.push(if index <= group.len() { char::from(LETTERS[letter]) } else { '=' });
        }
    }
    text
}

/// The only client of a port.
struct Connection {
    input: File,
    output: File,
    _lock: File,
    token: String,
    /// Read and not yet used
    taken: Vec<u8>,
}

impl Connection {
    /// Drops the end of what an earlier client did not wait for.
    fn forget_old(&mut self) {
        let mut buffer = [0; 4_096];
        while matches!(self.output.read(&mut buffer), Ok(1..)) {}
    }

    /// Takes words back that the machine has not read.
    fn take_back(&mut self) {
        let mut buffer = [0; 4_096];
        while matches!(self.input.read(&mut buffer), Ok(1..)) {}
    }

    fn send(&mut self, text: &str) -> anyhow::Result<()> {
        let deadline = Instant::now() + READY_LIMIT;
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            match self.input.write(rest) {
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if !ready(&self.input, PollFlags::POLLOUT, deadline)? {
                        self.take_back();
                        bail!("the machine takes no commands");
                    }
                }
                Err(error) => return Err(error).context("writing to the debug port"),
            }
        }
        Ok(())
    }

    /// What comes before `mark`, which is dropped.
    fn read_until(&mut self, mark: &str, limit: Duration) -> anyhow::Result<String> {
        let deadline = Instant::now() + limit;
        let mut searched = 0;
        let mut buffer = [0; 65_536];
        loop {
            let found =
                self.taken[searched..].windows(mark.len()).position(|window| window == mark.as_bytes());
            if let Some(at) = found.map(|at| at + searched) {
                let rest = self.taken.split_off(at + mark.len());
                let mut before = std::mem::replace(&mut self.taken, rest);
                before.truncate(at);
                return Ok(String::from_utf8_lossy(&before).into_owned());
            }
            searched = (self.taken.len() + 1).saturating_sub(mark.len());
            if self.taken.len() > OUTPUT_BYTES_MAX {
                bail!("it prints more than {OUTPUT_BYTES_MAX} octets");
            }
            match self.output.read(&mut buffer) {
                Ok(0) => bail!("the machine is off"),
                Ok(length) => self.taken.extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if !ready(&self.output, PollFlags::POLLIN, deadline)? {
                        bail!("nothing within {limit:?}");
                    }
                }
                Err(error) => return Err(error).context("reading from the debug port"),
            }
        }
    }
}

/// Waits until `file` can be read or written; `false` when the deadline passes first.
fn ready(file: &File, flags: PollFlags, deadline: Instant) -> anyhow::Result<bool> {
    let left = deadline.saturating_duration_since(Instant::now());
    let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
    match poll(&mut [PollFd::new(file.as_fd(), flags)], timeout) {
        Ok(0) => Ok(false),
        Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(true),
        Err(error) => Err(error).context("waiting for the debug port"),
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    /// A shell of this machine at the other end of the pipes, as in a node.
    struct Node(Child);

    impl Node {
        fn start(shell: &Shell) -> Node {
            let open = |end| OpenOptions::new().read(true).write(true).open(shell.end(end)).expect("pipe");
            let mut command = Command::new("sh");
            Node(command.stdin(open("in")).stdout(open("out")).spawn().expect("a shell"))
        }
    }

    impl Drop for Node {
        fn drop(&mut self) {
            let _ = self.0.kill().and_then(|()| self.0.wait());
        }
    }

    fn shell() -> (tempfile::TempDir, Shell) {
        let folder = tempfile::tempdir().expect("temporary folder");
        let shell = Shell::new(&folder.path().join("a.debug"));
        shell.make().expect("pipes");
        (folder, shell)
    }

    /// What a command prints and how it ends comes back whole, whatever letters are in it.
    #[test]
    fn commands_come_back() {
        let (_folder, shell) = shell();
        let _node = Node::start(&shell);
        let outcome = shell.run("echo \"it's $((1+1))\"\necho END-x >&2; exit 3", LIMIT).expect("outcome");
        assert_eq!(outcome, Outcome { status: 3, text: "it's 2\nEND-x\n".to_owned() });
        assert_eq!(shell.run("exec sleep 60", Duration::from_secs(1)).expect("outcome").status, 124);
    }

    /// A machine that boots later gets the question then; one whose answers nobody took does not confuse the next.
    #[test]
    fn late_machines_and_old_answers_do_not_confuse() {
        let (_folder, shell) = shell();
        // Held open as QEMU does; nobody listens.
        let _qemu = OpenOptions::new().read(true).write(true).open(shell.end("out")).expect("pipe");
        assert!(shell.await_ready(Duration::from_millis(50)).is_err());
        (&_qemu).write_all(b"old\nEND-0 0\nREADY-0\n").expect("old answers");
        let node = std::thread::scope(|scope| {
            let waiting = scope.spawn(|| shell.await_ready(LIMIT));
            let node = Node::start(&shell);
            waiting.join().expect("no panic").expect("it listens now");
            node
        });
        assert_eq!(shell.run("echo new", LIMIT).expect("outcome").text, "new\n");
        drop(node);
    }

    /// Files arrive as they were, also when they need several commands.
    #[test]
    fn files_arrive() {
        let (folder, shell) = shell();
        let _node = Node::start(&shell);
        let bytes: Vec<u8> = (0..150_001_u32).map(|n| u8::try_from(n % 251).expect("small")).collect();
        let path = folder.path().join("a file");
        shell.put(&path.display().to_string(), &bytes, LIMIT).expect("put");
        assert!(std::fs::read(&path).expect("file") == bytes);
        for (bytes, text) in [(&b""[..], ""), (b"f", "Zg=="), (b"fo", "Zm8="), (b"foob", "Zm9vYg==")] {
            assert_eq!(base64(bytes), text);
        }
    }
}
