//! TCP header: parsed once into numbers, written from them (RFC 9293 §3.1).

use crate::seq::SeqNum;

/// Length of the header without options, in bytes.
pub const HEADER_LEN: usize = 20;

/// Where in the header the checksum lies.
pub const CHECKSUM_AT: usize = 16;

/// The control bits.
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Flags(u8);

impl Flags {
    /// None of them.
    pub const NONE: Self = Self(0);
    /// The sender has sent its last byte.
    pub const FIN: Self = Self(0x01);
    /// Synchronise sequence numbers.
    pub const SYN: Self = Self(0x02);
    /// Reset the connection.
    pub const RST: Self = Self(0x04);
    /// Push: deliver now.
    pub const PSH: Self = Self(0x08);
    /// The acknowledgment field counts.
    pub const ACK: Self = Self(0x10);
    /// The urgent pointer counts.
    pub const URG: Self = Self(0x20);

    /// The bits as they stand in the header.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// The bits as they stand in the header.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Both sets together.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether any of `other` is set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl core::fmt::Debug for Flags {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let names = [(0x02, "S"), (0x10, "."), (0x08, "P"), (0x01, "F"), (0x04, "R"), (0x20, "U")];
        names.iter().filter(|(bit, _)| self.0 & bit != 0).try_for_each(|(_, name)| f.write_str(name))
    }
}

/// The fixed fields of a header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// Sender's port.
    pub source: u16,
    /// Receiver's port.
    pub destination: u16,
    /// Sequence number of the first byte, or of the SYN.
    pub seq: SeqNum,
    /// The next byte that the sender expects; counts only with [`Flags::ACK`].
    pub ack: SeqNum,
    /// Length with options, in bytes: 20..=60, a multiple of four.
    pub len: u8,
    /// The control bits.
    pub flags: Flags,
    /// The receive window, not scaled.
    pub window: u16,
    /// The urgent pointer; counts only with [`Flags::URG`].
    pub urgent: u16,
}

impl Header {
    /// Reads the header at the front of `segment`; `None` when the segment ends before the header
    /// does, or the header claims to be shorter than it can be.
    pub fn parse(segment: &[u8]) -> Option<Self> {
        let fixed: &[u8; HEADER_LEN] = segment.first_chunk()?;
        let [s0, s1, d0, d1, q0, q1, q2, q3, a0, a1, a2, a3, offset, flags, w0, w1, _, _, u0, u1] = *fixed;
        let len = (offset >> 4) * 4;
        if (len as usize) < HEADER_LEN || len as usize > segment.len() {
            return None;
        }
        Some(Self {
            source: u16::from_be_bytes([s0, s1]),
            destination: u16::from_be_bytes([d0, d1]),
            seq: SeqNum(u32::from_be_bytes([q0, q1, q2, q3])),
            ack: SeqNum(u32::from_be_bytes([a0, a1, a2, a3])),
            len,
            flags: Flags(flags),
            window: u16::from_be_bytes([w0, w1]),
            urgent: u16::from_be_bytes([u0, u1]),
        })
    }

    /// Writes the fixed fields to the front of `segment`, with a checksum of zero. Does nothing
    /// when `segment` is shorter than the fixed header.
    pub fn emit(&self, segment: &mut [u8]) {
        let Some(fixed) = segment.first_chunk_mut::<HEADER_LEN>() else { return };
        let [s0, s1] = self.source.to_be_bytes();
        let [d0, d1] = self.destination.to_be_bytes();
        let [q0, q1, q2, q3] = self.seq.0.to_be_bytes();
        let [a0, a1, a2, a3] = self.ack.0.to_be_bytes();
        let [w0, w1] = self.window.to_be_bytes();
        let [u0, u1] = self.urgent.to_be_bytes();
        let offset = (self.len / 4) << 4;
        *fixed = [s0, s1, d0, d1, q0, q1, q2, q3, a0, a1, a2, a3, offset, self.flags.0, w0, w1, 0, 0, u0, u1];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Header = Header {
        source: 0x1234,
        destination: 80,
        seq: SeqNum(0xdead_beef),
        ack: SeqNum(0x0102_0304),
        len: 24,
        flags: Flags::SYN.with(Flags::ACK),
        window: 0xfedc,
        urgent: 7,
    };

    #[test]
    fn what_is_emitted_is_parsed() {
        let mut bytes = [0xff; 24];
        HEADER.emit(&mut bytes);
        assert_eq!(Header::parse(&bytes), Some(HEADER));
        assert_eq!(bytes[CHECKSUM_AT..CHECKSUM_AT + 2], [0, 0]);
        assert_eq!(bytes[12..14], [0x60, 0x12]);
    }

    #[test]
    fn bad_lengths_are_refused() {
        let mut bytes = [0; 24];
        HEADER.emit(&mut bytes);
        for (name, offset, len) in [
            ("empty", 5, 0),
            ("one byte short", 5, 19),
            ("offset below five", 4, 24),
            ("offset zero", 0, 24),
            ("offset past the end", 7, 24),
        ] {
            bytes[12] = offset << 4;
            assert_eq!(Header::parse(&bytes[..len]), None, "{name}");
        }
    }
}
