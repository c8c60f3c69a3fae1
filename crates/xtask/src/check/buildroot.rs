//! The external tree, held against a checkout of Buildroot: what can be known in seconds, without building.
//!
//! - each composed configuration loads, every option of it survives, and it says nothing that is the default anyway;
//! - the make files parse, and every package that would be built without upstream has its place in the plan;
//! - hashes of the plan are Buildroot's own; users and version are those of the rest of the house;
//! - Buildroot's own check of style has nothing to say;
//! - where something was built beside the checkout: every option of the kernel's fragments survived too.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;

use super::Finding;
use crate::image::buildroot::checkout::Checkout;
use crate::image::buildroot::configuration::{self, DEFCONFIG, Toolchain};
use crate::image::buildroot::plan::Plan;
use crate::image::buildroot::{kernel_losses, manifest};
use crate::{Workspace, process};

/// Buildroot's check of style reads some dozen files.
const STYLE_MAX: Duration = Duration::from_secs(120);
/// Sizes of a SHA-256 in Buildroot's files of hashes.
const HASH_KIND: &str = "sha256";

/// What is wrong with the external tree of `workspace`, seen from the checkout in `folder`.
pub(super) fn findings(workspace: &Workspace, folder: &Path) -> anyhow::Result<Vec<Finding>> {
    let checkout = Checkout::open(workspace, Some(folder))?;
    let output = workspace.target.join("check/buildroot");
    let mut findings = Vec::new();
    for toolchain in Toolchain::ALL {
        for release in [true, false] {
            findings.extend(configured(&checkout, &output, toolchain, release)?);
        }
    }
    // The last one loaded is built with sources from Debian.
    let plan = Plan::load(&checkout.external)?;
    findings.extend(planned(&checkout, &output, &plan)?);
    findings.extend(hashed(&checkout, &plan)?);
    findings.extend(agreed(workspace)?);
    findings.extend(styled(&checkout)?);
    findings.extend(built(&checkout)?);
    Ok(findings)
}

fn finding(place: &str, what: impl Into<String>) -> Finding {
    Finding { place: format!("buildroot/{place}"), what: what.into() }
}

/// A configuration loads whole, and is as short as Buildroot would save it.
fn configured(
    checkout: &Checkout,
    output: &Path,
    toolchain: Toolchain,
    release: bool,
) -> anyhow::Result<Vec<Finding>> {
    let composed = configuration::compose(&checkout.external, toolchain, release)?;
    let lost = configuration::load(checkout, output, &composed)?;
    let place = format!("configs/{DEFCONFIG} with {}", toolchain.fragment());
    let mut findings: Vec<Finding> =
        lost.iter().map(|line| finding(&place, format!("does not survive: {line}"))).collect();
    if !release {
        // A debug image only has other overlays; saving takes most of the time.
        return Ok(findings);
    }
    let saved = configuration::saved(checkout, output)?;
    let idle = composed.lines().filter(|line| !saved.lines().any(|known| known == *line));
    let idle = idle.filter(|line| !lost.iter().any(|known| known == line));
    findings.extend(idle.map(|line| finding(&place, format!("is the default anyway: {line}"))));
    let own = fs::read_to_string(checkout.external.join("configs").join(DEFCONFIG))
        .context("reading the defconfig")?;
    let order: Vec<&str> = saved.lines().filter(|line| own.lines().any(|known| known == *line)).collect();
    let ours: Vec<&str> = own.lines().filter(|line| order.contains(line)).collect();
    if order != ours {
        findings.push(finding(&place, "its lines are not in Buildroot's order (make savedefconfig)"));
    }
    Ok(findings)
}

/// Every package has a source that the plan knows, and the plan names no other.
fn planned(checkout: &Checkout, output: &Path, plan: &Plan) -> anyhow::Result<Vec<Finding>> {
    let infos = manifest::show_info(checkout, output)?;
    let place = "sources/debian.toml";
    let mut findings = Vec::new();
    if !infos.contains_key("tandem") {
        findings.push(finding("package/tandem", "the daemons are not part of the configuration"));
    }
    let known: BTreeSet<&str> = plan.packages().collect();
    let mut used = BTreeSet::new();
    for (name, info) in infos.iter().filter(|(name, _)| *name != "tandem") {
        if info.files().next().is_none() {
            continue;
        }
        used.insert(info.folder());
        if !known.contains(info.folder()) {
            findings.push(finding(
                place,
                format!("{name} is downloaded, and the plan does not know {}", info.folder()),
            ));
        }
    }
    findings
        .extend(known.difference(&used).map(|name| finding(place, format!("nothing is built of {name}"))));
    let files: BTreeSet<&str> = infos.values().flat_map(manifest::Info::files).collect();
    let strange = plan.hashed_files().filter(|(file, _)| !files.contains(file));
    findings.extend(strange.map(|(file, _)| finding(place, format!("Buildroot downloads no {file}"))));
    Ok(findings)
}

/// Where Buildroot states a SHA-256 of a file, the plan states the same.
fn hashed(checkout: &Checkout, plan: &Plan) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for (file, sha256) in plan.hashed_files() {
        let Some(package) = plan.package_of(file) else { continue };
        let path = checkout.folder.join("package").join(package).join(format!("{package}.hash"));
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let stated = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let mut of_file =
            stated.filter(|words| words.len() == 3 && words[2] == file && words[0] == HASH_KIND);
        if of_file.next().is_some_and(|words| words[1] != sha256) {
            findings.push(finding("sources/debian.toml", format!("Buildroot states another hash of {file}")));
        }
    }
    Ok(findings)
}

