//! The limits of what we read: a SIP port on the Internet is a fuzzer.

/// Octets of one whole message, start line to end of body. A datagram cannot be longer; a stream is closed
/// beyond it.
pub const MESSAGE_BYTES_MAX: usize = 65_535;
/// Octets of the start line and headers of one message, the empty line included.
pub const HEAD_BYTES_MAX: usize = 32_768;
/// Header values of one message, after lists are split.
pub const HEADERS_MAX: usize = 256;
/// Parameters of one URI or one header value.
pub const PARAMS_MAX: usize = 64;
/// Octets of one digest credentials or challenge value.
pub const CREDENTIALS_BYTES_MAX: usize = 4_096;
/// Media descriptions in one session description.
pub const SDP_MEDIA_MAX: usize = 32;
/// Largest CSeq number (RFC 3261 section 8.1.1.5: less than 2^31).
pub const CSEQ_MAX: u32 = (1 << 31) - 1;
