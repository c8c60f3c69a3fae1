//! Live state between the telephone daemons: one message per frame of their link, best effort, nothing acknowledged.
//!
//! Each side sends everything it knows after every connection, so a message lost with a link is made up for.

use minicbor::{Decode, Encode};

use crate::registration::RegistrationUpdate;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum LiveMessage {
    /// First on every link
    #[n(0)]
    Hello {
        /// [`crate::VERSION`] of the sender
        #[n(0)]
        version: u16,
    },
    /// A registration was made, refreshed or removed
    #[n(1)]
    Registration(#[n(0)] Box<RegistrationUpdate>),
}

/// A frame that is no message of this version.
#[derive(Debug, thiserror::Error)]
#[error("a frame of {bytes} octets is no live message of version {}", crate::VERSION)]
pub struct LiveMessageError {
    /// Length of the frame
    pub bytes: usize,
    /// What the decoder says
    #[source]
    pub source: minicbor::decode::Error,
}

impl LiveMessage {
    /// The frame that carries it.
    #[must_use]
    pub fn to_frame(&self) -> Vec<u8> {
        minicbor::to_vec(self)
            .expect("numbers, texts and options always have a CBOR form, and memory takes it")
    }

    /// Reads a frame.
    ///
    /// # Errors
    /// [`LiveMessageError`]: skip the frame, a newer peer may say more than we know.
    pub fn from_frame(frame: &[u8]) -> Result<LiveMessage, LiveMessageError> {
        minicbor::decode(frame).map_err(|source| LiveMessageError { bytes: frame.len(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DESIGN section 3: a message survives the way to the peer; one that a newer peer sends is told apart.
    #[test]
    fn frames_are_read_back() {
        let update = RegistrationUpdate {
            account: "101".to_owned(),
            contact: "sip:101@192.0.2.1:5062".to_owned(),
            remaining_ms: 60_000,
            transport: "udp".to_owned(),
            local: "192.0.2.10:5060".to_owned(),
            remote: "192.0.2.1:5062".to_owned(),
            call_id: "c".to_owned(),
            cseq: 1,
            instance: None,
            q_thousandths: None,
            user_agent: Some("phone".to_owned()),
        };
        for message in
            [LiveMessage::Hello { version: crate::VERSION }, LiveMessage::Registration(Box::new(update))]
        {
            assert_eq!(LiveMessage::from_frame(&message.to_frame()).expect("own frame"), message);
        }
        assert!(LiveMessage::from_frame(&[0x82, 0x18, 99, 0x80]).is_err());
    }
}
