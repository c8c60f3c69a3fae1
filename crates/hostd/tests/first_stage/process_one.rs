//! The program as process 1, as the kernel starts it: in namespaces whose `/sys` and `/dev` are made here, so that it
//! sees no disk of this machine.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::process::Command;

use hostd::prepare::report::Report;

use crate::bench::{Bench, DISK_BYTES, Loop, run};

/// Makes file systems and devices below `root`. The disk that never answers is a pipe that nobody writes to. `/proc`
/// cannot be written to: a setting there is the whole machine's.
const MACHINE: &str = "set -e
mount -t proc -o ro proc root/proc
mount -t tmpfs tmpfs root/dev
mount -t tmpfs tmpfs root/sys
mount --rbind /usr root/usr
mknod root/dev/null c 1 3
mknod root/dev/random c 1 8
mkfifo root/dev/sda
mknod root/dev/sdb b $MAJOR $MINOR
for disk in sda sdb; do
    folder=root/sys/devices/pci0000:00/$disk
    mkdir -p $folder root/sys/class/block
    echo 614400 >$folder/size
    ln -s ../../devices/pci0000:00/$disk root/sys/class/block/$disk
done
";
/// Ends the script: the kernel's part.
const BECOME_PROCESS_ONE: &str = "exec chroot root /prepare --words of the-kernel\n";
/// Kills the child of process 1 while its thread waits for the disk that never answers.
const KILL_THE_CHILD: &str = "chroot root /bin/sh -c '
    until grep -qsx \"reading /dev/sd\" /proc/[0-9]*/task/*/comm; do sleep 0.02; done
    kill -9 $(pgrep -P 1 -x prepare)' &
";

/// The service manager of this test.
const INIT: &str = "#!/usr/bin/sh
{
    echo \"process $$: $*\"
    cat /etc/hostname
    ls /data
    stat -c '%n %a' /tmp /var /run
} >/result/said 2>&1
cp /run/tandem/prepare.json /result/
";

/// What the service manager found.
struct Found {
    report: Report,
    said: String,
}

/// A machine with a disk that never answers and one with the data of a node, started with `meanwhile` beside it.
fn start(meanwhile: &str) -> Found {
    let bench = Bench::new();
    let root = bench.path("root");
    for folder in ["proc", "dev", "sys", "run", "tmp", "var", "usr", "etc", "data", "sbin", "result"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    for (link, target) in [("bin", "usr/bin"), ("lib", "usr/lib"), ("lib64", "usr/lib64")] {
        symlink(target, root.join(link)).unwrap();
    }
    fs::write(root.join("etc/group"), "tandem:x:900:\n").unwrap();
    fs::write(root.join("sbin/init"), INIT).unwrap();
    fs::set_permissions(root.join("sbin/init"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_prepare"), root.join("prepare")).unwrap();
    let file = bench.blank("disk", DISK_BYTES);
    run("mkfs.ext4", &["-q", "-F", "-L", "TANDEM-DATA", file.to_str().unwrap()]);
    let disk = Loop::new(&file);
    let number = fs::metadata(disk.path()).unwrap().rdev();
    let script = format!("{MACHINE}{meanwhile}{BECOME_PROCESS_ONE}");
    let output = Command::new("unshare")
        .args(["--mount", "--net", "--pid", "--fork", "sh", "-c", &script])
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("MAJOR", nix::sys::stat::major(number).to_string())
        .env("MINOR", nix::sys::stat::minor(number).to_string())
        .current_dir(bench.path(""))
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    let said = fs::read_to_string(root.join("result/said")).expect(&complaint);
    let report = fs::read(root.join("result/prepare.json")).expect(&complaint);
    Found { report: serde_json::from_slice(&report).unwrap(), said }
}

/// A disk that hangs costs its time limit; the other is used, and the service manager gets the kernel's words.
#[test]
#[ignore = "netns tier: needs root"]
fn process_one_becomes_the_service_manager() {
    let Found { report, said } = start("");
    assert_eq!(report.problems, ["reading /dev/sda did not end within 5 s"], "{said}");
    assert_eq!(report.data_device.as_deref(), Some("/dev/sdb"));
    for line in
        ["process 1: --words of the-kernel", &report.name, "identity", "/tmp 1777", "/var 755", "/run 755"]
    {
        assert!(said.lines().any(|found| found == line), "{line} in {said}");
    }
}

/// Whatever becomes of the work, the service manager starts: with a name, without data, and it is said why.
#[test]
#[ignore = "netns tier: needs root"]
fn a_child_that_dies_does_not_stop_the_start() {
    let Found { report, said } = start(KILL_THE_CHILD);
    assert_eq!(
        report.problems,
        [
            "the disks are not used",
            "the preparation of this node is not complete: preparing the data disk ended unexpectedly"
        ]
    );
    assert_eq!(report.data_device, None);
    assert!(said.contains("process 1: ") && said.lines().any(|line| line == report.name), "{said}");
    assert!(!said.contains("identity"), "{said}");
}
