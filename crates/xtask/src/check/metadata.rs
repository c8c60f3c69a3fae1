//! What the rules ask of cargo's metadata.

use std::path::{Path, PathBuf};

use cargo_metadata::{Dependency, Package, TargetKind};

/// The path of a package's manifest from the root, for findings.
pub(super) fn manifest(package: &Package, root: &Path) -> String {
    relative(package.manifest_path.as_std_path(), root)
}

/// A path as seen from the root.
pub(super) fn relative(path: &Path, root: &Path) -> String {
    // Cargo resolves links (`/tmp` of some systems), the caller's root may not.
    let resolved = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let short = path.strip_prefix(root).or_else(|_| path.strip_prefix(&resolved)).unwrap_or(path);
    short.display().to_string()
}

/// The name that code uses for a dependency.
pub(super) fn name_in_code(dependency: &Dependency) -> String {
    let name = dependency.rename.as_deref().unwrap_or(&dependency.name);
    let library =
        LIBRARY_NAMES.iter().find(|(package, _)| *package == name).map_or(name, |(_, library)| library);
    library.replace('-', "_")
}

/// Packages whose library has another name.
const LIBRARY_NAMES: &[(&str, &str)] = &[("md-5", "md5")];

/// The files that a package's shipped code starts from: library and programs.
pub(super) fn roots(package: &Package) -> Vec<PathBuf> {
    targets(package, |kind| matches!(kind, TargetKind::Lib | TargetKind::Bin | TargetKind::ProcMacro))
}

/// The files that a package's other code starts from: tests, benchmarks, examples, build script.
pub(super) fn other_roots(package: &Package) -> Vec<PathBuf> {
    targets(package, |kind| {
        matches!(kind, TargetKind::Test | TargetKind::Bench | TargetKind::Example | TargetKind::CustomBuild)
    })
}

fn targets(package: &Package, wanted: impl Fn(&TargetKind) -> bool) -> Vec<PathBuf> {
    let fits = package.targets.iter().filter(|target| target.kind.iter().any(&wanted));
    fits.map(|target| target.src_path.clone().into_std_path_buf()).collect()
}
