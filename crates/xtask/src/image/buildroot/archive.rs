//! Tarballs of Debian's source archive, through an apt of our own: the machine's mirror and keys, other releases than
//! the machine's, and nothing of the machine changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;

use crate::failure::failure;
use crate::process;

/// Debian's keys, from the package of the same name.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// apt only reads files here.
const APT_MAX: Duration = Duration::from_secs(60);
/// Lists of six releases.
const UPDATE_MAX: Duration = Duration::from_secs(300);
/// The largest tarball has 150 MB.
const DOWNLOAD_MAX: Duration = Duration::from_secs(1800);

/// The archive, with its lists below a folder of ours.
#[derive(Debug)]
pub(super) struct Archive {
    folder: PathBuf,
}

impl Archive {
    /// Brings the lists of `suites` here, kept in `folder`.
    ///
    /// # Errors
    /// The machine's apt knows no mirror of Debian, or the mirror cannot be reached.
    pub(super) fn open(folder: &Path, suites: &[String]) -> anyhow::Result<Archive> {
        if !Path::new(KEYRING).is_file() {
            return Err(failure(
                format!("{KEYRING} is missing, so that nothing of Debian's could be trusted"),
                "sudo apt-get install -y debian-archive-keyring",
            ));
        }
        for name in ["etc", "state/lists/partial", "cache/archives/partial"] {
            let path = folder.join(name);
            fs::create_dir_all(&path).with_context(|| format!("making {}", path.display()))?;
        }
        let mut apt = Command::new("apt-get");
        apt.args(["indextargets", "--format", "$(CODENAME) $(REPO_URI)"]);
        apt.args(["Created-By: Packages", "Origin: Debian"]);
        let lines = source_lines(&process::output(&mut apt, APT_MAX)?, suites);
        if lines.is_empty() {
            return Err(failure("apt knows no mirror of Debian on this machine", "sudo apt-get update"));
        }
        let archive = Archive { folder: folder.to_owned() };
        archive.write("etc/sources.list", &lines)?;
        archive.write("etc/status", "")?;
        archive.write("etc/apt.conf", &settings(folder))?;
        process::output(archive.command("apt-get").args(["-qq", "update"]), UPDATE_MAX)
            .context("reading the lists of Debian's sources")?;
        Ok(archive)
    }

    /// Downloads `tarball` of the source package `name` into `folder`.
    ///
    /// # Errors
    /// No release has it (any more), or the mirror does not hand it out.
    pub(super) fn download(&self, name: &str, tarball: &str, folder: &Path) -> anyhow::Result<()> {
        let mut show = self.command("apt-cache");
        let listing = process::output(show.args(["showsrc", "--only-source", name]), APT_MAX)?;
        let Some(version) = version_with(&listing, name, tarball) else {
            return Err(failure(
                format!("no release of Debian has {tarball} of {name} any more"),
                format!(
                    "put {tarball} into {} by hand, or bring buildroot/sources/debian.toml up to date",
                    folder.display()
                ),
            ));
        };
        let mut get = self.command("apt-get");
        get.current_dir(folder).args(["-qq", "source", "--only-source", "--download-only", "--tar-only"]);
        process::output(get.arg(format!("{name}={version}")), DOWNLOAD_MAX)
            .with_context(|| format!("downloading {tarball}"))?;
        Ok(())
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("APT_CONFIG", self.folder.join("etc/apt.conf"));
        command
    }

    fn write(&self, name: &str, text: &str) -> anyhow::Result<()> {
        let path = self.folder.join(name);
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
    }
}

/// Settings of an apt whose every file lies in `folder`.
fn settings(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "Dir::State \"{folder}/state\";\nDir::State::status \"{folder}/etc/status\";\nDir::Cache \"{folder}/cache\";\n\
         Dir::Etc::sourcelist \"{folder}/etc/sources.list\";\nDir::Etc::sourceparts \"-\";\nAPT::Sandbox::User \"\";\n"
    )
}

/// Lines of sources.list(5) for `suites`, from the mirrors that the machine has (`listing`: release and address a line).
fn source_lines(listing: &str, suites: &[String]) -> String {
    let mirror =
        |security: bool| {
            let pairs = listing.lines().filter_map(|line| line.split_once(' '));
            let mut fitting = pairs.filter(|(codename, _)| {
                if security { codename.ends_with("-security") } else { !codename.contains('-') }
            });
            fitting.next().map(|(_, address)| address)
        };
    let line = |suite: &String| {
        let address = mirror(suite.ends_with("-security"))?;
        Some(format!("deb-src [signed-by={KEYRING}] {address} {suite} main\n"))
    };
    suites.iter().filter_map(line).collect()
}

/// The version of source package `name` to which `tarball` belongs, in the stanzas of apt-cache.
fn version_with<'a>(listing: &'a str, name: &str, tarball: &str) -> Option<&'a str> {
    listing.split("\n\n").find_map(|stanza| {
        let field = |key: &str| stanza.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
        let has = stanza.lines().any(|line| line.starts_with(' ') && line.ends_with(&format!(" {tarball}")));
        (field("Package:") == Some(name) && has).then(|| field("Version:")).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The mirror is the machine's, security corrections have their own, and without one they are left out.
    #[test]
    fn other_releases_come_from_the_machines_mirror() {
        let suites = ["bookworm", "sid", "trixie-security"].map(str::to_owned);
        let listing = "bookworm-updates http://m/debian/\nbookworm http://m/debian/\nbookworm-security http://s/debian/\n";
        let lines = source_lines(listing, &suites);
        assert!(lines.contains("] http://m/debian/ sid main\n"), "{lines}");
        assert!(lines.contains("] http://s/debian/ trixie-security main\n"), "{lines}");
        assert_eq!(source_lines("bookworm http://m/debian/\n", &suites).lines().count(), 2);
        assert!(source_lines("", &suites).is_empty());
    }

    /// The version is the one whose files include the tarball, of the package that is asked for.
    #[test]
    fn the_version_is_that_of_the_tarball() {
        let listing = "Package: zlib\nVersion: 1:1.2-1\nFiles:\n 0a 12 zlib_1.2.orig.tar.gz\n\n\
                       Package: zlib\nVersion: 1:1.3-1\nFiles:\n 0b 12 zlib_1.3.orig.tar.gz\n\n";
        assert_eq!(version_with(listing, "zlib", "zlib_1.3.orig.tar.gz"), Some("1:1.3-1"));
        assert_eq!(version_with(listing, "zlib", "zlib_1.4.orig.tar.gz"), None);
        assert_eq!(version_with(listing, "zlib1", "zlib_1.3.orig.tar.gz"), None);
    }
}
