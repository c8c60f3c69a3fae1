//! A good tree passes; each kind of violation, planted in it, is found.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::{Report, check};
use crate::{Workspace, process};

/// A small root that keeps the whole contract: the overlays, and stand-ins for what packages and the build bring.
struct Tree(TempDir);

impl Tree {
    fn good(variant: &str) -> Tree {
        let tree = Tree(tempfile::tempdir().expect("temporary folder"));
        let house = Workspace::find().expect("workspace").root;
        let overlays: &[&str] = if variant == "debug" { &["common", "debug"] } else { &["common"] };
        for overlay in overlays {
            crate::image::tree::lay_overlay(&house.join("overlays").join(overlay), tree.path())
                .expect("overlay");
        }
        for folder in ["proc", "sys", "dev", "run", "tmp", "var", "data", "usr/bin", "usr/sbin"] {
            fs::create_dir_all(tree.path().join(folder)).expect(folder);
        }
        tree.chmod("tmp", 0o1777);
        for link in ["bin", "sbin", "lib"] {
            symlink(format!("usr/{link}"), tree.path().join(link)).expect(link);
        }
        for name in ["prepare", "hostd", "stored", "clusterd", "pbxd", "screen"] {
            tree.program(&format!("usr/lib/tandem/{name}"));
        }
        for name in ["bin/tandemctl", "bin/dbus-daemon", "bin/udevadm", "bin/journalctl", "bin/sh"] {
            tree.program(&format!("usr/{name}"));
        }
        tree.program("usr/sbin/mkfs.ext4");
        tree.program("usr/sbin/e2fsck");
        tree.program("usr/lib/systemd/systemd");
        symlink("../lib/systemd/systemd", tree.path().join("usr/sbin/init")).expect("init");
        for name in
            ["usr/share/dbus-1/system.conf", "usr/share/zoneinfo/Europe/Rome", "usr/share/zoneinfo/UTC"]
        {
            tree.write(name, "");
        }
        tree.write(
            "usr/lib/systemd/system/systemd-timesyncd.service",
            "[Service]\nExecStart=/usr/bin/true\n",
        );
        tree.write(
            "usr/lib/systemd/system/dbus.socket",
            "[Socket]\nListenStream=/run/dbus/system_bus_socket\n",
        );
        tree.link("usr/lib/systemd/system/sockets.target.wants/dbus.socket", "../dbus.socket");
        tree.write("usr/lib/os-release", &os_release(variant));
        tree.link("etc/os-release", "../usr/lib/os-release");
        tree.users();
        tree.kernel();
        tree
    }

    /// What systemd-sysusers makes of overlays/common.
    fn users(&self) {
        let mut sysusers = Command::new("systemd-sysusers");
        self.write("etc/passwd", "root:x:0:0:root:/root:/usr/sbin/nologin\n");
        self.write("etc/group", "root:x:0:\n");
        self.write("etc/shadow", "root:!*:1::::::\n");
        sysusers.arg("--root").arg(self.path()).arg(self.path().join("usr/lib/sysusers.d/tandem.conf"));
        process::output(&mut sysusers, std::time::Duration::from_secs(20)).expect("systemd-sysusers");
        for name in ["etc/shadow", "etc/gshadow", "etc/shadow-", "etc/gshadow-"] {
            if self.path().join(name).exists() {
                self.chmod(name, 0o640);
            }
        }
    }

