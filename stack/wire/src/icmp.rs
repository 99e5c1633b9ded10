//! ICMP headers (RFC 792).

/// Length of the header in bytes.
pub const HEADER_LEN: usize = 8;

/// Echo reply.
pub const ECHO_REPLY: u8 = 0;
/// Destination unreachable; the code says why.
pub const UNREACHABLE: u8 = 3;
/// Source quench, which is ignored (RFC 6633).
pub const SOURCE_QUENCH: u8 = 4;
/// Redirect.
pub const REDIRECT: u8 = 5;
/// Echo request.
pub const ECHO_REQUEST: u8 = 8;
/// Time exceeded, in transit (code 0) or in reassembly (code 1).
pub const TIME_EXCEEDED: u8 = 11;
/// Parameter problem.
pub const PARAMETER_PROBLEM: u8 = 12;

/// Unreachable: host.
pub const HOST: u8 = 1;
/// Unreachable: protocol.
pub const PROTOCOL: u8 = 2;
/// Unreachable: port.
pub const PORT: u8 = 3;
/// Unreachable: fragmentation needed and DF set.
pub const FRAGMENTATION_NEEDED: u8 = 4;
/// Time exceeded: in reassembly.
pub const REASSEMBLY: u8 = 1;

/// A header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// What it is.
    pub icmp_type: u8,
    /// And which of that.
    pub code: u8,
    /// Over header and body.
    pub checksum: u16,
    /// The first half of what differs by type: an echo's identifier.
    pub id: u16,
    /// The second half: an echo's sequence number, the next hop's MTU.
    pub sequence: u16,
}

impl Header {
    /// The header at the start of `message`; `None` if it is shorter. The checksum is the
    /// caller's to verify.
    pub fn parse(message: &[u8]) -> Option<Self> {
        let [icmp_type, code, c0, c1, i0, i1, s0, s1] = *message.first_chunk()?;
        Some(Self {
            icmp_type,
            code,
            checksum: u16::from_be_bytes([c0, c1]),
            id: u16::from_be_bytes([i0, i1]),
            sequence: u16::from_be_bytes([s0, s1]),
        })
    }

    /// The header as it goes on the wire.
    pub const fn to_bytes(self) -> [u8; HEADER_LEN] {
        let [c0, c1] = self.checksum.to_be_bytes();
        let [i0, i1] = self.id.to_be_bytes();
        let [s0, s1] = self.sequence.to_be_bytes();
        [self.icmp_type, self.code, c0, c1, i0, i1, s0, s1]
    }

    /// Whether it reports an error: never answered with another (RFC 1122 §3.2.2). What we do
    /// not know counts as one.
    pub const fn is_error(self) -> bool {
        !matches!(self.icmp_type, ECHO_REPLY | ECHO_REQUEST | 9 | 10 | 13..=18)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_survives_the_wire() {
        let header = Header { icmp_type: ECHO_REQUEST, code: 0, checksum: 0x1234, id: 77, sequence: 3 };
        assert_eq!(Header::parse(&header.to_bytes()), Some(header));
        assert_eq!(Header::parse(&header.to_bytes()[..7]), None);
    }

    #[test]
    fn errors_are_told_from_queries() {
        let header = Header { icmp_type: 0, code: 0, checksum: 0, id: 0, sequence: 0 };
        for icmp_type in [UNREACHABLE, SOURCE_QUENCH, REDIRECT, TIME_EXCEEDED, PARAMETER_PROBLEM, 200] {
            assert!(Header { icmp_type, ..header }.is_error(), "type {icmp_type}");
        }
        for icmp_type in [ECHO_REPLY, ECHO_REQUEST, 13, 17] {
            assert!(!Header { icmp_type, ..header }.is_error(), "type {icmp_type}");
        }
    }
}
