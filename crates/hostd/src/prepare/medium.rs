//! The setup medium: a FAT file system, whatever its label, with `setup.toml` in its top folder and the files that it
//! names. It is read here and not mounted: a stick is a stranger, so its file system is parsed in this program, for a
//! limited time, and not in the kernel, which then needs no module for it either.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use fatfs::{FileSystem, FsOptions};

use crate::setup::{CredentialFiles, SETUP_BYTES_MAX, Setup, SetupError};

/// Name of the description on the medium.
pub const SETUP_FILE: &str = "setup.toml";
/// Largest file of a certificate, key or secret.
const CREDENTIAL_BYTES_MAX: u64 = 64 * 1024;

impl MediumError {
    /// Each problem in one line.
    #[must_use]
    pub fn problems(self) -> Vec<String> {
        match self {
            MediumError::Setup(error) => error.problems,
            other => vec![daemon::chain(&anyhow::Error::new(other))],
        }
    }
}

/// What a setup medium brings: everything is there and fits together.
#[derive(Clone, Debug)]
pub struct Medium {
    /// Who this node is
    pub setup: Setup,
    /// `setup.toml` as written
    pub text: String,
    /// The files that it names, by their names
    pub files: BTreeMap<String, Vec<u8>>,
}

/// The medium cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MediumError {
    /// Its file system cannot be read
    #[error("reading its file system failed")]
    FileSystem(#[source] io::Error),
    /// A file is not there or cannot be read
    #[error("{file} cannot be read from it")]
    File {
        /// The file
        file: String,
        /// Cause
        #[source]
        source: io::Error,
    },
    /// `setup.toml` is wrong, or files that it names are missing
    #[error(transparent)]
    Setup(#[from] SetupError),
}

/// Reads the medium on `device`; `None`: there is no `setup.toml` on it.
///
/// # Errors
/// [`MediumError`]: nothing of it is to be used.
pub fn read(device: &Path) -> Result<Option<Medium>, MediumError> {
    let disk = ReadOnly(File::open(device).map_err(MediumError::FileSystem)?);
    let volume = FileSystem::new(disk, FsOptions::new()).map_err(MediumError::FileSystem)?;
    let root = volume.root_dir();
    let load = |name: &str, bytes_max: u64| -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        root.open_file(name)?.take(bytes_max + 1).read_to_end(&mut content)?;
        if content.len() as u64 > bytes_max {
            return Err(io::Error::other(format!("it is longer than {bytes_max} octets")));
        }
        Ok(content)
    };
    let text = match load(SETUP_FILE, SETUP_BYTES_MAX as u64) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other
            .and_then(|text| String::from_utf8(text).map_err(io::Error::other))
            .map_err(|source| MediumError::File { file: SETUP_FILE.to_owned(), source })?,
    };
    let setup = Setup::parse(&text)?;
    let mut files = BTreeMap::new();
    let mut problems = Vec::new();
    for (key, file) in setup.credentials.iter().flat_map(CredentialFiles::entries) {
        match load(file, CREDENTIAL_BYTES_MAX) {
            Ok(content) if content.is_empty() => problems.push(format!("credentials.{key}: {file} is empty")),
            Ok(content) => drop(files.insert(file.to_owned(), content)),
            Err(error) => problems.push(format!("credentials.{key}: {file} on the medium: {error}")),
        }
    }
    if problems.is_empty() {
        Ok(Some(Medium { setup, text, files }))
    } else {
        Err(SetupError { problems }.into())
    }
}

/// A device that nothing is written to.
struct ReadOnly(File);

impl Read for ReadOnly {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Seek for ReadOnly {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.0.seek(position)
    }
}

impl Write for ReadOnly {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
