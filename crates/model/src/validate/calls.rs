//! Accounts, extensions, trunks and routes: names, bounds and who refers to whom.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{Check, below, limits, syntax};
use crate::{Account, AccountName, Config, Extension, ExtensionNumber, Trunk, TrunkName};

pub(super) fn check(config: &Config, check: &mut Check) {
    if config.accounts.len() > limits::ACCOUNTS_MAX {
        let message =
            format!("has {} accounts, at most {} are held", config.accounts.len(), limits::ACCOUNTS_MAX);
        check.add("account", message);
    }
    for (name, account) in &config.accounts {
        check_account(name, account, check);
    }
    for (number, extension) in &config.extensions {
        check_extension(config, number, extension, check);
    }
    let mut sources = BTreeMap::new();
    for (name, trunk) in &config.trunks {
        check_trunk(config, name, trunk, &mut sources, check);
    }
    check_routes(config, check);
}

fn check_account(name: &AccountName, account: &Account, check: &mut Check) {
    let path = below("account", name.as_str());
    if let Some(message) = syntax::name_problem(name.as_str()) {
        check.add(&path, message);
    }
    let password = account.password.reveal();
    if !(1..=limits::PASSWORD_BYTES_MAX).contains(&password.len()) || !syntax::is_printable(password) {
        let message = format!("cannot be used; write 1 to {} printable letters", limits::PASSWORD_BYTES_MAX);
        check.add(format!("{path}.password"), message);
    }
}

fn check_extension(config: &Config, number: &ExtensionNumber, extension: &Extension, check: &mut Check) {
    let path = below("extension", number.as_str());
    if !syntax::is_number(number.as_str()) {
        let max = limits::NUMBER_BYTES_MAX;
        check.add(
            &path,
            format!("is no number; use 1 to {max} digits, * and #, with a + in front if you like"),
        );
    }
    let name = extension.name.reveal();
    if name.len() > limits::PERSON_BYTES_MAX || !syntax::is_printable(name) {
        let message =
            format!("cannot be shown; write at most {} bytes on one line", limits::PERSON_BYTES_MAX);
        check.add(format!("{path}.name"), message);
    }
    check.duration(&format!("{path}.ring"), extension.ring_timeout, &limits::RING);
    let accounts = format!("{path}.accounts");
    if !(1..=limits::EXTENSION_ACCOUNTS_MAX).contains(&extension.accounts.len()) {
        let max = limits::EXTENSION_ACCOUNTS_MAX;
        check.add(
            &accounts,
            format!("has {} entries; name 1 to {max} accounts that ring", extension.accounts.len()),
        );
    }
    for (index, account) in extension.accounts.iter().take(limits::EXTENSION_ACCOUNTS_MAX).enumerate() {
        if extension.accounts[..index].contains(account) {
            check.add(&accounts, format!("names account {account} twice; name it once"));
        } else if !config.accounts.contains_key(account) {
            let absent = below("account", account.as_str());
            let message =
                format!("names account {account}, which is not there; write [{absent}] or remove it");
            check.add_absent(&accounts, absent, message);
        }
    }
}

fn check_trunk<'a>(
    config: &'a Config,
    name: &'a TrunkName,
    trunk: &Trunk,
    sources: &mut BTreeMap<IpAddr, &'a TrunkName>,
    check: &mut Check,
) {
    let path = below("trunk", name.as_str());
    if let Some(message) = syntax::name_problem(name.as_str()) {
        check.add(&path, message);
    }
    let address = trunk.address;
    if address.ip().is_unspecified() || address.ip().is_multicast() || address.port() == 0 {
        let message = format!("is {address}; write the address and port of the other exchange");
        check.add(format!("{path}.address"), message);
    }
    let resource =
        |ip| config.cluster.interfaces.values().any(|i| i.resource_address.is_some_and(|(r, _)| r == ip));
    if resource(address.ip()) && address.port() == config.sip.port {
        let message = format!("is {address}, this exchange itself; write the address of the other one");
        check.add(format!("{path}.address"), message);
    }
    let path = format!("{path}.sources");
    if !(1..=limits::TRUNK_SOURCES_MAX).contains(&trunk.sources.len()) {
        let max = limits::TRUNK_SOURCES_MAX;
        check.add(&path, format!("has {} entries; name 1 to {max} addresses that call", trunk.sources.len()));
    }
    for source in trunk.sources.iter().take(limits::TRUNK_SOURCES_MAX) {
        if source.is_unspecified() || source.is_multicast() {
            // An unreadable address stands for itself here: it is reported at `address`.
            if *source != address.ip() {
                check.add(&path, format!("has {source}; write the address of a host"));
            }
        } else if let Some(other) = sources.insert(*source, name) {
            let message = if other == name {
                format!("has {source} twice; write it once")
            } else {
                format!("has {source}, which trunk {other} has already; an address belongs to one trunk")
            };
            check.add(&path, message);
        }
    }
}

fn check_routes(config: &Config, check: &mut Check) {
    for (prefix, route) in &config.routes {
        let path = below("route", prefix);
        if !prefix.is_empty() && !syntax::is_number(prefix) {
            let max = limits::NUMBER_BYTES_MAX;
            check.add(
                &path,
                format!("is no prefix; use up to {max} digits, * and #, with a + in front if you like"),
            );
        }
        if !config.trunks.contains_key(&route.trunk) {
            let absent = below("trunk", route.trunk.as_str());
            let message = format!(
                "is {:?}, which is not there; write [{absent}] or another trunk",
                route.trunk.as_str()
            );
            check.add_absent(format!("{path}.trunk"), absent, message);
        }
        if route.strip > prefix.len() {
            let message = format!("is {}, longer than the prefix; write 0 to {}", route.strip, prefix.len());
            check.add(format!("{path}.strip"), message);
        }
    }
}
