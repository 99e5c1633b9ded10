//! IPv4 headers (RFC 791) and the pseudo header of transport checksums.

use crate::checksum;
use core::net::Ipv4Addr;

/// Length of a header without options, in bytes.
pub const HEADER_LEN: usize = 20;
/// The largest packet, header included, in bytes.
pub const MAX_LEN: usize = 65_535;
/// The Router Alert option (RFC 2113), which IGMP messages carry.
pub const ROUTER_ALERT: [u8; 4] = [0x94, 4, 0, 0];

/// The protocol that an IPv4 packet carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Protocol(pub u8);

impl Protocol {
    /// ICMP (RFC 792).
    pub const ICMP: Self = Self(1);
    /// IGMP (RFC 2236).
    pub const IGMP: Self = Self(2);
    /// TCP (RFC 9293).
    pub const TCP: Self = Self(6);
    /// UDP (RFC 768).
    pub const UDP: Self = Self(17);
}

/// Why bytes are not an IPv4 packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Malformed {
    /// Fewer bytes than a header, than its IHL says, or than its total length says.
    Truncated,
    /// The version is not 4.
    Version,
    /// IHL below 5, total length below the header's, or flags that contradict each other.
    Header,
    /// The header's checksum does not match.
    Checksum,
}

/// A header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// Length with options, in bytes: 20..=60, a multiple of four.
    pub header_len: u8,
    /// Type of service.
    pub tos: u8,
    /// Length of the packet, header included.
    pub total_len: u16,
    /// What the fragments of one datagram share.
    pub id: u16,
    /// Do not fragment.
    pub dont_fragment: bool,
    /// More fragments follow.
    pub more_fragments: bool,
    /// Where in the datagram the fragment lies, in bytes: a multiple of eight.
    pub offset: u16,
    /// Time to live.
    pub ttl: u8,
    /// What it carries.
    pub protocol: Protocol,
    /// Sender.
    pub source: Ipv4Addr,
    /// Receiver.
    pub destination: Ipv4Addr,
}

impl Header {
    /// The header at the start of `packet`, which has all of the packet (padding may follow):
    /// lengths and checksum are good.
    pub fn parse(packet: &[u8]) -> Result<Self, Malformed> {
        let header = Self::parse_quoted(packet)?;
        if header.total_len as usize > packet.len() {
            return Err(Malformed::Truncated);
        }
        let bytes = packet.get(..header.header_len as usize).ok_or(Malformed::Truncated)?;
        if checksum::finish(checksum::add(0, bytes)) != 0 {
            return Err(Malformed::Checksum);
        }
        Ok(header)
    }

    /// The header at the start of what an ICMP error quotes: the packet may be cut short, and its
    /// checksum tells nothing any more.
    pub fn parse_quoted(packet: &[u8]) -> Result<Self, Malformed> {
        let [first, tos, l0, l1, i0, i1, f0, f1, ttl, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3] =
            *packet.first_chunk().ok_or(Malformed::Truncated)?;
        if first >> 4 != 4 {
            return Err(Malformed::Version);
        }
        let header_len = (first & 0xf) * 4;
        let total_len = u16::from_be_bytes([l0, l1]);
        if (header_len as usize) < HEADER_LEN || total_len < u16::from(header_len) {
            return Err(Malformed::Header);
        }
        if packet.len() < header_len as usize {
            return Err(Malformed::Truncated);
        }
        Ok(Self {
            header_len,
            tos,
            total_len,
            id: u16::from_be_bytes([i0, i1]),
            dont_fragment: f0 & 0x40 != 0,
            more_fragments: f0 & 0x20 != 0,
            offset: u16::from_be_bytes([f0 & 0x1f, f1]) << 3,
            ttl,
            protocol: Protocol(protocol),
            source: Ipv4Addr::new(s0, s1, s2, s3),
            destination: Ipv4Addr::new(d0, d1, d2, d3),
        })
    }

    /// The first 20 bytes of the header as they go on the wire. `options` is what follows them:
    /// its length must be `header_len - 20`, for the checksum covers it.
    pub fn to_bytes(&self, options: &[u8]) -> [u8; HEADER_LEN] {
        let [l0, l1] = self.total_len.to_be_bytes();
        let [i0, i1] = self.id.to_be_bytes();
        let [f0, f1] = (self.offset >> 3).to_be_bytes();
        let flags = u8::from(self.dont_fragment) << 6 | u8::from(self.more_fragments) << 5;
        let [s0, s1, s2, s3] = self.source.octets();
        let [d0, d1, d2, d3] = self.destination.octets();
        let first = 0x40 | self.header_len >> 2;
        let protocol = self.protocol.0;
        let mut bytes = [
            first,
            self.tos,
            l0,
            l1,
            i0,
            i1,
            f0 | flags,
            f1,
            self.ttl,
            protocol,
            0,
            0,
            s0,
            s1,
            s2,
            s3,
            d0,
            d1,
            d2,
            d3,
        ];
        let sum = checksum::add(checksum::add(0, &bytes), options);
        [bytes[10], bytes[11]] = checksum::finish(sum).to_be_bytes();
        bytes
    }

