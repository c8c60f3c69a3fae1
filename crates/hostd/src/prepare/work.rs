//! The work of the first stage, in its order. Every step goes on as far as it can: a box that tells what is wrong with
//! it is worth more than one that stays dark.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use super::durable::{self, Access};
use super::identity::{self, Node, SERIAL_NUMBER_SEED_BYTES};
use super::links::{self, Link};
use super::medium::SETUP_FILE;
use super::report::{DONE, REPORT_FILE, Reporter};
use super::survey::Survey;
use super::{Place, data, etc, import};
use crate::network_file::NetworkFile;
use crate::setup::Setup;

/// The number of the group `tandem` in every image, for the day when `/etc/group` cannot be read.
const TANDEM_GROUP: u32 = 900;
/// Mode of a folder in which each daemon owns its own part.
const SHARED_FOLDER: u32 = 0o1770;
/// Firmware's serial numbers, the product's first.
const FIRMWARE: [&str; 3] = ["product_serial", "board_serial", "chassis_serial"];
/// What stands for a serial number when there is neither one nor randomness to make one.
const UNKNOWN_SERIAL_NUMBER: &str = "TD-UNKNOWN";
/// How long the kernel may take to rename the links.
const RENAME_LIMIT: Duration = Duration::from_secs(5);

/// Prepares the node at `place` and says on the standard output what it is about: the name of each step as it begins,
/// [`DONE`] at the end.
pub fn run(place: &Place, mut reporter: Reporter) {
    let mut work = Work {
        place,
        survey: Survey::new(place),
        group: tandem_group(place),
        reporter: &mut reporter,
        durable: false,
    };
    work.step("making folders", Work::runtime_folders);
    work.step("preparing the data disk", Work::data);
    let setup = work.step("reading the setup", Work::setup).flatten();
    let network = work.step("reading the network", |work| work.network(setup.as_ref())).unwrap_or_default();
    work.step("naming the links", |work| work.links(setup.as_ref()));
    let serial_number = work.step("finding the serial number", Work::serial_number);
    let serial_number = serial_number.unwrap_or_else(|| UNKNOWN_SERIAL_NUMBER.to_owned());
    let node = Node {
        setup: setup.as_ref(),
        serial_number: &serial_number,
        network: &network,
        data: "/data/tandem",
        run: "/run/tandem",
        credentials: "/data/identity",
    };
    work.step("writing node.toml", |work| work.node_file(&node));
    work.step("copying /etc", |work| work.etc(&node));
    work.step("writing the report", Work::report);
    say(DONE);
}

/// What the steps share.
struct Work<'a> {
    place: &'a Place,
    survey: Survey<'a>,
    group: u32,
    reporter: &'a mut Reporter,
    /// `/data` is mounted: what is written there stays
    durable: bool,
}

