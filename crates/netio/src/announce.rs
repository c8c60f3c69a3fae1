//! Tells a network segment that an address has moved here: gratuitous ARP and unsolicited neighbour advertisements.
//!
//! One packet socket is kept per interface: sending costs microseconds, opening one can cost milliseconds on the
//! takeover path. When to repeat is the caller's business.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nix::ifaddrs::getifaddrs;
use socket2::{Socket, Type};

use crate::links::MAC_BYTES;
use crate::raw::{self, ETHERTYPE_ARP, ETHERTYPE_IPV6};

const BROADCAST: [u8; MAC_BYTES] = [0xff; MAC_BYTES];
/// Ethernet group of ff02::1, all nodes (RFC 2464 section 7).
const ALL_NODES_MAC: [u8; MAC_BYTES] = [0x33, 0x33, 0, 0, 0, 1];
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// Shortest Ethernet frame without its checksum; some drivers do not pad.
const FRAME_BYTES_MIN: usize = 60;
const ICMPV6: u8 = 58;
const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
/// RFC 4861 section 7.1.2: anything less came through a router and is dropped.
const HOP_LIMIT: u8 = 255;
const OVERRIDE: u8 = 0x20;
const OPTION_TARGET_LINK_ADDRESS: u8 = 2;

/// Announces addresses on one interface.
#[derive(Debug)]
pub struct Announcer {
    socket: Socket,
    mac: [u8; MAC_BYTES],
}

impl Announcer {
    /// Opens the socket of `interface`; `None` where there is nobody to tell (no Ethernet, e.g. loopback).
    ///
    /// # Errors
    /// [`io::Error`] when the interface is not there or the process lacks `CAP_NET_RAW`.
    pub fn open(interface: &str) -> io::Result<Option<Self>> {
        let Some(mac) = ethernet_address(interface)? else { return Ok(None) };
        Ok(Some(Announcer { socket: raw::open(interface, Type::RAW, 0)?, mac }))
    }

    /// Sends the announcement of `address` once: both forms of gratuitous ARP, or a neighbour advertisement.
    ///
    /// # Errors
    /// [`io::Error`]: the interface is down or gone (open another announcer), or its queue is full.
    pub fn announce(&self, address: IpAddr) -> io::Result<()> {
        match address {
            IpAddr::V4(address) => {
                // Some systems take only the one form, some only the other (RFC 5227 section 3 says why requests).
                self.socket.send(&gratuitous_arp(self.mac, address, ArpOperation::Request))?;
                self.socket.send(&gratuitous_arp(self.mac, address, ArpOperation::Reply))?;
            }
            IpAddr::V6(address) => {
                self.socket.send(&neighbour_advertisement(self.mac, address))?;
            }
        }
        Ok(())
    }
}

/// Ethernet address of an interface; all zero (loopback) counts as none.
fn ethernet_address(interface: &str) -> io::Result<Option<[u8; MAC_BYTES]>> {
    let mut entries = getifaddrs()?;
    let mac = entries.find_map(|entry| {
        let is_ours = entry.interface_name == interface;
        is_ours.then_some(entry.address?.as_link_addr()?.addr()?)
    });
    Ok(mac.filter(|mac| mac.iter().any(|byte| *byte != 0)))
}

#[derive(Clone, Copy)]
enum ArpOperation {
    Request = 1,
    Reply = 2,
}

/// RFC 826 frame whose sender and target are `address` (RFC 5227 section 3: an ARP announcement).
fn gratuitous_arp(mac: [u8; MAC_BYTES], address: Ipv4Addr, operation: ArpOperation) -> Vec<u8> {
    let mut frame = ethernet_header(BROADCAST, mac, ETHERTYPE_ARP);
    let target_mac = match operation {
        ArpOperation::Request => [0; MAC_BYTES],
        ArpOperation::Reply => BROADCAST,
    };
    frame.extend_from_slice(&[0, 1, 8, 0, 6, 4, 0, operation as u8]);
    frame.extend_from_slice(&mac);
    frame.extend_from_slice(&address.octets());
    frame.extend_from_slice(&target_mac);
    frame.extend_from_slice(&address.octets());
    frame.resize(frame.len().max(FRAME_BYTES_MIN), 0);
    frame
}

