//! The product: its root file system made by Buildroot, from the external tree in `buildroot/`.
//!
//! ```text
//!   buildroot/configs ──► configuration: joined, loaded, every option survives
//!   buildroot/sources ──► sources: download folder and overrides (--sources debian)
//!   checkout ───────────► make ─► vmlinuz, root.squashfs, packages.json, image.json
//! ```
//!
//! Everything that is built stays in an output folder outside the repository; only the results come to `target/image`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};

use super::tree;
use super::{Build, Image, Rootfs};
use crate::failure::failure;
use crate::progress::{Step, say};
use crate::{Workspace, packages, process};

mod archive;
pub(crate) mod checkout;
pub(crate) mod configuration;
mod make;
pub(crate) mod manifest;
pub(crate) mod plan;
mod sources;

use checkout::Checkout;
use configuration::Toolchain;
use plan::Plan;
pub use sources::Sources;
use sources::Store;

/// What the first stage of the start is called in the image.
const INIT: &str = "/usr/lib/tandem/prepare";
/// The kernel finds the root itself: it has everything built in.
const COMMAND_LINE: &str = "root=/dev/vda ro rootfstype=squashfs quiet";
/// Copies this machine's compiler and headers.
const TOOLCHAIN_MAX: Duration = Duration::from_secs(300);
/// Programs that only say their version.
const VERSION_MAX: Duration = Duration::from_secs(30);

/// Builds the image; what has not changed is not built again.
pub(super) fn build(workspace: &Workspace, wish: &Build) -> anyhow::Result<Image> {
    let checkout = Checkout::open(workspace, wish.buildroot.as_deref())?;
    let output = output(&checkout, wish)?;
    refuse_inside(workspace, &output)?;
    packages::ensure(packages::BUILDROOT)?;
    let house = House { workspace, wish, checkout, output };
    house.lock()?;
    let plan = house.prepare()?;
    let step = Step::start(format!("Buildroot {} (log: {})", house.checkout.version, house.log().display()));
    house.make()?;
    step.done();
    house.finish(plan.as_ref())
}

/// Where Buildroot builds.
fn output(checkout: &Checkout, wish: &Build) -> anyhow::Result<PathBuf> {
    let output = wish.output.clone().unwrap_or_else(|| checkout.default_output());
    std::path::absolute(&output).with_context(|| format!("finding {}", output.display()))
}

/// Gigabytes of other people's sources have no place among ours.
fn refuse_inside(workspace: &Workspace, output: &Path) -> anyhow::Result<()> {
    if output.starts_with(&workspace.root) {
        return Err(failure(
            format!("{} is in the repository", output.display()),
            "choose --output DIR outside of it",
        ));
    }
    Ok(())
}

/// A build under way.
struct House<'a> {
    workspace: &'a Workspace,
    wish: &'a Build,
    checkout: Checkout,
    output: PathBuf,
}

