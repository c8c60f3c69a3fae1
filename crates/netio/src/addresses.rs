//! Resource addresses on interfaces (row H19): added when this node serves, removed when it no longer may.
//!
//! Every address carries our protocol number ([`PROTOCOL`], `ip -d address` shows it), so that an agent that starts
//! finds and removes what one that crashed has left. Adding what is there and removing what is not are no errors. A
//! removal is confirmed by a list taken from the kernel afterwards, not by the word of the request.
//!
//! *Prefix length.* The resource address usually lies in the subnet of the node's own address. It is then added as a
//! host address (/32, /128): a second address of one subnet would be a *secondary* one for the kernel, which removes it
//! together with the first. Only where the interface has no address of that subnet does it bring the configured
//! prefix, and thereby the route.

use std::fmt;
use std::net::IpAddr;

use futures_util::TryStreamExt;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage, AddressProtocol};
use nix::libc;
use nix::net::if_::if_nametoindex;

use crate::netlink::{ConnectionTask, NetlinkError, is_errno};

/// `IFA_PROTO` of our addresses; the kernel itself uses 1 to 3.
pub const PROTOCOL: u8 = 0x50;

/// A resource address of an interface.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceAddress {
    /// Name of the link
    pub interface: String,
    /// The address
    pub address: IpAddr,
    /// Length of its subnet's prefix in bits
    pub prefix_bits: u8,
}

impl fmt::Display for ResourceAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{} on {}", self.address, self.prefix_bits, self.interface)
    }
}

/// Adds and removes resource addresses over one kept netlink socket.
#[derive(Debug)]
pub struct Addresses {
    handle: rtnetlink::Handle,
    _connection: ConnectionTask,
}

impl Addresses {
    /// Opens the socket; its task runs on the current runtime.
    ///
    /// # Errors
    /// [`NetlinkError::Open`].
    pub fn open() -> Result<Self, NetlinkError> {
        let (connection, handle, _) = rtnetlink::new_connection().map_err(NetlinkError::Open)?;
        Ok(Addresses { handle, _connection: ConnectionTask(tokio::spawn(connection)) })
    }

    /// Adds `resource`; it is usable when this returns.
    ///
    /// # Errors
    /// [`NetlinkError::NoInterface`], or [`NetlinkError::Request`] when the kernel refuses (no right, invalid address).
    pub async fn add(&self, resource: &ResourceAddress) -> Result<(), NetlinkError> {
        let index = interface_index(&resource.interface)?;
        let covered = self.list().await?.iter().any(|message| covers(message, index, resource));
        let host_bits = if resource.address.is_ipv4() { 32 } else { 128 };
        let prefix_bits = if covered { host_bits } else { resource.prefix_bits };
        let mut request = self.handle.address().add(index, resource.address, prefix_bits);
        let attributes = &mut request.message_mut().attributes;
        attributes.push(AddressAttribute::Protocol(AddressProtocol::Other(PROTOCOL)));
        if resource.address.is_ipv6() {
            // A tentative address answers nobody, and duplicate detection takes longer than a takeover may.
            let route = if covered { AddressFlags::Noprefixroute } else { AddressFlags::empty() };
            attributes.push(AddressAttribute::Flags(AddressFlags::Nodad | route));
        }
        match request.execute().await {
            Err(error) if is_errno(&error, libc::EEXIST) => Ok(()),
            other => other.map_err(NetlinkError::request(format!("adding {resource}"))),
        }
    }

    /// Removes every address that carries our tag, and each of `named` whoever added it; returns how many went. The
    /// kernel's own list confirms that none is left.
    ///
    /// # Errors
    /// [`NetlinkError::Request`], or [`NetlinkError::NotRemoved`] when one is still there.
    pub async fn remove_all(&self, named: &[ResourceAddress]) -> Result<usize, NetlinkError> {
        self.remove_matching(|message| is_tagged(message) || is_any_of(message, named)).await
    }

    /// Removes every address that carries our tag and is not one of `kept` (a resource address was taken out of the
    /// configuration); returns how many went.
    ///
    /// # Errors
    /// As [`Self::remove_all`].
    pub async fn remove_others(&self, kept: &[ResourceAddress]) -> Result<usize, NetlinkError> {
        self.remove_matching(|message| is_tagged(message) && !is_any_of(message, kept)).await
    }

    /// Which addresses carry our tag now.
    ///
    /// # Errors
    /// [`NetlinkError::Request`].
    pub async fn held(&self) -> Result<Vec<IpAddr>, NetlinkError> {
        Ok(self.list().await?.iter().filter(|message| is_tagged(message)).filter_map(local_address).collect())
    }

