//! Messages out of a byte stream (RFC 3261 section 18.3, RFC 5626 section 4.4.1).

use crate::limits::{HEAD_BYTES_MAX, MESSAGE_BYTES_MAX};
use crate::parse;

/// What came out of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// One whole message
    Message(Vec<u8>),
    /// A keep-alive (two line ends): answer one line end
    Ping,
}

/// The stream can no longer be cut into messages: close the connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The head does not end within [`HEAD_BYTES_MAX`]
    #[error("a message head is longer than {HEAD_BYTES_MAX} octets")]
    HeadTooLong,
    /// Content-Length is no number, or several differ. The head can still be handed to the parser, which says how to answer.
    #[error("the end of a message cannot be found: Content-Length is unusable")]
    ContentLength {
        /// Start line and headers
        head: Vec<u8>,
    },
    /// The message would be longer than [`MESSAGE_BYTES_MAX`]
    #[error("a message is longer than {MESSAGE_BYTES_MAX} octets")]
    MessageTooLong {
        /// Start line and headers
        head: Vec<u8>,
    },
}

/// Cuts a stream into messages. After an error it is of no more use.
#[derive(Debug, Default)]
pub struct StreamFramer {
    buffer: Vec<u8>,
}

impl StreamFramer {
    /// A framer for a fresh connection.
    #[must_use]
    pub const fn new() -> Self {
        StreamFramer { buffer: Vec::new() }
    }

    /// Takes octets as they came. Call [`StreamFramer::next_frame`] until it has no more before the next push.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next frame, `None` when more octets are needed.
    ///
    /// # Errors
    ///
    /// The peer broke the framing or a limit: close the connection.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        if self.buffer.starts_with(b"\r\n\r\n") {
            self.buffer.drain(..4);
            return Ok(Some(Frame::Ping));
        }
        // A single line end before a start line is the answer to a ping of ours, or sloppiness: skipped
        let start = match self.buffer[..] {
            [b'\r', b'\n'] | [b'\r', b'\n', b'\r'] | [b'\r'] => return Ok(None),
            [b'\r', b'\n', ..] => 2,
            _ => 0,
        };
        self.buffer.drain(..start);
        let Some(head_length) = parse::head_length(&self.buffer[..self.buffer.len().min(HEAD_BYTES_MAX)])
        else {
            return if self.buffer.len() >= HEAD_BYTES_MAX { Err(FrameError::HeadTooLong) } else { Ok(None) };
        };
        let head = &self.buffer[..head_length];
        let Ok(body_length) = parse::content_length(head) else {
            return Err(FrameError::ContentLength { head: head.to_vec() });
        };
        let length = head_length.saturating_add(body_length.unwrap_or(0));
        if length > MESSAGE_BYTES_MAX {
            return Err(FrameError::MessageTooLong { head: head.to_vec() });
        }
        if self.buffer.len() < length {
            return Ok(None);
        }
        let rest = self.buffer.split_off(length);
        Ok(Some(Frame::Message(std::mem::replace(&mut self.buffer, rest))))
    }
}
