//! Where the sources of packages come from on a machine that does not reach upstream: `buildroot/sources/debian.toml`.

use std::path::Path;

use anyhow::{Context, bail};
use serde::Deserialize;

/// The file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plan {
    /// Releases of Debian in which a tarball is looked for
    pub(crate) suites: Vec<String>,
    /// Debian's tarball is upstream's
    pub(crate) same: Vec<Same>,
    /// PyPI's is
    pub(crate) pypi: Vec<Project>,
    /// Built from other sources than Buildroot's
    pub(crate) instead: Vec<Instead>,
    /// Tools of this machine
    pub(crate) host: Vec<Host>,
}

/// A tarball of Debian that is upstream's, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Same {
    /// Buildroot's name of the package
    pub(crate) package: String,
    /// What Buildroot calls the file
    pub(crate) file: String,
    /// Its SHA-256, hexadecimal
    pub(crate) sha256: String,
    /// Debian's name of the source package
    pub(crate) debian: String,
    /// What Debian calls the file
    pub(crate) tarball: String,
}

/// A source distribution on PyPI.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Project {
    /// Buildroot's name of the package
    pub(crate) package: String,
    /// What both call the file
    pub(crate) file: String,
    /// Its SHA-256, hexadecimal
    pub(crate) sha256: String,
    /// PyPI's name
    pub(crate) project: String,
    /// Its version
    pub(crate) version: String,
}

/// A tarball of Debian that Buildroot's package is built from in place of its own.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Instead {
    /// Buildroot's name of the package
    pub(crate) package: String,
    /// Upstream's version
    pub(crate) version: String,
    /// SHA-256 of the tarball, hexadecimal
    pub(crate) sha256: String,
    /// Debian's name of the source package
    pub(crate) debian: String,
    /// What Debian calls the file
    pub(crate) tarball: String,
    /// Where the sources are in the tarball
    pub(crate) folder: Option<String>,
    /// Lines of make that the package needs for it
    #[serde(default)]
    pub(crate) make: Vec<String>,
    /// Why not Buildroot's own
    pub(crate) reason: String,
}

/// A tool of the build that is this machine's own; its script is in `sources/host`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Host {
    /// Buildroot's name of the package
    pub(crate) package: String,
    /// Lines of make that the package needs for it
    #[serde(default)]
    pub(crate) make: Vec<String>,
    /// Why not Buildroot's own
    pub(crate) reason: String,
}

impl Plan {
    /// Reads the plan of the external tree.
    ///
    /// # Errors
    /// It is missing or says something wrong.
    pub(crate) fn load(external: &Path) -> anyhow::Result<Plan> {
        let path = external.join("sources/debian.toml");
        let text = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let plan: Plan = toml::from_str(&text).with_context(|| format!("reading {}", path.display()))?;
        plan.check().with_context(|| format!("reading {}", path.display()))?;
        Ok(plan)
    }

    /// Each package stands once, under a plain name, and each choice has its reason.
    fn check(&self) -> anyhow::Result<()> {
        let mut seen = std::collections::BTreeSet::new();
        for package in self.packages() {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            if package.is_empty() || !package.chars().all(plain) {
                bail!("{package:?} is no name of a package");
            }
            if !seen.insert(package) {
                bail!("{package} stands there twice");
            }
        }
        let reasons = self.instead.iter().map(|instead| (&instead.package, &instead.reason));
        let reasons = reasons.chain(self.host.iter().map(|host| (&host.package, &host.reason)));
        for (package, reason) in reasons {
            if reason.trim().is_empty() {
                bail!("{package} has no reason");
            }
        }
        let files = self.same.iter().map(|same| (&same.file, &same.tarball, &same.sha256));
        let files =
            files.chain(self.pypi.iter().map(|project| (&project.file, &project.file, &project.sha256)));
        let files = files.chain(self.instead.iter().map(|it| (&it.tarball, &it.tarball, &it.sha256)));
        for (file, tarball, sha256) in files {
            if file.contains('/') || tarball.contains('/') || sha256.len() != 64 {
                bail!("{file} is no name of a file with its hash");
            }
        }
        Ok(())
    }

    /// Buildroot's names of the packages in it.
    pub(crate) fn packages(&self) -> impl Iterator<Item = &str> {
        let same = self.same.iter().map(|same| same.package.as_str());
        let pypi = self.pypi.iter().map(|project| project.package.as_str());
        let instead = self.instead.iter().map(|instead| instead.package.as_str());
        let host = self.host.iter().map(|host| host.package.as_str());
        same.chain(pypi).chain(instead).chain(host)
    }

    /// The package that a file of [`Plan::hashed_files`] belongs to.
    pub(crate) fn package_of(&self, file: &str) -> Option<&str> {
        let same = self.same.iter().map(|same| (&same.file, &same.package));
        let mut all = same.chain(self.pypi.iter().map(|project| (&project.file, &project.package)));
        all.find(|(known, _)| *known == file).map(|(_, package)| package.as_str())
    }

    /// Files that Buildroot holds against its own hash: name and SHA-256.
    pub(crate) fn hashed_files(&self) -> impl Iterator<Item = (&str, &str)> {
        let same = self.same.iter().map(|same| (same.file.as_str(), same.sha256.as_str()));
        same.chain(self.pypi.iter().map(|project| (project.file.as_str(), project.sha256.as_str())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The plan of the house can be read.
    #[test]
    fn the_plan_of_the_house_is_sound() {
        let external = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../buildroot");
        let plan = Plan::load(&external).expect("the plan of the house");
        for host in &plan.host {
            assert!(external.join("sources/host").join(&host.package).is_dir(), "{}", host.package);
        }
    }

    /// A package cannot come from two places, and no choice goes without its reason.
    #[test]
    fn a_package_comes_from_one_place_with_a_reason() {
        let host = |reason: &str| Host { package: "zic".into(), make: Vec::new(), reason: reason.into() };
        let plan =
            |host| Plan { suites: Vec::new(), same: Vec::new(), pypi: Vec::new(), instead: Vec::new(), host };
        assert!(plan(vec![host("part of another")]).check().is_ok());
        assert!(plan(vec![host("part of another"), host("twice")]).check().is_err());
        assert!(plan(vec![host(" ")]).check().is_err());
    }
}
