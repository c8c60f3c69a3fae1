//! Who this node is: `node.toml`, the one file that a daemon is given (`--node FILE`).
//!
//! Everything that both nodes share is in the configuration; here is only what makes this box this box, and what
//! it must know before it can ask the peer for anything.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::{fs, io};

use model::{NodeName, Private};

use crate::secret::{self, KEY_BYTES};
use crate::table::Reader;

/// TCP and UDP port of the high-availability agent between the nodes.
const CLUSTER_PORT_DEFAULT: u16 = 5405;
/// TCP port of the store between the nodes.
const STORE_PORT_DEFAULT: u16 = 5406;
/// TCP port of the telephone daemon between the nodes.
const PBX_PORT_DEFAULT: u16 = 5407;

/// Identity of this node.
#[derive(Clone, Debug)]
pub struct NodeIdentity {
    /// Name
    pub name: NodeName,
    /// Serial number (rows H13, H28)
    pub serial_number: String,
    /// The node whose first configuration counts (row H10)
    pub coordinator: bool,
    /// Folder of durable state
    pub data: PathBuf,
    /// Folder of runtime files
    pub run: PathBuf,
    /// Own address on the synchronisation interface
    pub listen: IpAddr,
    /// The other node; `None` on a single box
    pub peer: Option<Peer>,
    /// What proves who we are; always present when there is a peer
    pub credentials: Option<Credentials>,
    /// Ports between the nodes
    pub ports: Ports,
}

/// The other node of the pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its name: what its certificate must say
    pub name: NodeName,
    /// Its addresses in the order to try: synchronisation first
    pub addresses: Vec<IpAddr>,
}

/// Certificate, key and secret, read from the files that `node.toml` names.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Certificate of the authority that both nodes trust (PEM)
    pub authority_pem: String,
    /// Certificate of this node (PEM); subject alternative name = node name
    pub certificate_pem: String,
    /// Private key of this node (PEM)
    pub key_pem: Private<String>,
    /// Secret shared by both nodes; keys are made from it with [`secret::derive`]
    pub pair_secret: Private<[u8; KEY_BYTES]>,
}

/// Ports between the nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// High-availability agent, UDP and TCP
    pub cluster: u16,
    /// Store, TCP
    pub store: u16,
    /// Telephone daemon, TCP
    pub pbx: u16,
}

/// `node.toml` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NodeFileError {
    /// The file cannot be read.
    #[error("reading the node file {}", path.display())]
    Read {
        /// The file
        path: PathBuf,
        /// Why
        #[source]
        source: io::Error,
    },
    /// It is no TOML.
    #[error("the node file {} is no TOML", path.display())]
    Syntax {
        /// The file
        path: PathBuf,
        /// Where and why
        #[source]
        source: Box<toml::de::Error>,
    },
    /// Its content is wrong.
    #[error("the node file {} has {} problem(s):\n  {}", path.display(), problems.len(), problems.join("\n  "))]
    Content {
        /// The file
        path: PathBuf,
        /// Every problem, `key: what is wrong`
        problems: Vec<String>,
    },
}

impl NodeIdentity {
    /// Reads `node.toml` and the credentials that it names.
    ///
    /// # Errors
    /// [`NodeFileError`]; of the content, all problems at once.
    pub fn load(path: &Path) -> Result<NodeIdentity, NodeFileError> {
        let text = fs::read_to_string(path)
            .map_err(|source| NodeFileError::Read { path: path.to_owned(), source })?;
        NodeIdentity::parse(&text, path)
    }

    /// As [`NodeIdentity::load`], of the text of the file at `path`; relative paths in it start at its folder.
    ///
    /// # Errors
    /// [`NodeFileError::Syntax`] and [`NodeFileError::Content`].
    pub fn parse(text: &str, path: &Path) -> Result<NodeIdentity, NodeFileError> {
        let table = text
            .parse::<toml::Table>()
            .map_err(|source| NodeFileError::Syntax { path: path.to_owned(), source: Box::new(source) })?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let mut problems = Vec::new();
        let identity = read_identity(&table, &folder, &mut problems);
        match identity {
            Some(identity) if problems.is_empty() => Ok(identity),
            _ => Err(NodeFileError::Content { path: path.to_owned(), problems }),
        }
    }

