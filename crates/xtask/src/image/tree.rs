//! A root tree in the making: overlays and programs laid over what the packages brought, the same for every root.
//!
//! Owners do not matter here (everything in an image belongs to root), so no step needs to be root. Modes are made
//! even: what a person's umask or a checkout left must not show in the image.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use sha2::{Digest, Sha256};

use super::Rootfs;
use crate::{Workspace, process};

/// Programs of the house and the folder each stands in.
pub const PROGRAMS: &[(&str, &str)] = &[
    ("prepare", "usr/lib/tandem"),
    ("hostd", "usr/lib/tandem"),
    ("stored", "usr/lib/tandem"),
    ("clusterd", "usr/lib/tandem"),
    ("pbxd", "usr/lib/tandem"),
    ("screen", "usr/lib/tandem"),
    ("tandemctl", "usr/bin"),
];
/// What is written about an overlay stays out of the image.
const ABOUT: &str = "README.md";
/// A program of half a hundred megabytes loses its symbols in well under this.
const STRIP_MAX: Duration = Duration::from_secs(60);

/// The folders that are laid over a root, in this order.
#[must_use]
pub fn overlays(workspace: &Workspace, release: bool) -> Vec<PathBuf> {
    let folder = workspace.root.join("overlays");
    let names: &[&str] = if release { &["common"] } else { &["common", "debug"] };
    names.iter().map(|name| folder.join(name)).filter(|overlay| overlay.is_dir()).collect()
}

/// `debug` or `release`.
#[must_use]
pub const fn variant(release: bool) -> &'static str {
    if release { "release" } else { "debug" }
}

/// What a root says about itself (os-release(5)).
#[must_use]
pub fn os_release(version: &str, rootfs: Rootfs, release: bool) -> String {
    let variant = variant(release);
    let pretty = if release { format!("Tandem {version}") } else { format!("Tandem {version} ({variant})") };
    format!(
        "ID=tandem\nNAME=Tandem\nPRETTY_NAME=\"{pretty}\"\nVERSION_ID={version}\nIMAGE_ID=tandem\n\
         IMAGE_VERSION={version}\nVARIANT_ID={variant}\nTANDEM_ROOTFS={rootfs}\n"
    )
}

/// Writes [`os_release`] where programs look for it.
///
/// # Errors
/// The tree cannot be written.
pub fn write_os_release(root: &Path, text: &str) -> anyhow::Result<()> {
    write(root, "usr/lib/os-release", text)?;
    link(root, "etc/os-release", "../usr/lib/os-release")
}

/// Writes the file `name` (below `root`), with its folders, readable for everyone.
///
/// # Errors
/// The tree cannot be written.
pub fn write(root: &Path, name: &str, text: &str) -> anyhow::Result<()> {
    let path = root.join(name);
    make_folder(path.parent().unwrap_or(root))?;
    clear(&path)?;
    fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    set_mode(&path, 0o644)
}

/// Makes `name` (below `root`) a symbolic link to `target`.
///
/// # Errors
/// The tree cannot be written.
pub fn link(root: &Path, name: &str, target: &str) -> anyhow::Result<()> {
    let path = root.join(name);
    make_folder(path.parent().unwrap_or(root))?;
    clear(&path)?;
    symlink(target, &path).with_context(|| format!("linking {}", path.display()))
}

/// Copies the tree at `from` over the one at `to`: folders are merged, files and links replaced. Modes become 0755 for
/// folders and programs, 0644 for other files, the same whatever `from` has.
///
/// # Errors
/// One of the trees cannot be read or written, or holds something other than folders, files and links.
pub fn lay(from: &Path, to: &Path) -> anyhow::Result<()> {
    make_folder(to)?;
    for (name, kind) in entries(from)? {
        let (source, target) = (from.join(&name), to.join(&name));
        match kind {
            Kind::Folder => {
                if !target.is_dir() {
                    clear(&target)?;
                }
                lay(&source, &target)?;
            }
            Kind::File { mode } => {
                clear(&target)?;
                fs::copy(&source, &target)
                    .with_context(|| format!("copying {} to {}", source.display(), target.display()))?;
                set_mode(&target, if mode & 0o100 == 0 { 0o644 } else { 0o755 })?;
            }
            Kind::Link { to } => {
                clear(&target)?;
                symlink(&to, &target).with_context(|| format!("linking {}", target.display()))?;
            }
        }
    }
    Ok(())
}

/// Lays an overlay over `root`; what is written about the overlay itself stays behind.
///
/// # Errors
/// As [`lay`].
pub fn lay_overlay(overlay: &Path, root: &Path) -> anyhow::Result<()> {
    let about = root.join(ABOUT);
    lay(overlay, root)?;
    clear(&about)
}

