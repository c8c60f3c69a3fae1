//! Finds a setup medium and takes it over, once in the life of a node.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::devices;
use super::disk::Content;
use super::durable::{self, Access};
use super::limit;
use super::medium::{self, Medium, MediumError, SETUP_FILE};
use super::place::Place;
use super::report::Reporter;
use super::survey::Survey;

/// How long reading a medium may take.
const MEDIUM_LIMIT: Duration = Duration::from_secs(10);
/// How long a node that nobody has set up waits for a stick where there is USB: a stick takes about two seconds.
const STICK_WAIT: Duration = Duration::from_secs(4);
/// Pause between two looks.
const STICK_LOOK: Duration = Duration::from_millis(100);

/// The setup medium in the machine, if there is one: its device and its content. `wait`: one may still be on its way.
pub fn find(
    place: &Place,
    survey: &mut Survey<'_>,
    wait: bool,
    reporter: &mut Reporter,
) -> Option<(PathBuf, Result<Medium, MediumError>)> {
    let deadline = Instant::now() + STICK_WAIT;
    loop {
        for found in survey.look(reporter).unwrap_or_default() {
            if !matches!(found.content, Content::Fat(_)) {
                continue;
            }
            let path = found.device.path.clone();
            let step = format!("reading {}", path.display());
            match limit::within(MEDIUM_LIMIT, &step, move || medium::read(&path)) {
                Ok(medium) => {
                    if let Some(medium) = medium.transpose() {
                        return Some((found.device.path, medium));
                    }
                }
                Err(error) => reporter.problem(error.to_string()),
            }
        }
        if !wait || !devices::has_usb(place) || Instant::now() >= deadline {
            return None;
        }
        thread::sleep(STICK_LOOK);
    }
}

/// Copies the medium into `folder`: `setup.toml` last, so that its presence says that all is there.
///
/// # Errors
/// Something cannot be written; the next start tries again.
pub fn take_over(medium: &Medium, folder: &Path, group: u32) -> io::Result<()> {
    for (name, content) in &medium.files {
        let path = folder.join(name);
        for above in Path::new(name).ancestors().skip(1).filter(|above| !above.as_os_str().is_empty()) {
            fs::create_dir_all(folder.join(above))?;
            durable::folder(&folder.join(above), Access { mode: 0o750, group })?;
        }
        durable::write(&path, content, Access { mode: 0o640, group })?;
    }
    durable::write(&folder.join(SETUP_FILE), medium.text.as_bytes(), Access { mode: 0o640, group })
}
