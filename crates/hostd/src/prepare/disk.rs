//! What is on a disk, told from its first and its last octets: the one file system to use, a blank disk to format, or
//! something that is never touched. Pure: the octets come from elsewhere.

use std::fmt;

/// Octets looked at from either end of a disk.
pub const EDGE_BYTES: usize = 1024 * 1024;
/// Label of the file system of durable state.
pub const DATA_LABEL: &str = "TANDEM-DATA";
/// Size of a sector on every disk that we write to.
pub const SECTOR_BYTES: usize = 512;
/// Smallest disk that is formatted.
pub const DATA_DISK_BYTES_MIN: u64 = 256 * 1024 * 1024;

/// Begins the sector that says "this disk is being formatted by us".
const FORMATTING: &[u8] = b"TANDEM-FORMATTING 1 ";
/// Where an ext4 file system has its superblock (kernel: Documentation/filesystems/ext4/super.rst).
const SUPERBLOCK: usize = 1024;
/// Offsets in the superblock: magic number, state, features that a reader must know, label.
const EXT_MAGIC: usize = 0x38;
const EXT_STATE: usize = 0x3A;
const EXT_FEATURES_COMPAT: usize = 0x5C;
const EXT_FEATURES_INCOMPAT: usize = 0x60;
const EXT_LABEL: usize = 0x78;
const EXT_LABEL_BYTES: usize = 16;
/// State: unmounted in order; errors were found.
const EXT_VALID: u16 = 1;
const EXT_ERRORS: u16 = 2;
/// Features: has a journal; the journal is to be replayed; is itself the journal of another file system.
const EXT_HAS_JOURNAL: u32 = 0x4;
const EXT_REPLAY: u32 = 0x4;
const EXT_JOURNAL_DEVICE: u32 = 0x8;

/// Signatures of what others keep on disks: name, offset, octets.
const SIGNATURES: &[(&str, usize, &[u8])] = &[
    ("a GPT partition table", 512, b"EFI PART"),
    ("a GPT partition table", 4096, b"EFI PART"),
    ("an LVM physical volume", 512 + 24, b"LVM2 001"),
    ("an encrypted volume (LUKS)", 0, b"LUKS\xba\xbe"),
    ("a squashfs file system", 0, b"hsqs"),
    ("an XFS file system", 0, b"XFSB"),
    ("an NTFS file system", 3, b"NTFS    "),
    ("an exFAT file system", 3, b"EXFAT   "),
    ("a btrfs file system", 0x1_0040, b"_BHRfS_M"),
    ("swap space", 4086, b"SWAPSPACE2"),
    ("an ISO 9660 file system", 0x8001, b"CD001"),
    ("a member of a RAID array", 4096, &[0xFC, 0x4E, 0x2B, 0xA9]),
];

/// Both ends of a disk or partition.
#[derive(Clone, Debug)]
pub struct Edges {
    /// The first [`EDGE_BYTES`], fewer on a smaller device
    pub first: Vec<u8>,
    /// The last [`EDGE_BYTES`], fewer on a smaller device
    pub last: Vec<u8>,
    /// Size of the device
    pub size_bytes: u64,
}

/// What is on a disk or partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// The file system of durable state
    Data(ExtState),
    /// A disk whose formatting by us was interrupted: nothing was ever kept on it
    HalfFormatted,
    /// Nothing at either end
    Blank,
    /// A FAT file system, perhaps a setup medium: its label in the boot sector
    Fat(String),
    /// Something of somebody else
    Foreign(&'static str),
}

/// How an ext4 file system was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtState {
    /// Unmounted in order or never used since
    pub clean: bool,
}

impl fmt::Display for Content {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Content::Data(_) => formatter.write_str("the data of a node"),
            Content::HalfFormatted => formatter.write_str("a data disk whose formatting was interrupted"),
            Content::Blank => formatter.write_str("nothing"),
            Content::Fat(label) => write!(formatter, "a FAT file system {label:?}"),
            Content::Foreign(what) => formatter.write_str(what),
        }
    }
}

