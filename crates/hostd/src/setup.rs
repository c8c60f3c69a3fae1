//! `setup.toml`: who a box is and where its network begins, as a person writes it on a setup medium.
//!
//! ```toml
//! name = "a"
//! coordinator = true                      # default: false, but true without a peer
//! gateway = "10.20.0.254"                 # optional
//!
//! [interface.lan0]
//! address = "10.20.0.1/24"
//! hardware-address = "52:54:00:20:00:01"  # optional; without: links in the order of their slots
//!
//! [peer]                                  # absent on a single box
//! name = "b"
//! addresses = ["10.30.0.2", "10.20.0.2"]
//!
//! [credentials]                           # files on the medium
//! authority = "ca.pem"
//! certificate = "a.pem"
//! key = "a.key"
//! secret = "pair.key"
//! ```

use std::collections::BTreeMap;
use std::net::IpAddr;

use model::NodeName;

use crate::network_file::{InterfaceAddress, InterfaceNetwork, NetworkFile};

mod hardware;
#[cfg(test)]
mod tests;
mod text;

pub use hardware::{HardwareAddress, HardwareAddressError};

/// Longest `setup.toml`.
pub const SETUP_BYTES_MAX: usize = 64 * 1024;
/// Most interfaces that it names.
pub const INTERFACES_MAX: usize = 16;
/// Most addresses of the peer.
pub const PEER_ADDRESSES_MAX: usize = 8;

/// What a setup medium says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// Name of this node
    pub name: NodeName,
    /// Its first configuration counts (row H10)
    pub coordinator: bool,
    /// Router towards everything else
    pub gateway: Option<IpAddr>,
    /// Links with their first network, by their names to be
    pub interfaces: BTreeMap<String, Interface>,
    /// The other node; `None` on a single box
    pub peer: Option<Peer>,
    /// What proves who this node is; always present when there is a peer
    pub credentials: Option<CredentialFiles>,
}

/// A link as the setup wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Own address
    pub address: InterfaceAddress,
    /// Which card it is; `None`: found by the order of the slots
    pub hardware_address: Option<HardwareAddress>,
}

/// The other node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Name
    pub name: NodeName,
    /// Addresses in the order to try
    pub addresses: Vec<IpAddr>,
}

/// Names of the files beside `setup.toml` that prove who this node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialFiles {
    /// Certificate of the authority (PEM)
    pub authority: String,
    /// Certificate of this node (PEM)
    pub certificate: String,
    /// Its private key (PEM)
    pub key: String,
    /// Secret shared by both nodes: 64 hexadecimal digits
    pub secret: String,
}

impl CredentialFiles {
    /// Each key of `[credentials]` with its file.
    #[must_use]
    pub fn entries(&self) -> [(&'static str, &str); 4] {
        [
            ("authority", &self.authority),
            ("certificate", &self.certificate),
            ("key", &self.key),
            ("secret", &self.secret),
        ]
    }
}

/// A text is no setup: every problem of it, `key: what is wrong`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("setup.toml has {} problem(s): {}", problems.len(), problems.join("; "))]
pub struct SetupError {
    /// Every problem, at least one
    pub problems: Vec<String>,
}

impl Setup {
    /// Reads the text of `setup.toml`.
    ///
    /// # Errors
    /// [`SetupError`] with all problems at once.
    pub fn parse(text: &str) -> Result<Setup, SetupError> {
        text::parse(text)
    }

    /// The text of `setup.toml`.
    #[must_use]
    pub fn to_text(&self) -> String {
        text::write(self)
    }

    /// The network that the setup begins with.
    #[must_use]
    pub fn network(&self) -> NetworkFile {
        let interfaces = self
            .interfaces
            .iter()
            .map(|(name, interface)| (name.clone(), InterfaceNetwork { address: interface.address }));
        NetworkFile { gateway: self.gateway, interfaces: interfaces.collect(), ..NetworkFile::default() }
    }
}
