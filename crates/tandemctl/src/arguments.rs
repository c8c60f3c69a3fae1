//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

/// Every action of the console, from a shell on the node.
///
/// Exit codes: 0 done, 1 failed or refused, 2 wrong usage, 3 the bus or the daemon is not there.
#[derive(Debug, Parser)]
#[command(name = "tandemctl", version)]
pub struct Arguments {
    /// Address of the bus, instead of the system bus or DBUS_SYSTEM_BUS_ADDRESS
    #[arg(long, global = true, value_name = "ADDRESS")]
    pub bus: Option<String>,
    /// What to act on
    #[command(subcommand)]
    pub group: Group,
}

/// What to act on.
#[derive(Debug, Subcommand)]
pub enum Group {
    /// High availability: the pair and who serves
    #[command(subcommand)]
    Ha(HaVerb),
    /// The configuration, as one text
    #[command(subcommand)]
    Config(ConfigVerb),
    /// Call records
    #[command(subcommand)]
    Records(ListVerb),
    /// Who changed what, and when
    #[command(subcommand)]
    Audit(ListVerb),
    /// The store of this node
    #[command(subcommand)]
    Store(StoreVerb),
    /// The telephone daemon of this node
    #[command(subcommand)]
    Pbx(PbxVerb),
    /// This box: network, logs, restart
    #[command(subcommand)]
    Host(HostVerb),
}

/// `tandemctl ha …`
#[derive(Debug, Subcommand)]
pub enum HaVerb {
    /// State of the pair as this node sees it
    Status(Form),
    /// Hand the service to the other node, without losing a confirmed change; returns when the other node serves
    Switch,
}

/// `tandemctl config …`
#[derive(Debug, Subcommand)]
pub enum ConfigVerb {
    /// The configuration in force, with its revision
    Show {
        /// Form of the answer
        #[command(flatten)]
        form: Form,
        /// Hide passwords
        #[arg(long)]
        redacted: bool,
    },
    /// The bare text, to keep, edit and apply
    Export,
    /// What applying FILE would change
    Diff {
        /// Configuration text; `-` is standard input
        file: PathBuf,
    },
    /// Replace the configuration by FILE, all or nothing, as one named transaction
    Apply(Apply),
}

/// `tandemctl config apply …`
#[derive(Debug, Args)]
pub struct Apply {
    /// Configuration text; `-` is standard input
    pub file: PathBuf,
    /// Who makes the change
    #[arg(long, value_name = "NAME")]
    pub author: String,
    /// What for
    #[arg(long, value_name = "TEXT")]
    pub description: String,
    /// Name of the transaction; repeating it returns the first outcome. Default: a new one
    #[arg(long, value_name = "ID")]
    pub transaction: Option<String>,
    /// Revision that FILE was made from; refused when another is in force. Default: whatever is in force
    #[arg(long, value_name = "REVISION", default_value_t = 0)]
    pub base: u64,
    /// Check FILE and show what would change; change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Form of the answer
    #[command(flatten)]
    pub form: Form,
}

/// `tandemctl records …` and `tandemctl audit …`
#[derive(Debug, Subcommand)]
pub enum ListVerb {
    /// List them, oldest first
    List {
        /// Only this month (UTC), e.g. 2026-11
        #[arg(long, value_name = "YYYY-MM", default_value = "", hide_default_value = true, value_parser = month)]
        month: String,
        /// Form of the answer
        #[command(flatten)]
        form: Form,
    },
}

/// `tandemctl store …`
#[derive(Debug, Subcommand)]
pub enum StoreVerb {
    /// State of the store of this node
    Status(Form),
    /// List changes made while apart: another node's settings went on without them, oldest first
    Apart(Form),
    /// Throw the view away and make it anew from the journal
    Rebuild,
}

/// `tandemctl pbx …`
#[derive(Debug, Subcommand)]
pub enum PbxVerb {
    /// State of the telephone daemon of this node
    Status(Form),
}

