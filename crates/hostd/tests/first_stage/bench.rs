//! A folder with disks, made by the tools that people use; loop devices that end with it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Size of a disk that may be formatted.
pub const DISK_BYTES: u64 = 300 * 1024 * 1024;

/// What a setup medium of a pair says.
pub const SETUP: &str = r#"name = "a"
coordinator = true
gateway = "10.20.0.254"

[interface.lan0]
address = "10.20.0.1/24"

[interface.sync0]
address = "10.30.0.1/24"

[peer]
name = "b"
addresses = ["10.30.0.2", "10.20.0.2"]

[credentials]
authority = "ca.pem"
certificate = "a.pem"
key = "keys/a.key"
secret = "pair.key"
"#;

/// A folder for one test.
pub struct Bench(tempfile::TempDir);

impl Bench {
    /// An empty one.
    pub fn new() -> Bench {
        Bench(tempfile::tempdir().unwrap())
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A file of zeros.
    pub fn blank(&self, name: &str, bytes: u64) -> PathBuf {
        let path = self.path(name);
        File::create(&path).unwrap().set_len(bytes).unwrap();
        path
    }

    /// A FAT file system with the given files; folders are made.
    pub fn fat(&self, name: &str, label: &str, files: &[(&str, &str)]) -> PathBuf {
        let disk = self.blank(name, 4 * 1024 * 1024);
        run("mkfs.vfat", &["-n", label, disk.to_str().unwrap()]);
        for (file, content) in files {
            let source = self.path("content");
            fs::write(&source, content).unwrap();
            if let Some((folder, _)) = file.rsplit_once('/') {
                run("mmd", &["-D", "s", "-i", disk.to_str().unwrap(), &format!("::{folder}")]);
            }
            let target = format!("::{file}");
            run("mcopy", &["-i", disk.to_str().unwrap(), source.to_str().unwrap(), &target]);
        }
        disk
    }

    /// A setup medium with everything that `setup` names.
    pub fn medium(&self, name: &str, setup: &str) -> PathBuf {
        let secret = "07".repeat(32);
        let files = [
            ("setup.toml", setup),
            ("ca.pem", "CA"),
            ("a.pem", "A"),
            ("keys/a.key", "K"),
            ("pair.key", secret.as_str()),
        ];
        self.fat(name, "STICK", &files)
    }
}

/// Runs a tool and gives what it says.
pub fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {complaint}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A file as a block device.
pub struct Loop(PathBuf);

impl Loop {
    /// Needs root.
    pub fn new(file: &Path) -> Loop {
        Loop(PathBuf::from(run("losetup", &["--find", "--show", file.to_str().unwrap()]).trim()))
    }

    /// The device.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        run("losetup", &["--detach", self.0.to_str().unwrap()]);
    }
}
