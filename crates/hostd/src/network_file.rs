//! `/data/host/network.toml`: the network that this node uses from its next start on, before any configuration
//! speaks. The setup medium writes it first, then whoever sets the network, then each revision of the configuration.
//!
//! ```toml
//! revision = 7                            # of the configuration that last changed it; absent: none yet
//! gateway = "10.20.0.254"
//! name-servers = ["10.20.0.53"]
//! time-servers = ["ntp.example.com"]
//! time-zone = "Europe/Rome"
//!
//! [interface.lan0]
//! address = "10.20.0.1/24"
//! ```

use std::collections::BTreeMap;
use std::net::IpAddr;

pub use model::{InterfaceAddress, InterfaceAddressError};
use serde::{Deserialize, Serialize};

/// The network as kept on the data disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct NetworkFile {
    /// Revision of the configuration that last changed it; 0: none, a setup medium or a person at the box did
    #[serde(default, skip_serializing_if = "is_zero")]
    pub revision: u64,
    /// Router towards everything else
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<IpAddr>,
    /// Name servers, asked in this order
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub name_servers: Vec<IpAddr>,
    /// Time servers: addresses or host names
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub time_servers: Vec<String>,
    /// Time zone by its name in the IANA database; `None`: UTC
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Own address of each interface, by its name
    #[serde(default, rename = "interface", skip_serializing_if = "BTreeMap::is_empty")]
    pub interfaces: BTreeMap<String, InterfaceNetwork>,
}

/// What one interface uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InterfaceNetwork {
    /// Own address
    #[serde(with = "address_text")]
    pub address: InterfaceAddress,
}

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the text is no network file")]
pub struct NetworkFileError(#[source] Box<toml::de::Error>);

impl NetworkFile {
    /// Reads the text of the file.
    ///
    /// # Errors
    /// [`NetworkFileError`]: where and why.
    pub fn parse(text: &str) -> Result<NetworkFile, NetworkFileError> {
        toml::from_str(text).map_err(|error| NetworkFileError(Box::new(error)))
    }

    /// The text of the file.
    #[must_use]
    pub fn to_text(&self) -> String {
        toml::to_string(self).expect("texts and tables have a TOML form")
    }
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde wants a reference
fn is_zero(revision: &u64) -> bool {
    *revision == 0
}

/// [`InterfaceAddress`] in its text form.
mod address_text {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::InterfaceAddress;

    pub(super) fn serialize<S: Serializer>(
        address: &InterfaceAddress,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(address)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<InterfaceAddress, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text form that is promised to people who edit it with the box open.
    #[test]
    fn text_and_value_are_the_same() {
        let text = "revision = 7\ngateway = \"10.20.0.254\"\nname-servers = [\"10.20.0.53\"]\n\
                    time-servers = [\"ntp.example.com\"]\ntime-zone = \"Europe/Rome\"\n\n[interface.lan0]\naddress = \"10.20.0.1/24\"\n\n\
                    [interface.sync0]\naddress = \"fd00::1/64\"\n";
        let file = NetworkFile::parse(text).unwrap();
        assert_eq!(file.interfaces["lan0"].address.to_string(), "10.20.0.1/24");
        assert_eq!(file.to_text(), text);
        assert_eq!(NetworkFile::parse("").unwrap(), NetworkFile::default());
    }

    /// A misspelt key must not pass for an absent one.
    #[test]
    fn unknown_keys_and_impossible_addresses_are_refused() {
        for text in [
            "gatway = \"10.20.0.254\"",
            "[interface.lan0]\naddress = \"10.20.0.0/24\"",
            "[interface.lan0]\naddress = \"10.20.0.255/24\"",
            "[interface.lan0]\naddress = \"10.20.0.1\"",
            "[interface.lan0]\naddress = \"10.20.0.1/33\"",
            "[interface.lan0]\naddress = \"127.0.0.1/8\"",
            "[interface.lan0]\naddress = \"0.0.0.0/0\"",
        ] {
            assert!(NetworkFile::parse(text).is_err(), "{text}");
        }
        assert!("10.20.0.0/31".parse::<InterfaceAddress>().is_ok(), "RFC 3021: both of a /31 are stations");
    }

    /// A gateway or a peer that cannot be reached directly is found by this.
    #[test]
    fn a_network_reaches_its_own_stations_only() {
        let own: InterfaceAddress = "10.20.0.1/24".parse().unwrap();
        assert!(own.reaches("10.20.0.254".parse().unwrap()));
        assert!(!own.reaches("10.20.1.254".parse().unwrap()));
        assert!(!own.reaches("fd00::1".parse().unwrap()));
    }
}
