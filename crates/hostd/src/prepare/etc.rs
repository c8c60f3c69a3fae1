//! `/etc`: the image's own, copied to memory, with the few files that tell this node from others.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown, lchown, symlink};
use std::path::Path;

/// Deepest folder in `/etc`.
const DEPTH_MAX: usize = 16;

/// Copies a folder with everything in it: modes, owners, links. What is neither file, folder nor link stays behind.
///
/// # Errors
/// Something cannot be read or written.
pub fn copy(from: &Path, to: &Path) -> io::Result<()> {
    copy_level(from, to, DEPTH_MAX)
}

fn copy_level(from: &Path, to: &Path, levels_left: usize) -> io::Result<()> {
    if levels_left == 0 {
        return Err(io::Error::other(format!("{} lies too deep", from.display())));
    }
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let metadata = entry.metadata()?;
        let kind = metadata.file_type();
        if kind.is_symlink() {
            symlink(fs::read_link(&source)?, &target)?;
            lchown(&target, Some(metadata.uid()), Some(metadata.gid()))?;
            continue;
        }
        if kind.is_dir() {
            DirBuilder::new().mode(0o700).create(&target)?;
            copy_level(&source, &target, levels_left - 1)?;
        } else if kind.is_file() {
            fs::copy(&source, &target)?;
        } else {
            continue;
        }
        chown(&target, Some(metadata.uid()), Some(metadata.gid()))?;
        fs::set_permissions(&target, Permissions::from_mode(metadata.mode() & 0o7777))?;
    }
    Ok(())
}

/// The files that tell this node from others: name in `/etc` and content.
#[must_use]
pub fn own_files(name: &str, machine_id: &str) -> [(&'static str, String); 3] {
    [
        ("hostname", format!("{name}\n")),
        (
            "hosts",
            format!("127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n127.0.1.1 {name}\n"),
        ),
        ("machine-id", format!("{machine_id}\n")),
    ]
}

/// Writes a file in place of whatever has its name: a link of the image would lead elsewhere.
///
/// # Errors
/// It cannot be removed or written.
pub fn replace(path: &Path, content: &str) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::write(path, content)?;
    fs::set_permissions(path, Permissions::from_mode(0o644))
}

/// A machine ID (machine-id(5)) from random octets: marked as a random UUID, as systemd makes them.
#[must_use]
pub fn machine_id(mut random: [u8; 16]) -> String {
    random[6] = random[6] & 0x0F | 0x40;
    random[8] = random[8] & 0x3F | 0x80;
    random.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Whether `text` is a machine ID: 32 lower-case hexadecimal digits, not all zero.
#[must_use]
pub fn is_machine_id(text: &str) -> bool {
    text.len() == 32
        && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        && text.bytes().any(|byte| byte != b'0')
}

/// The number of a group in the text of `/etc/group`.
#[must_use]
pub fn group_number(text: &str, group: &str) -> Option<u32> {
    let mut entries = text.lines().map(|line| line.split(':').collect::<Vec<_>>());
    entries.find_map(|fields| match fields.as_slice() {
        [name, _, number, ..] if *name == group => number.parse().ok(),
        _ => None,
    })
}
