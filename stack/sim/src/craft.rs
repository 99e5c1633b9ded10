//! Frames made by hand: the other end of the wire in tests, honest or not.

use linnet_wire::arp::{Operation, Packet};
use linnet_wire::ethernet::{self, EtherType, Mac};
use linnet_wire::ipv4::{self, Protocol, pseudo_sum};
use linnet_wire::{checksum, icmp, igmp, udp};
use std::net::Ipv4Addr;

/// The station at the other end.
pub const PEER_MAC: Mac = Mac([0x52, 0x55, 0x0a, 0, 2, 2]);

/// An IPv4 header with nothing unusual in it, for a payload yet to come.
pub fn header(source: Ipv4Addr, destination: Ipv4Addr, protocol: Protocol) -> ipv4::Header {
    ipv4::Header {
        header_len: 20,
        tos: 0,
        total_len: 0,
        id: 0x4242,
        dont_fragment: false,
        more_fragments: false,
        offset: 0,
        ttl: 64,
        protocol,
        source,
        destination,
    }
}

/// An Ethernet frame.
pub fn frame(destination: Mac, source: Mac, ether_type: EtherType, payload: &[u8]) -> Vec<u8> {
    let mut frame = ethernet::Header { destination, source, ether_type }.to_bytes().to_vec();
    frame.extend_from_slice(payload);
    frame
}

/// An IPv4 packet: `header` with its lengths set for `options` and `payload`.
pub fn packet(header: ipv4::Header, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let header_len = 20 + options.len();
    let header = ipv4::Header {
        header_len: header_len as u8,
        total_len: (header_len + payload.len()) as u16,
        ..header
    };
    let mut packet = header.to_bytes(options).to_vec();
    packet.extend_from_slice(options);
    packet.extend_from_slice(payload);
    packet
}

/// A UDP datagram with its checksum.
pub fn datagram(source: (Ipv4Addr, u16), destination: (Ipv4Addr, u16), payload: &[u8]) -> Vec<u8> {
    let len = (8 + payload.len()) as u16;
    let header = udp::Header { source: source.1, destination: destination.1, len, checksum: 0 };
    let pseudo = pseudo_sum(source.0, destination.0, Protocol::UDP, len);
    let sum = checksum::add(checksum::add(pseudo, &header.to_bytes()), payload);
    let checksum = Some(checksum::finish(sum)).filter(|&sum| sum != 0).unwrap_or(0xffff);
    let mut datagram = udp::Header { checksum, ..header }.to_bytes().to_vec();
    datagram.extend_from_slice(payload);
    datagram
}

/// An ICMP message with its checksum.
pub fn message(icmp_type: u8, code: u8, id: u16, sequence: u16, body: &[u8]) -> Vec<u8> {
    let header = icmp::Header { icmp_type, code, checksum: 0, id, sequence };
    let checksum = checksum::finish(checksum::add(checksum::add(0, &header.to_bytes()), body));
    let mut message = icmp::Header { checksum, ..header }.to_bytes().to_vec();
    message.extend_from_slice(body);
    message
}

/// An ARP packet.
pub fn arp(operation: Operation, sender: (Mac, Ipv4Addr), target: (Mac, Ipv4Addr)) -> Vec<u8> {
    let packet =
        Packet { operation, sender_mac: sender.0, sender: sender.1, target_mac: target.0, target: target.1 };
    packet.to_bytes().to_vec()
}

/// A frame taken apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Seen {
    /// An ARP packet, and whom its frame was for.
    Arp(Mac, Packet),
    /// A UDP datagram: IPv4 header, UDP header, payload.
    Udp(ipv4::Header, udp::Header, Vec<u8>),
    /// An ICMP message: IPv4 header, ICMP header, body.
    Icmp(ipv4::Header, icmp::Header, Vec<u8>),
    /// An IGMP message: IPv4 header, message.
    Igmp(ipv4::Header, igmp::Message),
    /// A fragment, or another protocol: IPv4 header and what follows.
    Other(ipv4::Header, Vec<u8>),
}

/// Takes a frame apart and checks all of its checksums.
///
/// # Panics
/// When anything in it is wrong: it came from the stack under test.
pub fn see(frame: &[u8]) -> Seen {
    let ethernet = ethernet::Header::parse(frame).expect("an Ethernet header");
    let bytes = &frame[ethernet::HEADER_LEN..];
    if ethernet.ether_type == EtherType::ARP {
        return Seen::Arp(ethernet.destination, Packet::parse(bytes).expect("an ARP packet"));
    }
    assert_eq!(ethernet.ether_type, EtherType::IPV4);
    let ip = ipv4::Header::parse(bytes).expect("an IPv4 packet");
    let payload = &bytes[ip.header_len as usize..ip.total_len as usize];
    if ip.is_fragment() {
        return Seen::Other(ip, payload.to_vec());
    }
    match ip.protocol {
        Protocol::UDP => {
            let header = udp::Header::parse(payload).expect("a UDP datagram");
            let pseudo = pseudo_sum(ip.source, ip.destination, Protocol::UDP, header.len);
            assert_eq!(checksum::finish(checksum::add(pseudo, payload)), 0, "UDP checksum");
            Seen::Udp(ip, header, payload[8..header.len as usize].to_vec())
        }
        Protocol::ICMP => {
            let header = icmp::Header::parse(payload).expect("an ICMP message");
            assert_eq!(checksum::finish(checksum::add(0, payload)), 0, "ICMP checksum");
            Seen::Icmp(ip, header, payload[8..].to_vec())
        }
        Protocol::IGMP => Seen::Igmp(ip, igmp::Message::parse(payload).expect("an IGMP message")),
        _ => Seen::Other(ip, payload.to_vec()),
    }
}
