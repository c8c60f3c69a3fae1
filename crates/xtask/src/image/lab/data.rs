//! What `image/lab/*.toml` say: packages, kernel modules, and what is left out, each with its reason.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Something by name, with the reason for having it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Item {
    pub(super) name: String,
    reason: String,
}

/// `packages.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Packages {
    /// In every root
    pub(super) root: Vec<Item>,
    /// Only with overlays/debug
    pub(super) debug: Vec<Item>,
    /// Kernel and initrd are made from these
    pub(super) boot: Vec<Item>,
}

/// `modules.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Modules {
    /// Loaded before the root is mounted
    pub(super) initrd: Vec<Item>,
    /// In every root
    pub(super) root: Vec<Item>,
    /// Only with overlays/debug
    pub(super) debug: Vec<Item>,
}

/// `remove.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Removals {
    pub(super) remove: Vec<Removal>,
}

/// What is left out, for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Removal {
    reason: String,
    /// Patterns below the root
    pub(super) paths: Vec<String>,
    /// Patterns of last names that stay
    #[serde(default)]
    pub(super) keep: Vec<String>,
}

/// All of them.
#[derive(Clone, Debug)]
pub(super) struct Data {
    pub(super) packages: Packages,
    pub(super) modules: Modules,
    pub(super) removals: Removals,
}

impl Data {
    /// Reads the files in `folder`.
    ///
    /// # Errors
    /// One is missing or says something wrong.
    pub(super) fn load(folder: &Path) -> anyhow::Result<Data> {
        let packages: Packages = read(&folder.join("packages.toml"))?;
        let modules: Modules = read(&folder.join("modules.toml"))?;
        let removals: Removals = read(&folder.join("remove.toml"))?;
        check_items("packages.toml", &[&packages.root, &packages.debug, &packages.boot])?;
        check_items("modules.toml", &[&modules.initrd, &modules.root, &modules.debug])?;
        check_removals(&removals)?;
        Ok(Data { packages, modules, removals })
    }

    /// Packages of the root.
    pub(super) fn root_packages(&self, release: bool) -> Vec<&str> {
        names(&self.packages.root, &self.packages.debug, release)
    }

    /// Modules of the root, those of the initrd among them: a device may go and come again.
    pub(super) fn root_modules(&self, release: bool) -> Vec<&str> {
        let mut modules = names(&self.modules.initrd, &[], release);
        modules.extend(names(&self.modules.root, &self.modules.debug, release));
        modules
    }
}

fn names<'a>(always: &'a [Item], debug: &'a [Item], release: bool) -> Vec<&'a str> {
    let debug = if release { &[] } else { debug };
    always.iter().chain(debug).map(|item| item.name.as_str()).collect()
}

fn read<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("reading {}", path.display()))
}

/// Names are plain words that stand once, and each has a reason.
fn check_items(file: &str, lists: &[&[Item]]) -> anyhow::Result<()> {
    let mut seen = BTreeSet::new();
    for item in lists.iter().copied().flatten() {
        let name = item.name.as_str();
        let plain = |c: char| c.is_ascii_alphanumeric() || "+-._".contains(c);
        if name.is_empty() || name.starts_with('-') || !name.chars().all(plain) {
            bail!("{file}: {name:?} is no name");
        }
        if item.reason.trim().is_empty() {
            bail!("{file}: {name} has no reason");
        }
        if !seen.insert(name) {
            bail!("{file}: {name} stands there twice");
        }
    }
    Ok(())
}

/// Patterns stay below the root.
fn check_removals(removals: &Removals) -> anyhow::Result<()> {
    for removal in &removals.remove {
        if removal.reason.trim().is_empty() {
            bail!("remove.toml: {:?} have no reason", removal.paths);
        }
        for path in &removal.paths {
            if path.is_empty() || path.split('/').any(|part| part.is_empty() || part == "..") {
                bail!("remove.toml: {path:?} is no pattern below the root");
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(name: &str, reason: &str) -> Item {
        Item { name: name.into(), reason: reason.into() }
    }

    /// The lists that the image is made from can be read, and the debug image only adds to the release image.
    #[test]
    fn the_lists_of_the_house_are_sound() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../image/lab");
        let data = Data::load(&folder).expect("the lists of the house");
        let (release, debug) = (data.root_packages(true), data.root_packages(false));
        assert!(release.contains(&"systemd"));
        assert!(debug.starts_with(&release) && debug.len() > release.len());
        assert!(
            data.root_modules(true).contains(&"virtio_net"),
            "loaded by the initrd, there for the next link"
        );
        assert!(!data.root_modules(true).contains(&"sch_netem"), "loss of packets is for tests");
    }

    /// A name that a command would take for an option, a name without a reason and a name that stands twice are refused.
    #[test]
    fn wrong_items_are_refused() {
        assert!(check_items("f", &[&[item("kmod", "modules")], &[item("udev", "devices")]]).is_ok());
        for wrong in ["", "-y", "a b", "a;b", "a/b"] {
            assert!(check_items("f", &[&[item(wrong, "why")]]).is_err(), "{wrong:?}");
        }
        assert!(check_items("f", &[&[item("kmod", " ")]]).is_err());
        assert!(check_items("f", &[&[item("kmod", "one")], &[item("kmod", "two")]]).is_err());
    }

    /// A pattern cannot reach out of the tree, into the machine that builds.
    #[test]
    fn patterns_stay_below_the_root() {
        let removals = |path: &str| Removals {
            remove: vec![Removal { reason: "why".into(), paths: vec![path.into()], keep: Vec::new() }],
        };
        assert!(check_removals(&removals("usr/share/man")).is_ok());
        for wrong in ["", "/usr/share/man", "../etc", "usr/../../etc", "usr//share"] {
            assert!(check_removals(&removals(wrong)).is_err(), "{wrong:?}");
        }
    }
}
