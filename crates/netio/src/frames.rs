//! Length-prefixed frames over a byte stream: u32 big-endian length, then that many bytes.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Largest frame in bytes, in both directions. A configuration of 50,000 accounts fits; a peer that announces more
/// is disconnected.
pub const FRAME_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Bytes of the length in front of each frame.
const PREFIX_BYTES: usize = 4;

/// How much is asked of the stream at once; the buffer grows with what has arrived, never with what was announced.
const READ_BYTES: usize = 16 * 1024;

/// A stream that carries frames failed.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The peer announced, or the caller wished to send, more than the limit.
    #[error("a frame of {bytes} bytes is over the limit of {FRAME_BYTES_MAX}")]
    TooLong {
        /// Announced length
        bytes: usize,
    },
    /// The stream ended inside a frame.
    #[error("the stream ended inside a frame: {missing} bytes are missing")]
    Truncated {
        /// How many more were announced
        missing: usize,
    },
    /// The connection failed (reset, or the peer did not acknowledge in time).
    #[error("the connection failed")]
    Stream(#[source] io::Error),
}

/// Sends one frame and flushes it to the socket.
pub(crate) async fn write_frame(
    stream: &mut (impl AsyncWrite + Unpin),
    frame: &[u8],
) -> Result<(), FrameError> {
    let too_long = FrameError::TooLong { bytes: frame.len() };
    let length =
        u32::try_from(frame.len()).ok().filter(|_| frame.len() <= FRAME_BYTES_MAX).ok_or(too_long)?;
    // One buffer, so that a short frame is one TLS record and one segment.
    let mut bytes = Vec::with_capacity(PREFIX_BYTES + frame.len());
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(frame);
    stream.write_all(&bytes).await.map_err(FrameError::Stream)?;
    stream.flush().await.map_err(FrameError::Stream)
}

/// Takes the next frame, reading as much as is needed; what was read beyond it stays in `buffer`.
pub(crate) async fn read_frame(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut Vec<u8>,
) -> Result<Option<Vec<u8>>, FrameError> {
    loop {
        if let Some(frame) = take_frame(buffer)? {
            return Ok(Some(frame));
        }
        buffer.reserve(READ_BYTES);
        if stream.read_buf(buffer).await.map_err(FrameError::Stream)? == 0 {
            return match missing_bytes(buffer) {
                0 => Ok(None),
                missing => Err(FrameError::Truncated { missing }),
            };
        }
    }
}

/// Writing half.
#[derive(Debug)]
pub struct FrameWriter<W> {
    stream: W,
}

impl<W: AsyncWrite + Unpin> FrameWriter<W> {
    /// Frames for `stream`.
    pub fn new(stream: W) -> Self {
        FrameWriter { stream }
    }

    /// Sends one frame and flushes it to the socket.
    ///
    /// Not cancel-safe: a call that is dropped half way leaves a torn frame, so give the writer a task of its own
    /// (or drop the link with it).
    ///
    /// # Errors
    /// [`FrameError::TooLong`] before anything is sent; [`FrameError::Stream`] when the connection is lost.
    pub async fn send(&mut self, frame: &[u8]) -> Result<(), FrameError> {
        write_frame(&mut self.stream, frame).await
    }

    /// Tells the peer that nothing follows (TLS `close_notify`, TCP FIN).
    ///
    /// # Errors
    /// [`FrameError::Stream`] when the connection is lost already.
    pub async fn close(&mut self) -> Result<(), FrameError> {
        self.stream.shutdown().await.map_err(FrameError::Stream)
    }
}

/// Reading half.
#[derive(Debug)]
pub struct FrameReader<R> {
    stream: R,
    buffer: Vec<u8>,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// Frames of `stream`.
    pub fn new(stream: R) -> Self {
        FrameReader { stream, buffer: Vec::new() }
    }

    /// Frames of `stream`, of which `buffer` has been read already.
    pub(crate) fn with_buffer(stream: R, buffer: Vec<u8>) -> Self {
        FrameReader { stream, buffer }
    }

    /// The next frame; `None` after an orderly end between frames. Cancel-safe: nothing is lost when the call is
    /// dropped.
    ///
    /// # Errors
    /// [`FrameError`]; the link is useless afterwards.
    pub async fn recv(&mut self) -> Result<Option<Vec<u8>>, FrameError> {
        read_frame(&mut self.stream, &mut self.buffer).await
    }
}

/// Announced length of the frame at the front of `buffer`.
fn announced_bytes(buffer: &[u8]) -> Option<usize> {
    let prefix: [u8; PREFIX_BYTES] = buffer.get(..PREFIX_BYTES)?.try_into().ok()?;
    usize::try_from(u32::from_be_bytes(prefix)).ok()
}

/// Takes a whole frame off the front of `buffer`, if there is one.
fn take_frame(buffer: &mut Vec<u8>) -> Result<Option<Vec<u8>>, FrameError> {
    let Some(bytes) = announced_bytes(buffer) else { return Ok(None) };
    if bytes > FRAME_BYTES_MAX {
        return Err(FrameError::TooLong { bytes });
    }
    if buffer.len() < PREFIX_BYTES + bytes {
        return Ok(None);
    }
    let rest = buffer.split_off(PREFIX_BYTES + bytes);
    let mut frame = std::mem::replace(buffer, rest);
    frame.drain(..PREFIX_BYTES);
    Ok(Some(frame))
}

/// How many bytes the frame begun in `buffer` lacks; 0 when none has begun.
fn missing_bytes(buffer: &[u8]) -> usize {
    match (buffer.len(), announced_bytes(buffer)) {
        (0, _) => 0,
        (have, None) => PREFIX_BYTES - have,
        (have, Some(announced)) => (PREFIX_BYTES + announced).saturating_sub(have),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames arrive whole and in order whatever the segmentation of the stream.
    #[tokio::test]
    async fn frames_survive_segmentation() {
        let (near, far) = tokio::io::duplex(3);
        let sender = tokio::spawn(async move {
            let mut writer = FrameWriter::new(near);
            for frame in [&b"one"[..], b"", b"three, which is longer"] {
                writer.send(frame).await.unwrap();
            }
            writer.close().await.unwrap();
        });
        let mut reader = FrameReader::new(far);
        assert_eq!(reader.recv().await.unwrap().unwrap(), b"one");
        assert_eq!(reader.recv().await.unwrap().unwrap(), b"");
        assert_eq!(reader.recv().await.unwrap().unwrap(), b"three, which is longer");
        assert!(reader.recv().await.unwrap().is_none());
        sender.await.unwrap();
    }

    /// A hostile length is refused before memory is spent on it.
    #[tokio::test]
    async fn announced_length_is_bounded() {
        let announced = u32::MAX.to_be_bytes();
        let mut reader = FrameReader::new(&announced[..]);
        assert!(matches!(reader.recv().await, Err(FrameError::TooLong { .. })));
        assert!(reader.buffer.capacity() <= 2 * READ_BYTES);
        let too_long = vec![0; FRAME_BYTES_MAX + 1];
        assert!(matches!(
            FrameWriter::new(Vec::new()).send(&too_long).await,
            Err(FrameError::TooLong { .. })
        ));
    }

    /// A stream that ends inside a frame is an error, not an end.
    #[tokio::test]
    async fn torn_end_is_told() {
        let mut reader = FrameReader::new(&[0, 0, 0, 5, b'h', b'e'][..]);
        assert!(matches!(reader.recv().await, Err(FrameError::Truncated { missing: 3 })));
    }
}
