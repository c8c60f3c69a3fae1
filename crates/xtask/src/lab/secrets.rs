//! Random octets for certificates' company: the pair's secret and passwords of the sample accounts.

use std::fs::File;
use std::io::Read;

use anyhow::Context;

/// Letters of a password: no look-alikes, nothing that a shell or an XML file would change.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Length of a password: 80 bits.
const PASSWORD_LETTERS: usize = 16;

/// Random octets of the kernel.
pub(crate) fn octets<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut octets = [0; N];
    let mut source = File::open("/dev/urandom").context("opening /dev/urandom")?;
    source.read_exact(&mut octets).context("reading /dev/urandom")?;
    Ok(octets)
}

/// A random password.
pub(super) fn password() -> anyhow::Result<String> {
    let octets = octets::<PASSWORD_LETTERS>()?;
    Ok(octets.iter().map(|octet| char::from(LETTERS[usize::from(octet % 32)])).collect())
}
