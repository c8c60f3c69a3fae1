//! What a sound node says, taken from a real one and shortened; and each kind of violation planted in it.

use super::super::data::Contract;
use super::super::{Report, Violation};
use super::{check, sockets};
use crate::Workspace;

const PASSWD: &str = "root:x:0:0:root:/root:/usr/sbin/nologin\n\
    messagebus:x:100:107::/nonexistent:/usr/sbin/nologin\n\
    systemd-timesync:x:997:997::/:/usr/sbin/nologin\n\
    tandem-store:x:910:910::/:/usr/sbin/nologin\n\
    tandem-cluster:x:911:911::/:/usr/sbin/nologin\n\
    tandem-pbx:x:912:912::/:/usr/sbin/nologin\n\
    tandem-screen:x:913:913::/:/usr/sbin/nologin\n";
/// proc(5): 5060 is 13C4, 5405 is 151D, 5406 151E, 5407 151F, 10000 2710; the timer of a connection is no listener.
const NET: &str = "== tcp
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0A00140A:13C4 00000000:0000 0A 00000000:00000000 00:00000000 00000000   912        0 1 1 0 100 0 0 10 0
   1: 01001E0A:151E 00000000:0000 0A 00000000:00000000 00:00000000 00000000   910        0 1 1 0 100 0 0 10 0
   2: 01001E0A:9D32 02001E0A:151E 01 00000000:00000000 00:00000000 00000000   910        0 1 1 0 100 0 0 10 0
== tcp6
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when
== udp
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  10: 0A00140A:13C4 00000000:0000 07 00000000:00000000 00:00000000 00000000   912        0 1 2 0 0
  11: 0A00140A:2710 00000000:0000 07 00000000:00000000 00:00000000 00000000   912        0 1 2 0 0
  12: 01001E0A:151D 00000000:0000 07 00000000:00000000 00:00000000 00000000   911        0 1 2 0 0
  13: 0100140A:C001 FE00140A:007B 01 00000000:00000000 00:00000000 00000000   997        0 1 2 0 0
== udp6
== raw
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
   1: 0100140A:0001 00000000:0000 07 00000000:00000000 00:00000000 00000000   911        0 1 2 0 0
== raw6
== packet
sk               RefCnt Type Proto  Iface R Rmem   User   Inode
ffff888005b7c000 3      3    0003   2     1 0      911    12345
";
const MOUNTS: &str = "/dev/vda / squashfs ro,relatime,errors=continue 0 0
tmpfs /run tmpfs rw,nosuid,nodev,relatime,mode=755 0 0
tmpfs /tmp tmpfs rw,nosuid,nodev,relatime 0 0
tmpfs /var tmpfs rw,nosuid,nodev,relatime,mode=755 0 0
/dev/vdb /data ext4 rw,nosuid,nodev,noexec,noatime,errors=remount-ro 0 0
/dev/vdb /var/log/journal ext4 rw,nosuid,nodev,noexec,noatime,errors=remount-ro 0 0
tmpfs /etc tmpfs rw,nosuid,nodev,relatime,mode=755 0 0
";
const PATHS: &str = "/data/host root root 755
/data/identity root tandem 750
/data/tandem root tandem 1770
/data/tandem/store tandem-store tandem-store 700
/run/tandem root tandem 1770
/run/tandem/node.toml root tandem 640
";
const SETTINGS: &str = "net.ipv4.conf.all.arp_ignore 1
net.ipv4.conf.all.arp_announce 2
net.ipv4.ip_unprivileged_port_start 69
kernel.panic 5
net.core.rmem_max 4194304
";
/// What systemd-run and busctl say, in the order of running.toml.
const CALLS: &str = "== 0
(ssssbtbttasassas) \"tandem-tdovl\"
ended 0
== 1
Call failed: Access denied
ended 1
== 2
Call failed: Access denied
ended 1
== 3
th 1 4
ended 0
== 4
Call failed: Access denied
ended 1
== 5
Call failed: Access denied
ended 1
== 6
Call failed: Access denied
ended 1
";
const EVERYTHING: &str = "000001ffffffffff";
const NOTHING: &str = "0000000000000000";

/// Facts of a process as the node's `grep` says them.
fn process(
    number: u32,
    parent: u32,
    name: &str,
    user: u32,
    capabilities: &str,
    closed: bool,
    unit: &str,
) -> String {
    let facts = [
        format!("Name:\t{name}"),
        format!("PPid:\t{parent}"),
        format!("Uid:\t{user}\t{user}\t{user}\t{user}"),
        format!("CapPrm:\t{capabilities}"),
        format!("CapEff:\t{capabilities}"),
        format!("CapBnd:\t{capabilities}"),
        format!("NoNewPrivs:\t{}", u8::from(closed)),
        format!("Seccomp:\t{}", if closed { 2 } else { 0 }),
    ];
    let lines: Vec<String> = facts.iter().map(|fact| format!("/proc/{number}/status:{fact}\n")).collect();
    lines.concat() + &format!("/proc/{number}/cgroup:0::{unit}\n")
}

