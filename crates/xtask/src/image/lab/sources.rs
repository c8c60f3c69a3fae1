//! Where Debian's packages come from: what this machine's own apt is configured to use, and nothing else.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;

use crate::failure::failure;
use crate::process;

/// The release that the image is made of.
const RELEASE: &str = "bookworm";
/// A file of one-line sources instead of this machine's (sources.list(5)).
const SOURCES_FILE: &str = "TANDEM_DEBIAN_SOURCES";
/// apt only reads files here.
const APT_MAX: Duration = Duration::from_secs(30);

/// The sources as lines of sources.list(5), sorted.
///
/// # Errors
/// This machine has none of the release, or they cannot be read; the failure says what to do.
pub(super) fn sources() -> anyhow::Result<String> {
    if let Some(path) = std::env::var_os(SOURCES_FILE).map(PathBuf::from) {
        return std::fs::read_to_string(&path)
            .with_context(|| format!("reading {} ({SOURCES_FILE})", path.display()));
    }
    let mut apt = Command::new("apt-get");
    apt.args(["indextargets", "--format", "$(CODENAME) deb $(REPO_URI) $(RELEASE) $(COMPONENT)"])
        .args(["Created-By: Packages", "Origin: Debian"]);
    let text = select(&process::output(&mut apt, APT_MAX)?);
    if text.is_empty() {
        return Err(failure(
            format!("apt knows no packages of Debian 12 ({RELEASE}) on this machine"),
            format!(
                "sudo apt-get update; on another system: {SOURCES_FILE}=FILE, with lines such as \
                 `deb MIRROR {RELEASE} main`"
            ),
        ));
    }
    Ok(text)
}

/// The lines of our release, each once.
fn select(listing: &str) -> String {
    let ours = |codename: &str| {
        codename.strip_prefix(RELEASE).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    let lines: BTreeSet<&str> = listing
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(codename, line)| ours(codename).then_some(line))
        .collect();
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// How this machine's apt reaches its sources (a proxy), as lines of apt.conf(5).
///
/// # Errors
/// apt cannot say.
pub(super) fn transport() -> anyhow::Result<Vec<String>> {
    let text = process::output(Command::new("apt-config").arg("dump"), APT_MAX)?;
    let proxies = ["Acquire::http::Proxy", "Acquire::https::Proxy"];
    let of_transport = |line: &&str| {
        let set = !line.ends_with(" \"\";");
        set && proxies.iter().any(|proxy| line.starts_with(proxy))
    };
    Ok(text.lines().filter(of_transport).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Other releases and other architectures' duplicates of a machine do not get into the image.
    #[test]
    fn only_the_release_of_the_image_is_taken() {
        let listing = "bookworm deb http://m/debian/ bookworm main\n\
                       trixie deb http://m/debian/ trixie main\n\
                       bookworm-security deb http://m/security/ bookworm-security main\n\
                       bookworm deb http://m/debian/ bookworm main\n\
                       bookworms deb http://m/debian/ bookworms main\n";
        let expected = "deb http://m/debian/ bookworm main\n\
                        deb http://m/security/ bookworm-security main\n";
        assert_eq!(select(listing), expected);
    }
}
