//! What a node brings to its links itself: it switches them on, puts its own addresses there, and routes everything
//! else to its gateway (rows H12, H17, H18).
//!
//! Own addresses and the route carry a protocol number of their own ([`PROTOCOL`]; `ip -d address` and `ip route` show
//! it). So a daemon that starts again knows what it has put there, and touches nothing else: neither the resource
//! addresses ([`crate::addresses`]) nor what a person has added. Adding what is there and removing what is not are no
//! errors.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use futures_util::TryStreamExt;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::address::{AddressAttribute, AddressMessage, AddressProtocol, AddressScope};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteType,
};
use nix::libc;
use nix::net::if_::if_indextoname;
use rtnetlink::{LinkUnspec, RouteMessageBuilder};

use crate::addresses::{interface_index, local_address};
use crate::netlink::{ConnectionTask, NetlinkError, is_errno};

/// `IFA_PROTO` of own addresses and `rtm_protocol` of the default route; that of resource addresses is another.
pub const PROTOCOL: u8 = 0x51;

/// An address on an interface.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnAddress {
    /// Name of the link
    pub interface: String,
    /// The address
    pub address: IpAddr,
    /// Length of its subnet's prefix in bits
    pub prefix_bits: u8,
}

impl fmt::Display for OwnAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{} on {}", self.address, self.prefix_bits, self.interface)
    }
}

/// An address that is there, whoever has put it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresentAddress {
    /// Where and which
    pub place: OwnAddress,
    /// It carries [`PROTOCOL`]
    pub ours: bool,
    /// It is valid beyond its link (no `fe80::`)
    pub global: bool,
}

/// Changes links, own addresses and the default route over one kept netlink socket.
#[derive(Debug)]
pub struct OwnNetwork {
    handle: rtnetlink::Handle,
    _connection: ConnectionTask,
}

impl OwnNetwork {
    /// Opens the socket; its task runs on the current runtime.
    ///
    /// # Errors
    /// [`NetlinkError::Open`].
    pub fn open() -> Result<Self, NetlinkError> {
        let (connection, handle, _) = rtnetlink::new_connection().map_err(NetlinkError::Open)?;
        Ok(OwnNetwork { handle, _connection: ConnectionTask(tokio::spawn(connection)) })
    }

    /// Switches a link on; whether it has carrier is another matter.
    ///
    /// # Errors
    /// [`NetlinkError::NoInterface`] or [`NetlinkError::Request`].
    pub async fn switch_on(&self, interface: &str) -> Result<(), NetlinkError> {
        let index = interface_index(interface)?;
        let request = self.handle.link().set(LinkUnspec::new_with_index(index).up().build());
        request.execute().await.map_err(NetlinkError::request(format!("switching {interface} on")))
    }

    /// Every address of this machine.
    ///
    /// # Errors
    /// [`NetlinkError::Request`].
    pub async fn addresses(&self) -> Result<Vec<PresentAddress>, NetlinkError> {
        Ok(self.list().await?.iter().filter_map(present_address).collect())
    }

    /// Adds `own` with its route to its subnet.
    ///
    /// # Errors
    /// [`NetlinkError::NoInterface`], or [`NetlinkError::Request`] when the kernel refuses.
    pub async fn add(&self, own: &OwnAddress) -> Result<(), NetlinkError> {
        let index = interface_index(&own.interface)?;
        let mut request = self.handle.address().add(index, own.address, own.prefix_bits);
        let protocol = AddressAttribute::Protocol(AddressProtocol::Other(PROTOCOL));
        request.message_mut().attributes.push(protocol);
        match request.execute().await {
            Err(error) if is_errno(&error, libc::EEXIST) => Ok(()),
            other => other.map_err(NetlinkError::request(format!("adding {own}"))),
        }
    }