/// A node that answers.
struct Node {
    release: String,
    net: String,
    processes: String,
    calls: String,
    mounts: String,
    written: &'static str,
    failed: &'static str,
    paths: String,
    settings: String,
}

impl Node {
    fn sound() -> Node {
        let screen = "/system.slice/system-screen.slice/screen@tty1.service";
        let processes = [
            process(1, 0, "systemd", 0, EVERYTHING, false, "/init.scope"),
            process(2, 0, "kthreadd", 0, EVERYTHING, false, "/"),
            process(9, 2, "kworker/0:0", 0, EVERYTHING, false, "/"),
            process(113, 1, "systemd-journal", 0, EVERYTHING, true, "/system.slice/systemd-journald.service"),
            process(117, 1, "systemd-udevd", 0, EVERYTHING, true, "/system.slice/systemd-udevd.service/udev"),
            process(135, 1, "dbus-daemon", 100, NOTHING, false, "/system.slice/dbus.service"),
            process(140, 1, "hostd", 0, "0000000000001000", true, "/system.slice/hostd.service"),
            process(152, 1, "systemd-timesyn", 997, NOTHING, true, "/system.slice/systemd-timesyncd.service"),
            process(155, 1, "screen", 913, NOTHING, true, screen),
            process(157, 1, "stored", 910, NOTHING, true, "/system.slice/stored.service"),
            process(189, 1, "pbxd", 912, NOTHING, true, "/system.slice/pbxd.service"),
            process(199, 1, "clusterd", 911, "0000000000003000", true, "/system.slice/clusterd.service"),
            process(141, 1, "sh", 0, EVERYTHING, false, "/system.slice/debug-port.service"),
        ];
        Node {
            release: "ID=tandem\nVARIANT_ID=debug\n".to_owned(),
            net: NET.to_owned(),
            processes: processes.concat(),
            calls: CALLS.to_owned(),
            mounts: MOUNTS.to_owned(),
            written: "",
            failed: "",
            paths: PATHS.to_owned(),
            settings: SETTINGS.to_owned(),
        }
    }

    fn answer(&self, command: &str) -> String {
        match command {
            "cat /etc/os-release" => self.release.clone(),
            "cat /etc/passwd" => PASSWD.to_owned(),
            "cat /proc/self/mounts" => self.mounts.clone(),
            command if command == sockets::COMMAND => self.net.clone(),
            command if command.starts_with("grep") => self.processes.clone(),
            command if command.contains("busctl") => self.calls.clone(),
            command if command.starts_with("touch") => self.written.to_owned(),
            command if command.starts_with("systemctl") => self.failed.to_owned(),
            command if command.starts_with("stat") => self.paths.clone(),
            command => {
                assert!(command.starts_with("for name in net.ipv4"), "{command}");
                self.settings.clone()
            }
        }
    }

    fn check(&self) -> Report {
        let folder = Workspace::find().expect("workspace").root.join("image/contract");
        let contract = Contract::load(&folder).expect("the contract");
        let mut report = Report::default();
        check(&contract, &mut |command| Ok(self.answer(command)), &mut report).expect("the node answers");
        report
    }
}

#[track_caller]
fn assert_found(failed: &[Violation], place: &str, what: &str) {
    let found = failed.iter().any(|found| found.place.contains(place) && found.what.contains(what));
    assert!(found, "{place} {what} is not among {failed:#?}");
}

#[track_caller]
fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from:?} in {text}");
    text.replacen(from, to, 1)
}

/// Issue 3: a node as it should be passes.
#[test]
fn a_sound_node_passes() {
    let report = Node::sound().check();
    assert_eq!(report.failed, []);
    assert!(report.checked > 60, "{}", report.checked);
}

/// Issue 3: no listening port outside the table, also not with another user or for everybody's datagrams; no raw
/// socket outside the agent.
#[test]
fn wrong_sockets_are_found() {
    let mut node = Node::sound();
    node.net = replaced(&node.net, "0100140A:C001 FE00140A:007B 01", "0100140A:C001 00000000:0000 07");
    node.net = replaced(
        &node.net,
        "0A00140A:13C4 00000000:0000 0A 00000000:00000000 00:00000000 00000000   912",
        "0A00140A:13C4 00000000:0000 0A 00000000:00000000 00:00000000 00000000   910",
    );
    node.net = replaced(&node.net, "1 0      911", "1 0      912");
    let failed = node.check().failed;
    assert_found(&failed, "udp port 49153", "systemd-timesync listens");
    assert_found(&failed, "tcp port 5060", "tandem-store listens");
    assert_found(&failed, "/proc/net/packet", "tandem-pbx");
    assert_eq!(failed.len(), 3, "{failed:#?}");
}

