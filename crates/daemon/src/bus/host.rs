//! `org.tandem.Host1`: the appliance itself.

use serde::{Deserialize, Serialize};
use zbus::OwnedFd;
use zbus::zvariant::Type;

/// Bus name of the host daemon.
pub const NAME: &str = "org.tandem.Host1";
/// Object path of the host daemon.
pub const PATH: &str = "/org/tandem/Host1";

/// State of the appliance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct HostStatus {
    /// Name of this node
    pub name: String,
    /// Serial number (rows H13, H28)
    pub serial_number: String,
    /// Version of the image
    pub version: String,
    /// Root file system: `lab` or `buildroot`
    pub rootfs: String,
    /// `release` or `debug`: a debug image has a root shell
    pub variant: String,
    /// A setup medium or a configuration has said who this node is
    pub commissioned: bool,
    /// Seconds since the kernel started
    pub uptime_s: u64,
    /// The clock follows a time server
    pub clock_synchronised: bool,
    /// Octets free for durable state
    pub data_free_bytes: u64,
    /// Octets for durable state
    pub data_total_bytes: u64,
    /// Ethernet interfaces
    pub links: Vec<LinkStatus>,
    /// Router towards everything else; empty when none
    pub gateway: String,
    /// Units that have failed
    pub failed_units: Vec<String>,
    /// What a person should know and do something about, worst first
    pub problems: Vec<String>,
}

/// An Ethernet interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct LinkStatus {
    /// Name, e.g. `lan0`
    pub name: String,
    /// Permanent hardware address
    pub hardware_address: String,
    /// Carrier present
    pub carrier: bool,
    /// Addresses with prefix length
    pub addresses: Vec<String>,
}

/// Client side of the host daemon.
#[zbus::proxy(
    interface = "org.tandem.Host1",
    default_service = "org.tandem.Host1",
    default_path = "/org/tandem/Host1"
)]
pub trait Host {
    /// The whole state.
    fn status(&self) -> zbus::Result<HostStatus>;

    /// Sets a link's own address (with prefix length) and, where not empty, the gateway. Only while no configuration
    /// is in force: afterwards the network is part of the configuration. Kept over a reboot.
    fn set_network(&self, link: &str, address: &str, gateway: &str) -> zbus::Result<()>;

    /// Entries of the journal as text in a sealed memfd, oldest first: of `unit` (`hostd`, `stored`, `clusterd`, `pbxd`,
    /// `screen`, `prepare` or `kernel`; empty: all of Tandem's), of the last `since_s` seconds (0: all), at most the last
    /// `lines` (0: as many as the host daemon hands out).
    fn logs(&self, unit: &str, since_s: u64, lines: u32) -> zbus::Result<OwnedFd>;

    /// Restarts the node in order: services end, disks are written.
    fn reboot(&self) -> zbus::Result<()>;

    /// Switches the node off in order.
    fn power_off(&self) -> zbus::Result<()>;
}
