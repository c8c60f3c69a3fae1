//! The state of the appliance, put together when somebody asks (rows H13, H16, H28).

use std::fs;
use std::io;
use std::time::Duration;

use daemon::NodeIdentity;
use daemon::bus::host::HostStatus;
use nix::sys::statvfs::statvfs;
use nix::time::{ClockId, clock_gettime};
use tokio::sync::watch;
use zbus::Connection;

use crate::image::Image;
use crate::network::report::NetworkReport;
use crate::prepare::Place;
use crate::prepare::report::{REPORT_FILE, Report};
use crate::problems::{self, Facts, Space};
use crate::systemd;

/// The setup that was imported from a medium.
const SETUP_FILE: &str = "/data/identity/setup.toml";
/// Where durable state is.
const DATA: &str = "/data";

/// Everything that the status is made of.
pub struct Sources {
    /// Where files are
    pub place: Place,
    /// This node
    pub identity: NodeIdentity,
    /// The image
    pub image: Image,
    /// The network
    pub network: watch::Receiver<NetworkReport>,
    /// To the service manager
    pub connection: Connection,
}

impl Sources {
    /// The state now.
    pub async fn status(&self) -> HostStatus {
        let place = self.place.clone();
        // Files and disks may be slow; the bus goes on meanwhile.
        let files = tokio::task::spawn_blocking(move || Files::read(&place));
        let (files, failed_units) = tokio::join!(files, systemd::failed_units(&self.connection));
        let files = files.unwrap_or_default();
        let facts = Facts {
            prepare: files.prepare,
            network: self.network.borrow().clone(),
            failed_units,
            space: files.space,
            clock_synchronised: netio::clock::is_synchronised(),
            uptime: uptime(),
        };
        let problems = problems::list(&facts);
        let Facts { network, failed_units, space, clock_synchronised, uptime, .. } = facts;
        let space = space.unwrap_or(Space { free_bytes: 0, total_bytes: 0 });
        HostStatus {
            name: self.identity.name.to_string(),
            serial_number: self.identity.serial_number.clone(),
            version: self.image.version.clone(),
            rootfs: self.image.rootfs.clone(),
            variant: self.image.variant.clone(),
            commissioned: files.has_setup || network.revision > 0,
            uptime_s: uptime.as_secs(),
            clock_synchronised: clock_synchronised.unwrap_or(false),
            data_free_bytes: space.free_bytes,
            data_total_bytes: space.total_bytes,
            links: network.links,
            gateway: network.gateway,
            failed_units: failed_units.unwrap_or_default(),
            problems,
        }
    }
}

/// What is read from files and disks.
struct Files {
    prepare: Result<Report, String>,
    has_setup: bool,
    space: io::Result<Space>,
}

impl Default for Files {
    /// Reading has crashed.
    fn default() -> Self {
        let failed = || io::Error::other("the reading task has ended");
        Files { prepare: Err(failed().to_string()), has_setup: false, space: Err(failed()) }
    }
}

impl Files {
    fn read(place: &Place) -> Files {
        Files {
            prepare: prepare_report(place),
            has_setup: place.path(SETUP_FILE).is_file(),
            space: space(place),
        }
    }
}

fn prepare_report(place: &Place) -> Result<Report, String> {
    let text = fs::read_to_string(place.path(REPORT_FILE)).map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}

fn space(place: &Place) -> io::Result<Space> {
    let volume = statvfs(&place.path(DATA))?;
    let bytes = |blocks: u64| blocks.saturating_mul(volume.fragment_size());
    // What root may still take besides is a reserve against fragmentation, and not for the daemons.
    Ok(Space { free_bytes: bytes(volume.blocks_available()), total_bytes: bytes(volume.blocks()) })
}

/// Since the kernel started, also while the machine slept.
fn uptime() -> Duration {
    clock_gettime(ClockId::CLOCK_BOOTTIME).map(Duration::from).unwrap_or_default()
}
