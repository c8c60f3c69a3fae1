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

#[cfg(test)]
mod tests {
    use super::*;

    /// What a program finds in `/etc` is what the image's maker put there: also modes, and links that lead nowhere.
    #[test]
    fn a_folder_is_copied_with_modes_and_links() {
        let folder = tempfile::tempdir().unwrap();
        let (image, memory) = (folder.path().join("image"), folder.path().join("memory"));
        fs::create_dir_all(image.join("ssl/private")).unwrap();
        fs::create_dir(&memory).unwrap();
        fs::write(image.join("ssl/private/key"), "secret").unwrap();
        fs::set_permissions(image.join("ssl/private/key"), Permissions::from_mode(0o600)).unwrap();
        fs::set_permissions(image.join("ssl/private"), Permissions::from_mode(0o2710)).unwrap();
        symlink("/usr/lib/os-release", image.join("os-release")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(image.join("socket")).unwrap();
        copy(&image, &memory).unwrap();
        let mode = |path: &str| fs::metadata(memory.join(path)).unwrap().mode() & 0o7777;
        assert_eq!(fs::read_to_string(memory.join("ssl/private/key")).unwrap(), "secret");
        assert_eq!((mode("ssl/private/key"), mode("ssl/private")), (0o600, 0o2710));
        assert_eq!(fs::read_link(memory.join("os-release")).unwrap(), Path::new("/usr/lib/os-release"));
        assert!(!memory.join("socket").exists());
    }

    /// An image may have a link where a file of this node belongs: it is the link that goes.
    #[test]
    fn a_link_is_replaced_and_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (elsewhere, link) = (folder.path().join("elsewhere"), folder.path().join("hostname"));
        fs::write(&elsewhere, "localhost").unwrap();
        symlink(&elsewhere, &link).unwrap();
        replace(&link, "a\n").unwrap();
        assert_eq!(fs::read_to_string(&link).unwrap(), "a\n");
        assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "localhost");
    }

    /// machine-id(5): 32 lower-case hexadecimal digits of a random UUID; what an image brings as a placeholder is none.
    #[test]
    fn a_machine_id_is_a_random_uuid() {
        let made = machine_id([0xFF; 16]);
        assert_eq!(made, "ffffffffffff4fffbfffffffffffffff");
        assert!(is_machine_id(&made));
        for text in
            ["", "uninitialized", "00000000000000000000000000000000", "ffffffffffff4fffbffffffffffffffF"]
        {
            assert!(!is_machine_id(text), "{text}");
        }
    }

    /// The group of the daemons is found by its name, whatever its number in this image.
    #[test]
    fn groups_have_numbers() {
        let text = "root:x:0:\nbroken\ntandem-admin:x:901:\ntandem:x:899:tandem-pbx,tandem-store\n";
        assert_eq!(group_number(text, "tandem"), Some(899));
        assert_eq!(group_number(text, "nobody"), None);
    }
}