impl Edges {
    /// Tells what is on the device.
    #[must_use]
    pub fn content(&self) -> Content {
        if self.formatting_begun() {
            return Content::HalfFormatted;
        }
        if let Some(content) = self.ext4().or_else(|| self.fat()) {
            return content;
        }
        let known = SIGNATURES.iter().find(|(_, offset, octets)| self.holds(*offset, octets));
        if let Some((what, ..)) = known {
            return Content::Foreign(what);
        }
        if self.holds(510, &[0x55, 0xAA]) {
            return Content::Foreign("a boot sector or partition table");
        }
        let zero = |octets: &[u8]| octets.iter().all(|octet| *octet == 0);
        if self.first.is_empty() || !zero(&self.first) || !zero(&self.last) {
            return Content::Foreign("something unknown");
        }
        Content::Blank
    }

    /// The last sector of a disk of this size while it is being formatted. Its place is the one that every partition
    /// table of the GPT kind overwrites, and the size ties it to this disk.
    #[must_use]
    pub fn formatting_sector(size_bytes: u64) -> [u8; SECTOR_BYTES] {
        let mut sector = [0; SECTOR_BYTES];
        let text = [FORMATTING, size_bytes.to_string().as_bytes(), b"\n"].concat();
        sector[..text.len()].copy_from_slice(&text);
        sector
    }

    /// Our mark is at the end, and the beginning holds nothing but what `mkfs.ext4` may have written so far.
    fn formatting_begun(&self) -> bool {
        let marked = self.last.ends_with(&Self::formatting_sector(self.size_bytes));
        let boot_sectors_empty = self.first.iter().take(SUPERBLOCK).all(|octet| *octet == 0);
        let superblock_ours = match self.superblock() {
            Some(superblock) => label(superblock) == DATA_LABEL,
            None => true,
        };
        marked && boot_sectors_empty && superblock_ours
    }

    fn ext4(&self) -> Option<Content> {
        let superblock = self.superblock()?;
        let features = number_32(superblock, EXT_FEATURES_INCOMPAT);
        if features & EXT_JOURNAL_DEVICE != 0 {
            return Some(Content::Foreign("the journal of an ext4 file system"));
        }
        if label(superblock) != DATA_LABEL {
            return Some(Content::Foreign("another ext file system"));
        }
        if number_32(superblock, EXT_FEATURES_COMPAT) & EXT_HAS_JOURNAL == 0 {
            return Some(Content::Foreign("an ext file system without a journal"));
        }
        let state = number_16(superblock, EXT_STATE);
        let clean = state & EXT_VALID != 0 && state & EXT_ERRORS == 0 && features & EXT_REPLAY == 0;
        Some(Content::Data(ExtState { clean }))
    }

    /// The superblock of an ext file system, if there is one.
    fn superblock(&self) -> Option<&[u8]> {
        let superblock = self.first.get(SUPERBLOCK..2 * SUPERBLOCK)?;
        (number_16(superblock, EXT_MAGIC) == 0xEF53).then_some(superblock)
    }

    /// A FAT boot sector: jump, sane geometry and the type's name, which partition tables do not have.
    fn fat(&self) -> Option<Content> {
        let sector = self.first.get(..SECTOR_BYTES)?;
        let jump = matches!(sector[0], 0xEB | 0xE9);
        let sector_bytes = number_16(sector, 11);
        let cluster_sectors = sector[13];
        let sane = sector_bytes.is_power_of_two()
            && (512..=4096).contains(&sector_bytes)
            && cluster_sectors.is_power_of_two()
            && matches!(sector[16], 1 | 2)
            && self.holds(510, &[0x55, 0xAA]);
        let label_at = match () {
            () if self.holds(82, b"FAT32   ") => 71,
            () if self.holds(54, b"FAT") => 43,
            () => return None,
        };
        let label = String::from_utf8_lossy(&sector[label_at..label_at + 11]).trim_end().to_owned();
        (jump && sane).then_some(Content::Fat(label))
    }

    fn holds(&self, offset: usize, octets: &[u8]) -> bool {
        self.first.get(offset..).is_some_and(|rest| rest.starts_with(octets))
    }
}

fn label(superblock: &[u8]) -> &str {
    let field = &superblock[EXT_LABEL..EXT_LABEL + EXT_LABEL_BYTES];
    let end = field.iter().position(|octet| *octet == 0).unwrap_or(field.len());
    std::str::from_utf8(&field[..end]).unwrap_or("")
}

fn number_16(octets: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([octets[at], octets[at + 1]])
}

fn number_32(octets: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([octets[at], octets[at + 1], octets[at + 2], octets[at + 3]])
}
