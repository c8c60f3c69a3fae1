//! From an image to a settled pair: disks, networks, boot, sample configuration.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::files::MachineFiles;
use super::pair::{LOOK, Options, Pair};
use super::plan::Plan;
use super::qemu::Network;
use super::shell::Shell;
use super::{machine, setup};
use crate::image::{self, Image, Rootfs};
use crate::lab::node::write;
use crate::lab::{Namespace, SIP_PORT, Side, Topology, network, sample};
use crate::peers::probe::Probe;
use crate::progress::Step;
use crate::{Workspace, wait};

/// How long a machine may take from power-on until its root shell answers, on two busy processors that translate.
pub(super) const BOOT_LIMIT: Duration = Duration::from_secs(240);
/// How long the daemons of a node may take to start once its root shell answers, on two busy processors.
const START_LIMIT: Duration = Duration::from_secs(180);
/// How long the store of a node whose daemons have started may take until it accepts the first configuration.
const CONFIGURATION_LIMIT: Duration = Duration::from_secs(60);
/// How long to wait for a root shell without a look at the machine.
const HOPE: Duration = Duration::from_secs(2);
/// What a kernel says that will never have a root shell.
const PANIC: &str = "Kernel panic - not syncing";

impl Pair {
    /// Everything between the decision and a settled pair.
    pub(super) fn start(&mut self, options: &Options) -> anyhow::Result<()> {
        let step = Step::start("making disks and networks");
        for folder in [self.files.folder(), self.files.sockets()] {
            fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        }
        self.take_image()?;
        setup::make_disks(&self.files, &Plan::load(&self.workspace)?, options.commission)?;
        self.keep_state()?;
        if self.state.network == Network::Taps {
            network::create_for_machines(&self.state.topology)?;
        }
        step.done();
        let power_on = self.boot()?;
        if options.commission {
            self.configure(options, power_on)?;
        }
        self.keep_state()
    }

    /// Boots both machines and waits for their root shells.
    fn boot(&mut self) -> anyhow::Result<Instant> {
        let step = Step::start("booting both machines");
        let power_on = Instant::now();
        for side in Side::BOTH {
            self.power_on(side)?;
        }
        let shells = Side::BOTH.map(|side| (side, self.files.machine(side)));
        let booted = std::thread::scope(|scope| {
            let waits = shells.map(|(side, files)| {
                (
                    side,
                    scope.spawn(move || {
                        await_shell(&files, BOOT_LIMIT).map(|()| power_on.elapsed().as_secs_f64())
                    }),
                )
            });
            waits.map(|(side, wait)| (side, wait.join()))
        });
        for (side, outcome) in booted {
            let seconds = outcome
                .map_err(|_| anyhow::anyhow!("the thread that waits for machine {side} has panicked"))?
                .with_context(|| format!("machine {side} has not booted:\n{}", self.console_end(side)))?;
            self.state.nodes_boot_s.insert(side, tenths(seconds));
        }
        step.done();
        Ok(power_on)
    }

    /// Puts the sample configuration in force, and waits until the pair is settled.
    fn configure(&mut self, options: &Options, power_on: Instant) -> anyhow::Result<()> {
        let mut config = sample::configuration(&sample::Addresses::default())?;
        (options.adjust)(&mut config);
        write(&self.files.configuration(), &config.to_text())?;
        let probe = match self.state.network {
            Network::Taps => Some(Probe::start(
                &self.state.topology.namespace(Namespace::Phones),
                Topology::phones(),
                SocketAddr::new(Topology::resource(), SIP_PORT),
            )?),
            Network::Sockets => None,
        };
        let step = Step::start("giving the coordinator its configuration");
        self.apply_configuration(&config.to_text())?;
        step.done();
        let step = Step::start("waiting until one node serves and the other stands by");
        let first_answer = probe.map(|probe| probe.wait_for_answer(power_on, options.settle_limit));
        let serving = match first_answer {
            Some(answer) => answer.with_context(|| self.console_ends())?.duration_since(power_on),
            None => {
                self.until(options.settle_limit, "a node serves", |status| {
                    status.nodes.values().any(|machine| machine.node.serving)
                })?;
                power_on.elapsed()
            }
        };
        self.state.boot_s = Some(tenths(serving.as_secs_f64()));
        self.await_settled()?;
        step.done();
        Ok(())
    }

