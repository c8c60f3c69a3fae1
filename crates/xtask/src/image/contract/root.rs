//! A root file system in a squashfs: its listing, and the few files that are read, unpacked into a folder of our own.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use tempfile::TempDir;

use super::listing::{self, Entry, Kind};
use crate::process;

/// Unpacking some hundred small files takes seconds at most.
const UNPACK_MAX: Duration = Duration::from_secs(120);
/// What is read; patterns of unsquashfs. Paths that a root does not have are no matter here.
const READ: &[&str] = &[
    "etc/group",
    "etc/passwd",
    "etc/shadow",
    "etc/gshadow",
    "etc/systemd",
    "usr/lib/os-release",
    "usr/lib/systemd/system",
    "usr/lib/tandem/kernel.config",
];
/// A chain of links that is longer is a circle, as for the kernel.
const LINKS_MAX: usize = 40;
/// Where a squashfs says where its extended attributes are (superblock, `xattr_id_table_start`), and how it says that
/// there are none.
const ATTRIBUTES_OFFSET: u64 = 56;
const NO_ATTRIBUTES: u64 = u64::MAX;

/// A root to look at.
#[derive(Debug)]
pub(super) struct Root {
    entries: BTreeMap<String, Entry>,
    unpacked: TempDir,
    has_attributes: bool,
}

impl Root {
    /// Opens the squashfs `file`.
    ///
    /// # Errors
    /// It is none, or cannot be unpacked.
    pub(super) fn open(file: &Path) -> anyhow::Result<Root> {
        let has_attributes =
            has_attributes(file).with_context(|| format!("reading the superblock of {}", file.display()))?;
        let entries = listing::read(file)?;
        let unpacked = tempfile::tempdir().context("making a folder to unpack into")?;
        let mut unpack = Command::new("unsquashfs");
        unpack.args(["-no-progress", "-no-xattrs", "-force", "-dest"]).arg(unpacked.path()).arg(file);
        process::output(unpack.args(READ), UNPACK_MAX)?;
        Ok(Root { entries, unpacked, has_attributes })
    }

    /// Something in it has extended attributes, such as the capabilities of a file.
    pub(super) fn has_attributes(&self) -> bool {
        self.has_attributes
    }

    /// Everything, by path.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(path, entry)| (path.as_str(), entry))
    }

    /// What stands at `path` itself, be it a link.
    pub(super) fn entry(&self, path: &str) -> Option<&Entry> {
        self.entries.get(path)
    }

    /// Where `path` leads through all links, and what stands there.
    pub(super) fn resolve(&self, path: &str) -> Option<(String, &Entry)> {
        let mut rest: Vec<String> = components(path);
        let mut at = String::new();
        let mut links = 0;
        while let Some(name) = rest.pop() {
            if name == ".." {
                at.truncate(at.rfind('/').unwrap_or(0));
                continue;
            }
            let next = format!("{at}/{name}");
            match &self.entries.get(&next)?.kind {
                Kind::Link(target) => {
                    links += 1;
                    if links > LINKS_MAX {
                        return None;
                    }
                    if target.starts_with('/') {
                        at.clear();
                    }
                    rest.extend(components(target));
                }
                _ => at = next,
            }
        }
        let at = if at.is_empty() { "/".to_owned() } else { at };
        let entry = self.entries.get(&at)?;
        Some((at, entry))
    }

    /// The text of one of the files that are read; `None` when there is none.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        let (path, _) = self.resolve(path)?;
        let bytes = fs::read(self.unpacked_path(&path)).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The folder with what was unpacked.
    pub(super) fn unpacked(&self) -> &Path {
        self.unpacked.path()
    }

    /// Puts an empty program in the place of each one of the root, for whoever looks only whether it is there; and the
    /// links of the root's first level (`/bin`, `/lib`).
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(super) fn stand_in_programs(&self) -> anyhow::Result<()> {
        for (path, entry) in &self.entries {
            let place = self.unpacked_path(path);
            let attempt = || format!("standing in for {path}");
            match &entry.kind {
                Kind::File if entry.mode & 0o111 != 0 => {
                    let folder = place.parent().unwrap_or(self.unpacked());
                    fs::create_dir_all(folder).with_context(attempt)?;
                    fs::write(&place, "").with_context(attempt)?;
                    fs::set_permissions(&place, fs::Permissions::from_mode(0o755)).with_context(attempt)?;
                }
                Kind::Link(target) if path.rfind('/') == Some(0) && !place.exists() => {
                    std::os::unix::fs::symlink(target.trim_start_matches('/'), &place)
                        .with_context(attempt)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn unpacked_path(&self, path: &str) -> PathBuf {
        self.unpacked.path().join(path.trim_start_matches('/'))
    }
}

/// Names of a path, the last first.
fn components(path: &str) -> Vec<String> {
    path.split('/').filter(|name| !name.is_empty() && *name != ".").rev().map(str::to_owned).collect()
}

fn has_attributes(file: &Path) -> std::io::Result<bool> {
    let mut start = [0; 8];
    File::open(file)?.read_exact_at(&mut start, ATTRIBUTES_OFFSET)?;
    Ok(u64::from_le_bytes(start) != NO_ATTRIBUTES)
}
