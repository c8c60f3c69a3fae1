//! What is on each disk. A disk that once gave no answer is not asked again: its limit is paid once in a start.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::devices::{self, Device};
use super::disk::Content;
use super::limit;
use super::place::Place;
use super::report::Reporter;

/// How long reading both ends of a disk may take: a disk that goes bad tries again and again.
const READ_LIMIT: Duration = Duration::from_secs(5);

/// A device and what is on it.
#[derive(Clone, Debug)]
pub struct Found {
    /// The disk or partition
    pub device: Device,
    /// What it holds
    pub content: Content,
    /// Its size
    pub size_bytes: u64,
}

/// Looks at the disks, as often as wanted.
#[derive(Debug)]
pub struct Survey<'a> {
    place: &'a Place,
    silent: BTreeSet<PathBuf>,
    unread: BTreeSet<PathBuf>,
}

impl<'a> Survey<'a> {
    /// The disks of a place.
    #[must_use]
    pub fn new(place: &'a Place) -> Survey<'a> {
        Survey { place, silent: BTreeSet::new(), unread: BTreeSet::new() }
    }

    /// Every device that can be read, in the order of their slots.
    ///
    /// # Errors
    /// The kernel's list cannot be read.
    pub fn look(&mut self, reporter: &mut Reporter) -> io::Result<Vec<Found>> {
        let mut all = Vec::new();
        self.unread.clone_from(&self.silent);
        for device in devices::list(self.place)? {
            let path = device.path.clone();
            if self.silent.contains(&path) {
                continue;
            }
            let read = move || devices::edges(&path).map(|edges| (edges.content(), edges.size_bytes));
            match limit::within(READ_LIMIT, &format!("reading {}", device.path.display()), read) {
                Ok(Ok((content, size_bytes))) => all.push(Found { device, content, size_bytes }),
                Ok(Err(error)) => {
                    reporter.problem(format!("{} cannot be read: {error}", device.path.display()));
                    self.unread.insert(device.path);
                }
                Err(error) => {
                    reporter.problem(error.to_string());
                    self.silent.insert(device.path.clone());
                    self.unread.insert(device.path);
                }
            }
        }
        Ok(all)
    }

    /// The devices that the last look could not read.
    #[must_use]
    pub fn unread(&self) -> &BTreeSet<PathBuf> {
        &self.unread
    }
}
