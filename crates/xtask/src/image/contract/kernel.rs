//! The kernel: options that it must have, built in or as a module that the root brings.

use std::collections::{BTreeMap, BTreeSet};

use super::data::{Kernel, KernelOption};
use super::root::Root;
use super::{Report, Violation};

const RULE: &str = "kernel";
/// Where a root keeps its kernel's configuration.
const CONFIGURATION: &str = "/usr/lib/tandem/kernel.config";
const MODULES: &str = "/usr/lib/modules/";

pub(super) fn check(kernel: &Kernel, root: &Root, report: &mut Report) {
    let configuration = root.text(CONFIGURATION);
    report.hold(configuration.is_some(), || Violation {
        rule: RULE,
        place: CONFIGURATION.to_owned(),
        what: "is missing".to_owned(),
        to_do: "let the build copy the configuration of the kernel there (Debian: /boot/config-VERSION)"
            .to_owned(),
    });
    let Some(configuration) = configuration else { return };
    let values = values(&configuration);
    let modules = modules(root);
    for need in &kernel.need {
        for option in &need.options {
            let lack = lack(option, &values, &modules);
            report.hold(lack.is_none(), || Violation {
                rule: RULE,
                place: option.option.clone(),
                what: format!("{} ({})", lack.unwrap_or_default(), need.reason),
                to_do: match &option.module {
                    Some(module) => format!("build it in, or bring the module {module}"),
                    None => "build it in".to_owned(),
                },
            });
        }
    }
    for rule in &kernel.forbidden {
        for option in &rule.options {
            report.hold(values.get(option.as_str()) != Some(&"y"), || Violation {
                rule: RULE,
                place: option.clone(),
                what: format!("is built in: {}", rule.reason),
                to_do: "leave it out".to_owned(),
            });
        }
    }
}

/// What is missing for `option`; nothing when it is there.
fn lack(option: &KernelOption, values: &BTreeMap<&str, &str>, modules: &BTreeSet<String>) -> Option<String> {
    match (values.get(option.option.as_str()), &option.module) {
        (Some(&"y"), _) => None,
        (Some(&"m"), Some(module)) if modules.contains(&plain(module)) => None,
        (Some(&"m"), Some(module)) => Some(format!("the module {module} is not in the root")),
        (Some(&"m"), None) => Some("is a module and must be built in".to_owned()),
        _ => Some("is not set".to_owned()),
    }
}

/// `CONFIG_X=y` by line; what is not set is a comment.
fn values(text: &str) -> BTreeMap<&str, &str> {
    text.lines().filter(|line| line.starts_with("CONFIG_")).filter_map(|line| line.split_once('=')).collect()
}

/// Names of the modules in the root.
fn modules(root: &Root) -> BTreeSet<String> {
    let files = root.entries().filter_map(|(path, _)| path.strip_prefix(MODULES)?.rsplit('/').next());
    files.filter_map(|name| Some(plain(&name[..name.find(".ko")?]))).collect()
}

/// To the kernel `-` and `_` are the same in names of modules.
fn plain(name: &str) -> String {
    name.replace('-', "_")
}
