//! A baresip phone: its own folder, one tone to play, its recordings, and its control connection.
//!
//! baresip speaks JSON in netstrings (`LENGTH:TEXT,`) on the port of its module `ctrl_tcp`.

use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};

use super::{tone, wait_for};
use crate::namespace;

/// Where Debian's package puts the modules.
const MODULE_PATH: &str = "/usr/lib/baresip/modules";
/// How long the control port may take to open.
const START_DEADLINE: Duration = Duration::from_secs(10);
/// Seconds of tone in the file that a phone plays: longer than any call here.
const TONE_SECONDS: u32 = 120;
/// Longest control message; more means that the stream is out of step.
const MESSAGE_BYTES_MAX: usize = 65_536;

/// What a phone is made from.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Namespace that the phone lives in
    pub namespace: String,
    /// The phone's own address
    pub address: IpAddr,
    /// Account
    pub user: String,
    /// Password of the account
    pub password: String,
    /// SIP domain
    pub domain: String,
    /// The exchange
    pub exchange: SocketAddr,
    /// `udp` or `tcp`
    pub transport: &'static str,
    /// Answers by itself
    pub answers: bool,
    /// Frequency that it plays, hertz
    pub tone_hz: u32,
    /// Seconds between registrations
    pub registration_seconds: u32,
}

/// A running phone. Dropping it ends the process.
pub struct Baresip {
    process: Child,
    control: TcpStream,
    unread: Vec<u8>,
    events: Vec<Value>,
    folder: PathBuf,
}

impl Baresip {
    /// Writes the phone's folder below `folder` and starts it.
    ///
    /// # Errors
    /// The namespace is missing, a file cannot be written, or baresip does not start; the message names its log.
    pub fn start(folder: &Path, settings: &Settings) -> Result<Baresip> {
        fs::create_dir_all(folder)
            .with_context(|| format!("make the phone's folder {}", folder.display()))?;
        let [control_port, sip_port] = free_ports(settings)?;
        tone::write(&folder.join("tone.wav"), settings.tone_hz, TONE_SECONDS)?;
        write(folder, "config", &config(folder, settings, control_port, sip_port))?;
        write(folder, "accounts", "")?;
        write(folder, "contacts", "")?;
        let log = fs::File::create(folder.join("baresip.log")).context("create the phone's log")?;
        let mut process = namespace::command(&settings.namespace, "baresip")
            .arg("-f")
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("share the phone's log")?)
            .stderr(log)
            .spawn()
            .context("start baresip (Debian package baresip-core)")?;
        let namespace = settings.namespace.clone();
        let connect = || {
            namespace::within(&namespace, move || {
                TcpStream::connect(("127.0.0.1", control_port)).context("connect to the phone")
            })
            .ok()
        };
        let Some(control) = wait_for(START_DEADLINE, connect) else {
            let _ = process.kill();
            let _ = process.wait();
            bail!("baresip did not open its control port; see {}", folder.join("baresip.log").display());
        };
        control.set_read_timeout(Some(Duration::from_millis(10))).context("set the control timeout")?;
        let mut phone =
            Baresip { process, control, unread: Vec::new(), events: Vec::new(), folder: folder.to_owned() };
        // Only now, over the control connection: an account in the file would register before anybody listens.
        phone.command("uanew", &account(settings))?;
        Ok(phone)
    }

    /// Gives a command of baresip's menu, e.g. `dial` with the URI, `accept`, `hangup`, `hold`, `resume`.
    ///
    /// # Errors
    /// The phone has gone.
    pub fn command(&mut self, command: &str, parameters: &str) -> Result<()> {
        let text = json!({"command": command, "params": parameters, "token": command}).to_string();
        write!(self.control, "{}:{},", text.len(), text)
            .with_context(|| format!("send {command:?} to the phone in {}", self.folder.display()))
    }

    /// Waits for an event of this type, e.g. `REGISTER_OK`, `CALL_ESTABLISHED`, `CALL_CLOSED`, and takes it; earlier
    /// events of other types are dropped.
    ///
    /// # Errors
    /// No such event in time; the message names the phone's log.
    pub fn wait_event(&mut self, event_type: &str, deadline: Duration) -> Result<Value> {
        let found = wait_for(deadline, || {
            self.read_events();
            let at = self.events.iter().position(|event| event["type"] == event_type)?;
            Some(self.events.drain(..=at).next_back().unwrap_or(Value::Null))
        });
        found.ok_or_else(|| {
            anyhow!(
                "the phone said no {event_type} within {} s; see {}",
                deadline.as_secs(),
                self.folder.join("baresip.log").display()
            )
        })
    }

    /// True when such an event has come; nothing is taken.
    pub fn has_event(&mut self, event_type: &str) -> bool {
        self.read_events();
        self.events.iter().any(|event| event["type"] == event_type)
    }

    /// Forgets events that came so far.
    pub fn forget_events(&mut self) {
        self.read_events();
        self.events.clear();
    }

    /// Recordings of what this phone has heard, oldest first.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn recordings(&self) -> Result<Vec<PathBuf>> {
        let entries = fs::read_dir(&self.folder).context("list the phone's recordings")?;
        let mut paths: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.to_string_lossy().ends_with("-dec.wav"))
            .collect();
        paths.sort_by_key(|path| fs::metadata(path).and_then(|data| data.created()).ok());
        Ok(paths)
    }

    /// Looks for `tone_hz` in the newest recording.
    ///
    /// # Errors
    /// The recording cannot be read.
    pub fn heard(&self, tone_hz: u32) -> Result<tone::Heard> {
        let recordings = self.recordings()?;
        let Some(newest) = recordings.last() else {
            return Ok(tone::Heard { tone_hz, heard_ms: 0, level_db: None });
        };
        tone::find(newest, tone_hz)
    }

    fn read_events(&mut self) {
        let mut buffer = [0_u8; 8_192];
        while let Ok(length) = self.control.read(&mut buffer) {
            if length == 0 {
                break;
            }
            self.unread.extend_from_slice(&buffer[..length]);
        }
        while let Some((value, used)) = netstring(&self.unread) {
            self.unread.drain(..used);
            if value["event"] == true {
                self.events.push(value);
            }
        }
    }
}

