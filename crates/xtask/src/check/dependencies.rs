//! Every dependency that a manifest names is used by the code it is named for, stands once in the workspace with an
//! exact version, and nothing stands there that nobody takes.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::Context;
use cargo_metadata::{Dependency, DependencyKind, Metadata, Package};

use super::{Finding, metadata, source};
use crate::workspace;

/// Offences of the workspace at `root`.
pub(super) fn findings(root: &Path) -> anyhow::Result<Vec<Finding>> {
    let members = workspace::members(root)?;
    let mut findings = unclaimed(&members, root)?;
    for package in members.workspace_packages() {
        let place = metadata::manifest(package, root);
        let used = Used::by(package)?;
        for dependency in &package.dependencies {
            let what = usage(dependency, &used).or_else(|| pinning(dependency));
            findings.extend(what.map(|what| Finding { place: place.clone(), what }));
        }
    }
    Ok(findings)
}

/// First segments of all paths in the code of a package.
struct Used {
    shipped: BTreeSet<String>,
    anywhere: BTreeSet<String>,
}

impl Used {
    fn by(package: &Package) -> anyhow::Result<Used> {
        let mut used = Used { shipped: BTreeSet::new(), anywhere: BTreeSet::new() };
        let shipped = metadata::roots(package).into_iter().map(|root| (root, true));
        let other = metadata::other_roots(package).into_iter().map(|root| (root, false));
        for (start, ships) in shipped.chain(other) {
            let files = source::files(&start)?;
            for mention in source::mentions(&files).into_iter().flat_map(|(_, mentions)| mentions) {
                let Some(first) = mention.segments.first() else { continue };
                if ships && !mention.test {
                    used.shipped.insert(first.clone());
                }
                used.anywhere.insert(first.clone());
            }
        }
        Ok(used)
    }
}

fn usage(dependency: &Dependency, used: &Used) -> Option<String> {
    let name = metadata::name_in_code(dependency);
    match dependency.kind {
        DependencyKind::Normal if used.shipped.contains(&name) => None,
        DependencyKind::Normal if used.anywhere.contains(&name) => {
            Some(format!("{} is used in tests only: it belongs to [dev-dependencies]", dependency.name))
        }
        _ if used.anywhere.contains(&name) => None,
        _ => Some(format!("{} is not used", dependency.name)),
    }
}

/// A version of others' crates is exact, so that a build of today is a build of tomorrow.
fn pinning(dependency: &Dependency) -> Option<String> {
    let exact = dependency.path.is_some() || dependency.req.to_string().starts_with('=');
    (!exact).then(|| {
        format!(
            "{} {} is not pinned: write \"=VERSION\" in [workspace.dependencies]",
            dependency.name, dependency.req
        )
    })
}

/// What `[workspace.dependencies]` offers and no member takes.
fn unclaimed(members: &Metadata, root: &Path) -> anyhow::Result<Vec<Finding>> {
    let path = root.join("Cargo.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let manifest: toml::Table = text.parse().with_context(|| format!("parsing {}", path.display()))?;
    let offered =
        manifest.get("workspace").and_then(|table| table.get("dependencies")).and_then(toml::Value::as_table);
    let taken: BTreeSet<&str> = members
        .workspace_packages()
        .into_iter()
        .flat_map(|package| &package.dependencies)
        .map(|dependency| dependency.rename.as_deref().unwrap_or(&dependency.name))
        .collect();
    let ours: BTreeSet<String> = members.packages.iter().map(|package| package.name.to_string()).collect();
    let left = offered.into_iter().flat_map(toml::Table::keys);
    let left = left.filter(|name| !taken.contains(name.as_str()) && !ours.contains(*name));
    Ok(left
        .map(|name| Finding {
            place: "Cargo.toml".to_owned(),
            what: format!("{name} is offered and no member uses it"),
        })
        .collect())
}