/// Issue 3: users and capabilities of processes; processes of units that nobody has thought of, or of none.
#[test]
fn wrong_processes_are_found() {
    let mut node = Node::sound();
    node.processes = replaced(&node.processes, "912\t912\t912\t912", "0\t0\t0\t0");
    node.processes = replaced(&node.processes, "CapBnd:\t0000000000003000", "CapBnd:\t0000000000203000");
    node.processes = replaced(&node.processes, "157/status:Seccomp:\t2", "157/status:Seccomp:\t0");
    node.processes = replaced(&node.processes, "140/status:NoNewPrivs:\t1", "140/status:NoNewPrivs:\t0");
    node.processes += &process(300, 1, "sshd", 0, EVERYTHING, false, "/system.slice/ssh.service");
    node.processes += &process(301, 1, "sh", 0, EVERYTHING, false, "/");
    let failed = node.check().failed;
    assert_found(&failed, "pbxd.service", "runs as root and must run as tandem-pbx");
    assert_found(&failed, "clusterd.service", "CapBnd has [\"CAP_SYS_ADMIN\"]");
    assert_found(&failed, "stored.service", "Seccomp is Some(\"0\")");
    assert_found(&failed, "hostd.service", "NoNewPrivs is Some(\"0\")");
    assert_found(&failed, "ssh.service", "sshd runs as root");
    assert_found(&failed, "process sh", "belongs to no unit");
    assert_eq!(failed.len(), 6, "{failed:#?}");
}

/// Issue 3: a daemon that is missing, and a debug shell in a release.
#[test]
fn missing_daemons_and_debug_shells_are_found() {
    let mut node = Node::sound();
    node.release = "VARIANT_ID=release\n".to_owned();
    node.processes = node
        .processes
        .lines()
        .filter(|line| !line.contains("/189/"))
        .map(|line| format!("{line}\n"))
        .collect();
    node.failed = "pbxd.service loaded failed failed Tandem telephone daemon\n";
    let failed = node.check().failed;
    assert_found(&failed, "pbxd.service", "is not running");
    assert_found(&failed, "pbxd.service", "failed");
    assert_found(&failed, "debug-port.service", "sh runs as root");
    assert_eq!(failed.len(), 3, "{failed:#?}");
}

/// Issue 3: a read-only root, /etc and /var in memory, state that cannot be run, owners and modes, settings in force.
#[test]
fn wrong_mounts_paths_and_settings_are_found() {
    let mut node = Node::sound();
    node.mounts = replaced(&node.mounts, "/dev/vda / squashfs ro", "/dev/vda / ext4 rw");
    node.mounts = replaced(&node.mounts, "/data ext4 rw,nosuid,nodev,noexec", "/data ext4 rw,nosuid,nodev");
    node.mounts = replaced(&node.mounts, "tmpfs /etc tmpfs", "tmpfs /etc2 tmpfs");
    node.written = "WRITTEN\n";
    node.paths = replaced(
        &node.paths,
        "/data/tandem/store tandem-store tandem-store 700",
        "/data/tandem/store tandem-store tandem-store 755",
    );
    node.paths = replaced(&node.paths, "/run/tandem/node.toml root tandem 640\n", "");
    node.settings = replaced(&node.settings, "kernel.panic 5", "kernel.panic 0");
    let failed = node.check().failed;
    assert_found(&failed, "/", "is ext4 and must be squashfs");
    assert_found(&failed, "/", "without ro");
    assert_found(&failed, "/data", "without noexec");
    assert_found(&failed, "/etc", "nothing is mounted there");
    assert_found(&failed, "/usr", "can be written");
    assert_found(&failed, "/data/tandem/store", "755");
    assert_found(&failed, "/run/tandem/node.toml", "missing");
    assert_found(&failed, "kernel.panic", "Some(\"0\")");
    assert_eq!(failed.len(), 8, "{failed:#?}");
}

/// DESIGN section 4: access to the bus is by user; what a user may not call is refused, what it needs is not.
#[test]
fn wrong_rights_on_the_bus_are_found() {
    let mut node = Node::sound();
    node.calls = replaced(&node.calls, "th 1 4\nended 0", "Call failed: Access denied\nended 1");
    node.calls = replaced(
        &node.calls,
        "== 4\nCall failed: Access denied\nended 1",
        "== 4\nCall failed: it is busy\nended 1",
    );
    let failed = node.check().failed;
    assert_found(
        &failed,
        "tandem-pbx",
        "org.tandem.Store1.Configuration is not answered: Call failed: Access denied",
    );
    assert_found(&failed, "tandem-pbx", "org.tandem.Host1.PowerOff is not refused: Call failed: it is busy");
    assert_eq!(failed.len(), 2, "{failed:#?}");
}
