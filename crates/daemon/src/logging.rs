//! Where logs go: to the journal with all their fields when the process is connected to it, else to stderr.
//!
//! `TANDEM_LOG` sets the level: `info` (default), `debug`, or per target `info,pbxd=debug,zbus=warn`. Libraries of
//! others speak from `warn` on unless named. Secrets and telephone numbers never get here: they are
//! `model::Private`.

use std::io::Write;

use log::kv::{Error as FieldError, Key, Value, VisitSource};
use log::{LevelFilter, Log, Metadata, Record, SetLoggerError};
use systemd_journal_logger::{JournalLog, connected_to_journal};

use crate::NodeIdentity;

/// Environment variable with the level.
pub const LEVEL_VARIABLE: &str = "TANDEM_LOG";

/// Our own targets: the first segment of the module path.
const OWN_TARGETS: &[&str] = &[
    "clusterd",
    "daemon",
    "exchange",
    "hostd",
    "ledger",
    "media",
    "membership",
    "model",
    "netio",
    "pbxd",
    "screen",
    "sip",
    "stored",
    "tandemctl",
    "wire",
];

/// Starts the log of this process; without an identity its entries do not name the node.
///
/// # Errors
/// A log has been started before.
pub fn start(daemon_name: &'static str, identity: Option<&NodeIdentity>) -> Result<(), SetLoggerError> {
    let node = identity.map(|identity| ("TANDEM_NODE", identity.name.as_str()));
    let wish = std::env::var(LEVEL_VARIABLE).unwrap_or_default();
    let levels = Levels::parse(&wish);
    let level_max = levels.maximum();
    let journal = if connected_to_journal() { JournalLog::new().ok() } else { None };
    let sink: Box<dyn Log> = match journal {
        Some(journal) => {
            Box::new(journal.with_syslog_identifier(daemon_name.to_owned()).with_extra_fields(node))
        }
        None => Box::new(StandardError),
    };
    log::set_boxed_logger(Box::new(Filter { levels, sink }))?;
    log::set_max_level(level_max);
    log::info!(node = node.map_or("", |(_, name)| name), version = env!("CARGO_PKG_VERSION"); "{daemon_name} starts");
    Ok(())
}

/// One line on stderr while there is no log yet.
pub(crate) fn say(line: &str) {
    // One write: the line stays whole between those of other processes. Nobody is left to tell when stderr is closed.
    let _ = std::io::stderr().lock().write_all(format!("{line}\n").as_bytes());
}

/// Levels by target; the longest matching target wins.
#[derive(Debug, PartialEq, Eq)]
struct Levels {
    own: LevelFilter,
    others: LevelFilter,
    by_target: Vec<(String, LevelFilter)>,
}

impl Levels {
    /// Takes what it understands of `wish`: a log that is too quiet is worse than a word ignored.
    fn parse(wish: &str) -> Levels {
        let mut levels = Levels { own: LevelFilter::Info, others: LevelFilter::Warn, by_target: Vec::new() };
        for word in wish.split(',').map(str::trim) {
            match word.split_once('=') {
                Some((target, level)) => {
                    if let Ok(level) = level.parse() {
                        levels.by_target.push((target.to_owned(), level));
                    }
                }
                None => levels.own = word.parse().unwrap_or(levels.own),
            }
        }
        levels.others = levels.others.min(levels.own);
        levels.by_target.sort_by_key(|(target, _)| std::cmp::Reverse(target.len()));
        levels
    }

    fn maximum(&self) -> LevelFilter {
        self.by_target.iter().map(|(_, level)| *level).fold(self.own.max(self.others), Ord::max)
    }

    fn of(&self, target: &str) -> LevelFilter {
        let named = self.by_target.iter().find(|(name, _)| {
            target.strip_prefix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        });
        let krate = target.split("::").next().unwrap_or(target);
        match named {
            Some((_, level)) => *level,
            None if OWN_TARGETS.contains(&krate) => self.own,
            None => self.others,
        }
    }
}

struct Filter {
    levels: Levels,
    sink: Box<dyn Log>,
}

impl Log for Filter {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= self.levels.of(metadata.target())
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            self.sink.log(record);
        }
    }

    fn flush(&self) {
        self.sink.flush();
    }
}

/// `2026-11-21T22:40:01.123Z INFO  pbxd::link connected peer=b`
struct StandardError;

impl Log for StandardError {
    fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        say(&line(&format!("{:.3}", jiff::Timestamp::now()), record));
    }

    fn flush(&self) {}
}

fn line(time: &str, record: &Record<'_>) -> String {
    let mut line = format!("{time} {:5} {} {}", record.level(), record.target(), record.args());
    let mut fields = Fields(&mut line);
    // Visiting fails only where the visitor does, and this one does not.
    let _ = record.key_values().visit(&mut fields);
    line
}

struct Fields<'a>(&'a mut String);

impl<'kvs> VisitSource<'kvs> for Fields<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), FieldError> {
        let text = value.to_string();
        let bare =
            !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c == '"' || c.is_control());
        let text = if bare { text } else { format!("{text:?}") };
        self.0.push_str(&format!(" {key}={text}"));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The level is that of the longest target named, libraries of others stay quiet.
    #[test]
    fn level_follows_the_longest_target() {
        let levels = Levels::parse("debug,pbxd::link=trace, zbus=error,nonsense=loud");
        assert_eq!(levels.of("pbxd"), LevelFilter::Debug);
        assert_eq!(levels.of("pbxd::link::peer"), LevelFilter::Trace);
        assert_eq!(levels.of("pbxd::linkage"), LevelFilter::Debug);
        assert_eq!(levels.of("zbus::connection"), LevelFilter::Error);
        assert_eq!(levels.of("rustls"), LevelFilter::Warn);
        assert_eq!(levels.maximum(), LevelFilter::Trace);
        assert_eq!(Levels::parse("").of("stored"), LevelFilter::Info);
    }

    /// A line has time, level, target, message and fields; a value with a space or a line break is quoted.
    #[test]
    fn line_shows_the_fields() {
        let fields = [("peer", "b"), ("why", "gone\naway")];
        let record = Record::builder()
            .level(log::Level::Warn)
            .target("pbxd::link")
            .args(format_args!("closed"))
            .key_values(&fields)
            .build();
        assert_eq!(line("T", &record), r#"T WARN  pbxd::link closed peer=b why="gone\naway""#);
    }
}
