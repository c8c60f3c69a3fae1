//! What a lab is made of, for scripts: the JSON object of `lab up --json` (contract: keys stay).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use model::{Config, DigestChoice};

use super::files::{Files, NodeFiles};
use super::sample::TRUNK_PREFIX;
use super::supervisor::Processes;
use super::topology::{DOMAIN, Namespace, SIP_PORT, Side, Topology};
use crate::Workspace;

/// A lab.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Description {
    /// Name of the lab
    pub name: String,
    /// Both interfaces of the nodes sit on one switch
    pub one_switch: bool,
    /// Network namespaces
    pub namespaces: Namespaces,
    /// The two nodes
    pub nodes: Nodes,
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
    /// Folder of logs, one folder for each node in it
    pub logs: PathBuf,
}

/// Names of the network namespaces.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Namespaces {
    /// Node a
    pub a: String,
    /// Node b
    pub b: String,
    /// Phones and trunk
    pub phones: String,
    /// The switches
    pub bridge: String,
}

/// Both nodes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Nodes {
    /// The coordinator
    pub a: NodeDescription,
    /// The other one
    pub b: NodeDescription,
}

/// A node.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NodeDescription {
    /// Own address towards phones, on the link lan0
    pub lan: IpAddr,
    /// Own address towards the other node, on the link sync0
    pub sync: IpAddr,
    /// Process group of all its processes
    pub process_group: Option<i32>,
    /// Ids of all its processes, the supervisor first
    pub pids: Vec<i32>,
    /// Id of each process by name: `dbus-daemon`, `stored`, `clusterd`, `pbxd`
    pub processes: BTreeMap<String, i32>,
    /// Address of its bus
    pub bus: String,
    /// Folder of its durable state
    pub data: PathBuf,
    /// Words that reach this node with `tandemctl`; append the verb
    pub tandemctl: Vec<String>,
}

/// What a phone registers as.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// User, and number of the extension that rings it
    pub user: String,
    /// Password
    pub password: String,
    /// Challenges it is sent: `md5`, `sha-256` or `both`
    pub digest: String,
}

/// The trunk.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TrunkDescription {
    /// What is dialled before a number outside; not sent to the trunk
    pub prefix: String,
    /// Its address, in the namespace of the phones
    pub address: IpAddr,
    /// Its SIP port
    pub port: u16,
}

impl Description {
    /// Describes a lab as it stands now.
    pub(super) fn new(
        workspace: &Workspace,
        topology: &Topology,
        files: &Files,
    ) -> anyhow::Result<Description> {
        let namespace = |namespace| topology.namespace(namespace);
        let node = |side| NodeDescription::new(workspace, &files.node(side), side);
        Ok(Description {
            name: topology.name.clone(),
            one_switch: topology.one_switch,
            namespaces: Namespaces {
                a: namespace(Namespace::Node(Side::A)),
                b: namespace(Namespace::Node(Side::B)),
                phones: namespace(Namespace::Phones),
                bridge: namespace(Namespace::Bridge),
            },
            nodes: Nodes { a: node(Side::A), b: node(Side::B) },
            resource_address: Topology::resource(),
            phones_address: Topology::phones(),
            domain: DOMAIN.to_owned(),
            accounts: accounts(&files.configuration())?,
            trunk: TrunkDescription::sample(),
            sip_port: SIP_PORT,
            logs: files.logs(),
        })
    }

    /// A node by its side.
    #[must_use]
    pub fn node(&self, side: Side) -> &NodeDescription {
        match side {
            Side::A => &self.nodes.a,
            Side::B => &self.nodes.b,
        }
    }
}

impl TrunkDescription {
    /// The trunk of the sample configuration.
    pub(crate) fn sample() -> TrunkDescription {
        TrunkDescription {
            prefix: TRUNK_PREFIX.to_owned(),
            address: Topology::trunk().ip(),
            port: Topology::trunk().port(),
        }
    }
}

impl NodeDescription {
    fn new(workspace: &Workspace, files: &NodeFiles, side: Side) -> NodeDescription {
        let processes = processes(files);
        let pids = processes.iter().flat_map(|processes| {
            let others = processes.processes.values().filter_map(|process| process.pid);
            std::iter::once(processes.supervisor).chain(others)
        });
        let named = processes.iter().flat_map(|processes| &processes.processes);
        let named = named.filter_map(|(name, process)| Some((name.clone(), process.pid?))).collect();
        let program = workspace.program("tandemctl").display().to_string();
        NodeDescription {
            lan: Topology::lan(side),
            sync: Topology::synchronisation(side),
            process_group: processes.as_ref().map(|processes| processes.group),
            pids: pids.collect(),
            processes: named,
            bus: files.bus_address(),
            data: files.data(),
            tandemctl: vec![program, "--bus".to_owned(), files.bus_address()],
        }
    }
}

/// The processes of a node; `None` when it does not run.
pub(super) fn processes(files: &NodeFiles) -> Option<Processes> {
    let text = std::fs::read_to_string(files.processes()).ok()?;
    serde_json::from_str(&text).ok()
}

/// What phones register as in the configuration that was written to `path`.
pub(crate) fn accounts(path: &Path) -> anyhow::Result<Vec<Account>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let config = Config::parse(&text).map_err(|problems| {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("{}: {}", path.display(), problems.join("; "))
    })?;
    let account = |(name, account): (&model::AccountName, &model::Account)| Account {
        user: name.to_string(),
        password: account.password.reveal().clone(),
        digest: match account.digest {
            DigestChoice::Md5 => "md5",
            DigestChoice::Sha256 => "sha-256",
            DigestChoice::Both => "both",
        }
        .to_owned(),
    };
    Ok(config.accounts.iter().map(account).collect())
}
