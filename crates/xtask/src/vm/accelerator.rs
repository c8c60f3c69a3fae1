//! How the processor of a machine is made: by KVM where that works, else by translation (TCG).
//!
//! `/dev/kvm` alone says nothing: in a nested guest it can be there, open, and never run an instruction. So the probe
//! runs real code of a guest, a boot sector of seven octets that ends QEMU with a status of our choice, and gives it a
//! limit of time.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::qemu::PROGRAM;
use crate::progress::Step;
use crate::{Workspace, process};

/// The firmware takes under a second to start a disk where KVM works.
const PROBE_LIMIT: Duration = Duration::from_secs(5);
/// What the boot sector writes to the port of `isa-debug-exit`.
const PROBE_VALUE: u8 = 0x10;
/// What QEMU makes of it (`(value << 1) | 1`).
const PROBE_STATUS: i32 = 33;

/// How the processor of a machine is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Accelerator {
    /// By the processor of this machine
    Kvm,
    /// By translation of instructions
    Tcg,
}

impl Accelerator {
    /// Words for QEMU. The default processor of TCG is its fastest.
    pub(super) const fn arguments(self) -> &'static [&'static str] {
        match self {
            Accelerator::Kvm => &["-accel", "kvm", "-cpu", "host"],
            Accelerator::Tcg => &["-accel", "tcg"],
        }
    }
}

/// What was found, and for which machine.
#[derive(Serialize, Deserialize)]
struct Finding {
    accelerator: Accelerator,
    /// `/proc/sys/kernel/random/boot_id`: another boot may be another machine
    boot_id: String,
    /// Who may use `/dev/kvm` is a matter of the user
    user: u32,
}

/// The accelerator of this machine; found once in each boot.
pub(super) fn find(workspace: &Workspace) -> anyhow::Result<Accelerator> {
    let folder = workspace.target.join("vm");
    let path = folder.join("accelerator.json");
    let boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned();
    let user = nix::unistd::geteuid().as_raw();
    let known = fs::read(&path).ok().and_then(|text| serde_json::from_slice::<Finding>(&text).ok());
    if let Some(known) = known.filter(|known| known.boot_id == boot_id && known.user == user) {
        return Ok(known.accelerator);
    }
    let step = Step::start("finding out whether KVM runs a guest");
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let sector = folder.join(format!("probe-{}.img", std::process::id()));
    fs::write(&sector, boot_sector()).with_context(|| format!("writing {}", sector.display()))?;
    let works = Path::new("/dev/kvm").exists() && runs(&sector, Accelerator::Kvm);
    let _ = fs::remove_file(&sector);
    let accelerator = if works { Accelerator::Kvm } else { Accelerator::Tcg };
    let finding = Finding { accelerator, boot_id, user };
    // A folder of another user only costs the next run its time.
    let _ = crate::lab::node::write(&path, &serde_json::to_string(&finding)?);
    step.done();
    Ok(accelerator)
}

/// Whether a guest runs the boot sector to its end within the limit.
fn runs(sector: &Path, accelerator: Accelerator) -> bool {
    let mut command = Command::new(PROGRAM);
    command.args(accelerator.arguments());
    command.args(["-no-user-config", "-nodefaults", "-display", "none", "-m", "16"]);
    command.args(["-device", "isa-debug-exit,iobase=0xf4,iosize=0x01"]);
    command
        .arg("-drive")
        .arg(format!("file={},format=raw,if=ide,readonly=off,snapshot=on", sector.display()));
    // An error (no right to /dev/kvm, no limit kept) is an answer too.
    process::outcome(&mut command, PROBE_LIMIT)
        .is_ok_and(|outcome| outcome.status.code() == Some(PROBE_STATUS))
}

/// `mov al, VALUE; out 0xf4, al; hlt; jmp $`, padded to a sector that firmware starts.
fn boot_sector() -> [u8; 512] {
    let mut sector = [0; 512];
    sector[..7].copy_from_slice(&[0xb0, PROBE_VALUE, 0xe6, 0xf4, 0xf4, 0xeb, 0xfe]);
    sector[510..].copy_from_slice(&[0x55, 0xaa]);
    sector
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A probe that can only fail would choose TCG everywhere: where translation runs, the boot sector must end QEMU.
    #[test]
    fn boot_sector_ends_the_guest() {
        if process::output(Command::new(PROGRAM).arg("--version"), PROBE_LIMIT).is_err() {
            return; // no QEMU: nothing to prove on this machine
        }
        let folder = tempfile::tempdir().expect("temporary folder");
        let sector = folder.path().join("probe.img");
        fs::write(&sector, boot_sector()).expect("boot sector");
        assert!(runs(&sector, Accelerator::Tcg));
        fs::write(&sector, [0; 512]).expect("empty sector");
        assert!(!runs(&sector, Accelerator::Tcg));
    }
}