    /// Everything that the contract asks for, built in.
    fn kernel(&self) {
        let text =
            fs::read_to_string(Workspace::find().expect("workspace").root.join("image/contract/kernel.toml"));
        let text = text.expect("kernel.toml");
        let needed = text.split("[[forbidden]]").next().unwrap_or_default();
        let options = needed.split('"').filter(|word| word.starts_with("CONFIG_"));
        let lines: Vec<String> = options.map(|option| format!("{option}=y\n")).collect();
        self.write("usr/lib/tandem/kernel.config", &lines.concat());
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("folder")).expect(name);
        fs::write(&path, text).expect(name);
        self.chmod(name, 0o644);
    }

    fn append(&self, name: &str, text: &str) {
        let before = fs::read_to_string(self.path().join(name)).expect(name);
        self.write(name, &(before + text));
    }

    fn replace(&self, name: &str, from: &str, to: &str) {
        let before = fs::read_to_string(self.path().join(name)).expect(name);
        assert!(before.contains(from), "{name} says {from:?}");
        self.write(name, &before.replace(from, to));
    }

    fn program(&self, name: &str) {
        self.write(name, "");
        self.chmod(name, 0o755);
    }

    fn link(&self, name: &str, target: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("folder")).expect(name);
        symlink(target, path).expect(name);
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.path().join(name)).expect(name);
    }

    fn chmod(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path().join(name), fs::Permissions::from_mode(mode)).expect(name);
    }

    fn pack(&self, options: &[&str]) -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("temporary folder");
        let file = folder.path().join("root.squashfs");
        let mut pack = Command::new("mksquashfs");
        pack.arg(self.path())
            .arg(&file)
            .args(["-quiet", "-no-progress", "-noI", "-noD", "-noF"])
            .args(options);
        process::output(&mut pack, std::time::Duration::from_secs(60)).expect("mksquashfs");
        (folder, file)
    }

    fn check(&self) -> Report {
        self.check_packed(&["-all-root", "-no-xattrs"])
    }

    fn check_packed(&self, options: &[&str]) -> Report {
        let (_folder, file) = self.pack(options);
        check(&Workspace::find().expect("workspace"), &file).expect("the contract is checked")
    }
}

fn os_release(variant: &str) -> String {
    format!(
        "ID=tandem\nNAME=Tandem\nPRETTY_NAME=\"Tandem 1\"\nVERSION_ID=1\nIMAGE_ID=tandem\nIMAGE_VERSION=1\n\
         VARIANT_ID={variant}\nTANDEM_ROOTFS=lab\n"
    )
}

/// The one violation: its rule, its place and a part of what it says.
#[track_caller]
fn assert_found(report: &Report, rule: &str, place: &str, what: &str) {
    let found = report
        .failed
        .iter()
        .any(|found| found.rule == rule && found.place.contains(place) && found.what.contains(what));
    assert!(found, "{rule} {place} {what} is not among {:#?}", report.failed);
    assert!(report.failed.iter().all(|found| !found.to_do.is_empty()));
}

/// Issue 3: a root that holds everything passes, as a release and with the root shell of a debug image.
#[test]
fn good_trees_pass() {
    for variant in ["release", "debug"] {
        let report = Tree::good(variant).check();
        assert_eq!(report.failed, [], "{variant}");
        assert!(report.checked > 200, "{}", report.checked);
    }
}

/// Issue 3: no setuid file, nothing that everybody may write, no devices outside /dev, programs and folders in place,
/// forbidden programs and paths absent.
#[test]
fn wrong_files_are_found() {
    let tree = Tree::good("release");
    tree.program("usr/bin/mount");
    tree.chmod("usr/bin/mount", 0o4755);
    tree.program("usr/bin/wall");
    tree.chmod("usr/bin/wall", 0o2755);
    tree.write("etc/motd", "");
    tree.chmod("etc/motd", 0o666);
    tree.chmod("tmp", 0o777);
    tree.program("usr/sbin/nft");
    tree.write("var/lib/dpkg/status", "");
    tree.chmod("usr/lib/tandem/stored", 0o644);
    tree.remove("usr/sbin/e2fsck");
    fs::remove_dir(tree.path().join("sys")).expect("sys");
    tree.remove("usr/share/dbus-1/system.d/org.tandem.conf");
    let report = tree.check();
    assert_found(&report, "files", "/usr/bin/mount", "setuid");
    assert_found(&report, "files", "/usr/bin/wall", "setuid or setgid");
    assert_found(&report, "files", "/etc/motd", "everybody may write");
    assert_found(&report, "files", "/tmp", "everybody may write");
    assert_found(&report, "files", "/usr/sbin/nft", "netlink");
    assert_found(&report, "files", "/var/lib/dpkg", "must not be there");
    assert_found(
        &report,
        "files",
        "/usr/lib/tandem/stored",
        "not an executable program but a file with mode 644",
    );
    assert_found(&report, "files", "/sbin/e2fsck", "missing");
    assert_found(&report, "files", "/sys", "missing");
    assert_found(&report, "files", "org.tandem.conf", "missing");
    assert_found(&report, "units", "stored.service", "is not executable");
    assert_eq!(report.failed.len(), 11, "{:#?}", report.failed);
}