    /// Removes `own` if it is there and ours.
    ///
    /// # Errors
    /// [`NetlinkError::Request`].
    pub async fn remove(&self, own: &OwnAddress) -> Result<(), NetlinkError> {
        let listed = self.list().await?;
        let is_meant = |message: &AddressMessage| {
            present_address(message).is_some_and(|present| present.ours && present.place == *own)
        };
        for message in listed.into_iter().filter(is_meant) {
            match self.handle.address().del(message).execute().await {
                Err(error) if is_errno(&error, libc::EADDRNOTAVAIL) || is_errno(&error, libc::ENODEV) => {}
                other => other.map_err(NetlinkError::request(format!("removing {own}")))?,
            }
        }
        Ok(())
    }

    /// Where everything goes that lies in no subnet of this machine, whoever has said so; the IPv4 route first.
    ///
    /// # Errors
    /// [`NetlinkError::Request`].
    pub async fn gateway(&self) -> Result<Option<IpAddr>, NetlinkError> {
        Ok(self.default_routes().await?.iter().find_map(gateway_of))
    }

    /// Makes `wanted` the gateway, or none: our default route is replaced, one of somebody else stays.
    ///
    /// # Errors
    /// [`NetlinkError::Request`]: out of reach (no address in its subnet), or somebody else's default route is there.
    pub async fn set_gateway(&self, wanted: Option<IpAddr>) -> Result<(), NetlinkError> {
        let routes = self.default_routes().await?;
        let (kept, stale): (Vec<_>, Vec<_>) = routes
            .into_iter()
            .filter(|route| route.header.protocol == RouteProtocol::Other(PROTOCOL))
            .partition(|route| wanted.is_some() && gateway_of(route) == wanted);
        for route in stale {
            match self.handle.route().del(route).execute().await {
                Err(error) if is_errno(&error, libc::ESRCH) => {}
                other => other.map_err(NetlinkError::request("removing the default route"))?,
            }
        }
        let Some(gateway) = wanted.filter(|_| kept.is_empty()) else { return Ok(()) };
        let request = self.handle.route().add(default_route(gateway));
        request.execute().await.map_err(NetlinkError::request(format!("routing to the gateway {gateway}")))
    }

    async fn list(&self) -> Result<Vec<AddressMessage>, NetlinkError> {
        let listing = self.handle.address().get().execute().try_collect().await;
        listing.map_err(NetlinkError::request("listing addresses"))
    }

    async fn default_routes(&self) -> Result<Vec<RouteMessage>, NetlinkError> {
        let mut routes = Vec::new();
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            let mut query = RouteMessage::default();
            query.header.address_family = family;
            let listing: Result<Vec<_>, _> = self.handle.route().get(query).execute().try_collect().await;
            routes.extend(listing.map_err(NetlinkError::request("listing routes"))?);
        }
        routes.retain(|route: &RouteMessage| {
            route.header.destination_prefix_length == 0
                && route.header.table == RouteHeader::RT_TABLE_MAIN
                && route.header.kind == RouteType::Unicast
        });
        Ok(routes)
    }
}

fn default_route(gateway: IpAddr) -> RouteMessage {
    let protocol = RouteProtocol::Other(PROTOCOL);
    match gateway {
        IpAddr::V4(gateway) => {
            RouteMessageBuilder::<Ipv4Addr>::new().gateway(gateway).protocol(protocol).build()
        }
        IpAddr::V6(gateway) => {
            RouteMessageBuilder::<Ipv6Addr>::new().gateway(gateway).protocol(protocol).build()
        }
    }
}

fn gateway_of(route: &RouteMessage) -> Option<IpAddr> {
    route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Gateway(RouteAddress::Inet(address)) => Some(IpAddr::V4(*address)),
        RouteAttribute::Gateway(RouteAddress::Inet6(address)) => Some(IpAddr::V6(*address)),
        _ => None,
    })
}

/// `None` for an address whose link has just gone.
fn present_address(message: &AddressMessage) -> Option<PresentAddress> {
    let interface = if_indextoname(message.header.index).ok()?.into_string().ok()?;
    Some(PresentAddress {
        place: OwnAddress {
            interface,
            address: local_address(message)?,
            prefix_bits: message.header.prefix_len,
        },
        ours: message.attributes.contains(&AddressAttribute::Protocol(AddressProtocol::Other(PROTOCOL))),
        global: message.header.scope == AddressScope::Universe,
    })
}