/// Puts the stripped programs of the house into their places below `root`.
///
/// # Errors
/// As [`lay`].
pub fn lay_programs(stripped: &Path, root: &Path) -> anyhow::Result<()> {
    for (name, folder) in PROGRAMS {
        let target = root.join(folder).join(name);
        make_folder(&root.join(folder))?;
        let source = stripped.join(name);
        fs::copy(&source, &target)
            .with_context(|| format!("copying {} to {}", source.display(), target.display()))?;
        set_mode(&target, 0o755)?;
    }
    Ok(())
}

/// Brings `folder` up to date with the programs of this build, without symbols.
///
/// # Errors
/// A program is not built, or `strip` fails.
pub fn strip_programs(workspace: &Workspace, folder: &Path) -> anyhow::Result<()> {
    make_folder(folder)?;
    for (name, _) in PROGRAMS {
        let (source, target) = (workspace.program(name), folder.join(name));
        let built = fs::metadata(&source).with_context(|| format!("looking for {}", source.display()))?;
        let stamp = format!("{} {}.{:09}", built.len(), built.mtime(), built.mtime_nsec());
        let stamp_path = folder.join(format!("{name}.stamp"));
        if target.is_file() && fs::read_to_string(&stamp_path).is_ok_and(|known| known == stamp) {
            continue;
        }
        let part = folder.join(format!("{name}.part"));
        process::output(Command::new("strip").arg("-o").arg(&part).arg(&source), STRIP_MAX)?;
        fs::rename(&part, &target).with_context(|| format!("renaming {}", part.display()))?;
        fs::write(&stamp_path, stamp).with_context(|| format!("writing {}", stamp_path.display()))?;
    }
    Ok(())
}

/// Adds everything below `folder` to `hash`: names, modes that survive [`lay`], contents and targets of links.
///
/// # Errors
/// The tree cannot be read.
pub fn hash_folder(hash: &mut Sha256, folder: &Path) -> anyhow::Result<()> {
    for (name, kind) in entries(folder)? {
        let path = folder.join(&name);
        hash_word(hash, name.as_bytes());
        match kind {
            Kind::Folder => {
                hash.update(b"folder");
                hash_folder(hash, &path)?;
                hash.update(b"end");
            }
            Kind::File { mode } => {
                hash.update(if mode & 0o100 == 0 { b"file" } else { b"prog" });
                hash_file(hash, &path)?;
            }
            Kind::Link { to } => {
                hash.update(b"link");
                hash_word(hash, to.as_os_str().as_encoded_bytes());
            }
        }
    }
    Ok(())
}

/// Adds the content of a file to `hash`.
///
/// # Errors
/// It cannot be read.
pub fn hash_file(hash: &mut Sha256, path: &Path) -> anyhow::Result<()> {
    let bytes = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    hash_word(hash, &bytes);
    Ok(())
}

/// Adds bytes with their length, so that no two lists of words are the same.
pub fn hash_word(hash: &mut Sha256, bytes: &[u8]) {
    hash.update(bytes.len().to_be_bytes());
    hash.update(bytes);
}

/// Makes a folder and those above it, each with mode 0755.
///
/// # Errors
/// It cannot be made.
pub fn make_folder(path: &Path) -> anyhow::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(above) = path.parent() {
        make_folder(above)?;
    }
    fs::create_dir(path).with_context(|| format!("making {}", path.display()))?;
    set_mode(path, 0o755)
}

/// Removes whatever is at `path`; nothing there is fine.
///
/// # Errors
/// It cannot be removed.
pub fn clear(path: &Path) -> anyhow::Result<()> {
    let Ok(metadata) = path.symlink_metadata() else { return Ok(()) };
    let removed = if metadata.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.with_context(|| format!("removing {}", path.display()))
}

/// Sets the mode of a file or folder.
///
/// # Errors
/// It cannot be set.
pub fn set_mode(path: &Path, mode: u32) -> anyhow::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .with_context(|| format!("setting the mode of {}", path.display()))
}

/// What stands in a tree.
#[derive(Debug)]
pub enum Kind {
    /// A folder
    Folder,
    /// A file
    File {
        /// Its permission bits
        mode: u32,
    },
    /// A symbolic link
    Link {
        /// Where to
        to: PathBuf,
    },
}

