//! Vocabulary and cores (L0, L1) name no runtime, socket, file, thread, clock, process or randomness of the system;
//! the simulation names no randomness of the system, else its seeds would replay nothing.
//!
//! The scan reads syntax, not meaning: it follows imports, renames and macros within a crate. What it cannot see is a
//! method of a value that came from elsewhere, and such a value has to be made by a path that it does see.

use std::path::Path;

use super::layers::{self, Layer, layer};
use super::source::{self, Mention};
use super::{Finding, metadata};
use crate::workspace;

/// Why a path is forbidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    Runtime,
    Socket,
    File,
    Thread,
    Clock,
    Process,
    Environment,
    Randomness,
}

/// A path and everything below it.
const FORBIDDEN: &[(&str, Reason)] = &[
    ("tokio", Reason::Runtime),
    ("tokio_rustls", Reason::Runtime),
    ("async_std", Reason::Runtime),
    ("smol", Reason::Runtime),
    ("mio", Reason::Runtime),
    ("zbus", Reason::Runtime),
    ("std::net::TcpStream", Reason::Socket),
    ("std::net::TcpListener", Reason::Socket),
    ("std::net::UdpSocket", Reason::Socket),
    ("std::net::ToSocketAddrs", Reason::Socket),
    ("std::os", Reason::Socket),
    ("socket2", Reason::Socket),
    ("nix", Reason::Socket),
    ("libc", Reason::Socket),
    ("rustix", Reason::Socket),
    ("std::fs", Reason::File),
    ("std::path", Reason::File),
    ("std::io::stdin", Reason::File),
    ("std::io::stdout", Reason::File),
    ("std::io::stderr", Reason::File),
    ("tempfile", Reason::File),
    ("std::thread", Reason::Thread),
    ("rayon", Reason::Thread),
    ("std::time::Instant", Reason::Clock),
    ("std::time::SystemTime", Reason::Clock),
    ("std::time::UNIX_EPOCH", Reason::Clock),
    ("jiff::Timestamp::now", Reason::Clock),
    ("jiff::Zoned::now", Reason::Clock),
    ("chrono", Reason::Clock),
    ("std::process", Reason::Process),
    ("std::env", Reason::Environment),
    ("getrandom", Reason::Randomness),
    ("rand::rng", Reason::Randomness),
    ("rand::random", Reason::Randomness),
    ("rand::thread_rng", Reason::Randomness),
    ("rand::make_rng", Reason::Randomness),
    ("ring::rand", Reason::Randomness),
    ("std::hash::RandomState", Reason::Randomness),
    ("std::collections::hash_map::RandomState", Reason::Randomness),
];

/// Names that mean the system's randomness wherever they come from.
const FORBIDDEN_NAMES: &[&str] =
    &["OsRng", "SysRng", "ThreadRng", "from_os_rng", "try_from_os_rng", "from_entropy", "from_rng_os"];

/// Offences of the workspace at `root`.
pub(super) fn findings(root: &Path) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for package in workspace::members(root)?.workspace_packages() {
        let Some(layer) = layer(&package.name) else { continue };
        if !layers::pure(layer) && layer != Layer::Simulation {
            continue;
        }
        for start in metadata::roots(package) {
            let files = source::files(&start)?;
            for (file, mentions) in source::mentions(&files) {
                let place = metadata::relative(&file.path, root);
                for (mention, reason) in offences(&mentions, layer) {
                    let path = mention.segments.join("::");
                    let what = format!("{} ({path}) has no place in {}", reason.name(), package.name);
                    findings.push(Finding { place: format!("{place}:{}", mention.line), what });
                }
            }
        }
    }
    Ok(findings)
}

fn offences(mentions: &[Mention], layer: Layer) -> Vec<(&Mention, Reason)> {
    let shipped = mentions.iter().filter(|mention| !mention.test);
    let judged = shipped.filter_map(|mention| judge(mention).map(|reason| (mention, reason)));
    judged.filter(|(_, reason)| layers::pure(layer) || *reason == Reason::Randomness).collect()
}

fn judge(mention: &Mention) -> Option<Reason> {
    let segments: Vec<&str> =
        mention.segments.iter().map(|segment| segment.trim_start_matches("r#")).collect();
    let below = |forbidden: &str| {
        let mut wanted = forbidden.split("::");
        let mut given = segments.iter();
        wanted.all(|part| given.next() == Some(&part))
    };
    // `use std::time::*` and `pub use std::time` bring a forbidden name in under a path that does not say so.
    let above = |forbidden: &str| {
        let parts: Vec<&str> = forbidden.split("::").collect();
        mention.opens && parts.len() > segments.len() && parts.starts_with(&segments)
    };
    if segments.iter().any(|segment| FORBIDDEN_NAMES.contains(segment)) {
        return Some(Reason::Randomness);
    }
    FORBIDDEN.iter().find(|(path, _)| below(path) || above(path)).map(|(_, reason)| *reason)
}