    /// Whether it is a piece of a larger datagram.
    pub const fn is_fragment(&self) -> bool {
        self.more_fragments || self.offset != 0
    }
}

/// What the options of a header ask for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Options {
    /// Nothing that matters to a host.
    Harmless,
    /// A loose or strict source route.
    SourceRoute,
    /// An option of length 0 or 1, or one that goes past the end.
    Malformed,
}

/// Looks through the bytes after the first 20 of a header.
pub fn check_options(mut options: &[u8]) -> Options {
    while let [kind, rest @ ..] = options {
        options = match (*kind, rest) {
            (0, _) => return Options::Harmless,
            (1, rest) => rest,
            (131 | 137, _) => return Options::SourceRoute,
            (_, [len, ..]) if *len >= 2 => match options.get(*len as usize..) {
                Some(following) => following,
                None => return Options::Malformed,
            },
            _ => return Options::Malformed,
        };
    }
    Options::Harmless
}

/// The running sum of the pseudo header that UDP and TCP checksums start with.
pub fn pseudo_sum(source: Ipv4Addr, destination: Ipv4Addr, protocol: Protocol, len: u16) -> u32 {
    let halves = |address: Ipv4Addr| (address.to_bits() >> 16) + (address.to_bits() & 0xffff);
    halves(source) + halves(destination) + u32::from(protocol.0) + u32::from(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Header = Header {
        header_len: 20,
        tos: 0x10,
        total_len: 28,
        id: 0x1234,
        dont_fragment: true,
        more_fragments: false,
        offset: 0,
        ttl: 64,
        protocol: Protocol::UDP,
        source: Ipv4Addr::new(10, 0, 2, 15),
        destination: Ipv4Addr::new(10, 0, 2, 2),
    };

    fn packet(header: Header) -> [u8; 28] {
        let mut bytes = [0; 28];
        bytes[..20].copy_from_slice(&header.to_bytes(&[]));
        bytes
    }

    fn with_checksum(mut bytes: [u8; 28], header_len: usize) -> [u8; 28] {
        bytes[10..12].fill(0);
        let sum = checksum::finish(checksum::add(0, &bytes[..header_len]));
        bytes[10..12].copy_from_slice(&sum.to_be_bytes());
        bytes
    }

    #[test]
    fn header_survives_the_wire() {
        for header in [
            HEADER,
            Header { dont_fragment: false, more_fragments: true, offset: 65_528, ..HEADER },
            Header { protocol: Protocol::TCP, ttl: 0, total_len: 20, ..HEADER },
        ] {
            assert_eq!(Header::parse(&packet(header)), Ok(header));
        }
    }

    #[test]
    fn refuses_lengths_that_contradict_the_packet() {
        let good = packet(HEADER);
        let cases: &[(&str, usize, u8, Malformed)] = &[
            ("version 6", 0, 0x65, Malformed::Version),
            ("IHL 4", 0, 0x44, Malformed::Header),
            ("IHL 15 in 28 bytes", 0, 0x4f, Malformed::Header),
            ("IHL 8 of total 28", 0, 0x48, Malformed::Header),
            ("total beyond the frame", 3, 29, Malformed::Truncated),
            ("total below the header", 3, 19, Malformed::Header),
        ];
        for &(name, at, value, expected) in cases {
            let mut bytes = good;
            bytes[at] = value;
            assert_eq!(Header::parse(&with_checksum(bytes, 20)), Err(expected), "{name}");
        }
        for len in 0..28 {
            assert_eq!(Header::parse(&good[..len]), Err(Malformed::Truncated), "{len} bytes");
        }
        let mut flipped = good;
        flipped[8] ^= 1;
        assert_eq!(Header::parse(&flipped), Err(Malformed::Checksum));
    }

    #[test]
    fn checksum_covers_the_options() {
        let header = Header { header_len: 24, ..HEADER };
        let mut bytes = packet(HEADER);
        bytes[..20].copy_from_slice(&header.to_bytes(&ROUTER_ALERT));
        bytes[20..24].copy_from_slice(&ROUTER_ALERT);
        assert_eq!(Header::parse(&bytes), Ok(header));
    }

    #[test]
    fn finds_source_routes_and_broken_options() {
        let cases: &[(&str, &[u8], Options)] = &[
            ("none", &[], Options::Harmless),
            ("padding", &[1, 1, 1, 0], Options::Harmless),
            ("router alert", &ROUTER_ALERT, Options::Harmless),
            ("loose source route", &[1, 131, 3, 4], Options::SourceRoute),
            ("strict source route", &[137, 3, 4, 0], Options::SourceRoute),
            ("length 0", &[7, 0, 0, 0], Options::Malformed),
            ("length 1", &[7, 1, 0, 0], Options::Malformed),
            ("past the end", &[7, 5, 4, 0], Options::Malformed),
            ("no length", &[1, 1, 1, 7], Options::Malformed),
            ("after the end of options", &[0, 131, 3, 4], Options::Harmless),
        ];
        for (name, options, expected) in cases {
            assert_eq!(check_options(options), *expected, "{name}");
        }
    }
}
