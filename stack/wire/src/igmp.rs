//! IGMP messages (RFC 2236); those of version 3 are read as far as version 2 goes.

use crate::checksum;
use core::net::Ipv4Addr;

/// Length of a message in bytes.
pub const LEN: usize = 8;

/// Membership query.
pub const QUERY: u8 = 0x11;
/// Version 1 membership report.
pub const REPORT_V1: u8 = 0x12;
/// Version 2 membership report.
pub const REPORT: u8 = 0x16;
/// Leave group.
pub const LEAVE: u8 = 0x17;

/// A message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Message {
    /// What it is.
    pub kind: u8,
    /// Of a query: how long to wait at most, in tenths of a second.
    pub max_response: u8,
    /// The group; 0.0.0.0 in a query for all.
    pub group: Ipv4Addr,
}

impl Message {
    /// The message in `bytes`; `None` if it is shorter or its checksum, over all of `bytes`,
    /// does not match.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let [kind, max_response, _, _, g0, g1, g2, g3] = *bytes.first_chunk()?;
        (checksum::finish(checksum::add(0, bytes)) == 0).then_some(Self {
            kind,
            max_response,
            group: Ipv4Addr::new(g0, g1, g2, g3),
        })
    }

    /// The message as it goes on the wire.
    pub fn to_bytes(self) -> [u8; LEN] {
        let [g0, g1, g2, g3] = self.group.octets();
        let with_checksum = |[c0, c1]: [u8; 2]| [self.kind, self.max_response, c0, c1, g0, g1, g2, g3];
        with_checksum(checksum::finish(checksum::add(0, &with_checksum([0, 0]))).to_be_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_survives_the_wire() {
        let message = Message { kind: REPORT, max_response: 0, group: Ipv4Addr::new(239, 1, 2, 3) };
        let bytes = message.to_bytes();
        assert_eq!(Message::parse(&bytes), Some(message));
        for len in 0..LEN {
            assert_eq!(Message::parse(&bytes[..len]), None, "{len} bytes");
        }
        let mut flipped = bytes;
        flipped[7] ^= 1;
        assert_eq!(Message::parse(&flipped), None);
    }
}
