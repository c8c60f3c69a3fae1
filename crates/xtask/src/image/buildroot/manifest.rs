//! Which packages are in the build, under which licences, and exactly where each one's source came from.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::checkout::Checkout;
use super::plan::Plan;
use crate::process;

/// Buildroot reads all its packages for it.
const SHOW_INFO_MAX: Duration = Duration::from_secs(600);

/// A package of the build.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Package {
    /// Buildroot's name; `host-…`: a tool of the build
    pub(super) name: String,
    /// Upstream's version
    pub(super) version: String,
    /// As Buildroot states it
    pub(super) licence: String,
    /// Where its source came from
    pub(super) origin: Origin,
    /// The file, folder or program that it is made from
    pub(super) source: String,
    /// Why not from upstream
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
}

/// Where a source came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Origin {
    /// Downloaded from upstream and held against Buildroot's hash
    Upstream,
    /// Debian's archive: upstream's file, held against Buildroot's hash
    DebianSame,
    /// PyPI: upstream's file, held against Buildroot's hash
    Pypi,
    /// Debian's archive: another file, held against our hash
    DebianInstead,
    /// A tool of the machine that built it
    Host,
    /// This repository; its crates from the Rust registry, held against Cargo.lock
    Repository,
    /// Part of Buildroot
    Buildroot,
}

impl Origin {
    /// As in the summary.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Origin::Upstream => "from upstream",
            Origin::DebianSame => "upstream's file from Debian's archive",
            Origin::Pypi => "from PyPI",
            Origin::DebianInstead => "built from Debian's tarball instead",
            Origin::Host => "tools of this machine",
            Origin::Repository => "from this repository",
            Origin::Buildroot => "part of Buildroot",
        }
    }
}

/// What `make show-info` says of a package.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Info {
    #[serde(rename = "virtual")]
    is_virtual: bool,
    #[serde(rename = "type")]
    kind: String,
    version: String,
    licenses: String,
    dl_dir: String,
    downloads: Vec<Download>,
}

#[derive(Clone, Debug, Deserialize)]
struct Download {
    source: String,
}

impl Info {
    /// Names of the files that Buildroot downloads for it.
    pub(crate) fn files(&self) -> impl Iterator<Item = &str> {
        self.downloads.iter().map(|download| download.source.as_str())
    }

    /// The folder below the download folder; packages of one source share it.
    pub(crate) fn folder(&self) -> &str {
        &self.dl_dir
    }

    /// Something is built for it.
    fn is_made(&self) -> bool {
        !self.is_virtual && self.kind != "rootfs"
    }
}

/// Everything that the loaded configuration builds, by name.
///
/// # Errors
/// Buildroot cannot say, or says something else than JSON.
pub(crate) fn show_info(checkout: &Checkout, output: &Path) -> anyhow::Result<BTreeMap<String, Info>> {
    let mut make = checkout.make(output);
    let text = process::output(make.args(["-s", "show-info"]), SHOW_INFO_MAX)?;
    serde_json::from_str(&text).context("reading what Buildroot says about its packages")
}

/// The list for what is configured; `plan`: with sources from Debian.
pub(super) fn packages(infos: &BTreeMap<String, Info>, plan: Option<&Plan>) -> Vec<Package> {
    infos.iter().filter(|(_, info)| info.is_made()).map(|(name, info)| package(name, info, plan)).collect()
}

fn package(name: &str, info: &Info, plan: Option<&Plan>) -> Package {
    let short = name.strip_prefix("host-").unwrap_or(name);
    let is = |package: &str| package == short || package == info.dl_dir;
    let known = Package {
        name: name.to_owned(),
        version: info.version.clone(),
        licence: info.licenses.clone(),
        origin: Origin::Upstream,
        source: info.files().collect::<Vec<_>>().join(" "),
        reason: None,
    };
    if short == "tandem" {
        return Package { origin: Origin::Repository, source: "Cargo.lock".into(), ..known };
    }
    let Some(plan) = plan else {
        return if known.source.is_empty() { Package { origin: Origin::Buildroot, ..known } } else { known };
    };
    if let Some(host) = plan.host.iter().find(|host| is(&host.package)) {
        let source = format!("buildroot/sources/host/{}", host.package);
        let version = "this machine's".to_owned();
        return Package { origin: Origin::Host, source, version, reason: Some(host.reason.clone()), ..known };
    }
    if let Some(instead) = plan.instead.iter().find(|instead| is(&instead.package)) {
        let (version, source) = (instead.version.clone(), instead.tarball.clone());
        let reason = Some(instead.reason.clone());
        return Package { origin: Origin::DebianInstead, source, version, reason, ..known };
    }
    if let Some(same) = plan.same.iter().find(|same| is(&same.package)) {
        return Package { origin: Origin::DebianSame, source: same.tarball.clone(), ..known };
    }
    if let Some(project) = plan.pypi.iter().find(|project| is(&project.package)) {
        return Package { origin: Origin::Pypi, source: project.file.clone(), ..known };
    }
    if known.source.is_empty() { Package { origin: Origin::Buildroot, ..known } } else { known }
}

/// Writes the list.
///
/// # Errors
/// It cannot be written.
pub(super) fn write(packages: &[Package], path: &Path) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(packages).context("writing the list of packages as JSON")?;
    fs::write(path, text + "\n").with_context(|| format!("writing {}", path.display()))
}

/// How many packages came from where, tools of the build counted apart.
pub(super) fn summary(packages: &[Package]) -> Vec<String> {
    let mut counts: BTreeMap<Origin, (usize, usize)> = BTreeMap::new();
    for package in packages {
        let count = counts.entry(package.origin).or_default();
        if package.name.starts_with("host-") {
            count.1 += 1;
        } else {
            count.0 += 1;
        }
    }
    let line = |(origin, (target, host)): (&Origin, &(usize, usize))| {
        format!("{:>3} in the image, {host:>3} tools: {}", target, origin.title())
    };
    counts.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(dl_dir: &str, file: &str) -> Info {
        let downloads = vec![Download { source: file.to_owned() }];
        Info { dl_dir: dl_dir.into(), downloads, version: "custom".into(), ..Info::default() }
    }

    /// A tool of the build has the source of its package, and what was built from another version says that version.
    #[test]
    fn each_package_tells_its_source() {
        let external = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../buildroot");
        let plan = Plan::load(&external).expect("the plan of the house");
        let linux = package("linux", &info("linux", "linux.tar.xz"), Some(&plan));
        assert_eq!(linux.origin, Origin::DebianInstead);
        assert_ne!(linux.version, "custom");
        assert_eq!(package("host-zic", &info("zic", "x"), Some(&plan)).origin, Origin::Host);
        assert_eq!(
            package("util-linux-libs", &info("util-linux", "x"), Some(&plan)).origin,
            Origin::DebianSame
        );
        assert_eq!(package("linux", &info("linux", "linux.tar.xz"), None).origin, Origin::Upstream);
        assert_eq!(package("tandem", &info("tandem", "x"), None).origin, Origin::Repository);
    }
}
