//! The initrd: an archive that the kernel unpacks (cpio, format "newc": Documentation/driver-api/early-userspace/
//! buffer-format of the kernel), written here so that it is the same each time and nobody needs to be root.

/// Kind of a file in its mode (stat(2)).
const FOLDER: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
/// Every entry starts with it.
const MAGIC: &str = "070701";
/// Entries and their contents start at multiples of it.
const ALIGNMENT_BYTES: usize = 4;
/// The name that ends an archive.
const TRAILER: &str = "TRAILER!!!";

/// An archive in the making.
#[derive(Debug, Default)]
pub(super) struct Archive {
    bytes: Vec<u8>,
    entries: u32,
}

impl Archive {
    /// Adds a folder; those above it must have been added before.
    pub(super) fn folder(&mut self, name: &str) {
        self.entry(name, FOLDER | 0o755, &[]);
    }

    /// Adds a file.
    pub(super) fn file(&mut self, name: &str, mode: u32, content: &[u8]) {
        self.entry(name, FILE | mode, content);
    }

    /// The whole archive.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.entry(TRAILER, 0, &[]);
        self.bytes
    }

    /// Thirteen numbers of eight hexadecimal digits, the name with a zero behind it, the content.
    fn entry(&mut self, name: &str, mode: u32, content: &[u8]) {
        let number = if name == TRAILER { 0 } else { self.entries + 1 };
        self.entries += 1;
        let length = |bytes: usize| u32::try_from(bytes).expect("an initrd stays far below 4 GiB");
        let (owner, group, links, time) = (0, 0, 1, 0);
        let fields = [
            number,
            mode,
            owner,
            group,
            links,
            time,
            length(content.len()),
            0,
            0,
            0,
            0,
            length(name.len() + 1),
            0,
        ];
        self.bytes.extend(MAGIC.bytes());
        for field in fields {
            self.bytes.extend(format!("{field:08X}").bytes());
        }
        self.bytes.extend(name.bytes());
        self.bytes.push(0);
        self.align();
        self.bytes.extend(content);
        self.align();
    }

    fn align(&mut self) {
        let length = self.bytes.len().next_multiple_of(ALIGNMENT_BYTES);
        self.bytes.resize(length, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kernel's own description of the format: fields of eight digits, padding to four bytes, a trailer.
    #[test]
    fn an_archive_has_the_layout_that_the_kernel_reads() {
        let mut archive = Archive::default();
        archive.folder("bin");
        archive.file("bin/sh", 0o755, b"12345");
        let bytes = archive.finish();
        assert_eq!(&bytes[..14], b"07070100000001", "magic and number of the first entry");
        assert_eq!(&bytes[14..22], b"000041ED", "mode of a folder");
        let second = (110 + "bin\0".len()).next_multiple_of(4);
        assert_eq!(&bytes[second..second + 6], b"070701", "the next entry follows the padded name");
        assert_eq!(&bytes[second + 54..second + 62], b"00000005", "bytes of the content");
        let content = (second + 110 + "bin/sh\0".len()).next_multiple_of(4);
        assert_eq!(&bytes[content..content + 8], b"12345\0\0\0");
        assert_eq!(bytes.len() % 4, 0);
        assert!(bytes.windows(10).any(|window| window == b"TRAILER!!!"));
    }
}
