//! The program itself, start after start, on loop devices in a mount namespace of its own.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use hostd::prepare::devices::edges;
use hostd::prepare::disk::{Content, Edges, SECTOR_BYTES};
use hostd::prepare::report::Report;

use crate::bench::{Bench, DISK_BYTES, Loop, SETUP, run};

/// A machine: a root with an `/etc`, and disks.
struct Machine {
    bench: Bench,
    disks: Vec<PathBuf>,
}

/// What a start leaves behind, seen from inside.
struct Start {
    report: Report,
    node: String,
    /// Everything that `look` printed
    seen: String,
}

impl Machine {
    fn new() -> Machine {
        let bench = Bench::new();
        for folder in ["etc", "run", "data", "var", "sys/class/dmi/id"] {
            fs::create_dir_all(bench.path("root").join(folder)).unwrap();
        }
        fs::write(bench.path("root/etc/group"), "root:x:0:\ntandem:x:900:\n").unwrap();
        fs::write(bench.path("root/etc/hostname"), "image\n").unwrap();
        fs::write(bench.path("root/etc/shadow"), "root:*:::::::\n").unwrap();
        fs::set_permissions(bench.path("root/etc/shadow"), fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(bench.path("root/sys/class/dmi/id/product_serial"), "TD-A\n").unwrap();
        Machine { bench, disks: Vec::new() }
    }

    /// Starts, then prints what `look`, a shell script, finds in the root.
    fn start(&self, look: &str) -> Start {
        let root = self.bench.path("root");
        let _ = fs::remove_dir_all(root.join("run/tandem"));
        let mut script = format!("{} --root .", env!("CARGO_BIN_EXE_prepare"));
        for disk in &self.disks {
            script += &format!(" --disk {}", disk.display());
        }
        script += " >said 2>&1 || exit 1\ncat run/tandem/prepare.json\necho ----\ncat run/tandem/node.toml\necho ----\n";
        let output = Command::new("unshare")
            .args(["--mount", "--net", "sh", "-c", &(script + look)])
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .current_dir(&root)
            .output()
            .unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        let said = fs::read_to_string(root.join("said")).unwrap();
        assert!(said.ends_with("done\n"), "{said}{complaint}");
        let mut parts = printed.splitn(3, "----\n");
        let report = serde_json::from_str(parts.next().unwrap()).expect(&complaint);
        let [node, seen] = [parts.next(), parts.next()].map(|part| part.unwrap().to_owned());
        Start { report, node, seen: seen + &complaint }
    }
}

/// H10, H13: a blank disk and a stick make a node; the next starts find it as it was, and leave the stick alone.
#[test]
#[ignore = "netns tier: needs root"]
fn a_blank_disk_and_a_stick_make_a_node() {
    let mut machine = Machine::new();
    let disk = Loop::new(&machine.bench.blank("disk", DISK_BYTES));
    let stick = machine.bench.medium("stick", SETUP);
    machine.disks = vec![disk.path().to_owned(), stick];
    let look = "stat -c '%n %a %U %g' data/host data/identity data/tandem data/identity/keys/a.key data/identity/setup.toml \
                run/tandem run/tandem/node.toml etc/shadow etc/hostname\n\
                cat etc/hostname etc/hosts etc/machine-id data/host/machine-id data/host/network.toml\n\
                echo kept > data/tandem/note; echo kept > var/log/journal/note; cat data/journal/note";
    let first = machine.start(look);
    let missing = ["there is no card for lan0", "there is no card for sync0"];
    assert_eq!(first.report.problems, missing);
    assert_eq!(first.report.notices.len(), 2, "{:?}", first.report.notices);
    assert!(first.report.commissioned);
    assert_eq!((first.report.name.as_str(), first.report.serial_number.as_str()), ("a", "TD-A"));
    for line in ["name = \"a\"", "listen = \"10.30.0.1\"", "key = \"/data/identity/keys/a.key\""] {
        assert!(first.node.lines().any(|found| found == line), "{line} in {}", first.node);
    }
    for line in [
        "data/host 755 root 0",
        "data/identity 750 root 900",
        "data/tandem 1770 root 900",
        "data/identity/keys/a.key 640 root 900",
        "data/identity/setup.toml 640 root 900",
        "run/tandem 1770 root 900",
        "run/tandem/node.toml 640 root 900",
        "etc/shadow 600 root 0",
        "etc/hostname 644 root 0",
        "a",
        "127.0.1.1 a",
        "gateway = \"10.20.0.254\"",
        "kept",
    ] {
        assert!(first.seen.lines().any(|found| found == line), "{line} in {}", first.seen);
    }
    assert_eq!(fs::read_to_string(machine.bench.path("root/etc/hostname")).unwrap(), "image\n");

    fs::write(machine.bench.path("root/sys/class/dmi/id/product_serial"), "OTHER-BOARD\n").unwrap();
    let look = "cat etc/machine-id data/tandem/note var/log/journal/note";
    let second = machine.start(look);
    assert_eq!(second.report.problems, missing);
    let [notice] = second.report.notices.as_slice() else { panic!("{:?}", second.report.notices) };
    assert!(notice.ends_with("is ignored: this node is set up already"), "{notice}");
    assert_eq!(second.report.serial_number, "TD-A", "H13: the number of the first start stays");
    assert_eq!(second.node, first.node);
    let [machine_id, note, journal] = second.seen.lines().collect::<Vec<_>>()[..] else {
        panic!("{}", second.seen)
    };
    assert_eq!(first.seen.lines().filter(|line| *line == machine_id).count(), 2, "in /etc and on the disk");
    assert_eq!([note, journal], ["kept", "kept"]);
}

/// A stick with errors changes nothing: the box is a single one, says all that is wrong, and reads the next stick.
#[test]
#[ignore = "netns tier: needs root"]
fn a_wrong_stick_changes_nothing() {
    let mut machine = Machine::new();
    let disk = Loop::new(&machine.bench.blank("disk", DISK_BYTES));
    let wrong = SETUP.replace("\"a\"", "\"A\"").replace("10.20.0.254", "10.99.0.254");
    machine.disks = vec![disk.path().to_owned(), machine.bench.medium("stick", &wrong)];
    let first = machine.start("ls data/identity data/host");
    assert_eq!(first.report.problems.len(), 2, "{:?}", first.report.problems);
    assert!(first.report.problems.iter().all(|problem| problem.contains("stick is not used: ")));
    assert!(!first.report.commissioned);
    assert_eq!(first.report.name, "tandem-tda");
    assert!(!first.seen.contains("setup.toml") && !first.seen.contains("network.toml"), "{}", first.seen);

    machine.disks[1] = machine.bench.medium("stick", SETUP);
    assert_eq!(machine.start("").report.name, "a");
}

/// What is not blank is not touched, whatever it is; without data there is a report and a node, but no `/data`.
#[test]
#[ignore = "netns tier: needs root"]
fn a_disk_of_somebody_else_is_left_alone() {
    let mut machine = Machine::new();
    let file = machine.bench.blank("disk", DISK_BYTES);
    OpenOptions::new().write(true).open(&file).unwrap().write_all_at(b"mine", DISK_BYTES - 4).unwrap();
    let before = run("sha256sum", &[file.to_str().unwrap()]);
    let disk = Loop::new(&file);
    machine.disks = vec![disk.path().to_owned(), machine.bench.blank("tiny", 64 * 1024 * 1024)];
    let start = machine.start("cat etc/hostname; mountpoint data");
    let [problem] = start.report.problems.as_slice() else { panic!("{:?}", start.report.problems) };
    assert!(
        problem.contains("holds something unknown") && problem.contains("tiny holds nothing"),
        "{problem}"
    );
    assert_eq!(start.report.data_device, None);
    assert!(start.node.contains("name = \"tandem-tda\""));
    assert!(
        start.seen.contains("tandem-tda") && start.seen.contains("is not a mountpoint"),
        "{}",
        start.seen
    );
    drop(disk);
    assert_eq!(run("sha256sum", &[file.to_str().unwrap()]), before);
}

/// A disk that does not answer may be the node's own: a blank one beside it must not take its place.
#[test]
#[ignore = "netns tier: needs root"]
fn beside_a_disk_that_cannot_be_read_nothing_is_formatted() {
    let mut machine = Machine::new();
    let file = machine.bench.blank("disk", DISK_BYTES);
    let disk = Loop::new(&file);
    let silent = machine.bench.path("silent");
    run("mkfifo", &[silent.to_str().unwrap()]);
    machine.disks = vec![silent, disk.path().to_owned()];
    let start = machine.start("");
    let [late, none] = start.report.problems.as_slice() else { panic!("{:?}", start.report.problems) };
    assert!(late.ends_with("silent did not end within 5 s"), "{late}");
    assert!(none.contains("holds nothing") && none.ends_with("silent cannot be read"), "{none}");
    drop(disk);
    assert_eq!(edges(&file).unwrap().content(), Content::Blank);
}

/// A power cut while the disk was formatted, at its three moments: the next start makes it whole.
#[test]
#[ignore = "netns tier: needs root"]
fn a_formatting_that_was_cut_off_is_done_again() {
    for cut in ["before mkfs.ext4", "before its superblock", "before the mark goes"] {
        let mut machine = Machine::new();
        let file = machine.bench.blank("disk", DISK_BYTES);
        if cut != "before mkfs.ext4" {
            run("mkfs.ext4", &["-q", "-F", "-L", "TANDEM-DATA", file.to_str().unwrap(), "299M"]);
        }
        let disk = OpenOptions::new().write(true).open(&file).unwrap();
        if cut == "before its superblock" {
            disk.write_all_at(&[0; 1024], 1024).unwrap();
        }
        disk.write_all_at(&Edges::formatting_sector(DISK_BYTES), DISK_BYTES - SECTOR_BYTES as u64).unwrap();
        let device = Loop::new(&file);
        machine.disks = vec![device.path().to_owned()];
        let first = machine.start("ls data; echo kept > data/tandem/note");
        assert_eq!(first.report.problems, [""; 0], "{cut}");
        assert!(first.seen.contains("identity"), "{cut}: {}", first.seen);
        let second = machine.start("cat data/tandem/note");
        assert_eq!((second.report.notices.len(), second.seen.as_str()), (0, "kept\n"), "{cut}");
    }
}

/// A file system that was cut off is replayed; one that is damaged is repaired, and that is said.
#[test]
#[ignore = "netns tier: needs root"]
fn a_damaged_file_system_is_repaired() {
    let mut machine = Machine::new();
    let file = machine.bench.blank("disk", DISK_BYTES);
    let disk = Loop::new(&file);
    machine.disks = vec![disk.path().to_owned()];
    machine.start("echo kept > data/tandem/note");
    // A node of the tree is lost and the file system knows that something is wrong.
    let device = disk.path().to_str().unwrap();
    run("debugfs", &["-w", "-R", "clri /host", device]);
    run("debugfs", &["-w", "-R", "set_super_value state 2", device]);
    let repaired = machine.start("cat data/tandem/note");
    let [problem] = repaired.report.problems.as_slice() else { panic!("{:?}", repaired.report.problems) };
    assert!(problem.contains("was damaged and was repaired"), "{problem}");
    assert_eq!(repaired.seen, "kept\n");
    let next = machine.start("cat data/tandem/note");
    assert_eq!((next.report.problems.len(), next.seen.as_str()), (0, "kept\n"));
}

/// A node that can no longer read who it is must not serve as somebody else: no `/data`, so no daemon that serves.
#[test]
#[ignore = "netns tier: needs root"]
fn a_node_that_forgot_its_name_serves_nothing() {
    let mut machine = Machine::new();
    let disk = Loop::new(&machine.bench.blank("disk", DISK_BYTES));
    machine.disks = vec![disk.path().to_owned(), machine.bench.medium("stick", SETUP)];
    machine.start("echo 'name = ' > data/identity/setup.toml");
    let start = machine.start("mountpoint data; mountpoint var/log/journal");
    assert!(start.report.problems.iter().any(|problem| problem.contains("so this node serves nothing")));
    assert_eq!(start.report.data_device, None);
    assert!(start.seen.contains("data is not a mountpoint"), "{}", start.seen);
    assert!(start.seen.contains("journal is a mountpoint"), "its journal is still kept: {}", start.seen);
}

/// The first of two data disks is used; a person hears of the second.
#[test]
#[ignore = "netns tier: needs root"]
fn two_data_disks_are_one_too_many() {
    let mut machine = Machine::new();
    let disks = ["one", "two"].map(|name| {
        let file = machine.bench.blank(name, DISK_BYTES);
        run("mkfs.ext4", &["-q", "-F", "-L", "TANDEM-DATA", file.to_str().unwrap()]);
        Loop::new(&file)
    });
    machine.disks = disks.iter().map(|disk| disk.path().to_owned()).collect();
    let start = machine.start("");
    assert_eq!(start.report.problems.len(), 1, "{:?}", start.report.problems);
    assert!(start.report.problems[0].starts_with("two data disks: "));
    assert_eq!(start.report.data_device.as_deref(), disks[0].path().to_str());
}

/// The number of a group in the image counts, and what is written has its owner from the beginning.
#[test]
#[ignore = "netns tier: needs root"]
fn the_group_of_the_image_owns_what_the_daemons_read() {
    let machine = Machine::new();
    fs::write(machine.bench.path("root/etc/group"), "tandem:x:4711:\n").unwrap();
    machine.start("");
    let node = machine.bench.path("root/run/tandem/node.toml");
    assert_eq!(fs::metadata(Path::new(&node)).unwrap().gid(), 4711);
}