/// The package says what the rest of the house says.
fn agreed(workspace: &Workspace) -> anyhow::Result<Vec<Finding>> {
    let place = "package/tandem/tandem.mk";
    let path = workspace.root.join("buildroot").join(place);
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let mut findings = Vec::new();
    let version = format!("TANDEM_VERSION = {}", env!("CARGO_PKG_VERSION"));
    if !text.lines().any(|line| line == version) {
        findings.push(finding(place, format!("Cargo.toml says: {version}")));
    }
    let path = workspace.root.join("overlays/common/usr/lib/sysusers.d/tandem.conf");
    let users = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let (wanted, table) = (users_of_sysusers(&users), users_of_package(&text));
    findings.extend(
        wanted.difference(&table).map(|user| finding(place, format!("{user} is missing (sysusers.d)"))),
    );
    findings
        .extend(table.difference(&wanted).map(|user| finding(place, format!("{user} is not in sysusers.d"))));
    Ok(findings)
}

/// Users and groups with their numbers, of sysusers.d(5).
fn users_of_sysusers(text: &str) -> BTreeSet<String> {
    let words = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    words
        .filter_map(|words| match words.as_slice() {
            ["u", name, number, ..] => Some(format!("user {name} {number}")),
            ["g", name, number, ..] => Some(format!("group {name} {number}")),
            _ => None,
        })
        .collect()
}

/// The same, of Buildroot's table (user, number, group, number, …; `-` for a group alone).
fn users_of_package(text: &str) -> BTreeSet<String> {
    let table = text.lines().skip_while(|line| *line != "define TANDEM_USERS").skip(1);
    let words =
        table.take_while(|line| *line != "endef").map(|line| line.split_whitespace().collect::<Vec<_>>());
    words
        .filter_map(|words| match words.as_slice() {
            ["-", "-", group, number, ..] => Some(format!("group {group} {number}")),
            [user, number, group, other, ..] if user == group && number == other => {
                Some(format!("user {user} {number}"))
            }
            [user, ..] => Some(format!("user {user} whose group is not its own")),
            [] => None,
        })
        .collect()
}

/// Buildroot's check of style; without its Python modules it is left out.
fn styled(checkout: &Checkout) -> anyhow::Result<Vec<Finding>> {
    let modules = Command::new("python3").args(["-c", "import magic, flake8"]).output();
    if !modules.is_ok_and(|output| output.status.success()) {
        crate::progress::say("  without check-package: python-magic and flake8 are not here (pip install)");
        return Ok(Vec::new());
    }
    let mut files = Vec::new();
    collect(&checkout.external, &mut files)?;
    // Scripts need shellcheck, which has its own opinion of indentation.
    files.retain(|path| path.extension().is_none_or(|extension| extension != "sh"));
    let mut check = Command::new(checkout.folder.join("utils/check-package"));
    check.current_dir(&checkout.folder).arg("-b").args(&files);
    let outcome = process::outcome(&mut check, STYLE_MAX)?;
    let said =
        String::from_utf8_lossy(&outcome.stdout).into_owned() + &String::from_utf8_lossy(&outcome.stderr);
    if outcome.status.success() {
        return Ok(Vec::new());
    }
    let external = format!("{}/", checkout.external.display());
    let lines =
        said.lines().filter_map(|line| line.strip_prefix(&external)).filter_map(|line| line.split_once(": "));
    Ok(lines.map(|(place, what)| finding(place, what)).collect())
}

/// Files of the tree that Buildroot's check of style knows.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let attempt = || format!("reading {}", folder.display());
    for entry in fs::read_dir(folder).with_context(attempt)? {
        let path = entry.with_context(attempt)?.path();
        if path.is_symlink() || path.ends_with("sources") {
            continue;
        }
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// Options of the kernel, where one has been configured beside the checkout.
fn built(checkout: &Checkout) -> anyhow::Result<Vec<Finding>> {
    let path = checkout.default_output().join("target/usr/lib/tandem/kernel.config");
    let Ok(config) = fs::read_to_string(&path) else { return Ok(Vec::new()) };
    let lost = kernel_losses(&checkout.external, &config)?;
    Ok(lost.iter().map(|line| finding("kernel", format!("does not survive: {line}"))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both tables name the same users of the house.
    #[test]
    fn the_users_of_both_roots_agree() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let workspace = Workspace { root: root.clone(), target: root.join("target") };
        assert_eq!(agreed(&workspace).expect("the files of the house"), []);
    }

    /// Another number, a group that is missing or a user in a foreign group is seen.
    #[test]
    fn other_numbers_are_seen() {
        let sysusers =
            users_of_sysusers("g tandem 900 -\nu tandem-store 910 \"Tandem store\"\nm tandem-store tandem\n");
        let table = |lines: &str| users_of_package(&format!("define TANDEM_USERS\n{lines}endef\n"));
        let same = "\ttandem-store 910 tandem-store 910 * - - tandem Store\n\t- - tandem 900 - - - - All\n";
        assert_eq!(table(same), sysusers);
        assert_ne!(table(&same.replace("900", "902")), sysusers);
        assert_ne!(table(&same.replace("tandem-store 910 *", "tandem 900 *")), sysusers);
    }
}