/// What stands in `folder`, sorted by name.
///
/// # Errors
/// It cannot be read, or holds something other than folders, files and links.
pub fn entries(folder: &Path) -> anyhow::Result<Vec<(String, Kind)>> {
    let attempt = || format!("reading {}", folder.display());
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).with_context(attempt)? {
        let entry = entry.with_context(attempt)?;
        let name = entry.file_name();
        let name = name.to_str().with_context(|| format!("a name in {} is no UTF-8", folder.display()))?;
        let metadata = entry.metadata().with_context(attempt)?;
        let kind = if metadata.is_dir() {
            Kind::Folder
        } else if metadata.is_symlink() {
            Kind::Link { to: fs::read_link(entry.path()).with_context(attempt)? }
        } else if metadata.is_file() {
            Kind::File { mode: metadata.mode() & 0o7777 }
        } else {
            anyhow::bail!("{} is neither folder, file nor link", entry.path().display());
        };
        entries.push((name.to_owned(), kind));
    }
    entries.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a folder")
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("it is there").mode() & 0o7777
    }

    fn hash(folder: &Path) -> String {
        let mut hash = Sha256::new();
        hash_folder(&mut hash, folder).expect("a tree");
        hex::encode(hash.finalize())
    }

    /// os-release(5): one assignment a line, and what says more than one word stands in quotes.
    #[test]
    fn an_image_says_what_it_is() {
        let text = os_release("0.1.0", Rootfs::Lab, false);
        for line in ["ID=tandem", "VERSION_ID=0.1.0", "VARIANT_ID=debug", "TANDEM_ROOTFS=lab"] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
        assert!(text.contains("PRETTY_NAME=\"Tandem 0.1.0 (debug)\"\n"));
        let release = os_release("0.1.0", Rootfs::Buildroot, true);
        assert!(release.contains("VARIANT_ID=release\n") && release.contains("TANDEM_ROOTFS=buildroot\n"));
        assert!(!release.contains("debug"), "{release}");
        for line in release.lines() {
            let (_, value) = line.split_once('=').expect("an assignment");
            assert!(!value.contains(' ') || value.starts_with('"'), "{line}");
        }
    }

    /// A checkout with a strict umask makes the same image as any other.
    #[test]
    fn modes_do_not_depend_on_the_checkout() {
        let (from, to) = (folder(), folder());
        write(from.path(), "usr/lib/unit", "[Unit]").expect("a file");
        write(from.path(), "usr/lib/program", "#!").expect("a file");
        set_mode(&from.path().join("usr/lib/unit"), 0o660).expect("a mode");
        set_mode(&from.path().join("usr/lib/program"), 0o4711).expect("a mode");
        set_mode(&from.path().join("usr"), 0o700).expect("a mode");
        lay(from.path(), to.path()).expect("two trees");
        assert_eq!(mode(&to.path().join("usr")), 0o755);
        assert_eq!(mode(&to.path().join("usr/lib/unit")), 0o644);
        assert_eq!(mode(&to.path().join("usr/lib/program")), 0o755, "and no setuid");
    }

    /// An overlay adds to folders and replaces files and links; what a link names stays as it is.
    #[test]
    fn an_overlay_goes_over_what_is_there() {
        let (overlay, root) = (folder(), folder());
        write(root.path(), "etc/kept", "kept").expect("a file");
        link(root.path(), "etc/hosts", "kept").expect("a link");
        write(overlay.path(), "etc/hosts", "ours").expect("a file");
        link(overlay.path(), "etc/masked", "/dev/null").expect("a link");
        write(overlay.path(), ABOUT, "about the overlay").expect("a file");
        lay_overlay(overlay.path(), root.path()).expect("two trees");
        let read = |name: &str| fs::read_to_string(root.path().join(name)).expect(name);
        assert_eq!(read("etc/hosts"), "ours");
        assert_eq!(read("etc/kept"), "kept", "not written through the link");
        assert_eq!(fs::read_link(root.path().join("etc/masked")).expect("a link"), Path::new("/dev/null"));
        assert!(!root.path().join(ABOUT).exists());
    }

    /// The hash that decides whether an image is made anew sees contents, names, programs and links, and nothing else.
    #[test]
    fn a_hash_sees_what_the_image_would_show() {
        let make = |name: &str, text: &str, mode: u32, to: &str| {
            let folder = folder();
            write(folder.path(), name, text).expect("a file");
            set_mode(&folder.path().join(name), mode).expect("a mode");
            link(folder.path(), "link", to).expect("a link");
            hash(folder.path())
        };
        let plain = make("a/file", "text", 0o644, "x");
        assert_eq!(plain, make("a/file", "text", 0o600, "x"), "modes that are made even");
        assert_ne!(plain, make("a/file", "text", 0o755, "x"), "a program");
        assert_ne!(plain, make("a/file", "test", 0o644, "x"), "its content");
        assert_ne!(plain, make("a/fi", "letext", 0o644, "x"), "where a name ends");
        assert_ne!(plain, make("a/file", "text", 0o644, "y"), "the target of a link");
    }
}
