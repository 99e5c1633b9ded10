//! ARP packets for IPv4 over Ethernet (RFC 826).

use crate::ethernet::Mac;
use core::net::Ipv4Addr;

/// Length of a packet in bytes.
pub const LEN: usize = 28;

/// What a packet asks or says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    /// Who has the target address?
    Request = 1,
    /// The sender has the sender address.
    Reply = 2,
}

/// A packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Packet {
    /// What it is.
    pub operation: Operation,
    /// The sender's link address.
    pub sender_mac: Mac,
    /// The sender's address; 0.0.0.0 in a probe (RFC 5227).
    pub sender: Ipv4Addr,
    /// The target's link address; zero in a request.
    pub target_mac: Mac,
    /// The target's address.
    pub target: Ipv4Addr,
}

/// Hardware Ethernet, protocol IPv4, address lengths 6 and 4.
const PREFIX: [u8; 6] = [0, 1, 8, 0, 6, 4];

impl Packet {
    /// The packet in `bytes` (padding may follow); `None` if it is short, or about something
    /// else than IPv4 over Ethernet, or neither request nor reply.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(&PREFIX)?;
        let [o0, o1, a0, a1, a2, a3, a4, a5, s0, s1, s2, s3, b0, b1, b2, b3, b4, b5, t0, t1, t2, t3] =
            *rest.first_chunk()?;
        let operation = match [o0, o1] {
            [0, 1] => Operation::Request,
            [0, 2] => Operation::Reply,
            _ => return None,
        };
        Some(Self {
            operation,
            sender_mac: Mac([a0, a1, a2, a3, a4, a5]),
            sender: Ipv4Addr::new(s0, s1, s2, s3),
            target_mac: Mac([b0, b1, b2, b3, b4, b5]),
            target: Ipv4Addr::new(t0, t1, t2, t3),
        })
    }

    /// The packet as it goes on the wire.
    pub const fn to_bytes(self) -> [u8; LEN] {
        let Mac([a0, a1, a2, a3, a4, a5]) = self.sender_mac;
        let [s0, s1, s2, s3] = self.sender.octets();
        let Mac([b0, b1, b2, b3, b4, b5]) = self.target_mac;
        let [t0, t1, t2, t3] = self.target.octets();
        let [p0, p1, p2, p3, p4, p5] = PREFIX;
        let operation = self.operation as u8;
        [
            p0, p1, p2, p3, p4, p5, 0, operation, a0, a1, a2, a3, a4, a5, s0, s1, s2, s3, b0, b1, b2, b3, b4,
            b5, t0, t1, t2, t3,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKET: Packet = Packet {
        operation: Operation::Request,
        sender_mac: Mac([2, 0, 0, 0, 0, 1]),
        sender: Ipv4Addr::new(10, 0, 2, 15),
        target_mac: Mac([0; 6]),
        target: Ipv4Addr::new(10, 0, 2, 2),
    };

    #[test]
    fn packet_survives_the_wire() {
        for operation in [Operation::Request, Operation::Reply] {
            let packet = Packet { operation, ..PACKET };
            assert_eq!(Packet::parse(&packet.to_bytes()), Some(packet));
        }
    }

    #[test]
    fn refuses_what_is_not_ipv4_over_ethernet() {
        let cases: &[(&str, usize, u8)] = &[
            ("hardware", 1, 6),
            ("protocol", 2, 0x86),
            ("hardware address length", 4, 8),
            ("protocol address length", 5, 16),
            ("operation 0", 7, 0),
            ("operation 3", 7, 3),
        ];
        for &(name, at, value) in cases {
            let mut bytes = PACKET.to_bytes();
            bytes[at] = value;
            assert_eq!(Packet::parse(&bytes), None, "{name}");
        }
        for len in 0..LEN {
            assert_eq!(Packet::parse(&PACKET.to_bytes()[..len]), None, "{len} bytes");
        }
    }
}
