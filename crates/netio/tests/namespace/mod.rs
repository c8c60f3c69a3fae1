//! Network namespaces for tests: they belong to this process and vanish with it, whatever happens.

#![allow(clippy::unwrap_used)] // helpers of tests

use std::fs::File;
use std::os::fd::AsRawFd;
use std::process::Command;
use std::thread;

use nix::sched::{CloneFlags, setns, unshare};

/// A network namespace of its own, with `lo` up.
pub struct Namespace(File);

#[allow(dead_code)] // each test program uses its part
impl Namespace {
    /// Makes one.
    pub fn new() -> Self {
        let make = || {
            unshare(CloneFlags::CLONE_NEWNET).expect("root may make namespaces");
            File::open("/proc/thread-self/ns/net").unwrap()
        };
        let namespace = Namespace(thread::spawn(make).join().unwrap());
        namespace.ip("link set lo up");
        namespace
    }

    /// For a thread that stays: `setns` takes it there.
    pub fn duplicate(&self) -> File {
        self.0.try_clone().unwrap()
    }

    /// Runs `work` in a thread that is in this namespace; what it starts is there too.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let enter_and_work = || {
            setns(&self.0, CloneFlags::CLONE_NEWNET).unwrap();
            work()
        };
        thread::scope(|scope| scope.spawn(enter_and_work).join().unwrap())
    }

    /// Runs `work` on a runtime in this namespace.
    pub fn block_on<F: Future<Output = T>, T: Send>(&self, work: impl FnOnce() -> F + Send) -> T {
        self.run(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { work().await })
        })
    }

    /// `ip ARGUMENTS` here; its output.
    pub fn ip(&self, arguments: &str) -> String {
        let output = self.run(|| Command::new("ip").args(arguments.split_whitespace()).output().unwrap());
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "ip {arguments}: {complaint}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Each address answers ARP on its own interface only, as nodes with two interfaces on one switch need it.
    pub fn one_switch(&self) {
        self.run(|| {
            for (name, value) in [("arp_ignore", "1"), ("arp_announce", "2")] {
                std::fs::write(format!("/proc/sys/net/ipv4/conf/all/{name}"), value).unwrap();
            }
        });
    }

    /// A cable from `name` here to `far_name` in `far`, both ends up.
    pub fn cable(&self, name: &str, far: &Namespace, far_name: &str) {
        let far_path = format!("/proc/{}/fd/{}", std::process::id(), far.0.as_raw_fd());
        self.ip(&format!("link add {name} type veth peer name {far_name} netns {far_path}"));
        self.ip(&format!("link set {name} up"));
        far.ip(&format!("link set {far_name} up"));
    }
}
