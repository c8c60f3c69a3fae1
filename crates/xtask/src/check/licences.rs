//! Every crate that a build brings has a licence under which we may ship it.

use std::fs;
use std::path::Path;

use anyhow::Context;
use cargo_metadata::{CargoOpt, MetadataCommand, Package};

use super::Finding;
use super::spdx;

/// Licences that ask for no more than a notice, or (MPL-2.0) for the source of the crate's own files.
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "BlueOak-1.0.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "Unicode-3.0",
    "Unicode-DFS-2016",
    "Unlicense",
    "Zlib",
];

/// How the text of a licence starts, for crates that bring the text instead of naming it.
const TEXTS: &[(&str, &str)] = &[("MIT License", "MIT")];

/// What we ship runs on this platform; crates for others are not part of it.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// Offences of the workspace at `root`.
pub(super) fn findings(root: &Path) -> anyhow::Result<Vec<Finding>> {
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .features(CargoOpt::AllFeatures)
        .other_options(["--filter-platform".to_owned(), PLATFORM.to_owned()])
        .exec()
        .context("resolving all dependencies")?;
    let resolved = metadata.resolve.as_ref().context("cargo resolved nothing")?;
    let built =
        metadata.packages.iter().filter(|package| resolved.nodes.iter().any(|node| node.id == package.id));
    Ok(built.filter_map(judge).collect())
}

fn judge(package: &Package) -> Option<Finding> {
    let allowed = |name: &str| ALLOWED.contains(&name);
    let licence = package.license.clone().or_else(|| licence_by_text(package));
    let what = match licence.as_deref().map(|licence| (licence, spdx::satisfied(licence, &allowed))) {
        Some((_, Some(true))) => return None,
        Some((licence, Some(false))) => format!("its licence {licence} is not allowed"),
        Some((licence, None)) => format!("its licence {licence:?} is no SPDX expression"),
        None => "it names no licence that we know".to_owned(),
    };
    Some(Finding { place: format!("{} {}", package.name, package.version), what })
}

fn licence_by_text(package: &Package) -> Option<String> {
    let path = package.manifest_path.parent()?.join(package.license_file.as_ref()?);
    let text = fs::read_to_string(path).ok()?;
    let known = TEXTS.iter().find(|(start, _)| text.trim_start().starts_with(start))?;
    Some(known.1.to_owned())
}
