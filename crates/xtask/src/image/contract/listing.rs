//! What stands in a squashfs, as `unsquashfs -lln` lists it: kinds, modes, owners, targets of links.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::process;

/// A listing takes seconds at most.
const LIST_MAX: Duration = Duration::from_secs(60);
/// Before every path of a listing.
const PREFIX: &str = "squashfs-root";
/// Entries that a root may have; far more than any of ours.
const ENTRIES_MAX: usize = 500_000;

/// Something in a root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) kind: Kind,
    /// Permission bits with setuid, setgid and sticky
    pub(super) mode: u32,
    pub(super) user: u32,
    pub(super) group: u32,
}

/// What it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Folder,
    File,
    /// With its target
    Link(String),
    /// Block or character device
    Device,
    /// Pipe or socket
    Special,
}

/// Everything in the squashfs `file`, by absolute path.
///
/// # Errors
/// It is no squashfs.
pub(super) fn read(file: &Path) -> anyhow::Result<BTreeMap<String, Entry>> {
    let text = process::output(Command::new("unsquashfs").arg("-lln").arg(file), LIST_MAX)?;
    let mut entries = BTreeMap::new();
    for line in text.lines() {
        let Some(at) = line.find(PREFIX) else { continue };
        let (path, entry) = parse(line, at).with_context(|| format!("reading {line:?} of unsquashfs"))?;
        entries.insert(path, entry);
        if entries.len() > ENTRIES_MAX {
            bail!("{} has more than {ENTRIES_MAX} entries", file.display());
        }
    }
    if entries.is_empty() {
        bail!("{} is empty", file.display());
    }
    Ok(entries)
}

/// `-rwxr-xr-x 0/0   123 2026-11-22 02:17 squashfs-root/usr/bin/x`; the path begins at `at`.
fn parse(line: &str, at: usize) -> anyhow::Result<(String, Entry)> {
    let (facts, path) = line.split_at(at);
    let mut words = facts.split_whitespace();
    let mode_text = words.next().context("no mode")?;
    let (user, group) = words.next().and_then(|owner| owner.split_once('/')).context("no owner")?;
    let path = path.strip_prefix(PREFIX).unwrap_or(path);
    let mut path = path.to_owned();
    let kind = match mode_text.as_bytes().first() {
        Some(b'd') => Kind::Folder,
        Some(b'-') => Kind::File,
        Some(b'l') => {
            let (name, target) = path.split_once(" -> ").context("a link without a target")?;
            let target = target.to_owned();
            path = name.to_owned();
            Kind::Link(target)
        }
        Some(b'b' | b'c') => Kind::Device,
        _ => Kind::Special,
    };
    if path.is_empty() {
        "/".clone_into(&mut path);
    }
    let entry = Entry { kind, mode: mode(mode_text)?, user: user.parse()?, group: group.parse()? };
    Ok((path, entry))
}

/// `drwxr-sr-t`
fn mode(text: &str) -> anyhow::Result<u32> {
    let letters: Vec<char> = text.chars().collect();
    if letters.len() != 10 {
        bail!("{text:?} is no mode");
    }
    let mut mode = 0;
    for (index, letter) in letters[1..].iter().enumerate() {
        let bit = 0o400 >> index;
        // Where execution stands for user, group and others, the special bits stand too.
        let special = 0o4000 >> (index / 3);
        mode |= match letter {
            '-' => 0,
            'S' | 'T' => special,
            's' | 't' => special | bit,
            'r' | 'w' | 'x' => bit,
            _ => bail!("{letter:?} in {text:?} is no permission"),
        };
    }
    Ok(mode)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> (String, Entry) {
        parse(line, line.find(PREFIX).expect("prefix")).expect("entry")
    }

    /// Modes with their special bits, owners, links, devices and names with spaces are read as they are.
    #[test]
    fn lines_are_read() {
        let (path, entry) = parsed("-rwsr-xr-x 0/42       3 2026-11-22 02:17 squashfs-root/usr/bin/a b");
        assert_eq!(path, "/usr/bin/a b");
        assert_eq!(entry, Entry { kind: Kind::File, mode: 0o4755, user: 0, group: 42 });
        let (path, entry) = parsed("drwxrwxrwt 0/0        3 2026-11-22 02:17 squashfs-root/tmp");
        assert_eq!((path.as_str(), entry.mode, entry.kind), ("/tmp", 0o1777, Kind::Folder));
        let (path, entry) = parsed("lrwxrwxrwx 0/0        9 2026-11-22 02:17 squashfs-root/l -> /dev/null");
        assert_eq!((path.as_str(), entry.kind), ("/l", Kind::Link("/dev/null".into())));
        let (path, entry) = parsed("crw-rw-rw- 0/0     1,  3 2026-11-22 02:17 squashfs-root/dev/null");
        assert_eq!((path.as_str(), entry.kind, entry.mode), ("/dev/null", Kind::Device, 0o666));
        let (path, _) = parsed("drwxr-xr-x 0/0       70 2026-11-22 02:17 squashfs-root");
        assert_eq!(path, "/");
    }

    /// setgid and sticky without execution are seen too.
    #[test]
    fn special_bits_without_execution_are_seen() {
        assert_eq!(mode("-rw-r-Sr-T").expect("mode"), 0o3644);
        assert_eq!(mode("-rwSrwsrwx").expect("mode"), 0o6677);
        assert!(mode("-rw-r--r-").is_err() && mode("-rw-r--r-q").is_err());
    }
}
