//! The disk of durable state: found by its label, made of a blank disk, checked and mounted. Nothing else is touched.

use std::fs::OpenOptions;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use nix::mount::{MsFlags, mount};

use super::devices::Device;
use super::disk::{Content, DATA_DISK_BYTES_MIN, DATA_LABEL, EDGE_BYTES, Edges, ExtState, SECTOR_BYTES};
use super::limit::{self, LimitError};
use super::place::{Disks, Place};
use super::report::Reporter;
use super::survey::{Found, Survey};

/// How long a disk that is not there yet is waited for.
const DISK_WAIT: Duration = Duration::from_secs(3);
/// Pause between two looks at the kernel's list.
const DISK_LOOK: Duration = Duration::from_millis(50);
/// How long making the file system may take.
const FORMAT_LIMIT: Duration = Duration::from_secs(60);
/// How long repairing the file system may take.
const CHECK_LIMIT: Duration = Duration::from_secs(120);
/// How long mounting may take: the journal is replayed.
const MOUNT_LIMIT: Duration = Duration::from_secs(30);
/// Size of a block of the file system.
const BLOCK_BYTES: u64 = 4096;
/// `e2fsck`: errors are left (EXIT CODES in its manual).
const CHECK_UNCORRECTED: i32 = 4;

/// There is no data disk, and why.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// No disk is one, and none may become one
    #[error("no disk holds the data of a node, and none may be formatted: {found}")]
    None {
        /// What there is, as `/dev/vda holds …`
        found: String,
    },
    /// An attempt to use them did not end
    #[error("the disks are not used")]
    Untouched,
    /// A disk cannot be listed, formatted or written to
    #[error("{attempt} failed")]
    Attempt {
        /// What was tried
        attempt: String,
        /// Cause
        #[source]
        source: io::Error,
    },
    /// `mkfs.ext4` says no
    #[error("formatting {device} failed: {output}")]
    Format {
        /// The disk
        device: String,
        /// What the program said last
        output: String,
    },
    /// Something hangs
    #[error("the data disk hangs")]
    Limit(#[from] LimitError),
}

impl DataError {
    fn attempt(attempt: impl Into<String>) -> impl FnOnce(io::Error) -> DataError {
        move |source| DataError::Attempt { attempt: attempt.into(), source }
    }
}

/// Finds or makes the data file system and mounts it on `/data`; gives its device.
///
/// # Errors
/// [`DataError`]: there is no data then.
pub fn mount_data(
    place: &Place,
    survey: &mut Survey<'_>,
    reporter: &mut Reporter,
) -> Result<PathBuf, DataError> {
    if *place.disks() == Disks::Untouched {
        return Err(DataError::Untouched);
    }
    let (device, state) = match find(survey, reporter)? {
        Found { device, content: Content::Data(state), .. } => (device.path, state),
        Found { device, size_bytes, .. } => {
            format(place, &device.path, size_bytes)?;
            reporter
                .notice(format!("{} was blank and now holds the data of this node", device.path.display()));
            (device.path, ExtState { clean: true })
        }
    };
    if !state.clean {
        check(place, &device, reporter);
    }
    let target = place.path("/data");
    let source = device.clone();
    let flags = MsFlags::MS_NOATIME | MsFlags::MS_NODEV | MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    let mounting = move || mount(Some(&source), &target, Some("ext4"), flags, Some("errors=remount-ro"));
    limit::within(MOUNT_LIMIT, &format!("mounting {}", device.display()), mounting)?
        .map_err(|errno| DataError::attempt(format!("mounting {}", device.display()))(errno.into()))?;
    Ok(device)
}

/// The data disk, or the blank disk that becomes one.
fn find(survey: &mut Survey<'_>, reporter: &mut Reporter) -> Result<Found, DataError> {
    let deadline = Instant::now() + DISK_WAIT;
    loop {
        let mut candidates = survey.look(reporter).map_err(DataError::attempt("listing the disks"))?;
        let data = |candidate: &&Found| matches!(candidate.content, Content::Data(_));
        let labelled: Vec<&Found> = candidates.iter().filter(data).collect();
        if let [first, others @ ..] = labelled.as_slice() {
            for other in others {
                reporter.problem(format!(
                    "two data disks: {} is used, {} is not; take out the one that is not this node's",
                    first.device.path.display(),
                    other.device.path.display()
                ));
            }
        }
        // One that cannot be read may be the data disk: then a blank one must not take its place.
        let formattable = |candidate: &Found| survey.unread().is_empty() && may_be_formatted(candidate);
        let chosen = candidates
            .iter()
            .position(|candidate| data(&candidate))
            .or_else(|| candidates.iter().position(formattable));
        if let Some(index) = chosen {
            return Ok(candidates.swap_remove(index));
        }
        if Instant::now() >= deadline {
            return Err(DataError::None { found: describe(&candidates, survey) });
        }
        thread::sleep(DISK_LOOK);
    }
}

