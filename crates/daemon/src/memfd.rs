//! Large values on the bus: a memory file that nobody can change any more (`memfd_create(2)`, sealed).

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};

/// Largest configuration text in octets.
pub const CONFIGURATION_BYTES_MAX: usize = model::TEXT_BYTES_MAX;
/// Largest listing of call records or audit rows in octets.
pub const LISTING_BYTES_MAX: usize = 256 << 20;

/// A value could not be passed.
#[derive(Debug, thiserror::Error)]
pub enum MemfdError {
    /// Making, filling or sealing the file failed.
    #[error("making a sealed memory file of {bytes} octets for {name}")]
    Make {
        /// What it is for
        name: &'static str,
        /// Its size
        bytes: usize,
        /// Why
        #[source]
        source: io::Error,
    },
    /// The descriptor cannot be read.
    #[error("reading a memory file")]
    Read(#[source] io::Error),
    /// Its sender could still change or cut it.
    #[error("the descriptor is no sealed memory file (SHRINK, GROW and WRITE are wanted)")]
    NotSealed,
    /// It is larger than agreed.
    #[error("the memory file has {bytes} octets, more than the {limit} allowed")]
    TooLarge {
        /// Its size
        bytes: u64,
        /// The limit
        limit: usize,
    },
}

const SEALS: SealFlag = SealFlag::F_SEAL_SHRINK.union(SealFlag::F_SEAL_GROW).union(SealFlag::F_SEAL_WRITE);

/// A sealed memory file with these octets; `name` shows in `/proc/*/fd`.
///
/// # Errors
/// [`MemfdError::Make`].
pub fn write(name: &'static str, bytes: &[u8]) -> Result<OwnedFd, MemfdError> {
    let make = || -> io::Result<OwnedFd> {
        let descriptor = memfd_create(name, MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?;
        let mut file = File::from(descriptor);
        file.write_all(bytes)?;
        fcntl(&file, FcntlArg::F_ADD_SEALS(SEALS | SealFlag::F_SEAL_SEAL))?;
        Ok(file.into())
    };
    make().map_err(|source| MemfdError::Make { name, bytes: bytes.len(), source })
}

/// All octets of a sealed memory file that the other side sent; at most `limit` of them.
///
/// # Errors
/// Every variant but [`MemfdError::Make`].
pub fn read(descriptor: impl AsFd, limit: usize) -> Result<Vec<u8>, MemfdError> {
    let duplicate = descriptor.as_fd().try_clone_to_owned().map_err(MemfdError::Read)?;
    let seals = fcntl(&duplicate, FcntlArg::F_GET_SEALS).map_err(|_| MemfdError::NotSealed)?;
    if !SealFlag::from_bits_retain(seals).contains(SEALS) {
        return Err(MemfdError::NotSealed);
    }
    let file = File::from(duplicate);
    let bytes = file.metadata().map_err(MemfdError::Read)?.len();
    let length = usize::try_from(bytes).ok().filter(|length| *length <= limit);
    let length = length.ok_or(MemfdError::TooLarge { bytes, limit })?;
    let mut content = vec![0; length];
    // By offset: the two descriptors share one file position.
    file.read_exact_at(&mut content, 0).map_err(MemfdError::Read)?;
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DESIGN 4: a large value travels whole, and twice if asked twice.
    #[test]
    fn reads_back_what_was_written() {
        let descriptor = write("test", b"[system]").expect("memfd");
        assert_eq!(read(&descriptor, 8).expect("first"), b"[system]");
        assert_eq!(read(&descriptor, 8).expect("second"), b"[system]");
    }

    /// DESIGN 4: nobody can change it after it was sent.
    #[test]
    fn is_sealed() {
        let descriptor = write("test", b"text").expect("memfd");
        let file = File::from(descriptor);
        assert!(file.write_at(b"x", 0).is_err());
        assert!(file.set_len(0).is_err());
    }

    /// A client's mistake or malice is refused, not read.
    #[test]
    fn refuses_what_is_large_or_not_sealed() {
        let descriptor = write("test", b"12345").expect("memfd");
        assert!(matches!(read(&descriptor, 4), Err(MemfdError::TooLarge { bytes: 5, limit: 4 })));
        let open = memfd_create("open", MFdFlags::MFD_ALLOW_SEALING).expect("memfd");
        assert!(matches!(read(&open, 4), Err(MemfdError::NotSealed)));
        let null = File::open("/dev/null").expect("/dev/null");
        assert!(matches!(read(&null, 4), Err(MemfdError::NotSealed)));
    }
}
