//! One TCP connection: reads messages for the core, writes what the core sends, ends on silence or misuse.

use std::io;
use std::time::Duration;

use exchange::{Destination, Flow};
use sip::framing::{Frame, FrameError, StreamFramer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use crate::event::Event;
use crate::sockets;

/// Time for an outgoing connection to stand.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
/// Who connects must have said something whole within this time.
pub const FIRST_MESSAGE_TIMEOUT: Duration = Duration::from_secs(20);
/// A message that has begun must end within this time.
pub const MESSAGE_TIMEOUT: Duration = Duration::from_secs(20);
/// Silence after which a connection is closed: longer than the longest registration lives by default.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(2 * 3_600 + 300);
/// A peer that does not take a message within this time is gone.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// After broken framing, time for the answer to leave.
pub const CLOSING_TIMEOUT: Duration = Duration::from_secs(1);

/// Octets read at once.
const READ_BYTES: usize = 16 * 1024;

/// A message on its way out, with the destination to name should it fail.
pub(super) type Outgoing = (Destination, Vec<u8>);

/// How a connection begins.
#[derive(Debug)]
pub(super) enum Origin {
    /// Somebody connected to us
    Accepted(TcpStream),
    /// We connect
    Dialled,
}

/// Lives as long as the connection; says [`Event::Closed`] at the end, however it ends.
pub(super) async fn run(
    flow: Flow,
    origin: Origin,
    mut outbox: mpsc::Receiver<Outgoing>,
    events: mpsc::Sender<Event>,
) {
    let mut unsent = Vec::new();
    let outcome = match begin(flow, origin).await {
        Ok(stream) => converse(flow, stream, &mut outbox, &events, &mut unsent).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(reason) => {
            log::debug!(remote:% = flow.remote, connection = flow.connection; "connection closed: {reason}");
        }
        Err(error) => {
            log::debug!(remote:% = flow.remote, connection = flow.connection, error:%; "connection failed");
        }
    }
    outbox.close();
    while let Some((destination, _)) = outbox.recv().await {
        unsent.push(destination);
    }
    // Nobody to tell means that the daemon ends.
    let _ = events.send(Event::Closed { flow, unsent }).await;
}

async fn begin(flow: Flow, origin: Origin) -> io::Result<TcpStream> {
    let stream = match origin {
        Origin::Accepted(stream) => stream,
        Origin::Dialled => {
            let socket = tokio::net::TcpSocket::from_std_stream(sockets::signalling_dialler(flow.local)?);
            timeout(CONNECT_TIMEOUT, socket.connect(flow.remote))
                .await
                .map_err(|_| io::ErrorKind::TimedOut)??
        }
    };
    sockets::watch_peer(&stream)?;
    Ok(stream)
}

/// What a connection waits for: nothing waits for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaited {
    FirstMessage,
    RestOfMessage,
    Anything,
    LastAnswer,
}

impl Awaited {
    const fn limit(self) -> Duration {
        match self {
            Awaited::FirstMessage => FIRST_MESSAGE_TIMEOUT,
            Awaited::RestOfMessage => MESSAGE_TIMEOUT,
            Awaited::Anything => IDLE_TIMEOUT,
            Awaited::LastAnswer => CLOSING_TIMEOUT,
        }
    }

    const fn disappointment(self) -> &'static str {
        match self {
            Awaited::FirstMessage => "nothing was said",
            Awaited::RestOfMessage => "a message did not end",
            Awaited::Anything => "idle",
            Awaited::LastAnswer => "broken framing",
        }
    }
}

/// What is awaited and until when.
struct Patience {
    awaited: Awaited,
    deadline: Instant,
}

impl Patience {
    fn with(awaited: Awaited) -> Self {
        Patience { awaited, deadline: Instant::now() + awaited.limit() }
    }
}

/// Reads and writes until the end; the reason when it is an orderly one.
async fn converse(
    flow: Flow,
    mut stream: TcpStream,
    outbox: &mut mpsc::Receiver<Outgoing>,
    events: &mpsc::Sender<Event>,
    unsent: &mut Vec<Destination>,
) -> io::Result<&'static str> {
    let mut framer = StreamFramer::new();
    let mut buffer = vec![0; READ_BYTES];
    let mut patience = Patience::with(Awaited::FirstMessage);
    let mut is_reading = true;
    loop {
        tokio::select! {
            read = stream.read(&mut buffer), if is_reading => {
                let length = read?;
                if length == 0 {
                    return Ok("the peer closed it");
                }
                framer.push(&buffer[..length]);
                match take_frames(flow, &mut framer, &mut stream, events).await? {
                    Taken::Frames => patience = Patience::with(Awaited::Anything),
                    // The end of a message has its own limit, however slowly its octets drip.
                    Taken::Nothing if patience.awaited == Awaited::Anything && !buffer[..length].trim_ascii().is_empty() => {
                        patience = Patience::with(Awaited::RestOfMessage);
                    }
                    Taken::Nothing => {}
                    Taken::Broken => {
                        is_reading = false;
                        patience = Patience::with(Awaited::LastAnswer);
                    }
                }
            }
            outgoing = outbox.recv() => {
                let Some((destination, bytes)) = outgoing else {
                    return Ok("the exchange closed it");
                };
                if let Err(error) = write(&mut stream, &bytes).await {
                    unsent.push(destination);
                    return Err(error);
                }
                if patience.awaited == Awaited::FirstMessage {
                    patience = Patience::with(Awaited::Anything);
                }
            }
            () = sleep_until(patience.deadline) => return Ok(patience.awaited.disappointment()),
        }
    }
}

/// What a read has brought.
enum Taken {
    /// Messages or keep-alives
    Frames,
    /// The beginning of a message, or line ends
    Nothing,
    /// No more messages can be found
    Broken,
}

async fn take_frames(
    flow: Flow,
    framer: &mut StreamFramer,
    stream: &mut TcpStream,
    events: &mpsc::Sender<Event>,
) -> io::Result<Taken> {
    let mut taken = Taken::Nothing;
    loop {
        let (bytes, is_broken) = match framer.next_frame() {
            Ok(None) => return Ok(taken),
            Ok(Some(Frame::Ping)) => {
                write(stream, b"\r\n").await?;
                taken = Taken::Frames;
                continue;
            }
            Ok(Some(Frame::Message(bytes))) => (bytes, false),
            // The exchange says what is wrong with it.
            Err(FrameError::ContentLength { head } | FrameError::MessageTooLong { head }) => (head, true),
            Err(FrameError::HeadTooLong) => return Ok(Taken::Broken),
        };
        if events.send(Event::Message { flow, bytes }).await.is_err() || is_broken {
            return Ok(Taken::Broken);
        }
        taken = Taken::Frames;
    }
}

async fn write(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    timeout(WRITE_TIMEOUT, stream.write_all(bytes)).await.map_err(|_| io::ErrorKind::TimedOut)?
}
