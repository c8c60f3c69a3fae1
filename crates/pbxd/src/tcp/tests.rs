//! Connections over the real loopback.

use std::net::SocketAddr;
use std::time::Duration;

use exchange::{Destination, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::*;
use crate::event::Event;

const MESSAGE: &[u8] = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 4\r\n\r\nbody";

/// Listening at a free port, with the table that takes what comes.
struct Shell {
    local: SocketAddr,
    events: mpsc::Receiver<Event>,
    connections: Connections,
    _listeners: Listeners,
}

impl Shell {
    fn start() -> Self {
        let local = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (sender, events) = mpsc::channel(16);
        let mut listeners = Listeners::default();
        listeners.bind(&[local], &sender);
        Shell { local, events, connections: Connections::new(sender), _listeners: listeners }
    }

    /// A phone that has connected.
    async fn phone(&mut self) -> TcpStream {
        let phone = TcpStream::connect(self.local).await.unwrap();
        let Event::Accepted { stream, local, remote } = self.event().await else { panic!("not accepted") };
        self.connections.accept(stream, local, remote);
        phone
    }

    async fn event(&mut self) -> Event {
        timeout(Duration::from_secs(5), self.events.recv())
            .await
            .expect("an event in time")
            .expect("an event")
    }
}

async fn read(stream: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    timeout(Duration::from_secs(5), stream.read_exact(&mut bytes)).await.expect("in time").expect("octets");
    bytes
}

/// RFC 3261 section 18.3: a message in two pieces arrives whole; the answer goes back over the same connection.
#[tokio::test]
async fn messages_come_whole_and_answers_go_back() {
    let mut shell = Shell::start();
    let mut phone = shell.phone().await;
    phone.write_all(&MESSAGE[..30]).await.unwrap();
    phone.write_all(&MESSAGE[30..]).await.unwrap();
    let Event::Message { flow, bytes } = shell.event().await else { panic!("no message") };
    assert_eq!(bytes, MESSAGE);
    assert_eq!((flow.local, flow.remote), (shell.local, phone.local_addr().unwrap()));
    assert!(shell.connections.send(Destination::Flow(flow), b"answer".to_vec()));
    assert_eq!(read(&mut phone, 6).await, b"answer");
    // A call to the phone's address takes the connection that it registered on.
    let destination =
        Destination::Address { transport: Transport::Tcp, local: shell.local, remote: flow.remote };
    assert!(shell.connections.send(destination, b"invite".to_vec()));
    assert_eq!(read(&mut phone, 6).await, b"invite");
}

/// RFC 5626 section 4.4.1: two line ends are answered with one.
#[tokio::test]
async fn keep_alives_are_answered() {
    let mut shell = Shell::start();
    let mut phone = shell.phone().await;
    phone.write_all(b"\r\n\r\n").await.unwrap();
    assert_eq!(read(&mut phone, 2).await, b"\r\n");
}

/// A phone that closes its connection is reported, and nothing can be sent over it any more.
#[tokio::test]
async fn a_closed_connection_is_reported() {
    let mut shell = Shell::start();
    let mut phone = shell.phone().await;
    phone.write_all(MESSAGE).await.unwrap();
    let Event::Message { flow, .. } = shell.event().await else { panic!("no message") };
    drop(phone);
    let Event::Closed { flow: closed, unsent } = shell.event().await else { panic!("not closed") };
    assert_eq!((closed, unsent), (flow, Vec::new()));
    shell.connections.forget(closed);
    assert!(!shell.connections.send(Destination::Flow(flow), b"late".to_vec()));
}

/// RFC 3261 section 18.3: a message whose end cannot be found is handed up for its answer, then the connection ends.
#[tokio::test]
async fn broken_framing_ends_the_connection() {
    let mut shell = Shell::start();
    let mut phone = shell.phone().await;
    phone.write_all(b"OPTIONS sip:a SIP/2.0\r\nContent-Length: many\r\n\r\n").await.unwrap();
    let Event::Message { flow, .. } = shell.event().await else { panic!("no message") };
    assert!(shell.connections.send(Destination::Flow(flow), b"400".to_vec()));
    assert_eq!(read(&mut phone, 3).await, b"400");
    assert!(matches!(shell.event().await, Event::Closed { .. }));
}

/// RFC 3261 section 18.1.1: a request to an address opens a connection, the next one takes the same.
#[tokio::test]
async fn a_trunk_is_dialled_once() {
    let mut shell = Shell::start();
    let trunk = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let remote = trunk.local_addr().unwrap();
    let destination = Destination::Address { transport: Transport::Tcp, local: shell.local, remote };
    assert!(shell.connections.send(destination, b"one".to_vec()));
    assert!(shell.connections.send(destination, b"two".to_vec()));
    let (mut stream, _) = timeout(Duration::from_secs(5), trunk.accept()).await.unwrap().unwrap();
    assert_eq!(read(&mut stream, 6).await, b"onetwo");
}

/// RFC 3261 section 8.1.3.1: what could not be sent is named.
#[tokio::test]
async fn a_refused_connection_names_what_was_not_sent() {
    let mut shell = Shell::start();
    let remote = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let destination = Destination::Address { transport: Transport::Tcp, local: shell.local, remote };
    assert!(shell.connections.send(destination, b"invite".to_vec()));
    let Event::Closed { unsent, .. } = shell.event().await else { panic!("not closed") };
    assert_eq!(unsent, vec![destination]);
}
