//! What the tests of the tiers *netns* and *vm* share: real peers beside the ones that `xtask::peers` drives.

pub mod extension;
pub mod pjsip;
pub mod sipp;

use std::path::PathBuf;

/// The folder of this package: `data/` and `peers/` lie in it.
#[must_use]
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A fresh folder below `target/tests` for the logs and recordings of one test; it stays behind for a look.
///
/// # Panics
/// When the folder cannot be made: nothing else would work either.
#[must_use]
pub fn scratch(test: &str) -> PathBuf {
    let path = folder().join("../target/tests").join(test);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).expect("make the test's folder below target/tests");
    path.canonicalize().expect("the folder was just made")
}
