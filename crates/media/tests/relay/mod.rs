//! A call through the relay: short words for the tests.

use std::net::SocketAddr;

use media::{Channel, Input, Output, Policy, Relay, Side, Slot};
use model::Time;

/// The slot of the call under test.
pub const SLOT: Slot = Slot(3);

/// A relay with one open call.
pub struct Call {
    pub relay: Relay,
    now_ms: u64,
}

impl Call {
    /// A call whose sides have said nothing yet.
    pub fn open() -> Self {
        let policy = Policy {
            own_addresses: vec![address("192.0.2.10:0").ip()],
            media_ports: 10_000..=20_000,
            local_phones: false,
        };
        let mut relay = Relay::new(policy);
        relay.handle_input(Time::ZERO, Input::Open { slot: SLOT }).expect("the slot is free");
        Call { relay, now_ms: 0 }
    }

    /// A call whose sides have said where they are: `192.0.2.1:4000` and `192.0.2.2:5000`.
    pub fn described() -> Self {
        let mut call = Call::open();
        call.describe(Side::Caller, Some("192.0.2.1:4000"));
        call.describe(Side::Callee, Some("192.0.2.2:5000"));
        call
    }

    /// Time passes.
    pub fn wait_ms(&mut self, milliseconds: u64) {
        self.now_ms += milliseconds;
    }

    fn now(&self) -> Time {
        Time::from_millis(self.now_ms)
    }

    /// An SDP of a side names an address for RTP, the next port for RTCP; or holds.
    pub fn describe(&mut self, side: Side, rtp: Option<&str>) {
        let rtp: Option<SocketAddr> = rtp.map(address);
        let rtcp = rtp.map(|rtp| SocketAddr::new(rtp.ip(), rtp.port() + 1));
        self.relay
            .handle_input(self.now(), Input::Describe { slot: SLOT, side, rtp, rtcp })
            .expect("the call is open");
    }

    /// A packet comes; returns where it goes, from the other side's socket of the same channel.
    pub fn packet(&mut self, side: Side, channel: Channel, source: &str, bytes: &[u8]) -> Option<SocketAddr> {
        let input = Input::Packet { slot: SLOT, side, channel, source: address(source), bytes };
        self.relay.handle_input(self.now(), input).expect("the call is open");
        let mut forwarded = None;
        loop {
            match self.relay.poll_output() {
                Output::Forward { slot, side: from, channel: over, destination } => {
                    assert_eq!((slot, from, over), (SLOT, side.other(), channel));
                    forwarded = Some(destination);
                }
                Output::Learned { source: learned, .. } => assert_eq!(learned, address(source)),
                Output::Timeout(_) => return forwarded,
            }
        }
    }

    /// An RTP packet of a side comes from `source`; returns where it goes.
    pub fn rtp(&mut self, side: Side, source: &str) -> Option<SocketAddr> {
        self.packet(side, Channel::Rtp, source, &RTP)
    }

    /// RTP from `source` every 20 ms for `milliseconds`.
    pub fn talk(&mut self, side: Side, source: &str, milliseconds: u64) {
        for _ in 0..milliseconds / 20 {
            self.rtp(side, source);
            self.wait_ms(20);
        }
    }
}

/// An RTP packet with one octet of PCMU.
pub const RTP: [u8; 13] = [0x80, 0, 0, 1, 0, 0, 0, 160, 0, 0, 0, 7, 0xff];

/// An RTCP receiver report without blocks.
#[allow(dead_code, reason = "not every test of the folder speaks RTCP")]
pub const RTCP: [u8; 8] = [0x80, 201, 0, 1, 0, 0, 0, 7];

/// An address from its text.
pub fn address(text: &str) -> SocketAddr {
    text.parse().expect("a socket address")
}
