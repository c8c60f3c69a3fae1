//! The TCP listeners of SIP, one per address, each with a task that accepts.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::event::Event;
use crate::sockets;

/// Pause when the kernel has no descriptor or memory for another connection.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// The listeners in force.
#[derive(Debug, Default)]
pub struct Listeners {
    listeners: Vec<BoundListener>,
}

#[derive(Debug)]
struct BoundListener {
    local: SocketAddr,
    acceptor: AbortHandle,
}

impl Drop for BoundListener {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

impl Listeners {
    /// Listens at exactly these addresses: keeps those that are bound, closes the others. Failures are logged; the next
    /// call tries again.
    pub fn bind(&mut self, addresses: &[SocketAddr], events: &mpsc::Sender<Event>) {
        self.listeners.retain(|bound| addresses.contains(&bound.local));
        for &local in addresses {
            if self.listeners.iter().any(|bound| bound.local == local) {
                continue;
            }
            match listen(local, events) {
                Ok(acceptor) => self.listeners.push(BoundListener { local, acceptor }),
                Err(error) => log::error!(local:%, error:%; "the SIP address cannot be bound for TCP"),
            }
        }
    }
}

fn listen(local: SocketAddr, events: &mpsc::Sender<Event>) -> io::Result<AbortHandle> {
    let listener = TcpListener::from_std(sockets::signalling_listener(local)?)?;
    Ok(tokio::spawn(accept(local, listener, events.clone())).abort_handle())
}

async fn accept(local: SocketAddr, listener: TcpListener, events: mpsc::Sender<Event>) {
    loop {
        match listener.accept().await {
            Ok((stream, remote)) => {
                if events.send(Event::Accepted { stream, local, remote }).await.is_err() {
                    return;
                }
            }
            // The peer left before we came (accept(2)).
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                log::warn!(local:%, error:%; "a connection could not be accepted");
                tokio::time::sleep(EXHAUSTED_PAUSE).await;
            }
        }
    }
}
