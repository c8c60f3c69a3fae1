//! What comes from Debian, made once and kept: the packages of the root without what we leave out, kernel, initrd and the
//! list of packages. Kept under a hash of everything it is made from.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};

use super::data::Data;
use super::initrd::Archive;
use super::modules::Catalogue;
use super::{program, sources};
use crate::Workspace;
use crate::image::contract::pattern;
use crate::image::tree::{self, Kind};
use crate::process;
use crate::progress::{self, Step};

/// Counts when this file makes something else of the same lists.
const RECIPE: u32 = 3;
/// Digits of a hash in a name: enough for the few that lie beside each other.
const HASH_DIGITS: usize = 16;
/// depmod reads some thousand modules.
const DEPMOD_MAX: Duration = Duration::from_secs(120);
/// Where the packages of kernel and initrd were taken apart (boot-packages.sh).
const BOOT: &str = "boot-packages";
/// What the kernel can, for whoever holds the root against its contract.
const KERNEL_CONFIGURATION: &str = "usr/lib/tandem/kernel.config";
/// Names and versions of the packages.
const PACKAGES: &str = "packages.txt";
/// The folders of old that are links into /usr.
const MERGED: &str =
    r#"for name in bin sbin lib lib64; do mkdir -p "$1/usr/$name"; ln -s "usr/$name" "$1/$name"; done"#;
/// Empty in the image: the first stage of the start mounts memory there.
const EMPTY: &[&str] = &["dev", "proc", "run", "sys", "tmp", "var"];

/// What was made from Debian's packages.
#[derive(Clone, Debug)]
pub(super) struct Base {
    /// Hash of everything that it is made from
    pub(super) hash: String,
    folder: PathBuf,
}

impl Base {
    /// The root tree, still without anything of ours.
    pub(super) fn tree(&self) -> PathBuf {
        self.folder.join("tree")
    }

    pub(super) fn kernel(&self) -> PathBuf {
        self.folder.join("vmlinuz")
    }

    pub(super) fn initrd(&self) -> PathBuf {
        self.folder.join("initrd.img")
    }

    /// Name, version, architecture, source and its version of each package, a line each.
    pub(super) fn packages(&self) -> PathBuf {
        self.folder.join(PACKAGES)
    }
}

/// The base as it was made before, else made now.
///
/// # Errors
/// Packages cannot be had, or a step with them fails.
pub(super) fn base(workspace: &Workspace, parent: &Path, release: bool, fresh: bool) -> anyhow::Result<Base> {
    let lists = workspace.root.join("image/lab");
    let data = Data::load(&lists)?;
    let sources = sources::sources()?;
    let mut hash = Sha256::new();
    hash.update(RECIPE.to_be_bytes());
    tree::hash_word(&mut hash, tree::variant(release).as_bytes());
    tree::hash_word(&mut hash, sources.as_bytes());
    for name in ["packages.toml", "modules.toml", "remove.toml", "boot-packages.sh", "initrd/init"] {
        tree::hash_file(&mut hash, &lists.join(name))?;
    }
    let hash = hex::encode(hash.finalize())[..HASH_DIGITS].to_owned();
    let base = Base { folder: parent.join(format!("base-{hash}")), hash };
    if base.folder.is_dir() && !fresh {
        return Ok(base);
    }
    let part = parent.join("base.part");
    tree::clear(&part)?;
    tree::make_folder(&part)?;
    unpack(&lists, &data, &sources, release, &part)?;
    let step = Step::start("choosing modules, making the initrd");
    let making = Making { part: &part, lists: &lists, data: &data, release };
    making.boot_files()?;
    making.trim()?;
    step.done();
    forget_older(parent)?;
    fs::rename(&part, &base.folder).with_context(|| format!("renaming {}", part.display()))?;
    Ok(base)
}

/// Removes the bases of other lists: each is the size of a root.
fn forget_older(parent: &Path) -> anyhow::Result<()> {
    for (name, _) in tree::entries(parent)? {
        if name.starts_with("base-") {
            tree::clear(&parent.join(name))?;
        }
    }
    Ok(())
}

