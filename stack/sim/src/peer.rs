//! A peer driven by hand: the test writes every segment that it sends, and reads every answer.

use crate::node::{Node, mac_of};
use crate::pair::{LEFT, RIGHT};
use linnet_core::socket::SocketId;
use linnet_wire::checksum;
use linnet_wire::ethernet::{self, EtherType};
use linnet_wire::ipv4::{self, Protocol};
use linnet_wire::seq::SeqNum;
use linnet_wire::tcp::{CHECKSUM_AT, Flags, HEADER_LEN, Header};
use linnet_wire::tcp_options::{MAX_LEN, Options, sack_blocks};
use std::net::{Ipv4Addr, SocketAddrV4};

/// A segment to or from the node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seg {
    /// The sender's port.
    pub from: u16,
    /// The receiver's port.
    pub to: u16,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgment.
    pub ack: u32,
    /// Control bits.
    pub flags: Flags,
    /// Window as in the header.
    pub window: u16,
    /// Urgent pointer.
    pub urgent: u16,
    /// Options.
    pub options: Options,
    /// Payload.
    pub payload: Vec<u8>,
}

/// A node, and the hand that plays its peer.
pub struct Bench {
    /// What is under test, at [`LEFT`].
    pub node: Node,
    /// The next segment of the peer, as a template: what is sent follows from it.
    pub next: Seg,
}

/// The peer's port.
pub const PEER_PORT: u16 = 7000;
/// The port the node listens on.
pub const NODE_PORT: u16 = 80;
/// The peer's initial sequence number: near the wrap.
pub const PEER_ISS: u32 = u32::MAX - 500;

/// `SYN` with an acknowledgment.
pub const SYN_ACK: Flags = Flags::SYN.with(Flags::ACK);
/// `FIN` with an acknowledgment.
pub const FIN_ACK: Flags = Flags::FIN.with(Flags::ACK);

impl Bench {
    /// A fresh node.
    pub fn new() -> Self {
        let options = Options { mss: Some(1460), ..Options::default() };
        let next = Seg {
            from: PEER_PORT,
            to: NODE_PORT,
            seq: PEER_ISS,
            ack: 0,
            flags: Flags::SYN,
            window: 20_000,
            urgent: 0,
            options,
            payload: Vec::new(),
        };
        Self { node: Node::new(LEFT, RIGHT, 1 << 20, 7, u32::MAX - 3000), next }
    }

    /// A node that listens and has accepted a connection from the peer: listener and connection.
    pub fn accepted(mut self) -> (Self, SocketId, SocketId) {
        let listener = self.node.listener(NODE_PORT, 4);
        self.open();
        let socket = self.node.accept(listener, 1).expect("a connection");
        (self, listener, socket)
    }

    /// A node that has connected to the peer.
    pub fn connected(mut self) -> (Self, SocketId) {
        let socket = self.node.socket(1);
        let syn = self.connect(socket);
        self.next.ack = syn.seq.wrapping_add(1);
        self.next.flags = SYN_ACK;
        self.send();
        self.next.options = Options::default();
        self.next.seq = PEER_ISS.wrapping_add(1);
        self.next.flags = Flags::ACK;
        self.sent();
        (self, socket)
    }

    /// Starts to connect to the peer; the SYN.
    pub fn connect(&mut self, socket: SocketId) -> Seg {
        self.node.connect(socket, SocketAddrV4::new(RIGHT, PEER_PORT)).expect("a route");
        let syn = self.sent().pop().expect("a SYN");
        self.next.to = syn.from;
        syn
    }

    /// The three-way handshake from the peer.
    pub fn open(&mut self) {
        self.send();
        let answer = self.sent().pop().expect("a SYN-ACK");
        assert_eq!((answer.flags, answer.ack), (SYN_ACK, self.next.seq.wrapping_add(1)));
        self.next.seq = self.next.seq.wrapping_add(1);
        self.next.ack = answer.seq.wrapping_add(1);
        self.next.flags = Flags::ACK;
        self.next.options = Options::default();
        self.send();
        self.sent();
    }

    /// Sends [`Bench::next`].
    pub fn send(&mut self) {
        self.inject(&self.next.clone());
    }

    /// Sends a variation of [`Bench::next`] that does not change it, and reads the answers.
    pub fn try_with(&mut self, change: impl FnOnce(&mut Seg)) -> Vec<Seg> {
        let mut segment = self.next.clone();
        change(&mut segment);
        self.inject(&segment);
        self.sent()
    }

    /// Sends `payload` in order, and reads the answers.
    pub fn data(&mut self, payload: &[u8]) -> Vec<Seg> {
        let answers = self.try_with(|segment| segment.payload = payload.to_vec());
        self.next.seq = self.next.seq.wrapping_add(payload.len() as u32);
        answers
    }

    /// Sends a FIN in order, and reads the answers.
    pub fn fin(&mut self) -> Vec<Seg> {
        let answers = self.try_with(|segment| segment.flags = FIN_ACK);
        self.next.seq = self.next.seq.wrapping_add(1);
        answers
    }

    /// Sends `segment` from the peer.
    pub fn inject(&mut self, segment: &Seg) {
        self.inject_from(RIGHT, segment);
    }

