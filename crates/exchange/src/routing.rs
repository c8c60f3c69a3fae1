//! Who calls and where a dialled number leads: the configuration, indexed for one look-up per question.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use model::{AccountName, Config, Extension, ExtensionNumber, Trunk, TrunkName};

/// Where a dialled number leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Destined {
    /// To the phones of an extension
    Extension(ExtensionNumber),
    /// Out by a trunk, with this number
    Trunk {
        /// Which trunk
        trunk: TrunkName,
        /// The number after `strip`
        number: String,
    },
    /// Nowhere
    Nowhere,
}

/// One revision of the configuration with its reverse indexes.
#[derive(Debug)]
pub(crate) struct Directory {
    config: Arc<Config>,
    /// The number that calls of an account show: the first extension that names the account
    numbers: HashMap<AccountName, ExtensionNumber>,
    sources: HashMap<IpAddr, TrunkName>,
}

impl Directory {
    pub(crate) fn new(config: Arc<Config>) -> Self {
        let mut numbers = HashMap::new();
        for (number, extension) in &config.extensions {
            for account in &extension.accounts {
                numbers.entry(account.clone()).or_insert_with(|| number.clone());
            }
        }
        let mut sources = HashMap::new();
        for (name, trunk) in &config.trunks {
            let host = [trunk.address.ip()];
            let addresses = if trunk.sources.is_empty() { &host[..] } else { &trunk.sources[..] };
            for address in addresses {
                sources.entry(address.to_canonical()).or_insert_with(|| name.clone());
            }
        }
        Directory { config, numbers, sources }
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn has_account(&self, account: &str) -> bool {
        self.config.accounts.contains_key(&AccountName::new(account))
    }

    /// The trunk that is known by this source address.
    pub(crate) fn trunk_at(&self, source: IpAddr) -> Option<(&TrunkName, &Trunk)> {
        let name = self.sources.get(&source.to_canonical())?;
        Some((name, self.config.trunks.get(name)?))
    }

    /// The extension that calls of an account are shown as.
    pub(crate) fn extension_of(&self, account: &AccountName) -> Option<(&ExtensionNumber, &Extension)> {
        let number = self.numbers.get(account)?;
        Some((number, self.config.extensions.get(number)?))
    }

    /// Where `dialled` leads: an extension first, then the longest prefix. Without `may_leave` (a trunk without
    /// `transit`) no route applies.
    pub(crate) fn route(&self, dialled: &str, may_leave: bool) -> Destined {
        let number = ExtensionNumber::new(dialled);
        if self.config.extensions.contains_key(&number) {
            return Destined::Extension(number);
        }
        if !may_leave {
            return Destined::Nowhere;
        }
        let longest = (0..=dialled.len())
            .rev()
            .filter_map(|length| dialled.get(..length))
            .find_map(|prefix| self.config.routes.get(prefix));
        let Some(route) = longest else { return Destined::Nowhere };
        let number: String = dialled.chars().skip(route.strip).collect();
        if number.is_empty() || !self.config.trunks.contains_key(&route.trunk) {
            return Destined::Nowhere;
        }
        Destined::Trunk { trunk: route.trunk.clone(), number }
    }
}
