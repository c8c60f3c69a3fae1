//! Offences planted in a copy of the house make `cargo xtask check` fail, and the house itself is clean of them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;
use xtask::Workspace;
use xtask::check::{Finding, Kind, findings};

/// A copy of what the rules read: manifests and sources.
struct Copy(TempDir);

impl Copy {
    fn of_the_house() -> Copy {
        let root = Workspace::find().expect("workspace").root;
        let copy = Copy(tempfile::tempdir().expect("temporary folder"));
        for name in ["Cargo.toml", "Cargo.lock", "README.md"] {
            // A file that is missing is a matter for other rules.
            let _ = fs::copy(root.join(name), copy.path().join(name));
        }
        for folder in ["crates", "tests", "overlays", "image"] {
            copy_folder(&root.join(folder), &copy.path().join(folder));
        }
        copy
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn append(&self, file: &str, text: &str) {
        let path = self.path().join(file);
        let before = fs::read_to_string(&path).expect(file);
        fs::write(path, before + text).expect(file);
    }

    /// Adds a line after `[dependencies]`.
    fn depend(&self, krate: &str, line: &str) {
        let path = self.path().join("crates").join(krate).join("Cargo.toml");
        let manifest = fs::read_to_string(&path).expect(krate);
        assert!(manifest.contains("[dependencies]\n"), "{krate} has dependencies");
        fs::write(path, manifest.replacen("[dependencies]\n", &format!("[dependencies]\n{line}\n"), 1))
            .expect(krate);
    }

    fn findings(&self, rule: Kind) -> Vec<Finding> {
        findings(rule, self.path()).expect("the rule runs")
    }

    fn check(&self, rule: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.args(["check", "--only", rule, "--root"]).arg(self.path());
        command.output().expect("xtask")
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("folder");
    for entry in fs::read_dir(from).expect("folder") {
        let path: PathBuf = entry.expect("entry").path();
        let target = to.join(path.file_name().expect("name"));
        if path.is_symlink() {
            symlink(fs::read_link(&path).expect("link"), &target).expect("link");
        } else if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            fs::copy(&path, target).expect("copy");
        }
    }
}

/// The check fails, names the place, and says in its last line what to do.
fn assert_fails(output: &Output, place: &str, what: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{said}");
    assert!(said.contains(place) && said.contains(what), "{said}");
    assert!(said.trim_end().lines().last().is_some_and(|line| line.starts_with("to do: ")), "{said}");
}

/// Issue 2: a planted upward dependency makes the check fail.
#[test]
fn upward_dependency_is_found() {
    let copy = Copy::of_the_house();
    assert_eq!(copy.findings(Kind::Layers), [], "the house is clean");
    copy.depend("membership", "daemon.workspace = true");
    let findings = copy.findings(Kind::Layers);
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0].place, "crates/membership/Cargo.toml");
    assert_fails(&copy.check("layers"), "crates/membership/Cargo.toml", "depends on daemon");
}

/// DESIGN 3: nothing sideways between daemons, and no runtime in a core.
#[test]
fn sideways_dependency_and_runtime_are_found() {
    let copy = Copy::of_the_house();
    copy.depend("stored", "clusterd.workspace = true");
    copy.depend("exchange", "tokio.workspace = true");
    let places: Vec<String> = copy.findings(Kind::Layers).into_iter().map(|finding| finding.place).collect();
    assert_eq!(places, ["crates/exchange/Cargo.toml", "crates/stored/Cargo.toml"]);
}

/// Issue 2: a planted clock in a core makes the check fail.
#[test]
fn clock_in_a_core_is_found() {
    let copy = Copy::of_the_house();
    assert_eq!(copy.findings(Kind::Purity), [], "the house is clean");
    copy.append("crates/membership/src/lib.rs", "\nfn planted() { let _ = std::time::Instant::now(); }\n");
    assert_fails(&copy.check("purity"), "crates/membership/src/lib.rs:", "a clock");
}

/// Issue 2: a planted file access in a core makes the check fail, also under another name.
#[test]
fn file_access_in_a_core_is_found() {
    let copy = Copy::of_the_house();
    copy.append(
        "crates/ledger/src/lib.rs",
        "\nuse std::fs as storage;\nfn planted() { let _ = storage::read(\"x\"); }\n",
    );
    assert_fails(&copy.check("purity"), "crates/ledger/src/lib.rs:", "a file");
}

/// DESIGN 9: the system's randomness in the simulation would make its seeds worthless.
#[test]
fn randomness_in_the_simulation_is_found() {
    let copy = Copy::of_the_house();
    copy.append("crates/sim/src/lib.rs", "\nfn planted() -> u8 { rand::random() }\n");
    assert_fails(&copy.check("purity"), "crates/sim/src/lib.rs:", "randomness");
}

/// A dependency that nobody uses, and one that is not pinned.
#[test]
fn unused_and_unpinned_dependencies_are_found() {
    let copy = Copy::of_the_house();
    copy.depend("wire", "crc32fast = \"1\"");
    let findings = copy.findings(Kind::Dependencies);
    assert!(findings.iter().any(|finding| finding.what.contains("crc32fast is not used")), "{findings:?}");
    copy.append("crates/wire/src/lib.rs", "\nuse crc32fast as _;\n");
    let findings = copy.findings(Kind::Dependencies);
    assert!(
        findings.iter().any(|finding| finding.what.contains("crc32fast ^1 is not pinned")),
        "{findings:?}"
    );
}

/// A file that is too long, one that no module names, and a room without a README.
#[test]
fn unreadable_rooms_are_found() {
    let copy = Copy::of_the_house();
    copy.append("crates/wire/src/lib.rs", &"// more\n".repeat(801));
    fs::write(copy.path().join("crates/wire/src/forgotten.rs"), "//! Forgotten.\n").expect("write");
    let _ = fs::remove_file(copy.path().join("crates/wire/README.md"));
    let places: Vec<String> = copy.findings(Kind::Style).into_iter().map(|finding| finding.place).collect();
    for place in ["crates/wire/src/lib.rs", "crates/wire/src/forgotten.rs", "crates/wire/README.md"] {
        assert!(places.iter().any(|found| found == place), "{place} in {places:?}");
    }
}

/// Issue 3: units with a directive that systemd 252 does not know, or that leave a
/// daemon more open than the contract allows.
#[test]
fn bad_units_are_found() {
    let copy = Copy::of_the_house();
    assert_eq!(copy.findings(Kind::Units), [], "the house is clean");
    let units = "overlays/common/usr/lib/systemd/system";
    copy.append(&format!("{units}/stored.service"), "RestartSteps=5\n");
    let open = "[Service]\nType=notify\nExecStart=/usr/lib/tandem/pbxd\n";
    fs::write(copy.path().join(units).join("pbxd.service"), open).expect("write");
    let findings = copy.findings(Kind::Units);
    assert_eq!(findings.len(), 2, "{findings:?}");
    assert_fails(&copy.check("units"), &format!("{units}/stored.service: "), "RestartSteps");
    assert_fails(&copy.check("units"), &format!("{units}/pbxd.service: "), "its exposure is 9.");
}