impl Reason {
    const fn name(self) -> &'static str {
        match self {
            Reason::Runtime => "a runtime",
            Reason::Socket => "a socket",
            Reason::File => "a file",
            Reason::Thread => "a thread",
            Reason::Clock => "a clock",
            Reason::Process => "a process",
            Reason::Environment => "the environment",
            Reason::Randomness => "randomness of the system",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// Paths that are forbidden in a crate of these files.
    fn forbidden(files: &[(&str, &str)], layer: Layer) -> Vec<String> {
        let folder = tempfile::tempdir().expect("temporary folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("folder");
            fs::write(path, text).expect("write");
        }
        let files = source::files(&folder.path().join("lib.rs")).expect("sources");
        let mut found = Vec::new();
        for (_, mentions) in source::mentions(&files) {
            found.extend(
                offences(&mentions, layer).into_iter().map(|(mention, _)| mention.segments.join("::")),
            );
        }
        found.sort();
        found.dedup();
        found
    }

    fn in_core(text: &str) -> Vec<String> {
        forbidden(&[("lib.rs", text)], Layer::Core)
    }

    /// DESIGN 3: a clock, a file, a socket, a thread … in whatever way it is named.
    #[test]
    fn every_way_to_name_it_is_found() {
        let cases = [
            "fn f() { let _ = std::time::Instant::now(); }",
            "use std::time::{Duration, Instant as Moment}; fn f() { Moment::now(); }",
            "use std::time as clock; fn f() { clock::SystemTime::now(); }",
            "use std as s; fn f() { s::fs::read(\"x\"); }",
            "use std::{self as s, net as n}; struct S { socket: n::UdpSocket }",
            "fn f() { ::std::thread::spawn(|| {}); }",
            "fn f() { let _ = vec![std::env::var(\"X\")]; }",
            "use std::time::*;",
            "pub use std::time;",
            "extern crate std as own; fn f() { own::process::exit(1) }",
            "type Clock = std::time::SystemTime;",
            "impl std::net::ToSocketAddrs for X {}",
            "fn f() { let mut generator = rand::rng(); }",
            "use rand_chacha::ChaCha8Rng; fn f() { ChaCha8Rng::from_os_rng(); }",
            "macro_rules! now { () => { std::time::Instant::now() } }",
            "#[tokio::main] async fn f() {}",
        ];
        for case in cases {
            assert!(!in_core(case).is_empty(), "not found: {case}");
        }
    }

    /// What only sounds like it is left alone, and so are tests.
    #[test]
    fn innocent_code_is_left_alone() {
        let cases = [
            "use std::time::Duration; use std::net::{IpAddr, SocketAddr};",
            "struct Instant; fn f() { let _ = Instant; }",
            "use model::Time as Instant; fn f(now: Instant) {}",
            "/// As `std::fs::read` does.\nfn f() { let _ = \"std::fs\"; }",
            "#[cfg(test)] mod tests { use std::fs; fn f() { fs::read(\"x\"); } }",
            "#[cfg(test)] use std::time::Instant;",
            "mod inner { use std::fmt; }",
            "use rand::{Rng, SeedableRng}; use rand_chacha::ChaCha8Rng; fn f() { ChaCha8Rng::seed_from_u64(1); }",
        ];
        for case in cases {
            assert_eq!(in_core(case), Vec::<String>::new(), "{case}");
        }
    }

    /// Names travel between the files of a crate; files for tests do not count.
    #[test]
    fn modules_are_followed() {
        let lib = "use std::time; mod a; #[cfg(test)] mod tests;";
        let tests = ("tests.rs", "use std::fs;");
        let a = ("a/mod.rs", "fn f() { super::time::Instant::now(); }");
        assert_eq!(forbidden(&[("lib.rs", lib), a, tests], Layer::Core), ["std::time::Instant::now"]);
    }

    /// The simulation may print and write, but not roll the system's dice.
    #[test]
    fn simulation_may_not_use_randomness() {
        let files = [("lib.rs", "use std::fs; fn f() { rand::random::<u8>(); }")];
        assert_eq!(forbidden(&files, Layer::Simulation), ["rand::random"]);
    }
}