/// Issue 3: everything belongs to root, and no file has capabilities (extended attributes).
#[test]
fn owners_and_attributes_are_found() {
    let tree = Tree::good("release");
    let report = tree.check_packed(&["-no-xattrs", "-force-uid", "7", "-force-gid", "0"]);
    assert_found(&report, "files", "/usr/bin/tandemctl", "belongs to user 7, group 0");
    // An attribute that needs no root to be set; the capabilities of a file are another in the same table.
    let file = fs::File::open(tree.path().join("usr/bin/tandemctl")).expect("program");
    let set = Command::new("python3")
        .args(["-c", "import os, sys; os.setxattr(sys.argv[1], 'user.planted', b'1')"])
        .arg(tree.path().join("usr/bin/tandemctl"))
        .status();
    drop(file);
    assert!(set.expect("python3").success(), "the temporary folder keeps attributes");
    assert_found(&tree.check_packed(&["-all-root"]), "files", "/", "extended attributes");
}

/// Issue 3: users with their numbers and groups, nobody with a password, nobody else with root's number.
#[test]
fn wrong_users_are_found() {
    let tree = Tree::good("release");
    tree.replace("etc/passwd", ":910:910:", ":810:910:");
    tree.replace(
        "etc/passwd",
        "tandem-pbx:x:912:912:Tandem telephone daemon:/:/usr/sbin/nologin",
        "tandem-pbx:x:912:912:x:/:/bin/sh",
    );
    tree.append("etc/passwd", "second:x:0:0::/:/usr/sbin/nologin\nopen::77:77::/:/usr/sbin/nologin\n");
    tree.replace("etc/group", "tandem-admin:x:901:", "tandem-admin:x:901:tandem-pbx");
    tree.replace("etc/shadow", "root:!*:", "root:$6$salt$hash:");
    tree.chmod("etc/shadow", 0o644);
    let report = tree.check();
    assert_found(&report, "users", "user tandem-store", "has the number 810; it must be 910");
    assert_found(&report, "users", "user tandem-pbx", "shell \"/bin/sh\"");
    assert_found(&report, "users", "user second", "root under another name");
    assert_found(&report, "users", "user open", "needs none, in /etc/passwd");
    assert_found(&report, "users", "group tandem-admin", "[\"tandem-pbx\"]");
    assert_found(&report, "users", "user root", "/etc/shadow");
    assert_found(&report, "users", "/etc/shadow", "everybody may look");
    assert_eq!(report.failed.len(), 7, "{:#?}", report.failed);
}

/// Issue 3: units enabled, masked and forbidden; the default target; no socket outside the table.
#[test]
fn wrong_links_of_units_are_found() {
    let tree = Tree::good("release");
    tree.remove("usr/lib/systemd/system/tandem.target.wants/pbxd.service");
    tree.remove("etc/systemd/system/sleep.target");
    tree.remove("etc/systemd/system/default.target");
    tree.link("etc/systemd/system/default.target", "/usr/lib/systemd/system/graphical.target");
    tree.write("usr/lib/systemd/system/ssh.service", "[Service]\nExecStart=/usr/sbin/sshd\n");
    tree.write(
        "usr/lib/systemd/system/discard.socket",
        "[Socket]\nListenStream=0.0.0.0:9\nListenStream=/run/x\n",
    );
    tree.link(
        "etc/systemd/system/sockets.target.wants/discard.socket",
        "/usr/lib/systemd/system/discard.socket",
    );
    let report = tree.check();
    assert_found(&report, "units", "pbxd.service", "not wanted by tandem.target");
    assert_found(&report, "units", "sleep.target", "not masked");
    assert_found(&report, "units", "default.target", "graphical.target");
    assert_found(&report, "units", "ssh.service", "must not be there");
    assert_found(&report, "units", "discard.socket", "0.0.0.0:9");
    assert_found(&report, "units", "/etc/systemd/system", "sockets.target.wants/discard.socket enabled");
    assert_eq!(report.failed.len(), 6, "{:#?}", report.failed);
}