/// `tandemctl host …`
#[derive(Debug, Subcommand)]
pub enum HostVerb {
    /// State of this box: links, clock, disk, what is wrong
    Status(Form),
    /// The network of this box before it has a configuration
    #[command(subcommand)]
    Network(NetworkVerb),
    /// What the daemons of this box say, oldest first
    Logs(Logs),
    /// Restart this box in order
    Reboot(Consent),
    /// Switch this box off in order
    PowerOff(Consent),
}

/// `tandemctl host network …`
#[derive(Debug, Subcommand)]
pub enum NetworkVerb {
    /// Give a link its address; refused once a configuration is in force, which then says it
    Set {
        /// Name of the link, e.g. lan0
        link: String,
        /// Address with prefix length, e.g. 10.20.0.1/24
        #[arg(value_name = "ADDRESS/PREFIX")]
        address: String,
        /// Router towards everything else. Default: as it is
        #[arg(long, value_name = "ADDRESS", default_value = "", hide_default_value = true)]
        gateway: String,
    },
}

/// `tandemctl host logs …`
#[derive(Debug, Args)]
pub struct Logs {
    /// Only of one: hostd, stored, clusterd, pbxd, screen, prepare, kernel. Default: all of Tandem's
    #[arg(long, default_value = "", hide_default_value = true)]
    pub unit: String,
    /// Only of the last time, e.g. 30s, 10m, 1h. Default: everything kept
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub since: Option<Duration>,
    /// At most so many lines, the last ones
    #[arg(long, default_value_t = 1000)]
    pub lines: u32,
}

/// For what ends the service of this box.
#[derive(Clone, Copy, Debug, Args)]
pub struct Consent {
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// Form of an answer.
#[derive(Clone, Copy, Debug, Args)]
pub struct Form {
    /// JSON, for scripts
    #[arg(long)]
    pub json: bool,
}

/// A duration as in the configuration.
fn duration(text: &str) -> Result<Duration, String> {
    model::parse_duration(text)
        .ok_or_else(|| "a whole number with its unit is wanted: 30s, 10m, 1h".to_owned())
}

/// A month, or nothing for all of them.
fn month(text: &str) -> Result<String, String> {
    let valid = text.split_once('-').is_some_and(|(year, month)| {
        let digits = |part: &str, length| part.len() == length && part.bytes().all(|b| b.is_ascii_digit());
        digits(year, 4) && digits(month, 2) && ("01"..="12").contains(&month)
    });
    if valid || text.is_empty() {
        Ok(text.to_owned())
    } else {
        Err("a month like 2026-11 is wanted".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    /// The definitions agree with each other (clap's own check).
    #[test]
    fn command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    /// The box is spoken to in the words of the README.
    #[test]
    fn host_verbs_are_understood() {
        for words in [
            "host status --json",
            "host network set lan0 10.20.0.1/24 --gateway 10.20.0.254",
            "host logs --unit pbxd --since 1h --lines 50",
            "host reboot --yes",
            "host power-off",
        ] {
            let words = ["tandemctl"].into_iter().chain(words.split_whitespace());
            assert!(Arguments::try_parse_from(words.clone()).is_ok(), "{:?}", words.collect::<Vec<_>>());
        }
        assert!(Arguments::try_parse_from(["tandemctl", "host", "logs", "--since", "1"]).is_err(), "no unit");
    }

    /// A month is checked before anybody is asked.
    #[test]
    fn month_is_checked() {
        assert!(Arguments::try_parse_from(["tandemctl", "records", "list", "--month", "2026-11"]).is_ok());
        assert!(Arguments::try_parse_from(["tandemctl", "records", "list"]).is_ok(), "all months");
        for wrong in ["2026-13", "2026-00", "26-11", "november", "2026-1"] {
            assert!(
                Arguments::try_parse_from(["tandemctl", "records", "list", "--month", wrong]).is_err(),
                "{wrong}"
            );
        }
    }
}
