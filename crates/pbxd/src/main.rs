//! The telephone daemon: SIP and media sockets around the exchange.

use std::process::ExitCode;

fn main() -> ExitCode {
    daemon::run("pbxd", pbxd::serve)
}
