//! Files below `/etc` that follow the configuration: written whole, and only when they say something new.
//!
//! `/etc` is a tmpfs made at each start: nothing here has to survive a power cut, and nobody edits it.

mod render;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::{fs, io};

use model::NodeName;

use crate::network_file::NetworkFile;
use crate::prepare::Place;

/// Zones of the IANA database.
const ZONES: &str = "/usr/share/zoneinfo";

/// What writing has come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The time client has other servers now and must read them
    pub time_servers_changed: bool,
    /// What could not be done
    pub problems: Vec<String>,
}

/// Makes the files say what `network` and the nodes in `hosts` say; `own` is the name of this node.
#[must_use]
pub fn write(
    place: &Place,
    own: &NodeName,
    network: &NetworkFile,
    hosts: &BTreeMap<NodeName, IpAddr>,
) -> Outcome {
    let mut outcome = Outcome::default();
    let mut file = |path: &str, text: &str| match replace(&place.path(path), text) {
        Ok(changed) => changed,
        Err(error) => {
            outcome.problems.push(format!("{path} cannot be written: {error}"));
            false
        }
    };
    file("/etc/resolv.conf", &render::resolv_conf(&network.name_servers));
    file("/etc/hosts", &render::hosts(own, hosts));
    outcome.time_servers_changed =
        file("/etc/systemd/timesyncd.conf.d/tandem.conf", &render::timesyncd_conf(&network.time_servers));
    if let Err(problem) = set_time_zone(place, network.time_zone.as_deref()) {
        outcome.problems.push(problem);
    }
    outcome
}

/// Points `/etc/localtime` to the zone (localtime(5)); without one, UTC, there is no such link.
fn set_time_zone(place: &Place, zone: Option<&str>) -> Result<(), String> {
    let localtime = place.path("/etc/localtime");
    let attempt = match zone {
        None => remove(&localtime),
        Some(zone) => {
            if !place.path(&format!("{ZONES}/{zone}")).is_file() {
                return Err(format!(
                    "time zone {zone:?} is unknown here: times are shown in UTC or the zone before"
                ));
            }
            point(&localtime, Path::new(&format!("..{ZONES}/{zone}")))
        }
    };
    attempt.map_err(|error| format!("/etc/localtime cannot be set: {error}"))
}

/// Replaces the file by one with this text; false: it has that text already.
fn replace(path: &Path, text: &str) -> io::Result<bool> {
    let is_file = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file());
    if is_file && fs::read(path).is_ok_and(|content| content == text.as_bytes()) {
        return Ok(false);
    }
    fs::create_dir_all(path.parent().ok_or(io::ErrorKind::InvalidInput)?)?;
    let fresh = fresh(path);
    fs::write(&fresh, text)?;
    fs::rename(&fresh, path)?;
    Ok(true)
}

fn point(link: &Path, target: &Path) -> io::Result<()> {
    if fs::read_link(link).is_ok_and(|present| present == target) {
        return Ok(());
    }
    let fresh = fresh(link);
    remove(&fresh)?;
    std::os::unix::fs::symlink(target, &fresh)?;
    fs::rename(&fresh, link)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn fresh(path: &Path) -> PathBuf {
    path.with_added_extension("new")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workbench() -> (tempfile::TempDir, Place) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("etc")).unwrap();
        fs::create_dir_all(folder.path().join("usr/share/zoneinfo/Europe")).unwrap();
        fs::write(folder.path().join("usr/share/zoneinfo/Europe/Rome"), "TZif").unwrap();
        let place = Place::workbench(folder.path().to_owned(), Vec::new());
        (folder, place)
    }

    /// Files come and go with what they say; the time client is disturbed only for other servers.
    #[test]
    fn files_follow_the_network() {
        let (_folder, place) = workbench();
        let own: NodeName = "a".parse().unwrap();
        // The link that a file system image brings is replaced, never written through.
        std::os::unix::fs::symlink("/nowhere", place.path("/etc/resolv.conf")).unwrap();
        let mut network = NetworkFile {
            name_servers: vec!["10.20.0.53".parse().unwrap()],
            time_servers: vec!["10.20.0.123".to_owned()],
            time_zone: Some("Europe/Rome".to_owned()),
            ..NetworkFile::default()
        };
        let first = write(&place, &own, &network, &BTreeMap::new());
        assert_eq!(first, Outcome { time_servers_changed: true, problems: Vec::new() });
        assert!(
            fs::read_to_string(place.path("/etc/resolv.conf")).unwrap().contains("nameserver 10.20.0.53")
        );
        let zone = fs::read_link(place.path("/etc/localtime")).unwrap();
        assert_eq!(zone, Path::new("../usr/share/zoneinfo/Europe/Rome"));
        assert!(place.path("/etc/localtime").is_file(), "the link leads to the zone");

        network.time_zone = None;
        let second = write(&place, &own, &network, &BTreeMap::new());
        assert_eq!(second, Outcome::default());
        assert!(!place.path("/etc/localtime").exists());

        network.time_zone = Some("Europe/Atlantis".to_owned());
        network.time_servers.clear();
        let third = write(&place, &own, &network, &BTreeMap::new());
        assert!(third.time_servers_changed && third.problems.len() == 1, "{third:?}");
        let names: Vec<_> =
            fs::read_dir(place.path("/etc")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(!names.iter().any(|name| name.to_string_lossy().ends_with(".new")), "{names:?}");
    }

    /// What cannot be written is a problem that a person sees, not the end.
    #[test]
    fn refusals_are_problems() {
        let (_folder, place) = workbench();
        fs::create_dir(place.path("/etc/hosts")).unwrap();
        let outcome = write(&place, &"a".parse().unwrap(), &NetworkFile::default(), &BTreeMap::new());
        assert_eq!(outcome.problems.len(), 1, "{outcome:?}");
        assert!(outcome.problems[0].starts_with("/etc/hosts cannot be written"));
        assert!(place.path("/etc/resolv.conf").is_file(), "the others are there");
    }
}