    async fn remove_matching(
        &self,
        to_remove: impl Fn(&AddressMessage) -> bool,
    ) -> Result<usize, NetlinkError> {
        let found: Vec<_> = self.list().await?.into_iter().filter(&to_remove).collect();
        if found.is_empty() {
            return Ok(0);
        }
        let count = found.len();
        let mut refused = None;
        for message in found {
            let attempt = format!("removing {:?}", local_address(&message));
            match self.handle.address().del(message).execute().await {
                Ok(()) => {}
                Err(error) if is_errno(&error, libc::EADDRNOTAVAIL) || is_errno(&error, libc::ENODEV) => {}
                // The others must go all the same.
                Err(error) => refused = Some(NetlinkError::request(attempt)(error)),
            }
        }
        let left: Vec<_> = self
            .list()
            .await?
            .iter()
            .filter(|message| to_remove(message))
            .filter_map(local_address)
            .collect();
        match refused {
            Some(error) if !left.is_empty() => Err(error),
            None if !left.is_empty() => Err(NetlinkError::NotRemoved { addresses: left }),
            _ => Ok(count),
        }
    }

    async fn list(&self) -> Result<Vec<AddressMessage>, NetlinkError> {
        let listing = self.handle.address().get().execute().try_collect().await;
        listing.map_err(NetlinkError::request("listing addresses"))
    }
}

pub(crate) fn interface_index(name: &str) -> Result<u32, NetlinkError> {
    if_nametoindex(name).map_err(|_| NetlinkError::NoInterface { name: name.to_owned() })
}

fn is_tagged(message: &AddressMessage) -> bool {
    message.attributes.contains(&AddressAttribute::Protocol(AddressProtocol::Other(PROTOCOL)))
}

/// The address itself: `IFA_LOCAL` where it is given (on point-to-point links `IFA_ADDRESS` is the other end).
pub(crate) fn local_address(message: &AddressMessage) -> Option<IpAddr> {
    let local = message.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Local(address) => Some(*address),
        _ => None,
    });
    local.or_else(|| {
        message.attributes.iter().find_map(|attribute| match attribute {
            AddressAttribute::Address(address) => Some(*address),
            _ => None,
        })
    })
}

fn is_any_of(message: &AddressMessage, resources: &[ResourceAddress]) -> bool {
    let Some(address) = local_address(message) else { return false };
    resources.iter().any(|resource| {
        resource.address == address && if_nametoindex(resource.interface.as_str()) == Ok(message.header.index)
    })
}

/// An address of the node itself already brings the route to the resource address's subnet.
fn covers(message: &AddressMessage, index: u32, resource: &ResourceAddress) -> bool {
    let same_family = message.header.family
        == if resource.address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    same_family
        && message.header.index == index
        && !is_tagged(message)
        && local_address(message).is_some_and(|own| {
            own != resource.address && in_subnet(resource.address, own, message.header.prefix_len)
        })
}

/// `address` lies in the subnet of `other` with a prefix of `prefix_bits`.
fn in_subnet(address: IpAddr, other: IpAddr, prefix_bits: u8) -> bool {
    let prefix = |bits: u128, width: u32| {
        let host_bits = width.saturating_sub(u32::from(prefix_bits));
        bits.checked_shr(host_bits).unwrap_or(0)
    };
    match (address, other) {
        (IpAddr::V4(address), IpAddr::V4(other)) => {
            prefix(u128::from(address.to_bits()), 32) == prefix(u128::from(other.to_bits()), 32)
        }
        (IpAddr::V6(address), IpAddr::V6(other)) => {
            prefix(address.to_bits(), 128) == prefix(other.to_bits(), 128)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The subnet decides whether a route has to come with the address.
    #[test]
    fn subnets_are_told_apart() {
        let inside =
            |address: &str, own: &str, bits| in_subnet(address.parse().unwrap(), own.parse().unwrap(), bits);
        assert!(inside("10.20.0.10", "10.20.0.1", 24));
        assert!(!inside("10.20.1.10", "10.20.0.1", 24));
        assert!(inside("10.20.1.10", "10.20.0.1", 16));
        assert!(inside("192.0.2.1", "10.20.0.1", 0));
        assert!(!inside("10.20.0.10", "10.20.0.1", 32));
        assert!(inside("2001:db8::10", "2001:db8::1", 64));
        assert!(!inside("2001:db8:0:1::10", "2001:db8::1", 64));
        assert!(!inside("10.20.0.10", "::1", 0));
    }
}
