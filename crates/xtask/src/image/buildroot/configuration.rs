//! Buildroot's configuration: our defconfig and the fragments of a toolchain and a variant, joined; and the proof that
//! every option of theirs survives, since Kconfig drops without a word what it does not know or cannot have.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::ValueEnum;

use super::checkout::Checkout;
use crate::failure::failure;
use crate::process;

/// Seconds on an idle machine, and a minute beside other builds; the first time its tools are compiled.
const CONFIGURE_MAX: Duration = Duration::from_secs(600);

/// Who compiles the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Toolchain {
    /// Buildroot's own, made from source
    Buildroot,
    /// This machine's gcc and glibc (quick builds)
    External,
}

impl Toolchain {
    /// Both.
    pub(crate) const ALL: [Toolchain; 2] = [Toolchain::Buildroot, Toolchain::External];

    /// Its fragment.
    pub(crate) const fn fragment(self) -> &'static str {
        match self {
            Toolchain::Buildroot => "toolchain-buildroot.fragment",
            Toolchain::External => "toolchain-external.fragment",
        }
    }
}

/// The defconfig of the product.
pub(crate) const DEFCONFIG: &str = "tandem_x86_64_defconfig";
/// What a debug image has besides.
const DEBUG: &str = "variant-debug.fragment";

/// Joins the defconfig with its fragments: where both set an option, the fragment's line stands alone.
///
/// # Errors
/// A file cannot be read.
pub(crate) fn compose(external: &Path, toolchain: Toolchain, release: bool) -> anyhow::Result<String> {
    let folder = external.join("configs");
    let mut names = vec![DEFCONFIG, toolchain.fragment()];
    if !release {
        names.push(DEBUG);
    }
    let mut lines: Vec<String> = Vec::new();
    for name in names {
        let path = folder.join(name);
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        for line in text.lines().filter(|line| option(line).is_some()) {
            lines.retain(|known| option(known) != option(line));
            lines.push(line.to_owned());
        }
    }
    Ok(lines.iter().map(|line| format!("{line}\n")).collect())
}

/// Loads `composed` into the output folder and gives the lines that did not survive.
///
/// # Errors
/// The configuration has an error of syntax, or the folder cannot be written.
pub(crate) fn load(checkout: &Checkout, output: &Path, composed: &str) -> anyhow::Result<Vec<String>> {
    fs::create_dir_all(output).with_context(|| format!("making {}", output.display()))?;
    let path = written(output, composed)?;
    let mut make = checkout.make(output);
    make.arg("-s").arg(format!("BR2_DEFCONFIG={}", path.display())).arg("defconfig");
    process::output(&mut make, CONFIGURE_MAX).context("loading the configuration into Buildroot")?;
    let config = output.join(".config");
    let text = fs::read_to_string(&config).with_context(|| format!("reading {}", config.display()))?;
    Ok(lost(composed, &text))
}

/// What Buildroot would save of the loaded configuration.
///
/// # Errors
/// Buildroot cannot save it.
pub(crate) fn saved(checkout: &Checkout, output: &Path) -> anyhow::Result<String> {
    let path = output.join("saved_defconfig");
    let mut make = checkout.make(output);
    make.arg("-s").arg(format!("BR2_DEFCONFIG={}", path.display())).arg("savedefconfig");
    process::output(&mut make, CONFIGURE_MAX).context("saving Buildroot's configuration")?;
    fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
}

/// Loads, and refuses a configuration of which something was dropped.
///
/// # Errors
/// As [`load`], and something was dropped.
pub(crate) fn load_whole(checkout: &Checkout, output: &Path, composed: &str) -> anyhow::Result<()> {
    let lost = load(checkout, output, composed)?;
    if lost.is_empty() {
        return Ok(());
    }
    Err(failure(
        format!("Buildroot {} drops what the configuration asks for: {}", checkout.version, lost.join(", ")),
        "cargo xtask check --only buildroot --buildroot DIR",
    ))
}

fn written(output: &Path, composed: &str) -> anyhow::Result<PathBuf> {
    let path = output.join("tandem_defconfig");
    fs::write(&path, composed).with_context(|| format!("writing {}", path.display()))?;
    Ok(path)
}

/// The lines of a defconfig, or of a kernel's fragment, that a configuration does not have.
pub(crate) fn lost(wanted: &str, config: &str) -> Vec<String> {
    let survives = |line: &str, name: &str| {
        let is_there = config.lines().any(|known| known.trim() == line);
        // An option of the kernel that is not to be set may be out of reach altogether.
        let is_kernels = name.starts_with("CONFIG_") && line.ends_with(" is not set");
        let start = format!("{name}=");
        is_there || (is_kernels && !config.lines().any(|known| known.starts_with(&start)))
    };
    let lines = wanted.lines().map(str::trim).filter_map(|line| Some((line, option(line)?)));
    lines.filter(|(line, name)| !survives(line, name)).map(|(line, _)| line.to_owned()).collect()
}

/// The option that a line sets or unsets.
pub(crate) fn option(line: &str) -> Option<&str> {
    let unset = line.strip_prefix("# ").and_then(|rest| rest.strip_suffix(" is not set"));
    let name = unset.or_else(|| line.split_once('=').map(|(name, _)| name))?;
    let plain = name.starts_with("BR2_") || name.starts_with("CONFIG_");
    (plain && !name.contains(' ')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An option that Kconfig dropped, or gave another value, is named; one that survived is not.
    #[test]
    fn what_kconfig_drops_is_named() {
        let wanted = "BR2_A=y\n# BR2_B is not set\nBR2_C=\"x\"\n# a remark\n";
        let config = "BR2_A=y\n# BR2_B is not set\nBR2_C=\"x\"\n";
        assert!(lost(wanted, config).is_empty());
        assert_eq!(lost(wanted, "BR2_A=y\nBR2_B=y\n"), ["# BR2_B is not set", "BR2_C=\"x\""]);
        assert_eq!(
            lost(wanted, "BR2_A=y\nBR2_C=\"x\"\n"),
            ["# BR2_B is not set"],
            "a defconfig says no idle word"
        );
    }

    /// A kernel option that shall not be set is fine when its whole menu is gone, and not when it is a module.
    #[test]
    fn unset_kernel_options_may_be_out_of_reach() {
        assert!(lost("# CONFIG_SOUND is not set\n", "CONFIG_X86=y\n").is_empty());
        assert_eq!(lost("# CONFIG_SOUND is not set\n", "CONFIG_SOUND=m\n").len(), 1);
        assert_eq!(lost("CONFIG_SOUND=y\n", "CONFIG_SOUND=m\n"), ["CONFIG_SOUND=y"]);
    }

    /// The debug variant has one list of overlays, its own; the release variant knows nothing of it.
    #[test]
    fn a_fragment_stands_above_the_defconfig() {
        let external = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../buildroot");
        let count = |release| {
            let text = compose(&external, Toolchain::External, release).expect("the files of the house");
            assert_eq!(text.contains("overlays/debug"), !release);
            text.lines().filter(|line| option(line) == Some("BR2_ROOTFS_OVERLAY")).count()
        };
        assert_eq!((count(true), count(false)), (1, 1));
    }
}
