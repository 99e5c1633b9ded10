//! Ethernet II frames: addresses and the 14-byte header (RFC 894).

use core::net::Ipv4Addr;

/// Length of the header in bytes.
pub const HEADER_LEN: usize = 14;

/// An Ethernet address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// Everyone on the link.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// Whether it addresses a group: broadcast included.
    pub const fn is_multicast(self) -> bool {
        let Self([first, ..]) = self;
        first & 1 != 0
    }

    /// Whether it can be the address of one station: neither a group nor all zero.
    pub fn is_unicast(self) -> bool {
        !self.is_multicast() && self != Self::default()
    }

    /// Where a multicast group's packets go (RFC 1112 §6.4).
    #[inline(never)]
    pub const fn for_group(group: Ipv4Addr) -> Self {
        let [_, second, third, fourth] = group.octets();
        Self([0x01, 0x00, 0x5e, second & 0x7f, third, fourth])
    }
}

/// What a frame carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EtherType(pub u16);

impl EtherType {
    /// IPv4.
    pub const IPV4: Self = Self(0x0800);
    /// ARP.
    pub const ARP: Self = Self(0x0806);
}

/// The header of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// Receiver.
    pub destination: Mac,
    /// Sender.
    pub source: Mac,
    /// What the frame carries.
    pub ether_type: EtherType,
}

impl Header {
    /// The header at the start of `frame`, if it is long enough for one.
    pub fn parse(frame: &[u8]) -> Option<Self> {
        let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, t0, t1] = *frame.first_chunk()?;
        Some(Self {
            destination: Mac([d0, d1, d2, d3, d4, d5]),
            source: Mac([s0, s1, s2, s3, s4, s5]),
            ether_type: EtherType(u16::from_be_bytes([t0, t1])),
        })
    }

    /// The header as it goes on the wire.
    pub const fn to_bytes(self) -> [u8; HEADER_LEN] {
        let Mac([d0, d1, d2, d3, d4, d5]) = self.destination;
        let Mac([s0, s1, s2, s3, s4, s5]) = self.source;
        let [t0, t1] = self.ether_type.0.to_be_bytes();
        [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, t0, t1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_survives_the_wire() {
        let header = Header {
            destination: Mac::BROADCAST,
            source: Mac([2, 0, 0, 0, 0, 1]),
            ether_type: EtherType::ARP,
        };
        let bytes = header.to_bytes();
        assert_eq!(Header::parse(&bytes), Some(header));
        assert_eq!(Header::parse(&bytes[..13]), None);
    }

    #[test]
    fn groups_map_to_their_low_23_bits() {
        // 239.129.2.3 and 239.1.2.3 share an address.
        let mac = Mac([0x01, 0x00, 0x5e, 1, 2, 3]);
        assert_eq!(Mac::for_group(Ipv4Addr::new(239, 129, 2, 3)), mac);
        assert_eq!(Mac::for_group(Ipv4Addr::new(239, 1, 2, 3)), mac);
        assert!(mac.is_multicast() && !mac.is_unicast());
        assert!(!Mac::default().is_unicast());
    }
}
