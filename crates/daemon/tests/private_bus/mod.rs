//! A bus of a test's own. The tests of the other daemons take this file by its path.
#![allow(dead_code)] // each of them uses its part

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// A `dbus-daemon` that ends with this value.
pub struct PrivateBus {
    process: Child,
    address: String,
    _folder: TempDir,
}

impl PrivateBus {
    /// Starts one; its first line of output is its address.
    pub fn start() -> PrivateBus {
        let folder = tempfile::tempdir().expect("temporary folder");
        let listen = format!("unix:path={}", folder.path().join("bus").display());
        let mut process = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--nopidfile", "--print-address", "--address", &listen])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("dbus-daemon (Debian package dbus-daemon)");
        let mut address = String::new();
        let output = process.stdout.take().expect("piped");
        BufReader::new(output).read_line(&mut address).expect("address");
        PrivateBus { process, address: address.trim().to_owned(), _folder: folder }
    }

    /// Ends it before its time.
    pub fn stop(&mut self) {
        self.process.kill().expect("a child");
        self.process.wait().expect("a child");
    }

    /// Where it listens.
    pub fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for PrivateBus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
