//! The connection to the kernel's routing socket (rtnetlink), shared by [`crate::links`] and [`crate::addresses`].

use std::io;

use nix::libc;
use tokio::task::JoinHandle;

/// Asking the kernel failed.
#[derive(Debug, thiserror::Error)]
pub enum NetlinkError {
    /// No socket
    #[error("opening a netlink socket failed")]
    Open(#[source] io::Error),
    /// The kernel refused
    #[error("{attempt} failed")]
    Request {
        /// What was asked, e.g. `adding 10.20.0.10/24 to lan0`
        attempt: String,
        /// Cause
        #[source]
        source: rtnetlink::Error,
    },
    /// There is no such interface
    #[error("there is no interface {name:?}")]
    NoInterface {
        /// Its name
        name: String,
    },
    /// The kernel said yes, but a list taken afterwards says otherwise
    #[error("{addresses:?} are still there after their removal")]
    NotRemoved {
        /// Which
        addresses: Vec<std::net::IpAddr>,
    },
    /// The task that reads the socket has ended
    #[error("the netlink socket is closed")]
    Closed,
}

impl NetlinkError {
    pub(crate) fn request(attempt: impl Into<String>) -> impl FnOnce(rtnetlink::Error) -> Self {
        let attempt = attempt.into();
        move |source| NetlinkError::Request { attempt, source }
    }
}

/// The kernel answered with this error number.
pub(crate) fn is_errno(error: &rtnetlink::Error, errno: libc::c_int) -> bool {
    matches!(error, rtnetlink::Error::NetlinkError(message) if message.raw_code() == -errno)
}

/// The task that moves messages between handle and socket; it ends with its owner.
#[derive(Debug)]
pub(crate) struct ConnectionTask(pub(crate) JoinHandle<()>);

impl Drop for ConnectionTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}
