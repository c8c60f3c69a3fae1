//! The process that the kernel starts: it must neither end nor hang, so it does little itself. It mounts what every
//! program needs, lets a child do the work ([`super::run`]), and becomes the service manager when the child is done,
//! has failed, or has used up its time.

use std::convert::Infallible;
use std::ffi::{CString, OsString};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::unistd::execv;

use super::report::{Console, DONE, Level, REPORT_FILE, Report};

/// The service manager.
const INIT: &str = "/sbin/init";
/// How long everything before the service manager may take: more than the longest repair of a file system.
const WORK_LIMIT: Duration = Duration::from_secs(300);
/// How long the same may take without the disks.
const RETRY_LIMIT: Duration = Duration::from_secs(30);
/// Where the child finds `e2fsck` and `mkfs.ext4`.
const PROGRAMS: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

const NO_DEVICES: MsFlags = MsFlags::MS_NOSUID.union(MsFlags::MS_NODEV);
const NO_PROGRAMS: MsFlags = NO_DEVICES.union(MsFlags::MS_NOEXEC);
/// What every program needs: type of the file system, place, flags, options.
const MOUNTS: &[(&str, &str, MsFlags, &str)] = &[
    ("proc", "/proc", NO_PROGRAMS, ""),
    ("sysfs", "/sys", NO_PROGRAMS, ""),
    ("devtmpfs", "/dev", MsFlags::MS_NOSUID, "mode=0755"),
    ("tmpfs", "/run", NO_DEVICES, "mode=0755,size=20%"),
    ("tmpfs", "/tmp", NO_DEVICES, "mode=1777,size=20%"),
    ("tmpfs", "/var", NO_DEVICES, "mode=0755,size=20%"),
];

/// Runs as the first process of the machine; `arguments` are the kernel's for the service manager.
///
/// # Errors
/// There is no service manager; nothing else ends it.
pub fn start(arguments: impl Iterator<Item = OsString>) -> Result<Infallible, Errno> {
    let console = Console::default();
    let mut problems = mount_all();
    // Everything that is said reaches the console, not only the first ten lines.
    let _ = fs::write("/proc/sys/kernel/printk_devkmsg", "on\n");
    if let Err(what) = work(&[], WORK_LIMIT) {
        problems.push(format!("the preparation of this node is not complete: {what}"));
        // Then without what is most likely in the way. A node that cannot read its data must not serve under another
        // name either: the daemons start only where /data is mounted.
        for target in ["/var/log/journal", "/data"] {
            let _ = umount2(target, MntFlags::MNT_DETACH);
        }
        if let Err(what) = work(&["--without-disks"], RETRY_LIMIT) {
            problems.push(format!("nor without its disks: {what}"));
        }
    }
    for problem in &problems {
        console.say(Level::Error, problem);
    }
    if !problems.is_empty() {
        add_to_report(problems);
    }
    become_service_manager(arguments)
}

/// Mounts what is not mounted yet (an initial root file system may have done part of it); what fails, in words.
fn mount_all() -> Vec<String> {
    let missing = MOUNTS.iter().filter(|(_, target, ..)| !is_mount_point(Path::new(target)));
    missing
        .filter_map(|(kind, target, flags, options)| {
            let outcome = mount(Some(*kind), *target, Some(*kind), *flags, Some(*options));
            outcome.err().map(|errno| format!("mounting {target}: {errno}"))
        })
        .collect()
}

fn is_mount_point(path: &Path) -> bool {
    let device = |path: &Path| fs::metadata(path).map(|metadata| metadata.dev());
    matches!((device(path), device(Path::new("/"))), (Ok(own), Ok(root)) if own != root)
}

/// Lets a child do the work and waits for its word, not for its end: one that is stuck in the kernel never ends.
fn work(options: &[&str], limit: Duration) -> Result<(), String> {
    let program = std::env::current_exe().map_err(|error| format!("finding this program: {error}"))?;
    let mut child = Command::new(&program)
        .args(["--root", "/"])
        .args(options)
        .env("PATH", PROGRAMS)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("starting {}: {error}", program.display()))?;
    let words = BufReader::new(child.stdout.take().ok_or("the child has no output")?);
    let (say, heard) = mpsc::channel();
    let listener = move || {
        for line in words.lines().map_while(Result::ok) {
            if say.send(line).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().spawn(listener).map_err(|error| format!("starting a thread: {error}"))?;
    let deadline = Instant::now() + limit;
    let mut step = "the start".to_owned();
    loop {
        match heard.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(word) if word == DONE => return Ok(()),
            Ok(word) => step = word,
            Err(RecvTimeoutError::Timeout) => {
                let _ = child.kill();
                return Err(format!("{step} did not end within {} s", limit.as_secs()));
            }
            Err(RecvTimeoutError::Disconnected) => return Err(format!("{step} ended unexpectedly")),
        }
    }
}

/// The daemons learn it too, as far as the report can be written.
fn add_to_report(problems: Vec<String>) {
    let mut report: Report =
        File::open(REPORT_FILE).ok().and_then(|file| serde_json::from_reader(file).ok()).unwrap_or_default();
    report.problems.extend(problems);
    if let Ok(text) = serde_json::to_string_pretty(&report) {
        let _ = fs::create_dir_all(Path::new(REPORT_FILE).parent().unwrap_or(Path::new("/run")));
        let _ = fs::write(REPORT_FILE, text + "\n");
    }
}

fn become_service_manager(arguments: impl Iterator<Item = OsString>) -> Result<Infallible, Errno> {
    let words = std::iter::once(OsString::from(INIT)).chain(arguments);
    // The kernel's arguments come from C strings: no word holds a zero.
    let words: Vec<CString> = words.filter_map(|word| CString::new(word.into_vec()).ok()).collect();
    execv(&words[0], &words)
}