/// Unsolicited neighbour advertisement to all nodes (RFC 4861 sections 4.4 and 7.2.6) with the override flag.
fn neighbour_advertisement(mac: [u8; MAC_BYTES], address: Ipv6Addr) -> Vec<u8> {
    let mut message = vec![NEIGHBOUR_ADVERTISEMENT, 0, 0, 0, OVERRIDE, 0, 0, 0];
    message.extend_from_slice(&address.octets());
    message.extend_from_slice(&[OPTION_TARGET_LINK_ADDRESS, 1]);
    message.extend_from_slice(&mac);
    let length = u16::try_from(message.len()).expect("an advertisement has 32 bytes");
    let mut pseudo_header = Vec::from(address.octets());
    pseudo_header.extend_from_slice(&ALL_NODES.octets());
    pseudo_header.extend_from_slice(&u32::from(length).to_be_bytes());
    pseudo_header.extend_from_slice(&u32::from(ICMPV6).to_be_bytes());
    let checksum = internet_checksum(&[&pseudo_header, &message]);
    message[2..4].copy_from_slice(&checksum.to_be_bytes());

    let mut frame = ethernet_header(ALL_NODES_MAC, mac, ETHERTYPE_IPV6);
    frame.extend_from_slice(&[0x60, 0, 0, 0]);
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(&[ICMPV6, HOP_LIMIT]);
    frame.extend_from_slice(&address.octets());
    frame.extend_from_slice(&ALL_NODES.octets());
    frame.extend_from_slice(&message);
    frame
}

fn ethernet_header(destination: [u8; MAC_BYTES], source: [u8; MAC_BYTES], ethertype: u16) -> Vec<u8> {
    let mut frame = Vec::with_capacity(128);
    frame.extend_from_slice(&destination);
    frame.extend_from_slice(&source);
    frame.extend_from_slice(&ethertype.to_be_bytes());
    frame
}

/// RFC 1071 over parts of even length (the last may be odd).
pub(crate) fn internet_checksum(parts: &[&[u8]]) -> u16 {
    let words = parts.iter().flat_map(|part| part.chunks(2));
    let sum: u32 =
        words.map(|word| u32::from(word[0]) << 8 | u32::from(word.get(1).copied().unwrap_or(0))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    !u16::try_from(folded).expect("folded twice, the sum has 16 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: [u8; MAC_BYTES] = [2, 0, 0, 0, 0, 7];

    /// RFC 5227 section 3, H19: sender and target are the resource address, to everybody.
    #[test]
    fn gratuitous_arp_has_both_forms() {
        let address = Ipv4Addr::new(10, 20, 0, 10);
        for (operation, code) in [(ArpOperation::Request, 1), (ArpOperation::Reply, 2)] {
            let frame = gratuitous_arp(MAC, address, operation);
            assert_eq!(frame.len(), FRAME_BYTES_MIN);
            assert_eq!(frame[..6], BROADCAST);
            assert_eq!(frame[6..12], MAC);
            assert_eq!(frame[12..22], [8, 6, 0, 1, 8, 0, 6, 4, 0, code]);
            assert_eq!(frame[22..28], MAC);
            assert_eq!(frame[28..32], address.octets());
            assert_eq!(frame[38..42], address.octets());
        }
    }

    /// RFC 4861 section 7.1.2: hop limit 255, valid checksum, override flag, target link-layer address.
    #[test]
    fn neighbour_advertisement_is_valid() {
        let address: Ipv6Addr = "2001:db8::10".parse().unwrap();
        let frame = neighbour_advertisement(MAC, address);
        let (ip, message) = frame[14..].split_at(40);
        assert_eq!(ip[7], HOP_LIMIT);
        assert_eq!(usize::from(u16::from_be_bytes([ip[4], ip[5]])), message.len());
        assert_eq!((message[0], message[4]), (136, 0x20));
        assert_eq!(message[8..24], address.octets());
        assert_eq!(message[26..32], MAC);
        let length_and_next = [0, 0, 0, 32, 0, 0, 0, 58];
        assert_eq!(internet_checksum(&[&ip[8..40], &length_and_next, message]), 0, "sums to zero when right");
    }

    /// RFC 1071 section 3: the example of its text.
    #[test]
    fn checksum_of_rfc_1071() {
        assert_eq!(internet_checksum(&[&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]]), !0xddf2);
    }
}
