//! A PJSIP phone (`peers/pjsip_phone.py`), driven by lines of JSON.

use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};
use xtask::namespace;
use xtask::peers::tone;

/// What a phone is made from.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Namespace that the phone lives in
    pub namespace: String,
    /// The phone's own address
    pub address: IpAddr,
    /// The exchange
    pub exchange: SocketAddr,
    /// SIP domain
    pub domain: String,
    /// Account
    pub user: String,
    /// Password of the account
    pub password: String,
    /// `udp` or `tcp`
    pub transport: &'static str,
    /// Frequency that it plays, hertz
    pub tone_hz: u32,
}

/// A running phone. Dropping it ends the process.
pub struct Pjsip {
    process: Child,
    commands: ChildStdin,
    events: Receiver<Value>,
    folder: PathBuf,
}

impl Pjsip {
    /// Starts the phone with its logs and its recording in `folder`.
    ///
    /// # Errors
    /// The phone does not start; the folder has its logs.
    pub fn start(python: &Path, folder: &Path, settings: &Settings) -> Result<Pjsip> {
        std::fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
        let errors =
            std::fs::File::create(folder.join("errors.log")).context("create the phone's error log")?;
        let program = python.to_str().context("the path of Python is no text")?;
        let mut process = namespace::command(&settings.namespace, program)
            .arg(crate::folder().join("peers/pjsip_phone.py"))
            .args(["--address", &settings.address.to_string(), "--exchange", &settings.exchange.to_string()])
            .args(["--domain", &settings.domain, "--user", &settings.user, "--password", &settings.password])
            .args(["--transport", settings.transport, "--tone", &settings.tone_hz.to_string()])
            .arg("--recording")
            .arg(folder.join("heard.wav"))
            .arg("--log")
            .arg(folder.join("pjsip.log"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .context("start the PJSIP phone")?;
        let commands = process.stdin.take().context("take the phone's standard input")?;
        let output = process.stdout.take().context("take the phone's standard output")?;
        let (sender, events) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let event =
                    serde_json::from_str(&line).unwrap_or_else(|_| json!({"event": "noise", "text": line}));
                if sender.send(event).is_err() {
                    break;
                }
            }
        });
        let mut phone = Pjsip { process, commands, events, folder: folder.to_owned() };
        phone.wait(|event| event["event"] == "ready", "ready", Duration::from_secs(20))?;
        Ok(phone)
    }

    /// Gives a command, e.g. `json!({"do": "call", "number": "102"})`.
    ///
    /// # Errors
    /// The phone has gone.
    #[allow(clippy::needless_pass_by_value)] // reads well at the call: `phone.command(json!({…}))`
    pub fn command(&mut self, command: Value) -> Result<()> {
        writeln!(self.commands, "{command}")
            .with_context(|| format!("send {command} to {}", self.folder.display()))
    }

    /// Registers and waits for the outcome.
    ///
    /// # Errors
    /// The exchange refuses, or does not answer in time.
    pub fn register(&mut self) -> Result<()> {
        self.command(json!({"do": "register"}))?;
        self.wait(
            |event| event["event"] == "registered" && event["code"] == 200,
            "registered",
            Duration::from_secs(20),
        )?;
        Ok(())
    }

    /// Waits for a state of the call, e.g. `CONFIRMED`, `DISCONNECTED`; gives its last status code.
    ///
    /// # Errors
    /// Not in time.
    pub fn wait_call(&mut self, state: &str, deadline: Duration) -> Result<u64> {
        let event =
            self.wait(|event| event["event"] == "call" && event["state"] == state, state, deadline)?;
        Ok(event["code"].as_u64().unwrap_or(0))
    }

    /// Waits for an event that `wanted` accepts; earlier ones are dropped.
    ///
    /// # Errors
    /// Not in time, or the phone reports an error of its own.
    pub fn wait(&mut self, wanted: impl Fn(&Value) -> bool, name: &str, deadline: Duration) -> Result<Value> {
        let end = Instant::now() + deadline;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let event = self.events.recv_timeout(left).map_err(|_| {
                anyhow!(
                    "the PJSIP phone said no {name:?} in {} s; see {}",
                    deadline.as_secs(),
                    self.folder.display()
                )
            })?;
            if event["event"] == "error" {
                bail!("the PJSIP phone reports {}; see {}", event["text"], self.folder.display());
            }
            if wanted(&event) {
                return Ok(event);
            }
        }
    }

    /// Looks for `tone_hz` in what the phone has heard. The recording is complete after [`Self::quit`].
    ///
    /// # Errors
    /// The recording cannot be read.
    pub fn heard(&self, tone_hz: u32) -> Result<tone::Heard> {
        tone::find(&self.folder.join("heard.wav"), tone_hz)
    }

    /// Ends the phone and with it its recording.
    ///
    /// # Errors
    /// The phone has gone already.
    pub fn quit(&mut self) -> Result<()> {
        self.command(json!({"do": "quit"}))?;
        self.process.wait().context("wait for the PJSIP phone to end")?;
        Ok(())
    }
}

impl Drop for Pjsip {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
