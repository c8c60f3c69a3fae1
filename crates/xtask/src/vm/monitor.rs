//! QEMU's monitor (QMP, the QEMU machine protocol): one JSON object in each line.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};

/// No command used here takes longer; another client may have the monitor for a moment.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// A connection. QEMU serves one at a time, so it is kept as short as possible.
#[derive(Debug)]
pub(super) struct Monitor {
    reader: BufReader<UnixStream>,
}

impl Monitor {
    /// Connects and agrees on the protocol.
    pub(super) fn connect(socket: &Path) -> anyhow::Result<Monitor> {
        let describe = || format!("talking to the monitor at {}", socket.display());
        let stream = UnixStream::connect(socket).with_context(describe)?;
        stream.set_read_timeout(Some(ANSWER_LIMIT)).with_context(describe)?;
        stream.set_write_timeout(Some(ANSWER_LIMIT)).with_context(describe)?;
        let mut monitor = Monitor { reader: BufReader::new(stream) };
        let greeting = monitor.line().with_context(describe)?;
        if greeting["QMP"].is_null() {
            bail!("{} is no monitor of QEMU: it says {greeting}", socket.display());
        }
        monitor.execute("qmp_capabilities", &json!({})).with_context(describe)?;
        Ok(monitor)
    }

    /// Runs a command and returns its value.
    pub(super) fn execute(&mut self, command: &str, arguments: &Value) -> anyhow::Result<Value> {
        let request = json!({"execute": command, "arguments": arguments});
        let mut stream = self.reader.get_ref();
        stream.write_all(format!("{request}\n").as_bytes()).with_context(|| format!("sending {command}"))?;
        loop {
            let mut answer = self.line().with_context(|| format!("waiting for the outcome of {command}"))?;
            if !answer["error"].is_null() {
                bail!("{command} failed: {}", answer["error"]["desc"].as_str().unwrap_or("no reason given"));
            }
            if !answer["return"].is_null() {
                return Ok(answer["return"].take());
            }
            // An event: of no interest here.
        }
    }

    fn line(&mut self) -> anyhow::Result<Value> {
        let mut line = String::new();
        if self.reader.read_line(&mut line)? == 0 {
            bail!("QEMU has closed the monitor");
        }
        serde_json::from_str(&line).with_context(|| format!("reading {line:?}"))
    }
}

/// One command on a connection of its own.
pub(super) fn execute(socket: &Path, command: &str, arguments: &Value) -> anyhow::Result<Value> {
    Monitor::connect(socket)?.execute(command, arguments)
}
