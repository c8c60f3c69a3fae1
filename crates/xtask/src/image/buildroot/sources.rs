//! Fills the download folder and the overrides as the plan says, for a machine that does not reach upstream. What is
//! here already, and whole, is not fetched again.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::ValueEnum;
use sha2::{Digest, Sha256};

use super::archive::Archive;
use super::plan::{Instead, Plan, Project};
use crate::process;
use crate::progress::{Step, say};

/// A source distribution is asked what it needs, which installs its build tools.
const PIP_MAX: Duration = Duration::from_secs(300);
/// The kernel has 80,000 files.
const UNPACK_MAX: Duration = Duration::from_secs(600);

/// Where Buildroot gets the sources of packages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Sources {
    /// Each from its own project, as Buildroot downloads them
    #[default]
    Upstream,
    /// Debian's archive and PyPI, as buildroot/sources/debian.toml says
    Debian,
}

/// The folders that sources are kept in.
#[derive(Clone, Debug)]
pub(super) struct Store {
    /// Buildroot's download folder
    pub(super) downloads: PathBuf,
    /// Tarballs, unpacked sources and the lists of apt
    pub(super) folder: PathBuf,
}

impl Store {
    /// Brings everything of `plan` here and gives the text of Buildroot's override file.
    ///
    /// # Errors
    /// Something cannot be had, or has another hash than the plan says.
    pub(super) fn fill(&self, plan: &Plan, external: &Path) -> anyhow::Result<String> {
        let tarballs = self.folder.join("tarballs");
        fs::create_dir_all(&tarballs).with_context(|| format!("making {}", tarballs.display()))?;
        self.fetch(plan, &tarballs)?;
        for project in &plan.pypi {
            self.fetch_project(project)?;
        }
        for same in &plan.same {
            let target = self.downloads.join(&same.package).join(&same.file);
            if !is_whole(&target, &same.sha256)? {
                copy(&tarballs.join(&same.tarball), &target)?;
            }
        }
        for instead in &plan.instead {
            self.unpack(instead, &tarballs)?;
        }
        self.overrides(plan, external)
    }

    /// Downloads the tarballs that are not here.
    fn fetch(&self, plan: &Plan, tarballs: &Path) -> anyhow::Result<()> {
        let same = plan.same.iter().map(|same| (&same.debian, &same.tarball, &same.sha256));
        let instead = plan.instead.iter().map(|it| (&it.debian, &it.tarball, &it.sha256));
        let mut missing = Vec::new();
        for (name, tarball, sha256) in same.chain(instead) {
            if !is_whole(&tarballs.join(tarball), sha256)? {
                missing.push((name, tarball, sha256));
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        let step = Step::start(format!("fetching {} tarballs of Debian's archive", missing.len()));
        let archive = Archive::open(&self.folder.join("apt"), &plan.suites)?;
        for (name, tarball, sha256) in missing {
            say(format!("  {tarball}"));
            let path = tarballs.join(tarball);
            // Half a file would be gone on with.
            let _ = fs::remove_file(&path);
            archive.download(name, tarball, tarballs)?;
            if !is_whole(&path, sha256)? {
                bail!("{} has another hash than buildroot/sources/debian.toml says", path.display());
            }
        }
        step.done();
        Ok(())
    }

    /// Downloads a source distribution that is not here.
    fn fetch_project(&self, project: &Project) -> anyhow::Result<()> {
        let folder = self.downloads.join(&project.package);
        let path = folder.join(&project.file);
        if is_whole(&path, &project.sha256)? {
            return Ok(());
        }
        let step = Step::start(format!("fetching {} from PyPI", project.file));
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]);
        pip.args(["--no-binary", ":all:", "--dest"]).arg(&folder);
        process::output(pip.arg(format!("{}=={}", project.project, project.version)), PIP_MAX)?;
        if !is_whole(&path, &project.sha256)? {
            bail!("{} has another hash than buildroot/sources/debian.toml says", path.display());
        }
        step.done();
        Ok(())
    }

