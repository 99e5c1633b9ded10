//! UDP headers (RFC 768).

/// Length of the header in bytes.
pub const HEADER_LEN: usize = 8;

/// A header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// Sender's port, or zero.
    pub source: u16,
    /// Receiver's port.
    pub destination: u16,
    /// Length of the datagram, header included.
    pub len: u16,
    /// The checksum; zero if the sender made none.
    pub checksum: u16,
}

impl Header {
    /// The header at the start of `datagram`; `None` if there are fewer bytes than a header, or
    /// than its length says, or its length is below the header's. What an ICMP error quotes is
    /// cut short: see [`ports`].
    pub fn parse(datagram: &[u8]) -> Option<Self> {
        let [s0, s1, d0, d1, l0, l1, c0, c1] = *datagram.first_chunk()?;
        let len = u16::from_be_bytes([l0, l1]);
        ((len as usize) >= HEADER_LEN && len as usize <= datagram.len()).then_some(Self {
            source: u16::from_be_bytes([s0, s1]),
            destination: u16::from_be_bytes([d0, d1]),
            len,
            checksum: u16::from_be_bytes([c0, c1]),
        })
    }

    /// The header as it goes on the wire.
    pub const fn to_bytes(self) -> [u8; HEADER_LEN] {
        let [s0, s1] = self.source.to_be_bytes();
        let [d0, d1] = self.destination.to_be_bytes();
        let [l0, l1] = self.len.to_be_bytes();
        let [c0, c1] = self.checksum.to_be_bytes();
        [s0, s1, d0, d1, l0, l1, c0, c1]
    }
}

/// Source and destination port of a quoted datagram or segment: the first four bytes of UDP and
/// of TCP alike.
pub fn ports(transport: &[u8]) -> Option<(u16, u16)> {
    let [s0, s1, d0, d1] = *transport.first_chunk()?;
    Some((u16::from_be_bytes([s0, s1]), u16::from_be_bytes([d0, d1])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_survives_the_wire() {
        let header = Header { source: 68, destination: 67, len: 8, checksum: 0xbeef };
        assert_eq!(Header::parse(&header.to_bytes()), Some(header));
        assert_eq!(ports(&header.to_bytes()), Some((68, 67)));
    }

    #[test]
    fn refuses_lengths_that_contradict_the_datagram() {
        let cases: &[(&str, u16, usize, bool)] = &[
            ("zero", 0, 12, false),
            ("short", 7, 12, false),
            ("header alone", 8, 12, true),
            ("exact", 12, 12, true),
            ("long", 13, 12, false),
            ("cut", 8, 7, false),
        ];
        for &(name, len, given, good) in cases {
            let mut bytes = [0; 12];
            bytes[..8].copy_from_slice(&Header { source: 1, destination: 2, len, checksum: 0 }.to_bytes());
            assert_eq!(Header::parse(&bytes[..given]).is_some(), good, "{name}");
        }
    }
}