impl Work<'_> {
    /// Runs a step; what fails, even by a defect, is a problem of this step only.
    fn step<T>(&mut self, name: &str, step: impl FnOnce(&mut Self) -> anyhow::Result<T>) -> Option<T> {
        say(name);
        let since = Instant::now();
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| step(self)));
        self.reporter.took(name, since);
        match outcome {
            Ok(Ok(value)) => Some(value),
            Ok(Err(error)) => {
                self.reporter.problem(daemon::chain(&error));
                None
            }
            Err(_) => {
                self.reporter.problem(format!("{name} ended unexpectedly: a defect"));
                None
            }
        }
    }

    fn runtime_folders(&mut self) -> anyhow::Result<()> {
        self.folder("/run/tandem", SHARED_FOLDER, self.group)
    }

    fn folder(&self, path: &str, mode: u32, group: u32) -> anyhow::Result<()> {
        let path = self.place.path(path);
        durable::folder(&path, Access { mode, group }).with_context(|| format!("making {}", path.display()))
    }

    fn data(&mut self) -> anyhow::Result<()> {
        let device = data::mount_data(self.place, &mut self.survey, self.reporter)?;
        self.durable = true;
        self.reporter.report.data_device = Some(device.display().to_string());
        self.folder("/data/host", 0o755, 0)?;
        self.folder("/data/identity", 0o750, self.group)?;
        self.folder("/data/tandem", SHARED_FOLDER, self.group)?;
        self.journal().context("keeping the journal on the data disk")
    }

    /// The journal outlives the start: `/var` does not.
    fn journal(&self) -> anyhow::Result<()> {
        let (kept, shown) = (self.place.path("/data/journal"), self.place.path("/var/log/journal"));
        // Owner and mode are the journal's matter.
        fs::create_dir_all(&kept)?;
        fs::create_dir_all(&shown)?;
        Ok(mount(Some(&kept), &shown, None::<&Path>, MsFlags::MS_BIND, None::<&Path>)?)
    }

    /// Who this node is, as a setup medium said earlier or says now; `None`: nobody has said it.
    fn setup(&mut self) -> anyhow::Result<Option<Setup>> {
        if !self.durable {
            return Ok(None);
        }
        let folder = self.place.path("/data/identity");
        let commissioned = folder.join(SETUP_FILE).exists();
        let medium = import::find(self.place, &mut self.survey, !commissioned, self.reporter);
        if commissioned {
            if let Some((device, _)) = medium {
                let device = device.display();
                self.reporter
                    .notice(format!("the setup medium {device} is ignored: this node is set up already"));
            }
            return self.kept_setup(&folder.join(SETUP_FILE)).map(Some);
        }
        let Some((device, medium)) = medium else { return Ok(None) };
        let device = device.display();
        match medium {
            Ok(medium) => {
                // The network first: `setup.toml` on the data disk says that all of it is there.
                self.write_host_file("network.toml", &medium.setup.network().to_text())?;
                import::take_over(&medium, &folder, self.group)
                    .with_context(|| format!("taking over the setup medium {device}"))?;
                self.reporter
                    .notice(format!("the setup medium {device} says: this is node {}", medium.setup.name));
                self.reporter.report.commissioned = true;
                Ok(Some(medium.setup))
            }
            Err(error) => {
                for problem in error.problems() {
                    self.reporter.problem(format!("the setup medium {device} is not used: {problem}"));
                }
                Ok(None)
            }
        }
    }

    /// The setup of a node that has one. A node that no longer knows who it is must not serve under another name: then
    /// `/data` goes away, and with it the condition of every daemon that serves.
    fn kept_setup(&mut self, path: &Path) -> anyhow::Result<Setup> {
        let setup = fs::read_to_string(path)
            .map_err(anyhow::Error::new)
            .and_then(|text| Setup::parse(&text).map_err(anyhow::Error::new));
        match setup {
            Ok(setup) => {
                self.reporter.report.commissioned = true;
                Ok(setup)
            }
            Err(error) => {
                self.durable = false;
                self.reporter.report.data_device = None;
                let unmounted = umount2(&self.place.path("/data"), MntFlags::MNT_DETACH);
                let what = format!("{} cannot be read, so this node serves nothing", path.display());
                unmounted.map_err(anyhow::Error::new).and(Err(error)).context(what)
            }
        }
    }

    /// The addresses in force.
    fn network(&mut self, setup: Option<&Setup>) -> anyhow::Result<NetworkFile> {
        let initial = setup.map(Setup::network).unwrap_or_default();
        match self.kept("network.toml").map(|text| NetworkFile::parse(&text)) {
            Some(Ok(network)) => Ok(network),
            None => Ok(initial),
            Some(Err(error)) => {
                let problem =
                    anyhow::Error::new(error).context("reading network.toml; the setup's network is used");
                self.reporter.problem(daemon::chain(&problem));
                Ok(initial)
            }
        }
    }

    fn links(&mut self, setup: Option<&Setup>) -> anyhow::Result<()> {
        let found = links::list(self.place);
        let kept = links::parse_names(&self.kept("interfaces.toml").unwrap_or_default());
        let names = links::assign(&found, setup, &kept);
        for problem in links::missing(&found, setup, &names) {
            self.reporter.problem(problem);
        }
        let here = |link: &Link| {
            Some((names.get(&link.hardware_address)?.clone(), link.hardware_address.to_string()))
        };
        self.reporter.report.links = found.iter().filter_map(here).collect();
        if names != kept {
            self.keep("interfaces.toml", &links::names_text(&names));
        }
        let renamings = links::renamings(&found, &names);
        if renamings.is_empty() {
            return Ok(());
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let renamed = async { tokio::time::timeout(RENAME_LIMIT, netio::links::rename(&renamings)).await };
        runtime.block_on(renamed).context("the kernel does not answer")?.context("naming the links")
    }

    /// The serial number that was kept, else the firmware's, else one of our own.
    fn serial_number(&mut self) -> anyhow::Result<String> {
        if let Some(kept) = self.kept("serial-number").filter(|kept| !kept.trim().is_empty()) {
            return Ok(kept.trim().to_owned());
        }
        let read = |file: &str| {
            fs::read_to_string(self.place.path("/sys/class/dmi/id").join(file)).unwrap_or_default()
        };
        let firmware = FIRMWARE.map(read);
        let serial_number = match identity::serial_number(firmware.iter().map(String::as_str)) {
            Some(serial_number) => serial_number,
            None => identity::own_serial_number(random::<SERIAL_NUMBER_SEED_BYTES>()?),
        };
        self.keep("serial-number", &format!("{serial_number}\n"));
        Ok(serial_number)
    }

    fn node_file(&mut self, node: &Node<'_>) -> anyhow::Result<()> {
        node.name().as_str().clone_into(&mut self.reporter.report.name);
        node.serial_number.clone_into(&mut self.reporter.report.serial_number);
        self.runtime_file("/run/tandem/node.toml", &node.to_text())
    }

    /// `/etc` in memory: the image's, with the name and the number of this machine. It appears whole or not at all.
    fn etc(&mut self, node: &Node<'_>) -> anyhow::Result<()> {
        let machine_id = self.machine_id()?;
        let (image, fresh) = (self.place.path("/etc"), self.place.path("/run/etc"));
        fs::create_dir_all(&fresh)?;
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        mount(Some("tmpfs"), &fresh, Some("tmpfs"), flags, Some("mode=0755,size=5%"))
            .context("mounting a tmpfs")?;
        let filled = etc::copy(&image, &fresh).context("copying").and_then(|()| {
            for (file, content) in etc::own_files(node.name().as_str(), &machine_id) {
                etc::replace(&fresh.join(file), &content).with_context(|| format!("writing {file}"))?;
            }
            let none = None::<&Path>;
            mount(Some(&fresh), &image, none, MsFlags::MS_MOVE, none).context("moving it to its place")
        });
        if filled.is_err() {
            let _ = umount2(&fresh, MntFlags::MNT_DETACH);
        }
        let _ = fs::remove_dir(&fresh);
        filled.context("the image's own /etc is used")
    }

    /// The number of this installation, the same after each start: the journal is filed under it.
    fn machine_id(&mut self) -> anyhow::Result<String> {
        if let Some(kept) = self.kept("machine-id").filter(|kept| etc::is_machine_id(kept.trim())) {
            return Ok(kept.trim().to_owned());
        }
        let machine_id = etc::machine_id(random()?);
        self.keep("machine-id", &format!("{machine_id}\n"));
        Ok(machine_id)
    }

    fn report(&mut self) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(&self.reporter.report)?;
        self.runtime_file(REPORT_FILE, &(text + "\n"))
    }

    fn runtime_file(&self, path: &str, content: &str) -> anyhow::Result<()> {
        let access = Access { mode: 0o640, group: self.group };
        durable::write(&self.place.path(path), content.as_bytes(), access)
            .with_context(|| format!("writing {path}"))
    }

    /// A file of `/data/host`.
    fn kept(&self, file: &str) -> Option<String> {
        self.durable.then(|| fs::read_to_string(self.host_file(file)).ok()).flatten()
    }

    /// Keeps a file in `/data/host`, where there is a disk to keep it on; a full disk is no reason to go without what
    /// was to be kept.
    fn keep(&mut self, file: &str, content: &str) {
        if self.durable
            && let Err(error) = self.write_host_file(file, content)
        {
            self.reporter.problem(daemon::chain(&error));
        }
    }

    fn write_host_file(&self, file: &str, content: &str) -> anyhow::Result<()> {
        let path = self.host_file(file);
        durable::write(&path, content.as_bytes(), Access::PUBLIC)
            .with_context(|| format!("writing {}", path.display()))
    }

    fn host_file(&self, file: &str) -> PathBuf {
        self.place.path("/data/host").join(file)
    }
}

fn tandem_group(place: &Place) -> u32 {
    let groups = fs::read_to_string(place.path("/etc/group")).unwrap_or_default();
    etc::group_number(&groups, "tandem").unwrap_or(TANDEM_GROUP)
}

/// Octets from the kernel, which waits until it has gathered enough at its start.
fn random<const OCTETS: usize>() -> anyhow::Result<[u8; OCTETS]> {
    let mut octets = [0; OCTETS];
    File::open("/dev/random")
        .and_then(|mut file| file.read_exact(&mut octets))
        .context("reading /dev/random")?;
    Ok(octets)
}

fn say(word: &str) {
    // Whoever started us may have gone; the work goes on.
    let _ = writeln!(io::stdout(), "{word}");
}