/// What the disks hold, for somebody who wonders why none is used.
fn describe(candidates: &[Found], survey: &Survey<'_>) -> String {
    let holds =
        |candidate: &Found| format!("{} holds {}", candidate.device.path.display(), candidate.content);
    let unread = survey.unread().iter().map(|path| format!("{} cannot be read", path.display()));
    let disks: Vec<String> = candidates.iter().map(holds).chain(unread).collect();
    if disks.is_empty() { "there is no disk".to_owned() } else { disks.join(", ") }
}

/// A whole disk, fixed in its place and large enough, with nothing on it or with what we began.
fn may_be_formatted(candidate: &Found) -> bool {
    let Device { partition, removable, read_only, .. } = candidate.device;
    matches!(candidate.content, Content::Blank | Content::HalfFormatted)
        && candidate.size_bytes >= DATA_DISK_BYTES_MIN
        && !partition
        && !removable
        && !read_only
}

/// Makes the file system. The mark at the disk's end stands from before the first step until after the last one: what
/// a power cut leaves in between is recognised and formatted again.
fn format(place: &Place, device: &Path, size_bytes: u64) -> Result<(), DataError> {
    let output = place.path("/run/tandem/mkfs.log");
    let failed = |what: &str| DataError::attempt(format!("{what} {}", device.display()));
    write_last_sector(device, size_bytes, &Edges::formatting_sector(size_bytes))
        .map_err(failed("marking"))?;
    let blocks = ((size_bytes - EDGE_BYTES as u64) / BLOCK_BYTES).to_string();
    let mut command = Command::new("mkfs.ext4");
    command
        .args(["-q", "-F", "-L", DATA_LABEL, "-b", &BLOCK_BYTES.to_string(), "-m", "1", "-E", "nodiscard"])
        .arg(device)
        .arg(blocks);
    let status = limit::program(&mut command, &output, FORMAT_LIMIT).map_err(failed("formatting"))?;
    if !status.is_some_and(|status| status.success()) {
        return Err(DataError::Format { device: device.display().to_string(), output: last_line(&output) });
    }
    write_last_sector(device, size_bytes, &[0; SECTOR_BYTES]).map_err(failed("unmarking"))
}

fn write_last_sector(device: &Path, size_bytes: u64, sector: &[u8; SECTOR_BYTES]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(device)?;
    file.sync_all()?;
    file.seek(SeekFrom::Start(size_bytes - SECTOR_BYTES as u64))?;
    file.write_all(sector)?;
    file.sync_all()
}

/// Repairs what a power cut has left; what cannot be repaired is said and mounted all the same, as far as it can.
fn check(place: &Place, device: &Path, reporter: &mut Reporter) {
    let output = place.path("/run/tandem/e2fsck.log");
    // First only what is safe; then everything: a box that does not come up serves nobody, and its peer has the data.
    for (option, repaired) in [("-p", false), ("-y", true)] {
        let mut command = Command::new("e2fsck");
        match limit::program(command.arg(option).arg(device), &output, CHECK_LIMIT) {
            Ok(Some(status)) if status.code().is_some_and(|code| code < CHECK_UNCORRECTED) => {
                if repaired {
                    let device = device.display();
                    reporter.problem(format!(
                        "the file system on {device} was damaged and was repaired: {}",
                        last_line(&output)
                    ));
                }
                return;
            }
            Ok(Some(_)) => {}
            Ok(None) => return reporter.problem(format!("checking {} took too long", device.display())),
            Err(error) => return reporter.problem(format!("e2fsck cannot be started: {error}")),
        }
    }
    reporter.problem(format!("{} cannot be repaired: {}", device.display(), last_line(&output)));
}

fn last_line(output: &Path) -> String {
    let text = std::fs::read_to_string(output).unwrap_or_default();
    text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing").trim().to_owned()
}