impl Drop for Baresip {
    fn drop(&mut self) {
        // `ip netns exec` becomes the program, so this is the phone itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Free ports for the control connection and for SIP, whose successor must be free too: baresip listens for TLS there.
fn free_ports(settings: &Settings) -> Result<[u16; 2]> {
    let address = settings.address;
    namespace::within(&settings.namespace, move || {
        let control = TcpListener::bind(("127.0.0.1", 0)).context("find a free control port")?;
        loop {
            let sip = TcpListener::bind((address, 0)).context("find a free SIP port")?;
            let port = sip.local_addr().context("read the SIP port")?.port();
            if TcpListener::bind((address, port.saturating_add(1))).is_ok() {
                return Ok([control.local_addr().context("read the control port")?.port(), port]);
            }
        }
    })
}

/// Takes one netstring from the front: its JSON and the octets used.
fn netstring(bytes: &[u8]) -> Option<(Value, usize)> {
    let colon = bytes.iter().position(|byte| *byte == b':')?;
    let length: usize = std::str::from_utf8(&bytes[..colon]).ok()?.parse().ok()?;
    let end = colon + 1 + length.min(MESSAGE_BYTES_MAX);
    let text = bytes.get(colon + 1..end)?;
    bytes.get(end)?;
    Some((serde_json::from_slice(text).unwrap_or(Value::Null), end + 1))
}

fn write(folder: &Path, name: &str, text: &str) -> Result<()> {
    fs::write(folder.join(name), text).with_context(|| format!("write {}", folder.join(name).display()))
}

fn config(folder: &Path, settings: &Settings, control_port: u16, sip_port: u16) -> String {
    let folder = folder.display();
    format!(
        "sip_listen {address}:{sip_port}\n\
         call_local_timeout 120\n\
         call_max_calls 4\n\
         audio_source aufile,{folder}/tone.wav\n\
         audio_srate 8000\n\
         audio_channels 1\n\
         rtp_ports 30000-40000\n\
         module_path {MODULE_PATH}\n\
         module g711.so\n\
         module aufile.so\n\
         module sndfile.so\n\
         snd_path {folder}\n\
         module_app account.so\n\
         module_app menu.so\n\
         module_app ctrl_tcp.so\n\
         ctrl_tcp_listen 127.0.0.1:{control_port}\n",
        address = settings.address,
    )
}

fn account(settings: &Settings) -> String {
    let Settings { user, password, domain, exchange, transport, registration_seconds, .. } = settings;
    let answer_mode = if settings.answers { "auto" } else { "manual" };
    format!(
        "<sip:{user}@{domain};transport={transport}>;auth_user={user};auth_pass={password};\
         outbound=\"sip:{exchange};transport={transport}\";regint={registration_seconds};\
         answermode={answer_mode};audio_codecs=PCMU/8000/1;mwi=no"
    )
}
