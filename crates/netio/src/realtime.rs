//! Scheduling of the one thread that must not be late.

use std::io;

use nix::libc;
use nix::sys::mman::{MlockAllFlags, mlockall};

/// Runs the calling thread before all ordinary ones (`SCHED_FIFO`, sched(7)); threads it starts are ordinary again.
///
/// # Errors
/// [`io::Error`], usually `EPERM`: the process has neither `CAP_SYS_NICE` nor `LimitRTPRIO=`.
#[allow(unsafe_code)]
// JUSTIFICATION: nix 0.31 has no sched_setscheduler.
pub fn prefer_this_thread(priority: u8) -> io::Result<()> {
    let parameter = libc::sched_param { sched_priority: libc::c_int::from(priority) };
    let policy = libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK;
    // SAFETY: `parameter` is a whole, initialised `sched_param` that lives through the call; pid 0 is this thread.
    let outcome = unsafe { libc::sched_setscheduler(0, policy, &raw const parameter) };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Keeps the memory that the process has now (its code above all) from being dropped or swapped out.
///
/// Not what it asks for later: under a limit that fits today (`RLIMIT_MEMLOCK`), locking the future would turn every
/// later allocation beyond it into a failure.
///
/// # Errors
/// [`io::Error`], usually `ENOMEM` or `EPERM`: the process has neither `CAP_IPC_LOCK` nor `LimitMEMLOCK=`.
pub fn lock_memory() -> io::Result<()> {
    mlockall(MlockAllFlags::MCL_CURRENT)?;
    Ok(())
}