impl House<'_> {
    fn toolchain(&self) -> Toolchain {
        let usual = match self.wish.sources {
            Sources::Upstream => Toolchain::Buildroot,
            Sources::Debian => Toolchain::External,
        };
        self.wish.toolchain.unwrap_or(usual)
    }

    fn toolchain_folder(&self) -> PathBuf {
        self.output.join("toolchain")
    }

    /// `BR2_DL_DIR` says, as everywhere in Buildroot.
    fn downloads(&self) -> PathBuf {
        std::env::var_os("BR2_DL_DIR").map_or_else(|| self.output.join("downloads"), PathBuf::from)
    }

    fn log(&self) -> PathBuf {
        self.output.join("build.log")
    }

    fn command(&self, targets: &[&str]) -> Command {
        let mut command = self.checkout.make_in_background(&self.output);
        command.env("TANDEM_TOOLCHAIN", self.toolchain_folder());
        command.env("BR2_DL_DIR", self.downloads());
        command.args(targets);
        command
    }

    /// One build at a time in an output folder; the lock ends with this process.
    fn lock(&self) -> anyhow::Result<()> {
        tree::make_folder(&self.output)?;
        let path = self.output.join("lock");
        let file = fs::File::create(&path).with_context(|| format!("making {}", path.display()))?;
        file.lock().context("waiting for another build in this output folder")?;
        // Held open, and so locked, until the process ends.
        std::mem::forget(file);
        Ok(())
    }

    /// Configuration, toolchain and sources.
    fn prepare(&self) -> anyhow::Result<Option<Plan>> {
        let step = Step::start("configuring Buildroot");
        let composed = configuration::compose(&self.checkout.external, self.toolchain(), self.wish.release)?;
        configuration::load_whole(&self.checkout, &self.output, &composed)?;
        step.done();
        if self.toolchain() == Toolchain::External && !self.toolchain_folder().join("bin").is_dir() {
            let step = Step::start("making a toolchain of this machine's compiler");
            let mut script = Command::new(self.checkout.external.join("toolchain/native.sh"));
            process::output(script.arg(self.toolchain_folder()), TOOLCHAIN_MAX)?;
            step.done();
        }
        let overrides = self.output.join("local.mk");
        if self.wish.sources == Sources::Upstream {
            tree::clear(&overrides)?;
            return Ok(None);
        }
        if self.toolchain() == Toolchain::Buildroot {
            bail!(
                "Buildroot's own toolchain is made from upstream's sources; --sources debian has none of them"
            );
        }
        packages::ensure(packages::BUILDROOT_DEBIAN)?;
        self.check_rust()?;
        let plan = Plan::load(&self.checkout.external)?;
        let store = Store { downloads: self.downloads(), folder: self.output.join("sources") };
        let text = store.fill(&plan, &self.checkout.external)?;
        fs::write(&overrides, text).with_context(|| format!("writing {}", overrides.display()))?;
        Ok(Some(plan))
    }

    /// The compiler of this machine makes the daemons.
    fn check_rust(&self) -> anyhow::Result<()> {
        let wanted = env!("CARGO_PKG_RUST_VERSION");
        let said = process::output(Command::new("rustc").arg("--version"), VERSION_MAX)?;
        let numbers =
            |text: &str| -> Vec<u32> { text.split('.').map_while(|part| part.trim().parse().ok()).collect() };
        let here = said.split_whitespace().nth(1).unwrap_or_default();
        if numbers(here) < numbers(wanted) {
            return Err(failure(
                format!("Rust {wanted} or later is needed, and this machine has {here}"),
                "rustup update",
            ));
        }
        Ok(())
    }

    /// Builds. Buildroot does not look into sources or fragments that it has built once: what has changed of ours is
    /// named.
    fn make(&self) -> anyhow::Result<()> {
        let mut targets = Vec::new();
        // Also after a build that failed: the correction must get there.
        let copy = self.output.join("build").join(concat!("tandem-", env!("CARGO_PKG_VERSION")));
        if copy.join(".stamp_rsynced").is_file() {
            targets.push("tandem-rebuild");
        }
        let kernel = self.fingerprint("kernel", "linux")?;
        let busybox = self.fingerprint("busybox.fragment", "busybox")?;
        for (package, print) in [("linux-reconfigure", &kernel), ("busybox-reconfigure", &busybox)] {
            if print.is_stale() {
                targets.push(package);
            }
        }
        targets.push("all");
        make::run(&mut self.command(&targets), &self.log())?;
        kernel.keep()?;
        busybox.keep()
    }

    fn fingerprint(&self, name: &str, package: &str) -> anyhow::Result<Fingerprint> {
        let path = self.checkout.external.join(name);
        let mut hash = Sha256::new();
        if path.is_dir() {
            tree::hash_folder(&mut hash, &path)?;
        } else {
            tree::hash_file(&mut hash, &path)?;
        }
        let stamp = self.output.join(format!("fragments-{package}"));
        Ok(Fingerprint { stamp, now: hex::encode(hash.finalize()) })
    }

    /// Brings the results to `target/image`, with their description.
    fn finish(&self, plan: Option<&Plan>) -> anyhow::Result<Image> {
        let release = self.wish.release;
        let said = self.output.join("target/usr/lib/os-release");
        let said = fs::read_to_string(&said).with_context(|| format!("reading {}", said.display()))?;
        if said != tree::os_release(env!("CARGO_PKG_VERSION"), Rootfs::Buildroot, release) {
            bail!("buildroot/post-build.sh writes another os-release than crates/xtask/src/image/tree.rs");
        }
        self.check_kernel()?;
        let mut folder = super::folder(self.workspace, Rootfs::Buildroot);
        if release {
            folder = folder.join("release");
        }
        tree::make_folder(&folder)?;
        let place = |from: &str, name: &str| {
            let (from, part, to) = (
                self.output.join("images").join(from),
                folder.join(format!("{name}.part")),
                folder.join(name),
            );
            fs::copy(&from, &part).with_context(|| format!("copying {}", from.display()))?;
            fs::rename(&part, &to).with_context(|| format!("renaming {}", part.display()))?;
            Ok::<PathBuf, anyhow::Error>(to)
        };
        let list = manifest::packages(&manifest::show_info(&self.checkout, &self.output)?, plan);
        manifest::write(&list, &folder.join("packages.json"))?;
        manifest::summary(&list).iter().for_each(|line| say(format!("  {line}")));
        let image = Image {
            rootfs: Rootfs::Buildroot,
            variant: tree::variant(release).to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            kernel: place("bzImage", "vmlinuz")?,
            initrd: None,
            root: place("rootfs.squashfs", "root.squashfs")?,
            command_line: format!("{COMMAND_LINE} init={INIT}"),
        };
        image.save(&folder)?;
        Ok(image)
    }

    /// What the fragments ask of the kernel is in it.
    fn check_kernel(&self) -> anyhow::Result<()> {
        let path = self.output.join("target/usr/lib/tandem/kernel.config");
        let config = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let lost = kernel_losses(&self.checkout.external, &config)?;
        if lost.is_empty() {
            return Ok(());
        }
        Err(failure(
            format!("the kernel drops what buildroot/kernel asks for: {}", lost.join(", ")),
            "correct the fragment: an option has another name or needs another one",
        ))
    }
}

/// Lines of the kernel's fragments that its configuration does not have.
///
/// # Errors
/// The fragments cannot be read.
pub(crate) fn kernel_losses(external: &Path, config: &str) -> anyhow::Result<Vec<String>> {
    let folder = external.join("kernel");
    let mut lost = Vec::new();
    for (name, _) in tree::entries(&folder)? {
        let path = folder.join(&name);
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        lost.extend(configuration::lost(&text, config));
    }
    Ok(lost)
}

/// Hash of the fragments that a package was configured with.
struct Fingerprint {
    stamp: PathBuf,
    now: String,
}

impl Fingerprint {
    /// Built with others; before the first build nothing is stale.
    fn is_stale(&self) -> bool {
        fs::read_to_string(&self.stamp).is_ok_and(|then| then != self.now)
    }

    fn keep(&self) -> anyhow::Result<()> {
        fs::write(&self.stamp, &self.now).with_context(|| format!("writing {}", self.stamp.display()))
    }
}