    fn apply_configuration(&self, text: &str) -> anyhow::Result<()> {
        const PATH: &str = "/run/sample.toml";
        // It waits inside: a question every second would take the processor from what is awaited. Whatever has failed,
        // the store may do.
        self.outcome(Side::A, "systemctl is-system-running --wait", START_LIMIT)?;
        self.put(Side::A, PATH, text.as_bytes())?;
        // Named, so that trying again is no second change.
        let apply = [
            "config",
            "apply",
            PATH,
            "--author",
            "vm",
            "--description",
            "sample",
            "--transaction",
            "vm-first",
        ];
        let mut last = None;
        let applied = wait::poll(CONFIGURATION_LIMIT, LOOK, || {
            self.tandemctl(Side::A, &apply).map_err(|error| last = Some(error)).ok()
        });
        if applied.is_none() {
            let error = last.unwrap_or_else(|| anyhow::anyhow!("no answer"));
            return Err(error.context("the coordinator takes no configuration"));
        }
        self.shell(Side::A, &format!("rm {PATH}")).map(drop)
    }

    /// The files to boot, as links in our own folder.
    fn take_image(&mut self) -> anyhow::Result<()> {
        let image = &mut self.state.image;
        for (name, file) in [
            ("vmlinuz", Some(&mut image.kernel)),
            ("initrd.img", image.initrd.as_mut()),
            ("root.squashfs", Some(&mut image.root)),
        ] {
            let Some(file) = file else { continue };
            let own = self.files.image(name);
            // Another file system, or another user's file, which the kernel may forbid to link.
            if fs::hard_link(&*file, &own).is_err() {
                fs::copy(&*file, &own)
                    .with_context(|| format!("copying {} to {}", file.display(), own.display()))?;
            }
            *file = own;
        }
        Ok(())
    }

    fn keep_state(&self) -> anyhow::Result<()> {
        write(&self.files.state(), &serde_json::to_string(&self.state)?)
    }
}

/// The image to boot. Buildroot's is taken as it was built last unless the environment names its checkout.
pub(crate) fn image(workspace: &Workspace, options: &Options) -> anyhow::Result<Image> {
    let buildroot = std::env::var_os("TANDEM_BUILDROOT").map(PathBuf::from);
    if !options.build || (options.rootfs == Rootfs::Buildroot && buildroot.is_none()) {
        return Image::load(workspace, options.rootfs);
    }
    image::build(workspace, &image::Build { rootfs: options.rootfs, buildroot, ..image::Build::default() })
}

/// Waits until a root shell answers, as long as there is any hope.
pub(super) fn await_shell(files: &MachineFiles, limit: Duration) -> anyhow::Result<()> {
    let deadline = Instant::now() + limit;
    let before = fs::metadata(files.console_log()).map_or(0, |log| log.len());
    loop {
        let Err(error) = Shell::new(&files.debug()).await_ready(HOPE) else { return Ok(()) };
        let log = fs::read(files.console_log()).unwrap_or_default();
        let since = usize::try_from(before).ok().and_then(|before| log.get(before..)).unwrap_or_default();
        if String::from_utf8_lossy(since).contains(PANIC) {
            bail!("its kernel has panicked");
        }
        if machine::pid(files).is_none() {
            bail!("it has no power any more");
        }
        if Instant::now() >= deadline {
            return Err(error.context(format!("not within {limit:?}")));
        }
    }
}

/// Seconds with one decimal.
fn tenths(seconds: f64) -> f64 {
    (seconds * 10.0).round() / 10.0
}
