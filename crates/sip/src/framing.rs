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
    /// Content-Length is no number, or several differ. The head can still be handed to the parser, which says
    /// how to answer.
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

/// Whether a datagram only keeps a NAT binding open: phones send line ends or null octets for that. No answer is due.
#[must_use]
pub fn is_keep_alive(datagram: &[u8]) -> bool {
    datagram.iter().all(|octet| matches!(octet, b'\r' | b'\n' | b'\0'))
}

/// Cuts a stream into messages. After an error it is of no more use.
///
/// It holds at most one message of [`MESSAGE_BYTES_MAX`] and what the last push brought.
#[derive(Debug, Default)]
pub struct StreamFramer {
    buffer: Vec<u8>,
    /// Octets known to hold no end of a head
    searched: usize,
    /// Length of the message whose head is complete
    length: Option<usize>,
}

impl StreamFramer {
    /// A framer for a fresh connection.
    #[must_use]
    pub const fn new() -> Self {
        StreamFramer { buffer: Vec::new(), searched: 0, length: None }
    }

    /// Takes octets as they came. Call [`StreamFramer::next_frame`] until it has no more before the next
    /// push.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Whether a message has begun and its end is still to come.
    #[must_use]
    pub fn is_mid_message(&self) -> bool {
        self.buffer.iter().any(|byte| !matches!(byte, b'\r' | b'\n'))
    }

    /// The next frame, `None` when more octets are needed. A message without Content-Length ends with its
    /// head.
    ///
    /// # Errors
    ///
    /// The peer broke the framing or a limit: close the connection.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        if self.length.is_none() {
            if self.take_ping() {
                return Ok(Some(Frame::Ping));
            }
            self.length = self.find_length()?;
        }
        let Some(length) = self.length.filter(|length| *length <= self.buffer.len()) else {
            return Ok(None);
        };
        let rest = self.buffer.split_off(length);
        self.searched = 0;
        self.length = None;
        Ok(Some(Frame::Message(std::mem::replace(&mut self.buffer, rest))))
    }

    /// Whether a ping stood at the start. A single line end there is the answer to a ping of ours, or
    /// sloppiness: skipped.
    fn take_ping(&mut self) -> bool {
        if self.buffer.starts_with(b"\r\n\r\n") {
            self.buffer.drain(..4);
            return true;
        }
        if let [b'\r', b'\n', third, ..] = self.buffer[..]
            && third != b'\r'
        {
            self.buffer.drain(..2);
        }
        false
    }

    /// Length of the message at the start, `None` while its head is incomplete.
    fn find_length(&mut self) -> Result<Option<usize>, FrameError> {
        let window = &self.buffer[..self.buffer.len().min(HEAD_BYTES_MAX)];
        let Some(head_length) = parse::head_length(window, self.searched) else {
            // The end of a head is at most four octets long, so its start may stand among the last three
            self.searched = window.len().saturating_sub(3);
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
        Ok(Some(length))
    }
}
