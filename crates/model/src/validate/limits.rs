//! Bounds of the configuration. Every one is named, so that a message, a test and the documentation say the same.

use std::ops::RangeInclusive;
use std::time::Duration;

/// Nodes of a pair.
pub const NODES_MAX: usize = 2;
/// Letters of the name of a link (Linux `IFNAMSIZ` less the final zero).
pub const LINK_NAME_BYTES_MAX: usize = 15;
/// Letters of a serial number.
pub const SERIAL_NUMBER_BYTES_MAX: usize = 64;
/// Longest prefix of a subnet in bits (IPv6).
pub const PREFIX_BITS_MAX: u64 = 128;
/// Name servers (`MAXNS` of the C library's resolver).
pub const NAME_SERVERS_MAX: usize = 3;
/// Time servers.
pub const TIME_SERVERS_MAX: usize = 8;
/// Letters of the name of a time zone.
pub const TIME_ZONE_BYTES_MAX: usize = 64;
/// Targets of a ping group (row H20).
pub const PING_GROUP_MAX: usize = 16;
/// Bindings of one account.
pub const CONTACTS_MAX: usize = 64;
/// Accounts of an exchange.
pub const ACCOUNTS_MAX: usize = 50_000;
/// Letters of the name of an account or trunk.
pub const NAME_BYTES_MAX: usize = 64;
/// Letters of a password.
pub const PASSWORD_BYTES_MAX: usize = 128;
/// Letters of the name of a person.
pub const PERSON_BYTES_MAX: usize = 128;
/// Digits of a number or prefix.
pub const NUMBER_BYTES_MAX: usize = 32;
/// Accounts that one number rings.
pub const EXTENSION_ACCOUNTS_MAX: usize = 32;
/// Source addresses of a trunk.
pub const TRUNK_SOURCES_MAX: usize = 64;
/// Letters of a domain (RFC 1035 section 2.3.4).
pub const DOMAIN_BYTES_MAX: usize = 253;
/// Letters of one label of a domain (RFC 1035 section 2.3.4).
pub const LABEL_BYTES_MAX: usize = 63;
/// Lowest RTP port: below are the ports of the system.
pub const MEDIA_PORT_MIN: u16 = 1024;

/// Row H23.
pub const WARNING: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_mins(1);
/// Row H24.
pub const DEAD: RangeInclusive<Duration> = Duration::from_millis(60)..=Duration::from_mins(1);
/// Row H25.
pub const INITIALISATION: RangeInclusive<Duration> = Duration::from_millis(60)..=Duration::from_mins(10);
/// Life of a registration.
pub const REGISTRATION: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(7 * 24);
/// Life of a digest nonce.
pub const NONCE: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(24);
/// How long a number rings.
pub const RING: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_mins(10);