    /// The key for one purpose that both nodes share; `None` on a box without credentials.
    #[must_use]
    pub fn derive(&self, label: &str) -> Option<[u8; KEY_BYTES]> {
        self.credentials.as_ref().map(|credentials| secret::derive(&credentials.pair_secret, label))
    }
}

/// Reads every part before it gives up, so that `problems` holds them all; `None` when a part is missing.
fn read_identity(table: &toml::Table, folder: &Path, problems: &mut Vec<String>) -> Option<NodeIdentity> {
    let mut root = Reader::new(table, "", problems);
    let name = root.parsed::<NodeName>("name");
    let serial_number = root.text("serial-number").map(str::to_owned);
    let coordinator = root.flag("coordinator").unwrap_or(false);
    let data = root.text("data").map(|text| folder.join(text));
    let run = root.text("run").map(|text| folder.join(text));
    let listen = root.parsed::<IpAddr>("listen");
    let peer_table = root.table("peer");
    let credentials_table = root.table("credentials");
    let ports_table = root.table("ports");
    root.end();

    let peer = peer_table.map(|table| read_peer(Reader::new(table, "peer.", problems)));
    let credentials =
        credentials_table.map(|table| read_credentials(Reader::new(table, "credentials.", problems), folder));
    let ports = read_ports(ports_table.map(|table| Reader::new(table, "ports.", problems)));
    if peer.is_some() && credentials.is_none() {
        problems.push("credentials: missing, but there is a peer to prove ourselves to".to_owned());
    }
    if let (Some(name), Some(Some(peer))) = (&name, &peer)
        && *name == peer.name
    {
        problems.push(format!("peer.name: {name} is the name of this node"));
    }
    Some(NodeIdentity {
        name: name?,
        serial_number: serial_number?,
        coordinator,
        data: data?,
        run: run?,
        listen: listen?,
        peer: peer.flatten(),
        credentials: credentials.flatten(),
        ports,
    })
}

fn read_peer(mut reader: Reader<'_, '_>) -> Option<Peer> {
    let name = reader.parsed::<NodeName>("name");
    let addresses = reader.parsed_list::<IpAddr>("addresses");
    reader.end();
    Some(Peer { name: name?, addresses: addresses? })
}

fn read_credentials(mut reader: Reader<'_, '_>, folder: &Path) -> Option<Credentials> {
    let authority_pem = read_file(&mut reader, folder, "authority");
    let certificate_pem = read_file(&mut reader, folder, "certificate");
    let key_pem = read_file(&mut reader, folder, "key");
    let secret_text = read_file(&mut reader, folder, "secret");
    let pair_secret = secret_text.and_then(|text| {
        let mut secret = [0; KEY_BYTES];
        if hex::decode_to_slice(text.trim(), &mut secret).is_err() {
            reader.problem("secret", "the file must hold 32 octets as 64 hexadecimal digits");
            return None;
        }
        Some(Private::new(secret))
    });
    reader.end();
    Some(Credentials {
        authority_pem: authority_pem?,
        certificate_pem: certificate_pem?,
        key_pem: Private::new(key_pem?),
        pair_secret: pair_secret?,
    })
}

/// The content of the file that a mandatory path names; relative paths start at `folder`.
fn read_file(reader: &mut Reader<'_, '_>, folder: &Path, key: &'static str) -> Option<String> {
    let path = folder.join(reader.text(key)?);
    fs::read_to_string(&path)
        .map_err(|error| reader.problem(key, format!("{}: {error}", path.display())))
        .ok()
}

fn read_ports(reader: Option<Reader<'_, '_>>) -> Ports {
    let mut ports = Ports { cluster: CLUSTER_PORT_DEFAULT, store: STORE_PORT_DEFAULT, pbx: PBX_PORT_DEFAULT };
    if let Some(mut reader) = reader {
        ports.cluster = reader.port("cluster").unwrap_or(ports.cluster);
        ports.store = reader.port("store").unwrap_or(ports.store);
        ports.pbx = reader.port("pbx").unwrap_or(ports.pbx);
        reader.end();
    }
    ports
}

#[cfg(test)]
mod tests;