/// Issue 3: users and capabilities of the daemons, directives of systemd 252 only, exposure at most 2.5; also where a
/// drop-in opens what the unit had closed.
#[test]
fn wrong_daemons_are_found() {
    let tree = Tree::good("release");
    let units = "usr/lib/systemd/system";
    tree.write(
        &format!("{units}/pbxd.service.d/open.conf"),
        "[Service]\nUser=root\nCapabilityBoundingSet=CAP_SYS_ADMIN\nNoNewPrivileges=no\n",
    );
    tree.replace(&format!("{units}/stored.service"), "Restart=always", "Restart=no\nRestartSteps=5");
    tree.replace(&format!("{units}/clusterd.service"), "RestartPreventExitStatus=78\n", "");
    tree.write(
        &format!("{units}/screen@.service"),
        "[Service]\nType=notify\nUser=tandem-screen\nExecStart=/usr/lib/tandem/screen\n",
    );
    tree.remove(&format!("{units}/hostd.service"));
    let report = tree.check();
    assert_found(&report, "units", "pbxd.service", "runs as root");
    assert_found(&report, "units", "pbxd.service", "CapabilityBoundingSet is Some([\"CAP_SYS_ADMIN\"])");
    assert_found(&report, "units", "pbxd.service", "NoNewPrivileges is Some(\"no\")");
    assert_found(&report, "units", "stored.service", "Restart is Some(\"no\")");
    assert_found(&report, "units", "stored.service", "RestartSteps");
    assert_found(&report, "units", "clusterd.service", "wrong node file");
    assert_found(&report, "units", "screen@.service", "its exposure is 9.");
    assert_found(&report, "units", "screen@.service", "CapabilityBoundingSet is None");
    assert_found(&report, "units", "hostd.service", "is missing");
}

/// Issue 3: keys of os-release; the units of a debug image in no other, and whole in a debug image.
#[test]
fn wrong_release_is_found() {
    let tree = Tree::good("release");
    tree.write("usr/lib/systemd/system/debug-port.service", "[Service]\nExecStart=/bin/sh\n");
    tree.replace("usr/lib/os-release", "ID=tandem\nNAME", "ID=debian\nNAME");
    tree.replace("usr/lib/os-release", "IMAGE_VERSION=1\n", "");
    tree.remove("etc/os-release");
    tree.write("etc/os-release", "");
    let report = tree.check();
    assert_found(&report, "release", "debug-port.service", "no debug image");
    assert_found(&report, "release", "os-release: ID", "\"debian\"");
    assert_found(&report, "release", "IMAGE_VERSION", "missing");
    assert_found(&report, "release", "/etc/os-release", "does not lead");
    let tree = Tree::good("debug");
    tree.remove("usr/lib/tandem/debug-port");
    assert_found(&tree.check(), "release", "debug-port", "missing in a debug image");
}

/// Issue 3: options of the kernel, as modules only where the root brings the module.
#[test]
fn wrong_kernels_are_found() {
    let tree = Tree::good("release");
    let configuration = "usr/lib/tandem/kernel.config";
    tree.replace(configuration, "CONFIG_NF_TABLES=y", "CONFIG_NF_TABLES=m");
    tree.replace(configuration, "CONFIG_DM_VERITY=y", "CONFIG_DM_VERITY=m");
    tree.write("usr/lib/modules/6.1/kernel/dm-verity.ko.xz", "");
    tree.replace(configuration, "CONFIG_PACKET=y", "# CONFIG_PACKET is not set");
    tree.replace(configuration, "CONFIG_IPV6=y", "CONFIG_IPV6=m");
    tree.append(configuration, "CONFIG_RT_GROUP_SCHED=y\n");
    let report = tree.check();
    assert_found(&report, "kernel", "CONFIG_NF_TABLES", "nf_tables is not in the root");
    assert_found(&report, "kernel", "CONFIG_PACKET", "not set");
    assert_found(&report, "kernel", "CONFIG_IPV6", "must be built in");
    assert_found(&report, "kernel", "CONFIG_RT_GROUP_SCHED", "is built in");
    assert_eq!(report.failed.len(), 4, "{:#?}", report.failed);
    tree.remove(configuration);
    assert_found(&tree.check(), "kernel", configuration, "missing");
}
