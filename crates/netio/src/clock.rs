//! Whether the machine's clock follows a time server, as the kernel itself says.

use std::io;
use std::mem::MaybeUninit;

use nix::libc;

/// The clock follows a time server (`adjtimex(2)`, `STA_UNSYNC` is clear). Any time client clears the mark, and the
/// kernel sets it again when none has spoken for so long that the clock may be 16 s wrong. No right is needed to ask.
///
/// # Errors
/// The kernel refuses (a filter of system calls).
// JUSTIFICATION: neither `nix` nor `std` has a call for adjtimex(2); asking timesyncd would bind us to one time client.
#[allow(unsafe_code)]
pub fn is_synchronised() -> io::Result<bool> {
    let mut answer = MaybeUninit::<libc::timex>::zeroed();
    // SAFETY: `answer` is valid for writes of a `timex` for the whole call; all its fields are integers, for which zero
    // is a value, and `modes` = 0 asks the kernel to change nothing.
    let (outcome, status) = unsafe {
        let outcome = libc::adjtimex(answer.as_mut_ptr());
        (outcome, answer.assume_init().status)
    };
    if outcome < 0 { Err(io::Error::last_os_error()) } else { Ok(status & libc::STA_UNSYNC == 0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everybody may ask.
    #[test]
    fn the_kernel_answers() {
        is_synchronised().unwrap();
    }
}
