//! What a pair of machines is made of, for scripts: the JSON object of `vm up --json`.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::accelerator::Accelerator;
use super::files::Files;
use super::machine;
use super::pair::State;
use super::qemu::Network;
use crate::image::Rootfs;
use crate::lab::topology::{DOMAIN, SIP_PORT};
use crate::lab::{Account, Namespace, Side, Topology, TrunkDescription, description};

/// A pair of machines.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Description {
    /// Name of the pair
    pub name: String,
    /// Root file system
    pub rootfs: Rootfs,
    /// How the processors are made
    pub accelerator: Accelerator,
    /// Seconds from power-on to the first answer at the resource address; without phones, until a node says that it
    /// serves. None: it has not been configured
    pub boot_s: Option<f64>,
    /// Network namespaces; none without root
    pub namespaces: Option<Namespaces>,
    /// The two nodes
    pub nodes: BTreeMap<Side, NodeDescription>,
    /// Address that the active node holds
    pub resource_address: IpAddr,
    /// Address of the phones
    pub phones_address: IpAddr,
    /// SIP domain
    pub domain: String,
    /// What phones register as
    pub accounts: Vec<Account>,
    /// Where calls with the prefix go, and where calls may come from without digest
    pub trunk: TrunkDescription,
    /// SIP port, UDP and TCP
    pub sip_port: u16,
    /// Folder of the consoles' logs
    pub logs: PathBuf,
}

/// Names of the network namespaces.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Namespaces {
    /// Phones and trunk
    pub phones: String,
    /// The switches, and the machines' side of the taps
    pub bridge: String,
}

/// A node as a machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NodeDescription {
    /// Own address towards phones, on the link lan0
    pub lan: IpAddr,
    /// Own address towards the other node, on the link sync0
    pub sync: IpAddr,
    /// Serial number
    pub serial: String,
    /// Seconds from power-on to the first answer of its root shell
    pub boot_s: Option<f64>,
    /// Process of QEMU; none: it has no power
    pub pid: Option<i32>,
    /// Socket of the first serial port
    pub console: PathBuf,
    /// Socket of the second serial port
    pub shell: PathBuf,
    /// Socket of QEMU's monitor
    pub qmp: PathBuf,
    /// Data disk
    pub data: PathBuf,
    /// Words that reach this node with `tandemctl`; append the verb
    pub tandemctl: Vec<String>,
}

impl Description {
    /// Describes a pair as it stands now.
    pub(super) fn new(topology: &Topology, files: &Files, state: &State) -> anyhow::Result<Description> {
        let configuration = files.configuration();
        let accounts =
            if configuration.exists() { description::accounts(&configuration)? } else { Vec::new() };
        Ok(Description {
            name: topology.name.clone(),
            rootfs: state.image.rootfs,
            accelerator: state.accelerator,
            boot_s: state.boot_s,
            namespaces: (state.network == Network::Taps).then(|| Namespaces {
                phones: topology.namespace(Namespace::Phones),
                bridge: topology.namespace(Namespace::Bridge),
            }),
            nodes: Side::BOTH.map(|side| (side, NodeDescription::new(topology, files, state, side))).into(),
            resource_address: Topology::resource(),
            phones_address: Topology::phones(),
            domain: DOMAIN.to_owned(),
            accounts,
            trunk: TrunkDescription::sample(),
            sip_port: SIP_PORT,
            logs: files.folder().to_owned(),
        })
    }

    /// A node by its side.
    #[must_use]
    pub fn node(&self, side: Side) -> &NodeDescription {
        &self.nodes[&side]
    }
}

impl NodeDescription {
    fn new(topology: &Topology, files: &Files, state: &State, side: Side) -> NodeDescription {
        let machine = files.machine(side);
        let words =
            ["cargo", "xtask", "vm", "exec", side.as_str(), "--name", &topology.name, "--", "tandemctl"];
        NodeDescription {
            lan: Topology::lan(side),
            sync: Topology::synchronisation(side),
            serial: side.serial_number().to_owned(),
            boot_s: state.nodes_boot_s.get(&side).copied(),
            pid: machine::pid(&machine).map(nix::unistd::Pid::as_raw),
            console: machine.console(),
            shell: machine.shell(),
            qmp: machine.qmp(),
            data: machine.data(),
            tandemctl: words.map(str::to_owned).into(),
        }
    }
}
