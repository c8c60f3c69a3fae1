//! The interfaces of this machine and their carrier, watched over rtnetlink.
//!
//! Level-triggered: whatever the kernel announces, also that it had to drop announcements, leads to one thing, a whole
//! new list. The list is taken again every [`LIST_INTERVAL`] besides, so no lost message is lost for long.

use std::time::Duration;

use futures_util::{FutureExt, StreamExt, TryStreamExt};
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkLayerType, LinkMessage};
use nix::net::if_::if_nametoindex;
use rtnetlink::{LinkUnspec, MulticastGroup};
use tokio::time::timeout;

use crate::netlink::{ConnectionTask, NetlinkError};

/// How often the list is taken without any announcement.
pub const LIST_INTERVAL: Duration = Duration::from_secs(10);

/// Length of an Ethernet address in bytes.
pub const MAC_BYTES: usize = 6;

/// An interface (row H16).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Number the kernel gave it; another one after the interface was made anew
    pub index: u32,
    /// Name, e.g. `lan0`
    pub name: String,
    /// Switched on (`IFF_UP`)
    pub enabled: bool,
    /// Switched on and carrier present
    pub up: bool,
    /// Ethernet address in use, if it has one
    pub mac: Option<[u8; MAC_BYTES]>,
    /// Ethernet address that the hardware came with; that in use where the kernel knows no other
    pub permanent_mac: Option<[u8; MAC_BYTES]>,
    /// A link of Ethernet (not the loopback interface, not a tunnel)
    pub ethernet: bool,
}

/// Watches all interfaces.
pub struct LinkWatch {
    handle: rtnetlink::Handle,
    announcements: Box<dyn futures_util::Stream<Item = ()> + Send + Unpin>,
    /// Something has changed since the last list
    stale: bool,
    _connection: ConnectionTask,
}

impl LinkWatch {
    /// Opens the socket; its task runs on the current runtime.
    ///
    /// # Errors
    /// [`NetlinkError::Open`].
    pub fn open() -> Result<Self, NetlinkError> {
        LinkWatch::follow(&[MulticastGroup::Link])
    }

    /// As [`LinkWatch::open`], and [`LinkWatch::next`] also returns after each change of an address or a route.
    ///
    /// # Errors
    /// [`NetlinkError::Open`].
    pub fn open_with_addresses() -> Result<Self, NetlinkError> {
        LinkWatch::follow(&[
            MulticastGroup::Link,
            MulticastGroup::Ipv4Ifaddr,
            MulticastGroup::Ipv6Ifaddr,
            MulticastGroup::Ipv4Route,
            MulticastGroup::Ipv6Route,
        ])
    }

    fn follow(groups: &[MulticastGroup]) -> Result<Self, NetlinkError> {
        let (connection, handle, messages) =
            rtnetlink::new_multicast_connection(groups).map_err(NetlinkError::Open)?;
        Ok(LinkWatch {
            handle,
            announcements: Box::new(messages.map(|_| ())),
            stale: true,
            _connection: ConnectionTask(tokio::spawn(connection)),
        })
    }

    /// All interfaces: at once the first time, then after each change or [`LIST_INTERVAL`]. Cancel-safe.
    ///
    /// # Errors
    /// [`NetlinkError::Request`], or [`NetlinkError::Closed`] when the socket is gone: open another watch.
    pub async fn next(&mut self) -> Result<Vec<Link>, NetlinkError> {
        if !self.stale {
            if let Ok(None) = timeout(LIST_INTERVAL, self.announcements.next()).await {
                return Err(NetlinkError::Closed);
            }
            // Stays set when this call is dropped while it lists: the next one then lists at once.
            self.stale = true;
        }
        while let Some(Some(())) = self.announcements.next().now_or_never() {}
        let links = self.list().await?;
        self.stale = false;
        Ok(links)
    }

    async fn list(&mut self) -> Result<Vec<Link>, NetlinkError> {
        let listing: Result<Vec<_>, _> = self.handle.link().get().execute().try_collect().await;
        let messages = listing.map_err(NetlinkError::request("listing interfaces"))?;
        Ok(messages.iter().filter_map(link_of).collect())
    }
}

/// Gives links other names, one after the other; each is switched off for it and stays so.
///
/// # Errors
/// [`NetlinkError::NoInterface`], or [`NetlinkError::Request`] when the kernel refuses (no right, name taken).
pub async fn rename(steps: &[(String, String)]) -> Result<(), NetlinkError> {
    let (connection, handle, _) = rtnetlink::new_connection().map_err(NetlinkError::Open)?;
    let _connection = ConnectionTask(tokio::spawn(connection));
    for (before, after) in steps {
        let index = if_nametoindex(before.as_str())
            .map_err(|_| NetlinkError::NoInterface { name: before.clone() })?;
        let attempt = || NetlinkError::request(format!("renaming {before} to {after}"));
        let off = LinkUnspec::new_with_index(index).down().build();
        handle.link().set(off).execute().await.map_err(attempt())?;
        let named = LinkUnspec::new_with_index(index).name(after.clone()).build();
        handle.link().set(named).execute().await.map_err(attempt())?;
    }
    Ok(())
}

fn link_of(message: &LinkMessage) -> Option<Link> {
    let name = message.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::IfName(name) => Some(name.clone()),
        _ => None,
    })?;
    let ethernet_address = |bytes: &[u8]| <[u8; MAC_BYTES]>::try_from(bytes).ok();
    let mac = message.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::Address(bytes) => ethernet_address(bytes),
        _ => None,
    });
    let permanent_mac = message.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::PermAddress(bytes) => ethernet_address(bytes),
        _ => None,
    });
    Some(Link {
        index: message.header.index,
        name,
        enabled: message.header.flags.contains(LinkFlags::Up),
        up: message.header.flags.contains(LinkFlags::Up | LinkFlags::LowerUp),
        mac,
        permanent_mac: permanent_mac.or(mac),
        ethernet: message.header.link_layer_type == LinkLayerType::Ether,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// H16: the list holds at least the loopback interface, which needs no right to read.
    #[tokio::test]
    async fn the_list_comes_at_once() {
        let mut watch = LinkWatch::open().unwrap();
        let links = timeout(Duration::from_secs(5), watch.next()).await.unwrap().unwrap();
        assert!(links.iter().any(|link| link.name == "lo" && link.index > 0));
    }
}
