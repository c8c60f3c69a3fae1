//! Doing something inside a network namespace: sockets stay in the namespace they were made in, so a short-lived
//! thread enters it, makes them and hands them back.

use std::fs::File;
use std::process::Command;

use anyhow::{Context, Result, anyhow};
use nix::sched::{CloneFlags, setns};

/// Runs `action` on a thread that has entered the namespace `name` (as made by `ip netns add`).
///
/// # Errors
/// There is no such namespace, it cannot be entered (needs root), or `action` fails.
pub fn within<T, F>(name: &str, action: F) -> Result<T>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T> + Send + 'static,
{
    let path = format!("/run/netns/{name}");
    let file = File::open(&path).with_context(|| format!("open namespace {path}; is the lab up?"))?;
    let worker = std::thread::spawn(move || -> Result<T> {
        setns(&file, CloneFlags::CLONE_NEWNET)
            .with_context(|| format!("enter namespace {path} (needs root)"))?;
        action()
    });
    worker.join().map_err(|_| anyhow!("the thread in namespace {name} panicked"))?
}

/// A command that will run inside the namespace `name`.
#[must_use]
pub fn command(name: &str, program: &str) -> Command {
    let mut command = ip();
    command.args(["netns", "exec", name, program]);
    command
}

/// `ip` of iproute2, still without its words.
pub(crate) fn ip() -> Command {
    let mut command = Command::new("ip");
    // A user's path has no folders of root.
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    command
}
