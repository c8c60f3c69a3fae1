//! The disks and partitions of the machine, as the kernel lists them, in the order of their slots.

use std::cmp::Ordering;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::disk::{EDGE_BYTES, Edges};
use super::place::{Disks, Place};

/// Most devices looked at.
const DEVICES_MAX: usize = 64;

/// A disk or partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Device file, e.g. `/dev/vdb`
    pub path: PathBuf,
    /// A part of a disk
    pub partition: bool,
    /// Its medium can be taken out
    pub removable: bool,
    /// Cannot be written to
    pub read_only: bool,
    /// Where it is plugged in: two devices compare as their slots do
    pub slot: Slot,
}

/// A path below `/sys/devices`. Numbers count as numbers: `ata10` comes after `ata2`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slot(pub String);

impl Ord for Slot {
    fn cmp(&self, other: &Self) -> Ordering {
        // A shorter part is the smaller number; parts of one length (PCI addresses among them) compare as texts.
        let parts =
            |slot: &str| slot.split('/').map(|part| (part.len(), part.to_owned())).collect::<Vec<_>>();
        parts(&self.0).cmp(&parts(&other.0))
    }
}

impl PartialOrd for Slot {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Lists the devices that data or a setup may be on.
///
/// # Errors
/// The kernel's list cannot be read.
pub fn list(place: &Place) -> io::Result<Vec<Device>> {
    match place.disks() {
        Disks::Machine => {}
        Disks::Untouched => return Ok(Vec::new()),
        Disks::Workbench(paths) => return Ok(paths.iter().map(|path| workbench_device(path)).collect()),
    }
    let mut devices = Vec::new();
    for entry in fs::read_dir(place.path("/sys/class/block"))?.take(DEVICES_MAX) {
        devices.extend(device(place, &entry?.path()));
    }
    // What is fixed in its place comes first: a stick must not pass for the disk of this machine.
    devices.sort_by(|one, other| (one.removable, &one.slot).cmp(&(other.removable, &other.slot)));
    Ok(devices)
}

/// What the kernel says of one device; `None` for what has no hardware behind it (loop, zram, device mapper) or no
/// medium in it, and for the device that is the root.
fn device(place: &Place, entry: &Path) -> Option<Device> {
    let name = entry.file_name()?.to_str()?;
    let slot = fs::canonicalize(entry).ok()?;
    let slot = slot.to_str()?.split_once("/devices/")?.1.to_owned();
    let optical = name.starts_with("sr") || name.starts_with("fd");
    if slot.starts_with("virtual/") || optical || number(&entry.join("size"))? == 0 {
        return None;
    }
    let partition = entry.join("partition").exists();
    // The flag is the whole disk's, whose folder holds the partition's.
    let disk = if partition { fs::canonicalize(entry).ok()?.parent()?.to_owned() } else { entry.to_owned() };
    Some(Device {
        path: place.path("/dev").join(name),
        partition,
        removable: number(&disk.join("removable")).unwrap_or(0) != 0,
        read_only: number(&entry.join("ro")).unwrap_or(0) != 0,
        slot: Slot(slot),
    })
}

fn workbench_device(path: &Path) -> Device {
    Device {
        path: path.to_owned(),
        partition: false,
        removable: false,
        read_only: false,
        slot: Slot::default(),
    }
}

fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// Reads both ends of a device.
///
/// # Errors
/// It cannot be read.
pub fn edges(path: &Path) -> io::Result<Edges> {
    let mut file = File::open(path)?;
    let size_bytes = file.seek(SeekFrom::End(0))?;
    let edge_bytes = size_bytes.min(EDGE_BYTES as u64);
    let mut read = |from: u64| -> io::Result<Vec<u8>> {
        let mut octets = Vec::with_capacity(EDGE_BYTES);
        file.seek(SeekFrom::Start(from))?;
        file.by_ref().take(edge_bytes).read_to_end(&mut octets)?;
        Ok(octets)
    };
    Ok(Edges { first: read(0)?, last: read(size_bytes - edge_bytes)?, size_bytes })
}

/// A USB controller is there: a stick may still be on its way.
#[must_use]
pub fn has_usb(place: &Place) -> bool {
    fs::read_dir(place.path("/sys/bus/usb/devices")).is_ok_and(|mut devices| devices.next().is_some())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// Slots compare as people count them, and PCI addresses as the hexadecimal numbers that they are.
    #[test]
    fn slots_are_in_order() {
        let sorted = [
            "pci0000:00/0000:00:02.0/virtio9/block/vdb",
            "pci0000:00/0000:00:0a.0/virtio10/block/vda",
            "pci0000:00/0000:00:1f.2/ata2/host1/block/sdb",
            "pci0000:00/0000:00:1f.2/ata10/host9/block/sda",
        ];
        let mut slots: Vec<Slot> = sorted.iter().rev().map(|text| Slot((*text).to_owned())).collect();
        slots.sort();
        assert_eq!(slots.iter().map(|slot| slot.0.as_str()).collect::<Vec<_>>(), sorted);
    }

    /// A machine with a disk in two parts, a stick in a lower slot, an empty card reader, and devices of the kernel's own.
    #[test]
    fn disks_are_listed_as_the_kernel_shows_them() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::simulated(folder.path());
        let class = folder.path().join("sys/class/block");
        fs::create_dir_all(&class).unwrap();
        for (path, size, files) in [
            ("pci0000:00/0000:00:04.0/block/vda", "4096", &[("removable", "0"), ("ro", "1")][..]),
            ("pci0000:00/0000:00:04.0/block/vda/vda1", "2048", &[("partition", "1"), ("ro", "0")]),
            ("pci0000:00/0000:00:01.0/usb1/block/sda", "2048", &[("removable", "1"), ("ro", "0")]),
            ("pci0000:00/0000:00:01.0/usb2/block/sdb", "0", &[("removable", "1"), ("ro", "0")]),
            ("virtual/block/loop0", "2048", &[("removable", "0"), ("ro", "0")]),
        ] {
            let device = folder.path().join("sys/devices").join(path);
            fs::create_dir_all(&device).unwrap();
            fs::write(device.join("size"), format!("{size}\n")).unwrap();
            for (file, content) in files {
                fs::write(device.join(file), content).unwrap();
            }
            symlink(&device, class.join(device.file_name().unwrap())).unwrap();
        }
        let listed = list(&place).unwrap();
        let seen: Vec<_> = listed
            .iter()
            .map(|device| {
                let name = device.path.strip_prefix(folder.path()).unwrap().to_str().unwrap();
                (name, device.partition, device.removable, device.read_only)
            })
            .collect();
        assert_eq!(
            seen,
            [
                ("dev/vda", false, false, true),
                ("dev/vda1", true, false, false),
                ("dev/sda", false, true, false)
            ]
        );
        assert!(!has_usb(&place));
    }
}
