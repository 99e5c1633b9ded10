//! Packets on the wire: those of the script built, those of the stack taken apart, both shown as
//! the language writes them.

use super::script::{FLAG_LETTERS, IcmpSpec, OptionsSpec, TcpOption, TcpSpec};
use crate::craft;
use crate::node::mac_of;
use linnet_wire::ethernet::{self, EtherType};
use linnet_wire::ipv4::{self, Protocol};
use linnet_wire::seq::SeqNum;
use linnet_wire::tcp::{CHECKSUM_AT, Flags, HEADER_LEN, Header};
use linnet_wire::{checksum, udp};
use std::net::Ipv4Addr;

/// A packet that the stack sent.
#[derive(Clone, Debug)]
pub(super) struct Live {
    /// When, in microseconds.
    pub at: u64,
    /// Its IPv4 header.
    pub ip: ipv4::Header,
    /// Its ports: the stack's, the peer's.
    pub ports: (u16, u16),
    /// The segment, with the numbers of the wire; of a datagram, its length.
    pub spec: TcpSpec,
}

impl Live {
    /// Takes a frame apart; `None` for what is neither TCP nor UDP.
    pub fn read(at: u64, frame: &[u8]) -> Option<Self> {
        let ethernet = ethernet::Header::parse(frame)?;
        if ethernet.ether_type != EtherType::IPV4 {
            return None;
        }
        let ip = ipv4::Header::parse(&frame[ethernet::HEADER_LEN..]).ok()?;
        let packet = &frame[ethernet::HEADER_LEN..][..usize::from(ip.total_len)];
        let bytes = &packet[usize::from(ip.header_len)..];
        if ip.protocol == Protocol::UDP {
            let header = udp::Header::parse(bytes)?;
            let spec = TcpSpec { len: u32::from(header.len) - 8, ..TcpSpec::default() };
            return Some(Self { at, ip, ports: (header.source, header.destination), spec });
        }
        let header = Header::parse(bytes).filter(|_| ip.protocol == Protocol::TCP)?;
        let sum = ipv4::pseudo_sum(ip.source, ip.destination, Protocol::TCP, bytes.len() as u16);
        assert_eq!(checksum::finish(checksum::add(sum, bytes)), 0, "the stack sends right checksums");
        let spec = TcpSpec {
            ports: None,
            flags: header.flags.bits(),
            seq: header.seq.0,
            len: (bytes.len() - usize::from(header.len)) as u32,
            ack: header.flags.has(Flags::ACK).then_some(header.ack.0),
            window: Some(header.window.into()),
            urgent: header.flags.has(Flags::URG).then_some(header.urgent),
            options: OptionsSpec::These(read_options(&bytes[HEADER_LEN..usize::from(header.len)])),
        };
        Some(Self { at, ip, ports: (header.source, header.destination), spec })
    }
}

/// Where a packet of the script goes and comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    /// The peer.
    pub remote: (Ipv4Addr, u16),
    /// The stack.
    pub local: (Ipv4Addr, u16),
    /// Type of service.
    pub tos: u8,
    /// Time to live.
    pub ttl: u8,
}

/// The frame of a segment to the stack.
pub(super) fn segment(ends: &Ends, spec: &TcpSpec) -> Vec<u8> {
    let mut bytes = tcp_header(ends.remote.1, ends.local.1, spec);
    bytes.extend((0..spec.len).map(|at| at as u8));
    let sum = ipv4::pseudo_sum(ends.remote.0, ends.local.0, Protocol::TCP, bytes.len() as u16);
    let sum = checksum::finish(checksum::add(sum, &bytes));
    bytes[CHECKSUM_AT..CHECKSUM_AT + 2].copy_from_slice(&sum.to_be_bytes());
    frame(ends, Protocol::TCP, &bytes)
}

/// The frame of a datagram to the stack.
pub(super) fn datagram(ends: &Ends, len: usize) -> Vec<u8> {
    frame(ends, Protocol::UDP, &craft::datagram(ends.remote, ends.local, &vec![0; len]))
}

/// The frame of an ICMP error about a packet of the stack, whose sequence number is `seq`.
pub(super) fn icmp(ends: &Ends, spec: &IcmpSpec, seq: u32) -> Vec<u8> {
    let (protocol, quoted) = if spec.udp {
        (Protocol::UDP, craft::datagram(ends.local, ends.remote, &[]))
    } else {
        let quoted = TcpSpec { seq, flags: Flags::ACK.bits(), ..TcpSpec::default() };
        (Protocol::TCP, tcp_header(ends.local.1, ends.remote.1, &quoted))
    };
    let header = craft::header(ends.local.0, ends.remote.0, protocol);
    let mut about = craft::packet(ipv4::Header { dont_fragment: true, ..header }, &[], &quoted);
    about.truncate(ipv4::HEADER_LEN + 20);
    frame(ends, Protocol::ICMP, &craft::message(spec.icmp_type, spec.code, 0, spec.mtu, &about))
}

fn frame(ends: &Ends, protocol: Protocol, payload: &[u8]) -> Vec<u8> {
    let header = craft::header(ends.remote.0, ends.local.0, protocol);
    let header = ipv4::Header { tos: ends.tos, ttl: ends.ttl, ..header };
    let packet = craft::packet(header, &[], payload);
    craft::frame(mac_of(ends.local.0), mac_of(ends.remote.0), EtherType::IPV4, &packet)
}