    /// Unpacks a tarball, unless it is as it was. The folder's name carries its hash: another tarball, another folder.
    fn unpack(&self, instead: &Instead, tarballs: &Path) -> anyhow::Result<()> {
        let folder = self.unpacked(instead);
        if folder.is_dir() {
            return Ok(());
        }
        let step = Step::start(format!("unpacking {}", instead.tarball));
        let part = folder.with_extension("part");
        if part.is_dir() {
            fs::remove_dir_all(&part).with_context(|| format!("removing {}", part.display()))?;
        }
        fs::create_dir_all(&part).with_context(|| format!("making {}", part.display()))?;
        let mut tar = Command::new("tar");
        tar.arg("--extract").arg("--file").arg(tarballs.join(&instead.tarball));
        tar.arg("--directory").arg(&part).args(["--strip-components=1", "--no-same-owner"]);
        process::output(&mut tar, UNPACK_MAX)?;
        fs::rename(&part, &folder).with_context(|| format!("renaming {}", part.display()))?;
        step.done();
        Ok(())
    }

    fn unpacked(&self, instead: &Instead) -> PathBuf {
        let name =
            format!("{}-{}-{}", instead.package, instead.version.replace('.', "_"), &instead.sha256[..8]);
        self.folder.join("unpacked").join(name)
    }

    /// The override file (Buildroot's manual, "Advanced usage": local.mk).
    fn overrides(&self, plan: &Plan, external: &Path) -> anyhow::Result<String> {
        let mut text = String::from("# Made of buildroot/sources/debian.toml; changes here are lost.\n");
        let mut add = |package: &str, folder: &Path, make: &[String]| {
            let name = package.to_uppercase().replace('-', "_");
            writeln!(text, "{name}_OVERRIDE_SRCDIR = {}", folder.display())?;
            make.iter().try_for_each(|line| writeln!(text, "{line}"))
        };
        for instead in &plan.instead {
            let folder = self.unpacked(instead);
            let folder = instead.folder.as_ref().map_or_else(|| folder.clone(), |inner| folder.join(inner));
            add(&instead.package, &folder, &instead.make).context("writing the override file")?;
        }
        for host in &plan.host {
            let folder = external.join("sources/host").join(&host.package);
            add(&host.package, &folder, &host.make).context("writing the override file")?;
        }
        Ok(text)
    }
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    let folder = to.parent().with_context(|| format!("{} has no folder", to.display()))?;
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let part = to.with_extension("part");
    fs::copy(from, &part).with_context(|| format!("copying {}", from.display()))?;
    fs::rename(&part, to).with_context(|| format!("renaming {}", part.display()))
}

/// The file is here and has this hash.
fn is_whole(path: &Path, sha256: &str) -> anyhow::Result<bool> {
    let mut file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error).with_context(|| format!("opening {}", path.display())),
    };
    let mut hash = Sha256::new();
    let mut chunk = vec![0; 1 << 20];
    loop {
        let length = std::io::Read::read(&mut file, &mut chunk)
            .with_context(|| format!("reading {}", path.display()))?;
        if length == 0 {
            return Ok(hex::encode(hash.finalize()) == sha256);
        }
        hash.update(&chunk[..length]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with another hash counts as not here.
    #[test]
    fn only_whole_files_count() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert!(!is_whole(&path, nothing).expect("a missing file is an answer"));
        fs::write(&path, "").expect("a file");
        assert!(is_whole(&path, nothing).expect("a file"));
        fs::write(&path, "half").expect("a file");
        assert!(!is_whole(&path, nothing).expect("a file"));
    }

    /// Names become make's, and what a package needs for other sources follows its line.
    #[test]
    fn overrides_are_lines_of_make() {
        let plan = Plan {
            suites: Vec::new(),
            same: Vec::new(),
            pypi: Vec::new(),
            instead: vec![Instead {
                package: "autoconf-archive".into(),
                version: "1.2".into(),
                sha256: "0123456789abcdef".into(),
                debian: "a".into(),
                tarball: "a.tar".into(),
                folder: Some("inner".into()),
                make: vec!["A_AUTORECONF = YES".into()],
                reason: "why".into(),
            }],
            host: Vec::new(),
        };
        let store = Store { downloads: "/d".into(), folder: "/s".into() };
        let text = store.overrides(&plan, Path::new("/e")).expect("text");
        let line = "AUTOCONF_ARCHIVE_OVERRIDE_SRCDIR = /s/unpacked/autoconf-archive-1_2-01234567/inner\nA_AUTORECONF = YES\n";
        assert!(text.ends_with(line), "{text}");
    }
}
