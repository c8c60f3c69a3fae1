//! Files that are whole or absent, whatever moment the power goes.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::Path;

/// Mode and group of something that root owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// Permission bits
    pub mode: u32,
    /// Group
    pub group: u32,
}

impl Access {
    /// Everybody may read.
    pub const PUBLIC: Access = Access { mode: 0o644, group: 0 };
}

/// Writes a file: its new content is on the disk, whole, when this returns; before, the old one is.
///
/// # Errors
/// Any step fails; the old file is then still there.
pub fn write(path: &Path, content: &[u8], access: Access) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let mut fresh_name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
    fresh_name.push(".new");
    let fresh = folder.join(fresh_name);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    file.write_all(content)?;
    std::os::unix::fs::fchown(&file, Some(0), Some(access.group))?;
    file.set_permissions(Permissions::from_mode(access.mode))?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    File::open(folder)?.sync_all()
}

/// Makes a folder, unless it is there, and gives it owner and mode in either case.
///
/// # Errors
/// It cannot be made or changed.
pub fn folder(path: &Path, access: Access) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    chown(path, Some(0), Some(access.group))?;
    fs::set_permissions(path, Permissions::from_mode(access.mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A second writing replaces the first and leaves no other file; a leftover of a power cut does not disturb.
    #[test]
    fn a_file_is_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("serial-number");
        fs::write(folder.path().join("serial-number.new"), "half").unwrap();
        let access = Access { mode: 0o640, group: nix::unistd::getegid().as_raw() };
        if !nix::unistd::geteuid().is_root() {
            return; // only root gives files to root
        }
        write(&path, b"TD-A\n", access).unwrap();
        write(&path, b"TD-B\n", access).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "TD-B\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o640);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