    /// Sends `segment` from anybody.
    pub fn inject_from(&mut self, source: Ipv4Addr, segment: &Seg) {
        let mut room = [0; MAX_LEN];
        let options = segment.options.emit(&mut room);
        let mut bytes = vec![0; HEADER_LEN];
        let header = Header {
            source: segment.from,
            destination: segment.to,
            seq: SeqNum(segment.seq),
            ack: SeqNum(segment.ack),
            len: (HEADER_LEN + options) as u8,
            flags: segment.flags,
            window: segment.window,
            urgent: segment.urgent,
        };
        header.emit(&mut bytes);
        bytes.extend_from_slice(&room[..options]);
        bytes.extend_from_slice(&segment.payload);
        let sum = ipv4::pseudo_sum(source, LEFT, Protocol::TCP, bytes.len() as u16);
        let sum = checksum::finish(checksum::add(sum, &bytes));
        bytes[CHECKSUM_AT..CHECKSUM_AT + 2].copy_from_slice(&sum.to_be_bytes());
        self.inject_ip(source, Protocol::TCP, &bytes);
    }

    /// Sends an IPv4 packet with `payload`.
    pub fn inject_ip(&mut self, source: Ipv4Addr, protocol: Protocol, payload: &[u8]) {
        let mut frame = Vec::new();
        frame.extend_from_slice(&mac_of(LEFT).0);
        frame.extend_from_slice(&mac_of(RIGHT).0);
        frame.extend_from_slice(&EtherType::IPV4.0.to_be_bytes());
        let header = ipv4::Header {
            header_len: ipv4::HEADER_LEN as u8,
            tos: 0,
            total_len: (ipv4::HEADER_LEN + payload.len()) as u16,
            id: 0,
            dont_fragment: true,
            more_fragments: false,
            offset: 0,
            ttl: 64,
            protocol,
            source,
            destination: LEFT,
        };
        frame.extend_from_slice(&header.to_bytes(&[]));
        frame.extend_from_slice(payload);
        self.node.receive(&frame);
    }

    /// Sends an ICMP error about `segment` of the node: its header as sent is quoted.
    pub fn inject_icmp(&mut self, icmp_type: u8, code: u8, mtu: u16, segment: &Seg) {
        let mut quoted = vec![0; HEADER_LEN];
        let header = Header {
            source: segment.from,
            destination: segment.to,
            seq: SeqNum(segment.seq),
            ack: SeqNum(segment.ack),
            len: HEADER_LEN as u8,
            flags: segment.flags,
            window: segment.window,
            urgent: 0,
        };
        header.emit(&mut quoted);
        let ip = ipv4::Header {
            header_len: ipv4::HEADER_LEN as u8,
            tos: 0,
            total_len: (ipv4::HEADER_LEN + HEADER_LEN + segment.payload.len()) as u16,
            id: 0,
            dont_fragment: true,
            more_fragments: false,
            offset: 0,
            ttl: 63,
            protocol: Protocol::TCP,
            source: LEFT,
            destination: RIGHT,
        };
        let mut message = vec![icmp_type, code, 0, 0, 0, 0];
        message.extend_from_slice(&mtu.to_be_bytes());
        message.extend_from_slice(&ip.to_bytes(&[]));
        message.extend_from_slice(&quoted);
        let sum = checksum::finish(checksum::add(0, &message));
        message[2..4].copy_from_slice(&sum.to_be_bytes());
        self.inject_ip(RIGHT, Protocol::ICMP, &message);
    }

    /// Takes what the node has sent. Panics at a wrong checksum.
    pub fn sent(&mut self) -> Vec<Seg> {
        self.node.host.take_sent().iter().filter_map(|frame| read(frame)).collect()
    }

    /// Lets time pass, timer by timer; everything that was sent meanwhile, with its time.
    pub fn pass(&mut self, millis: u64) -> Vec<(u64, Seg)> {
        let end = self.node.now + millis;
        let mut all = Vec::new();
        while let Some(next) = self.node.next_deadline().filter(|next| *next <= end) {
            self.node.now = next.max(self.node.now);
            self.node.handle_timers();
            let now = self.node.now;
            all.extend(self.sent().into_iter().map(|segment| (now, segment)));
        }
        self.node.now = end;
        all
    }
}

impl Default for Bench {
    fn default() -> Self {
        Self::new()
    }
}

fn read(frame: &[u8]) -> Option<Seg> {
    let ip = ipv4::Header::parse(&frame[ethernet::HEADER_LEN..]).ok()?;
    if ip.protocol != Protocol::TCP {
        return None;
    }
    let bytes = &frame[ethernet::HEADER_LEN + usize::from(ip.header_len)..];
    let sum = ipv4::pseudo_sum(ip.source, ip.destination, Protocol::TCP, bytes.len() as u16);
    assert_eq!(checksum::finish(checksum::add(sum, bytes)), 0, "a right checksum");
    let header = Header::parse(bytes)?;
    let options = &bytes[HEADER_LEN..usize::from(header.len)];
    let (sack, sack_count) = sack_blocks(options);
    Some(Seg {
        from: header.source,
        to: header.destination,
        seq: header.seq.0,
        ack: header.ack.0,
        flags: header.flags,
        window: header.window,
        urgent: header.urgent,
        options: Options { sack, sack_count, ..Options::parse(options) },
        payload: bytes[usize::from(header.len)..].to_vec(),
    })
}