/// Downloads and unpacks the packages. None of their scripts is run, so nobody needs to be root and nothing depends on
/// the machine that builds.
fn unpack(lists: &Path, data: &Data, sources: &str, release: bool, part: &Path) -> anyhow::Result<()> {
    let step = Step::start("unpacking Debian's packages");
    let sources_path = part.join("sources.list");
    fs::write(&sources_path, sources).with_context(|| format!("writing {}", sources_path.display()))?;
    let boot: Vec<&str> = data.packages.boot.iter().map(|item| item.name.as_str()).collect();
    let script = lists.join("boot-packages.sh");
    let script = script.to_str().context("the path of the workspace is no UTF-8")?;
    let mut mmdebstrap = Command::new("mmdebstrap");
    mmdebstrap
        .args(["--quiet", "--mode=chrootless", "--variant=extract", "--architectures=amd64"])
        .arg(format!("--setup-hook={MERGED}"))
        .arg(format!("--extract-hook='{script}' \"$1\" {}", boot.join(" ")))
        .arg(format!("--include={}", data.root_packages(release).join(",")));
    for line in sources::transport()? {
        mmdebstrap.arg(format!("--aptopt={line}"));
    }
    mmdebstrap.arg("").arg(part.join("tree")).arg(&sources_path);
    process::run(&mut mmdebstrap).context("unpacking Debian's packages")?;
    step.done();
    Ok(())
}

/// A base in the making.
struct Making<'a> {
    part: &'a Path,
    lists: &'a Path,
    data: &'a Data,
    release: bool,
}

impl Making<'_> {
    fn tree(&self) -> PathBuf {
        self.part.join("tree")
    }

    fn boot(&self) -> PathBuf {
        self.tree().join(BOOT)
    }

    /// Takes kernel, modules and initrd from the packages of the start, which then go.
    fn boot_files(&self) -> anyhow::Result<()> {
        let (tree, boot) = (self.tree(), self.boot());
        let version = self.kernel_version()?;
        let kernel = boot.join("boot").join(format!("vmlinuz-{version}"));
        fs::copy(&kernel, self.part.join("vmlinuz"))
            .with_context(|| format!("copying {}", kernel.display()))?;
        copy(&boot.join("boot").join(format!("config-{version}")), &tree.join(KERNEL_CONFIGURATION))?;
        depmod(&tree, &boot, &version)?;
        let modules = boot.join("lib/modules").join(&version);
        let read = |name: &str| {
            let path = modules.join(name);
            fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
        };
        let catalogue = Catalogue::parse(&read("modules.dep")?, &read("modules.builtin")?)?;
        self.write_initrd(&catalogue, &modules)?;
        let target = tree.join("usr/lib/modules").join(&version);
        for file in catalogue.load_order(&self.data.root_modules(self.release))? {
            copy(&modules.join(&file), &target.join(&file))?;
        }
        for name in ["modules.builtin", "modules.builtin.modinfo", "modules.order"] {
            copy(&modules.join(name), &target.join(name))?;
        }
        depmod(&tree, &tree, &version)?;
        copy(&tree.join(PACKAGES), &self.part.join(PACKAGES))?;
        tree::clear(&tree.join(PACKAGES))?;
        tree::clear(&boot)
    }

    /// The version of the one kernel there is.
    fn kernel_version(&self) -> anyhow::Result<String> {
        let names = tree::entries(&self.boot().join("boot"))?;
        let mut versions = names.iter().filter_map(|(name, _)| name.strip_prefix("vmlinuz-"));
        match (versions.next(), versions.next()) {
            (Some(version), None) => Ok(version.to_owned()),
            _ => bail!("packages.toml must bring one kernel; its /boot has {names:?}"),
        }
    }

    fn write_initrd(&self, catalogue: &Catalogue, modules: &Path) -> anyhow::Result<()> {
        let read = |path: PathBuf| fs::read(&path).with_context(|| format!("reading {}", path.display()));
        let wanted: Vec<&str> = self.data.modules.initrd.iter().map(|item| item.name.as_str()).collect();
        let mut archive = Archive::default();
        for folder in ["bin", "dev", "lib", "lib/modules", "newroot", "proc"] {
            archive.folder(folder);
        }
        archive.file("bin/busybox", 0o755, &read(self.boot().join("bin/busybox"))?);
        archive.file("init", 0o755, &read(self.lists.join("initrd/init"))?);
        let mut order = String::new();
        for file in catalogue.load_order(&wanted)? {
            let name = file.rsplit('/').next().unwrap_or(&file);
            archive.file(&format!("lib/modules/{name}"), 0o644, &read(modules.join(&file))?);
            order.push_str(name);
            order.push('\n');
        }
        archive.file("modules", 0o644, order.as_bytes());
        let path = self.part.join("initrd.img");
        fs::write(&path, archive.finish()).with_context(|| format!("writing {}", path.display()))
    }

    /// Leaves out what an appliance does not need.
    fn trim(&self) -> anyhow::Result<()> {
        let tree = self.tree();
        for removal in &self.data.removals.remove {
            for wanted in &removal.paths {
                let found = matches(&tree, wanted)?;
                // Some packages are in a debug image only.
                if found.is_empty() && !self.release {
                    progress::say(format!("  nothing fits {wanted} (image/lab/remove.toml)"));
                }
                for path in found.iter().filter(|path| !stays(path, &removal.keep)) {
                    tree::clear(path)?;
                }
            }
        }
        let docs = tree.join("usr/share/doc");
        for (package, kind) in tree::entries(&docs)? {
            if matches!(kind, Kind::Folder) {
                for (name, _) in tree::entries(&docs.join(&package))? {
                    if name != "copyright" {
                        tree::clear(&docs.join(&package).join(name))?;
                    }
                }
            }
        }
        for name in EMPTY {
            tree::clear(&tree.join(name))?;
            tree::make_folder(&tree.join(name))?;
        }
        drop_privileges(&tree)
    }
}