fn tcp_header(source: u16, destination: u16, spec: &TcpSpec) -> Vec<u8> {
    let mut options = Vec::new();
    if let OptionsSpec::These(these) = &spec.options {
        these.iter().for_each(|option| write_option(&mut options, option));
    }
    options.resize(options.len().next_multiple_of(4).min(40), 0);
    let mut bytes = vec![0; HEADER_LEN];
    let header = Header {
        source,
        destination,
        seq: SeqNum(spec.seq),
        ack: SeqNum(spec.ack.unwrap_or(0)),
        len: (HEADER_LEN + options.len()) as u8,
        flags: Flags::from_bits(spec.flags),
        window: spec.window.unwrap_or(0).min(0xffff) as u16,
        urgent: spec.urgent.unwrap_or(0),
    };
    header.emit(&mut bytes);
    bytes.extend_from_slice(&options);
    bytes
}

fn write_option(out: &mut Vec<u8>, option: &TcpOption) {
    match option {
        TcpOption::Nop => out.push(1),
        TcpOption::End => out.push(0),
        TcpOption::Mss(mss) => {
            out.extend_from_slice(&[2, 4]);
            out.extend_from_slice(&mss.to_be_bytes());
        }
        TcpOption::WindowScale(shift) => out.extend_from_slice(&[3, 3, *shift]),
        TcpOption::SackPermitted => out.extend_from_slice(&[4, 2]),
        TcpOption::Sack(blocks) => {
            out.extend_from_slice(&[5, 2 + 8 * blocks.len() as u8]);
            blocks
                .iter()
                .flat_map(|block| [block.0, block.1])
                .for_each(|edge| out.extend_from_slice(&edge.to_be_bytes()));
        }
        TcpOption::Timestamps(value, echo) => {
            out.extend_from_slice(&[8, 10]);
            out.extend_from_slice(&value.to_be_bytes());
            out.extend_from_slice(&echo.to_be_bytes());
        }
        TcpOption::Other(_, kind, body) => {
            out.extend_from_slice(&[*kind, 2 + body.len() as u8]);
            out.extend_from_slice(body);
        }
    }
}

fn read_options(mut bytes: &[u8]) -> Vec<TcpOption> {
    let word = |at: &[u8]| at.first_chunk().map_or(0, |word| u32::from_be_bytes(*word));
    let mut options = Vec::new();
    while let [kind, rest @ ..] = bytes {
        if *kind < 2 {
            options.push(if *kind == 0 { TcpOption::End } else { TcpOption::Nop });
            bytes = rest;
            continue;
        }
        let len = rest.first().map_or(2, |len| usize::from(*len)).clamp(2, bytes.len());
        let body = &bytes[2..len];
        options.push(match (*kind, body) {
            (2, [high, low]) => TcpOption::Mss(u16::from_be_bytes([*high, *low])),
            (3, [shift]) => TcpOption::WindowScale(*shift),
            (4, []) => TcpOption::SackPermitted,
            (5, blocks) => TcpOption::Sack(
                blocks.chunks_exact(8).map(|block| (word(block), word(&block[4..]))).collect(),
            ),
            (8, stamps) if stamps.len() == 8 => TcpOption::Timestamps(word(stamps), word(&stamps[4..])),
            (kind, body) => TcpOption::Other(format!("option {kind}"), kind, body.to_vec()),
        });
        bytes = &bytes[len..];
    }
    options
}

/// A segment as the language writes it.
pub(super) fn show(spec: &TcpSpec) -> String {
    let mut flags: String =
        (0..8).filter(|bit| spec.flags & 1 << bit != 0 && *bit != 4).map(|bit| FLAG_LETTERS[bit]).collect();
    if spec.flags & Flags::ACK.bits() != 0 {
        flags.push('.');
    }
    if flags.is_empty() {
        flags.push('-');
    }
    let end = spec.seq.wrapping_add(spec.len);
    let mut text = format!("{flags} {}:{end}({})", spec.seq, spec.len);
    if let Some(ack) = spec.ack {
        text += &format!(" ack {ack}");
    }
    if let Some(window) = spec.window {
        text += &format!(" win {window}");
    }
    if let Some(urgent) = spec.urgent {
        text += &format!(" urg {urgent}");
    }
    match &spec.options {
        OptionsSpec::None => {}
        OptionsSpec::Any => text += " <...>",
        OptionsSpec::These(options) if options.is_empty() => {}
        OptionsSpec::These(options) => {
            let options: Vec<String> = options.iter().map(show_option).collect();
            text += &format!(" <{}>", options.join(","));
        }
    }
    text
}

/// An option as the language writes it.
pub(super) fn show_option(option: &TcpOption) -> String {
    match option {
        TcpOption::Nop => "nop".into(),
        TcpOption::End => "eol".into(),
        TcpOption::Mss(mss) => format!("mss {mss}"),
        TcpOption::WindowScale(shift) => format!("wscale {shift}"),
        TcpOption::SackPermitted => "sackOK".into(),
        TcpOption::Sack(blocks) => {
            let blocks: Vec<String> = blocks.iter().map(|(start, end)| format!("{start}:{end}")).collect();
            format!("sack {}", blocks.join(" "))
        }
        TcpOption::Timestamps(value, echo) => format!("TS val {value} ecr {echo}"),
        TcpOption::Other(name, _, body) => body
            .iter()
            .fold(format!("{name} "), |text, byte| text + &format!("{byte:02x}"))
            .trim_end()
            .to_owned(),
    }
}