/// Takes the setuid, setgid and sticky bits off everything: nobody becomes somebody else on an appliance.
fn drop_privileges(folder: &Path) -> anyhow::Result<()> {
    for (name, kind) in tree::entries(folder)? {
        let path = folder.join(name);
        match kind {
            Kind::Folder => {
                tree::set_mode(&path, 0o755)?;
                drop_privileges(&path)?;
            }
            Kind::File { mode } if mode & 0o7000 != 0 => tree::set_mode(&path, mode & 0o755)?,
            Kind::File { .. } | Kind::Link { .. } => {}
        }
    }
    Ok(())
}

/// Lists what modules need and which device asks for which, for the modules below `base`.
fn depmod(tree: &Path, base: &Path, version: &str) -> anyhow::Result<()> {
    let mut command = program::command(tree, "usr/bin/kmod", "depmod");
    command.arg("--basedir").arg(base).arg(version);
    process::output(&mut command, DEPMOD_MAX).map(drop)
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    if let Some(folder) = to.parent() {
        tree::make_folder(folder)?;
    }
    fs::copy(from, to).with_context(|| format!("copying {} to {}", from.display(), to.display()))?;
    Ok(())
}

/// The paths in `tree` that fit the pattern `wanted`; links are not followed.
fn matches(tree: &Path, wanted: &str) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = vec![tree.to_owned()];
    for part in wanted.split('/') {
        let mut next = Vec::new();
        for folder in found.iter().filter(|path| path.is_dir() && !path.is_symlink()) {
            let fitting = tree::entries(folder)?.into_iter().filter(|(name, _)| pattern::fits(part, name));
            next.extend(fitting.map(|(name, _)| folder.join(name)));
        }
        found = next;
    }
    Ok(found)
}

/// The last name of `path` fits one of the patterns in `keep`.
fn stays(path: &Path, keep: &[String]) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    keep.iter().any(|kept| pattern::fits(kept, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pattern finds what it says, and does not follow a link out of the tree.
    #[test]
    fn patterns_find_paths_below_the_tree() {
        let outside = tempfile::tempdir().expect("a folder");
        fs::write(outside.path().join("precious"), "").expect("a file");
        let folder = tempfile::tempdir().expect("a folder");
        tree::write(folder.path(), "etc/rc1.d/x", "").expect("a file");
        tree::write(folder.path(), "etc/rc2.d/x", "").expect("a file");
        tree::link(folder.path(), "etc/out", outside.path().to_str().expect("UTF-8")).expect("a link");
        let found = matches(folder.path(), "etc/rc*.d").expect("a tree");
        assert_eq!(found, [folder.path().join("etc/rc1.d"), folder.path().join("etc/rc2.d")]);
        assert!(matches(folder.path(), "etc/out/precious").expect("a tree").is_empty());
    }
}
